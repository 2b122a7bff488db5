"""An agent's leg that stands idle ends after `phone.idle_timeout`, and no sooner; calls live on."""

import time
from collections.abc import Callable

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import Settings, merged
from .musics import ON_HOLD, two_musics

IDLE = 1

SETTINGS = {"phone": {"idle_timeout": IDLE}}


@pytest.fixture(scope="module")
def settings(sounds: dict[str, str]) -> Settings:
    return merged(SETTINGS, two_musics(sounds))


def lasted(agent: Agent, since: float) -> float:
    """How long after ``since`` her phone was quiet, in seconds."""
    agent.phone.is_quiet(limit=IDLE + 3)
    return time.monotonic() - since


def parked(a_caller: Callers, anna: Agent, outside: Phone) -> None:
    anna.picks_up(a_caller.waits())
    anna.parks()


def callee_gone(a_caller: Callers, anna: Agent, outside: Phone) -> None:
    """An outside party that is busy: her leg stays as after park."""
    outside.is_busy()
    anna.desk.sees(anna.dials("1142"), "hungup")


@pytest.mark.parametrize("idle_after", [parked, callee_gone])
def test_an_idle_leg_ends_after_the_idle_timeout(
    idle_after: Callable[[Callers, Agent, Phone], None],
    a_caller: Callers,
    anna: Agent,
    outside: Phone,
):
    idle_after(a_caller, anna, outside)
    assert len(anna.phone.legs()) == 1
    assert IDLE - 0.5 < lasted(anna, time.monotonic()) < IDLE + 2


def test_the_parked_call_lives_on_without_it(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    lasted(anna, time.monotonic())
    call = desk.call(caller)
    assert call is not None
    assert (call["state"], call["assigned_to"]) == ("parked", "anna")
    assert caller.is_on_the_line()
    caller.hears(ON_HOLD)


def test_the_parked_call_is_taken_back_with_a_new_leg(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    first_leg = anna.phone.is_up()
    anna.parks()
    lasted(anna, time.monotonic())
    anna.unparks(caller)
    anna.speaks_with(caller)
    assert first_leg not in anna.phone.legs()


def test_a_leg_in_conversation_is_not_idle(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.unparks(caller)
    # The promise is a time: the timeout begun by park must not end this conversation.
    time.sleep(IDLE + 0.4)
    anna.speaks_with(caller)
    assert anna.is_now()["current_call"] == caller.id


def test_each_park_begins_the_time_anew(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    # The promise is a time: half of it passes before she takes the call back.
    time.sleep(IDLE * 0.6)
    anna.unparks(caller)
    anna.parks()
    assert lasted(anna, time.monotonic()) > IDLE - 0.3
