"""Whoever waits hears something: the music, her own music, or the soft tone; never silence.

On these switches no `local_stream` is configured, so the default music source is missing.
"""

import time

import pytest

from .actors import Agent, Callers, Desk
from .conftest import SOUNDS

SILENCE = ("silence", "nothing")


def test_where_the_music_source_is_missing_a_waiting_caller_hears_the_soft_tone(
    a_caller: Callers,
):
    a_caller.waits().hears("tone")


def test_where_it_is_missing_a_parked_caller_hears_the_soft_tone(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    caller.hears("tone")


def test_a_caller_without_music_is_not_dropped(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    caller.hears("tone")
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_the_dialplan_may_choose_the_music(a_caller: Callers, sounds: dict[str, str]):
    caller = a_caller.waits(fsapp_music=sounds["music"])
    assert caller.hears("music") == "music"


@pytest.mark.parametrize(
    "source",
    ["/no/such/music.wav", "local_stream://nobody-has-this", "no_such_format://x", "nonsense"],
)
def test_where_her_own_music_is_missing_she_hears_the_soft_tone(
    source: str, a_caller: Callers, anna: Agent
):
    caller = a_caller.waits(fsapp_music=source)
    caller.hears("tone")
    anna.picks_up(caller)
    anna.parks()
    caller.hears("tone")


def test_when_the_music_ends_there_is_no_silence(a_caller: Callers, sounds: dict[str, str]):
    caller = a_caller.waits(fsapp_music=sounds["music"])
    caller.hears("music")
    # The promise is about time: the file is over long before the waiting is.
    until = time.monotonic() + 3 * SOUNDS["music"]
    silent = 0
    while time.monotonic() < until:
        silent = silent + 1 if caller.hears_now() in SILENCE else 0
        # Between two plays there is a moment; half a second of looks in a row is a silence.
        assert silent < 10
        time.sleep(0.05)
    caller.hears("music")


def test_music_does_not_change_the_call(a_caller: Callers, desk: Desk):
    caller = a_caller.waits(fsapp_music="/no/such/music.wav")
    caller.hears("tone")
    call = desk.call(caller)
    assert call is not None
    assert (call["state"], call["locked"]) == ("queued", False)
