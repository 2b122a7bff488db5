"""Park and unpark: the call stays hers, the caller hears music, her phone stays up."""

import time
from typing import Any

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import Settings
from .expect import as_anybody_sees, busy, missing, nothing_to_park, owned, wrong_state
from .musics import ON_HOLD, QUEUED, two_musics
from .switches.base import Switch

CHANGING = {
    "can",
    "state",
    "b_leg",
    "answered_at",
    "bridged_at",
    "parked_at",
    "recall_at",
}
"""State, b_leg, times and what may be done: all that park and unpark may change."""


@pytest.fixture(scope="module")
def settings(sounds: dict[str, str]) -> Settings:
    return two_musics(sounds)


def constant(call: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in call.items() if key not in CHANGING}


def test_the_answer_is_the_pages(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    document = anna.does("park").document
    assert document["status"] == "on hold"
    assert document["description"] == f"{caller.id} was put on hold"
    assert as_anybody_sees(document["call"]) == as_anybody_sees(desk.calls()[0])


def test_twice_around_nothing_but_state_leg_and_times_changes(
    a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    spoken = anna.picks_up(caller)
    for _ in range(2):
        parked = anna.parks()
        assert (parked["state"], parked["b_leg"]) == ("parked", "<null>")
        taken_back = anna.unparks(caller)
        assert (taken_back["state"], taken_back["b_leg"]) == ("speaking", spoken["b_leg"])
        anna.speaks_with(caller)
        assert constant(parked) == constant(taken_back) == constant(spoken)
    assert len(desk.calls()) == 1


def test_the_times_tell_when(a_caller: Callers, anna: Agent):
    anna.picks_up(a_caller.waits())
    parked = anna.parks()
    assert abs(int(parked["parked_at"]) - time.time()) < 5


def test_the_parked_caller_hears_the_music_for_those_on_hold(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    caller.hears(QUEUED)
    anna.picks_up(caller)
    anna.parks()
    caller.hears(ON_HOLD)
    anna.unparks(caller)
    anna.parks()
    caller.hears(ON_HOLD)


def test_her_leg_is_still_up_and_is_used_again(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    leg = anna.phone.is_up()
    for _ in range(2):
        anna.parks()
        assert anna.phone.legs() == [leg]
        anna.unparks(caller)
        anna.speaks_with(caller)
        assert anna.phone.legs() == [leg]
    assert desk.channels() == sorted([caller.id, leg])


def test_the_call_stays_hers(a_caller: Callers, anna: Agent, bente: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    assert anna.parks()["assigned_to"] == "anna"
    now = anna.is_now()
    assert (now["state"], now["current_call"], now["parked_calls"]) == ("idle", None, [caller.id])
    bente.is_refused(owned(caller, by=anna), "unpark", caller)


def test_the_named_call_is_parked(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    assert anna.parks(caller)["id"] == caller.id


def test_it_is_not_in_the_queue(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    assert (desk.queue(), desk.ids()) == ([], [caller.id])


def test_several_calls_can_be_parked(a_caller: Callers, anna: Agent):
    first, second = a_caller.wait_in_turn(2)
    for caller in (first, second):
        anna.picks_up(caller)
        anna.parks()
    assert sorted(anna.is_now()["parked_calls"]) == sorted([first.id, second.id])
    anna.unparks(first)
    anna.speaks_with(first)
    second.hears(ON_HOLD)


def test_pickup_of_the_own_parked_call_takes_it_back(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    assert anna.picks_up(caller)["state"] == "speaking"
    anna.speaks_with(caller)


def test_with_nothing_to_park(anna: Agent):
    anna.is_refused(nothing_to_park(), "park")


def test_with_only_a_parked_call_there_is_nothing_to_park(a_caller: Callers, anna: Agent):
    anna.picks_up(a_caller.waits())
    anna.parks()
    anna.is_refused(nothing_to_park(), "park")


def test_a_queued_call_cannot_be_parked(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.is_refused(wrong_state(caller, "queued"), "park", caller)


def test_a_call_that_is_not_parked_cannot_be_taken_back(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.is_refused(wrong_state(caller, "queued"), "unpark", caller)
    anna.picks_up(caller)
    anna.is_refused(wrong_state(caller, "speaking"), "unpark", caller)


def test_an_agent_with_a_call_cannot_take_another_back(a_caller: Callers, anna: Agent):
    parked, current = a_caller.wait_in_turn(2)
    anna.picks_up(parked)
    anna.parks()
    anna.picks_up(current)
    anna.is_refused(busy(anna, current), "unpark", parked)
    anna.is_refused(busy(anna, current), "pickup", parked)


def test_an_unknown_call_cannot_be_parked(anna: Agent):
    anna.is_refused(missing("no-such-call"), "park", "no-such-call")


def test_an_originated_call_can_be_parked_and_taken_back(
    anna: Agent, outside: Phone, switch: Switch
):
    call = anna.calls_the_outside(outside)
    parked = anna.parks()
    assert (parked["id"], parked["state"]) == (call["id"], "parked")
    assert len(outside.legs()) == 1
    anna.unparks(call)
    anna.speaks_with(call)


def test_a_call_outlives_any_number_of_parks(a_caller: Callers, desk: Desk):
    """Every way through the dialplan costs one of FreeSWITCH's 70 forwards; it begins anew."""
    caller = a_caller.waits()
    for _ in range(80):
        desk.switch.api(f"uuid_transfer {caller.id} fsapp_return XML public")
    assert desk.switch.api(f"uuid_exists {caller.id}") == "true"
    caller.hears(QUEUED)
    assert desk.sees(caller, "queued")["position"] == 1
