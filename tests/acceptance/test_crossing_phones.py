"""Crossings with phones: one is answered, hung up or dies at the very moment of a command.

As in test_crossings.py: every answer is one of the table's, and afterwards all agree.
"""

import time
from typing import Any

import pytest

from .actors import Agent, Caller, Callers, Desk, Phone
from .app import Settings
from .client import Answer
from .musics import ON_HOLD, QUEUED, two_musics
from .test_crossings import (
    all_from_the_table,
    codes,
    cross,
    crossing,
    is_over,
    is_transferred,
    spoken,
)
from .test_transfer import consulted
from .wait import wait_for

RINGS = 0.1
BEFORE = (0.015, 0.005, 0.0, -0.01)
"""How long before the phone is answered the other thing happens, in seconds."""

as_it_is_answered = pytest.mark.parametrize(
    "before", BEFORE, ids=lambda before: f"{before * 1000:.0f}ms"
)


@pytest.fixture(scope="module")
def settings(sounds: dict[str, str]) -> Settings:
    return two_musics(sounds)


def rings_until_nearly_answered(phone: Phone, before: float) -> None:
    """It rings; ``before`` seconds later it is answered: that moment is what is tried here."""
    phone.rings()
    time.sleep(RINGS - before)


@as_it_is_answered
def test_her_phone_is_answered_as_the_caller_hangs_up(
    before: float, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    anna.phone.answers_after_ringing(RINGS)
    picking_up = anna.starts("pickup", caller)
    rings_until_nearly_answered(anna.phone, before)
    caller.line.hang_up()
    answer = picking_up.answer()
    all_from_the_table(answer)
    assert answer.code in (200, 404)
    is_over(desk, caller, anna)


@as_it_is_answered
def test_her_phone_is_answered_as_she_hangs_up(
    before: float, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    anna.phone.answers_after_ringing(RINGS)
    picking_up = anna.starts("pickup", caller)
    rings_until_nearly_answered(anna.phone, before)
    hanging_up = anna.asks("hangup")
    all_from_the_table(hanging_up, picking_up.answer())
    assert hanging_up.code == 200
    is_over(desk, caller, anna)


@as_it_is_answered
def test_the_callee_answers_as_she_gives_up(before: float, anna: Agent, outside: Phone, desk: Desk):
    outside.answers_after_ringing(RINGS)
    call = anna.dials("1142")
    rings_until_nearly_answered(outside, before)
    anna.hangs_up()
    outside.is_quiet()
    desk.sees(call, "hungup")
    anna.is_free()
    desk.is_consistent()


@crossing
def test_she_parks_as_she_hangs_up_her_phone(
    lag: float, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = spoken(a_caller, anna)
    anna.phone.is_up()
    answer, _ = cross(lambda: anna.asks("park", caller), anna.phone.hangs_up, lag)
    all_from_the_table(answer)
    if answer.code == 200:
        desk.sees(caller, "parked")
        caller.hears(ON_HOLD)
        desk.is_consistent()
    else:
        is_over(desk, caller, anna)


@crossing
def test_she_parks_as_she_picks_up_another(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller, other = spoken(a_caller, anna), a_caller.waits()
    parking, picking_up = cross(
        lambda: anna.asks("park", caller), lambda: anna.asks("pickup", other), lag
    )
    all_from_the_table(parking, picking_up)
    assert (parking.code, picking_up.code) in ((200, 200), (200, 409))
    caller.hears(ON_HOLD)
    desk.is_consistent()


@crossing
def test_she_takes_back_one_call_as_she_picks_up_another(
    lag: float, a_caller: Callers, anna: Agent, desk: Desk
):
    parked = spoken(a_caller, anna)
    anna.parks()
    other = a_caller.waits()
    answers = cross(lambda: anna.asks("unpark", parked), lambda: anna.asks("pickup", other), lag)
    all_from_the_table(*answers)
    assert codes(*answers) == [200, 409]
    anna.speaks_with(parked if answers[0].code == 200 else other)
    desk.is_consistent()


@crossing
def test_her_phone_dies_as_she_transfers(
    lag: float, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = consulted(a_caller, anna, outside)
    answer, _ = cross(lambda: anna.asks("transfer", caller), anna.phone.dies, lag)
    all_from_the_table(answer)
    has_one_outcome(answer, desk, caller, call, anna)


@crossing
def test_her_phone_dies_before_she_transfers(
    lag: float, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = consulted(a_caller, anna, outside)
    _, answer = cross(anna.phone.dies, lambda: anna.asks("transfer", caller), lag)
    all_from_the_table(answer)
    has_one_outcome(answer, desk, caller, call, anna)


def has_one_outcome(
    answer: Answer, desk: Desk, caller: Caller, call: dict[str, Any], agent: Agent
) -> None:
    """Transferred, her phone needed no more; or the caller stays on hold and whom she consulted,
    who has lost her, waits in the queue."""
    if answer.code == 200:
        is_transferred(desk, caller, call, agent)
        return
    assert answer.code == 400
    assert desk.sees(caller, "parked")["assigned_to"] == agent.id
    caller.hears(ON_HOLD)
    assert desk.sees(call, "queued")["assigned_to"] is None
    wait_for(lambda: desk.switch.hears(call["id"]), QUEUED, promise="hears the queue's music")
    agent.phone.is_quiet()
    desk.is_consistent()


@crossing
def test_she_dials_two_numbers_at_once(
    lag: float, anna: Agent, outside: Phone, another_outside: Phone, desk: Desk
):
    answers = cross(
        lambda: anna.asks("originate", extension="1142"),
        lambda: anna.asks("originate", extension="1143"),
        lag,
    )
    all_from_the_table(*answers)
    assert codes(*answers) == [200, 409]
    desk.is_consistent()
