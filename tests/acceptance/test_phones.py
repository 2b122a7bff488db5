"""An agent's phone may fail in every way: the caller loses nothing, the agent is not stuck."""

from typing import Any

import pytest

from .actors import Agent, Caller, Callers, Desk, Phone, together
from .app import Settings, merged
from .expect import phone_unavailable
from .musics import ON_HOLD, QUEUED, two_musics

RINGS = 1
"""`phone.ring_timeout` here, in seconds: many of these phones ring until it is over."""

SETTINGS = {"phone": {"ring_timeout": RINGS}, "dial": {"ring_timeout": RINGS}}

KEPT = ("id", "arrival_time", "position", "priority", "caller_id", "caller_name", "destination")

FAILURES = {
    "is_busy": "USER_BUSY",
    "stays_silent": "NO_ANSWER",
    "is_unregistered": "USER_NOT_REGISTERED",
}
"""What the phone does and FreeSWITCH's cause for it."""


@pytest.fixture(scope="module")
def settings(sounds: dict[str, str]) -> Settings:
    return merged(SETTINGS, two_musics(sounds))


def kept(call: dict[str, Any]) -> dict[str, Any]:
    return {key: call[key] for key in KEPT}


def fail(phone: Phone, how: str) -> None:
    getattr(phone, how)()


def waits_as_before(desk: Desk, caller: Caller, before: dict[str, Any]) -> None:
    """Queued, of nobody, with id, arrival time and place, and with the queue's music."""
    now = desk.call(caller)
    assert now is not None
    assert (now["state"], now["assigned_to"], now["b_leg"]) == ("queued", None, "<null>")
    assert kept(now) == kept(before)
    caller.hears(QUEUED)


@pytest.mark.parametrize("how", FAILURES)
def test_the_answer_names_phone_and_cause(how: str, a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    fail(anna.phone, how)
    anna.is_refused(phone_unavailable(anna, FAILURES[how], caller), "pickup", caller)


@pytest.mark.parametrize("how", FAILURES)
def test_the_caller_keeps_place_and_music(how: str, a_caller: Callers, anna: Agent, desk: Desk):
    caller, _ = a_caller.wait_in_turn(2)
    before = desk.queue()[0]
    fail(anna.phone, how)
    assert anna.asks("pickup", caller).code == 409
    waits_as_before(desk, caller, before)
    assert desk.queue()[0]["id"] == caller.id


@pytest.mark.parametrize("how", FAILURES)
def test_the_agent_is_not_stuck(how: str, a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    fail(anna.phone, how)
    assert anna.asks("pickup", caller).code == 409
    assert anna.is_now()["state"] == "idle"
    anna.phone.answers()
    anna.picks_up(caller)
    anna.speaks_with(caller)


@pytest.mark.parametrize("how", FAILURES)
def test_another_agent_can_take_the_call(how: str, a_caller: Callers, anna: Agent, bente: Agent):
    caller = a_caller.waits()
    fail(anna.phone, how)
    assert anna.asks("pickup").code == 409
    bente.picks_up(caller)
    bente.speaks_with(caller)


def test_a_phone_that_does_not_exist(a_caller: Callers, ghost: Agent, desk: Desk):
    caller = a_caller.waits()
    before = desk.queue()[0]
    ghost.is_refused(phone_unavailable(ghost, "SUBSCRIBER_ABSENT", caller), "pickup", caller)
    waits_as_before(desk, caller, before)
    ghost.is_free()


def test_it_rings_no_longer_than_the_ring_timeout(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.phone.stays_silent()
    answer = anna.asks("pickup", caller)
    assert RINGS - 0.5 < answer.seconds < RINGS + 2
    anna.phone.is_quiet()
    desk.switch.settle()
    assert desk.channels() == [caller.id]


def test_a_phone_that_rings_a_while_is_waited_for(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.phone.answers_after_ringing(RINGS / 2)
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_two_phones_may_fail_at_once(a_caller: Callers, anna: Agent, bente: Agent, desk: Desk):
    first, second = a_caller.wait_in_turn(2)
    anna.phone.is_busy()
    bente.phone.is_unregistered()
    together(lambda: anna.asks("pickup", first), lambda: bente.asks("pickup", second))
    assert [call["id"] for call in desk.queue()] == [first.id, second.id]


def test_a_caller_whose_agents_phone_died_is_next_in_the_queue(
    a_caller: Callers, anna: Agent, desk: Desk
):
    first, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(waiting)
    before = kept(waiting.call)
    anna.phone.dies()
    now = waiting.is_queued()
    assert kept(now) == {**before, "position": 1}
    assert [call["id"] for call in desk.queue()] == [waiting.id, first.id]


def test_she_comes_before_a_higher_priority(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    urgent = a_caller.waits(fsapp_priority="10")
    anna.phone.dies()
    caller.is_queued()
    assert [call["id"] for call in desk.queue()] == [caller.id, urgent.id]


def test_she_belongs_to_nobody_and_hears_music_again(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.phone.dies()
    now = caller.is_queued()
    assert (now["assigned_to"], now["b_leg"], now["parked_at"]) == (None, "<null>", None)
    caller.hears(QUEUED)


def test_the_agent_whose_phone_died_is_idle(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.phone.dies()
    caller.is_queued()
    anna.is_free()
    assert desk.channels() == [caller.id]


def test_either_of_them_can_take_the_call_again(a_caller: Callers, anna: Agent, bente: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.phone.dies()
    caller.is_queued()
    bente.picks_up(caller)
    bente.phone.dies()
    caller.is_queued()
    again = anna.picks_up()
    anna.speaks_with(caller)
    assert again["handled_by"] == ["anna", "bente"]


def test_who_hangs_up_her_phone_ends_the_call(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.phone.is_up()
    anna.phone.hangs_up()
    caller.is_cut_off()
    assert desk.sees(caller, "hungup")["hangup_cause"] == "NORMAL_CLEARING"
    anna.is_free()


def test_a_parked_call_survives_the_death_of_the_phone(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.phone.dies()
    anna.phone.is_quiet()
    assert desk.sees(caller, "parked")["assigned_to"] == "anna"
    caller.hears(ON_HOLD)
    anna.unparks(caller)
    anna.speaks_with(caller)


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("verb", ["unpark", "pickup"])
def test_a_parked_call_that_cannot_be_taken_back_stays_hers_on_hold(
    verb: str, how: str, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.phone.dies()
    anna.phone.is_quiet()
    fail(anna.phone, how)
    anna.is_refused(phone_unavailable(anna, FAILURES[how], caller), verb, caller)
    assert desk.sees(caller, "parked")["assigned_to"] == "anna"
    caller.hears(ON_HOLD)
    now = anna.is_now()
    assert (now["state"], now["current_call"], now["parked_calls"]) == ("idle", None, [caller.id])
    anna.phone.answers()
    anna.does(verb, caller)
    anna.speaks_with(caller)
