"""The process's root logger, lent to a test that starts a log of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

__all__ = ["root_logger"]


@pytest.fixture
def root_logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without handlers; they and its level are put back."""
    root = logging.getLogger()
    level = root.level
    monkeypatch.setattr(root, "handlers", [])
    yield
    root.setLevel(level)
