"""A desk for each test."""

from collections.abc import Iterator

import pytest

from tests.desk.fakes import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()
