"""The example destination of the shipped dialplan: an announcement, and back to the queue."""

import shutil
from pathlib import Path

from .actors import Agent, Callers, Desk

SETTINGS = {"queue": {"overflow_after": 1}}


def test_she_hears_the_announcement_and_is_queued_again_in_her_place(
    a_caller: Callers, anna: Agent, desk: Desk, sounds: dict[str, str], tmp_path: Path
):
    announcement = shutil.copy(sounds["greeting"], tmp_path / "announcement.wav")
    caller = a_caller.waits(fsapp_overflow_announcement=str(announcement))
    later = a_caller.waits(fsapp_overflow_announcement=str(announcement))
    caller.hears("announcement")
    call = caller.is_queued()
    assert call["arrival_time"] <= later.call["arrival_time"]
    anna.picks_up(caller)
    anna.speaks_with(caller)
    assert caller.is_on_the_line()
