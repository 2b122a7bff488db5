"""The log: every line is written in order, as it was when it was logged, by few wakes."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from fsapp import logs as module
from fsapp.logs import start_log


class Noting(logging.Handler):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record).partition(" INFO ")[2])


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    monkeypatch.setattr(root, "handlers", [])
    yield
    root.setLevel(level)


def test_what_is_left_is_written_at_the_end_in_order() -> None:
    writer = Noting()
    log = start_log("info", writer)
    for number in range(100):
        logging.getLogger("test").info("line %d", number)
    log.stop()
    assert writer.lines == [f"test: line {number}" for number in range(100)]


def test_a_line_says_what_was_true_when_it_was_logged() -> None:
    writer, told = Noting(), ["first"]
    log = start_log("info", writer)
    logging.getLogger("test").info("%s", told)
    told[0] = "later"
    log.stop()
    assert writer.lines == ["test: ['first']"]


def test_lines_nobody_writes_are_dropped_and_hold_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 10)
    monkeypatch.setattr(module, "GATHER_SECONDS", 60.0)
    writer = Noting()
    log = start_log("info", writer)
    for number in range(100):
        logging.getLogger("test").info("line %d", number)
    log.stop()
    assert writer.lines[:10] == [f"test: line {number}" for number in range(10)]
    assert len(writer.lines) <= 11
