"""A desk in a test's hand whose calls are counted."""

from collections.abc import Iterator

import pytest

from tests.desk.fakes import Rig

from .reading import Reading, counting


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def figures(rig: Rig) -> Reading:
    """What is counted of this desk's calls."""
    return counting(rig)
