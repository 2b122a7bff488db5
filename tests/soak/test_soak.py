"""Some short stories; ``make soak`` tells them for as long as one likes (docs/soak.md).

The seeds are always the same: a story that fails here fails again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.story import Counts, prepare, tell
from tests.switch.peer import nothing_left

WITH_FAULTS = range(8)
CALM = range(100, 104)
FAULTS = (
    "an_event_goes_wrong",
    "a_command_goes_wrong",
    "a_connection_breaks",
    "a_connection_is_half_open",
    "the_switch_stalls",
    "the_switch_is_killed",
    "the_database_is_locked",
    "the_app_is_killed",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("soak")
    prepare(folder / "prepared.db")
    return folder


@pytest.mark.parametrize("seed", CALM)
def test_every_invariant_holds_whatever_people_do(folder: Path, seed: int) -> None:
    tell(seed, folder, Counts(), operations=40, without=FAULTS)


@pytest.mark.parametrize("seed", WITH_FAULTS)
def test_every_invariant_holds_whatever_goes_wrong(folder: Path, seed: int) -> None:
    tell(
        seed,
        folder,
        Counts(),
        operations=40,
    )


def test_a_story_is_told_again_by_its_seed(folder: Path) -> None:
    first, again = Counts(), Counts()
    tell("twice", folder, first, operations=15)
    tell("twice", folder, again, operations=15)
    assert first == again
    assert first.steps > 100


def test_a_story_leaves_no_thread_and_no_descriptor(folder: Path) -> None:
    with nothing_left():
        tell("left", folder, Counts(), operations=15)
