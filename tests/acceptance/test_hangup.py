"""Hangup: her own call ends in whatever state it is, and the answer comes after it has ended."""

import pytest

from .actors import Agent, Callers, Desk, Phone
from .expect import nothing_to_hang_up, owned, wrong_state


def test_the_answer_says_which_call_was_hung_up(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    document = anna.does("hangup").document
    assert document["status"] == "success"
    assert document["description"] == f"{caller.id} was hung up"
    assert (document["call"]["id"], document["call"]["state"]) == (caller.id, "hungup")
    assert document["call"]["hangup_cause"] == "NORMAL_CLEARING"


def test_it_answers_after_the_call_has_ended(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.hangs_up()
    assert desk.calls() == []
    assert caller.is_cut_off(limit=1.0) == "NORMAL_CLEARING"


def test_in_conversation_both_channels_end(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.hangs_up(caller)
    desk.sees_no_channel(limit=2.0)
    anna.phone.is_quiet()
    anna.is_free()


def test_a_parked_call(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    assert anna.hangs_up(caller)["state"] == "hungup"
    caller.is_cut_off()
    anna.is_free()


def test_her_leg_ends_with_the_last_call_she_had_on_hold(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.hangs_up(caller)
    anna.phone.is_quiet(limit=2.0)


def test_a_parked_call_while_she_speaks_with_another(a_caller: Callers, anna: Agent):
    parked, current = a_caller.wait_in_turn(2)
    anna.picks_up(parked)
    anna.parks()
    anna.picks_up(current)
    anna.hangs_up(parked)
    parked.is_cut_off()
    anna.speaks_with(current)
    now = anna.is_now()
    assert (now["state"], now["current_call"], now["parked_calls"]) == ("speaking", current.id, [])


def test_the_current_call_while_another_is_parked(a_caller: Callers, anna: Agent):
    parked, current = a_caller.wait_in_turn(2)
    anna.picks_up(parked)
    anna.parks()
    anna.picks_up(current)
    assert anna.hangs_up()["id"] == current.id
    parked.hears("music")
    anna.unparks(parked)
    anna.speaks_with(parked)


def test_a_call_that_is_being_picked_up_and_the_phone_stops(
    a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    anna.phone.stays_silent()
    picking_up = anna.starts("pickup", caller)
    anna.phone.rings()
    assert anna.hangs_up(caller)["state"] == "hungup"
    anna.phone.is_quiet(limit=2.0)
    assert picking_up.answer(limit=2.0).code == 404
    anna.is_free()


def test_a_call_that_is_being_taken_back_and_the_phone_stops(
    a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.phone.dies()
    anna.phone.is_quiet()
    anna.phone.stays_silent()
    taking_back = anna.starts("unpark", caller)
    anna.phone.rings()
    assert anna.hangs_up(caller)["state"] == "hungup"
    anna.phone.is_quiet(limit=2.0)
    assert taking_back.answer(limit=2.0).code == 404
    anna.is_free()


def test_an_originated_call_while_her_own_phone_rings(anna: Agent, outside: Phone, desk: Desk):
    anna.phone.stays_silent()
    dialling = anna.starts("originate", extension="1142")
    anna.phone.rings()
    assert anna.hangs_up()["state"] == "hungup"
    anna.phone.is_quiet(limit=2.0)
    assert dialling.answer(limit=2.0).code in (404, 409)
    assert outside.legs() == []
    anna.is_free()


def test_an_originated_call_while_the_other_phone_rings(anna: Agent, outside: Phone, desk: Desk):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    assert anna.hangs_up()["id"] == call["id"]
    outside.is_quiet(limit=2.0)
    anna.is_free()


def test_an_originated_call_in_conversation(anna: Agent, outside: Phone, desk: Desk):
    call = anna.calls_the_outside(outside)
    assert anna.hangs_up(call)["state"] == "hungup"
    outside.is_quiet()
    desk.sees_no_channel()


def test_an_originated_call_while_parked(anna: Agent, outside: Phone):
    call = anna.calls_the_outside(outside)
    anna.parks()
    assert anna.hangs_up(call)["state"] == "hungup"
    outside.is_quiet()


@pytest.mark.parametrize("parked", [False, True], ids=["speaking", "parked"])
def test_of_anothers_call_is_refused(parked: bool, a_caller: Callers, anna: Agent, bente: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    if parked:
        anna.parks()
    bente.is_refused(owned(caller, by=anna), "hangup", caller)
    assert caller.is_on_the_line()


def test_of_a_call_that_is_nobodys_is_refused(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.is_refused(wrong_state(caller, "queued"), "hangup", caller)


def test_with_no_call_there_is_nothing_to_hang_up(anna: Agent):
    anna.is_refused(nothing_to_hang_up(), "hangup")


def test_with_only_a_parked_call_there_is_nothing_to_hang_up_unnamed(
    a_caller: Callers, anna: Agent
):
    anna.picks_up(a_caller.waits())
    anna.parks()
    anna.is_refused(nothing_to_hang_up(), "hangup")


def test_she_can_take_the_next_call_at_once(a_caller: Callers, anna: Agent):
    for _ in range(5):
        caller = a_caller.waits()
        anna.picks_up(caller)
        anna.speaks_with(caller)
        anna.hangs_up()


def test_the_agent_hangs_up_her_phone_with_a_call_parked(
    a_caller: Callers, anna: Agent, desk: Desk
):
    parked = a_caller.waits()
    anna.picks_up(parked)
    anna.parks()
    anna.phone.hangs_up()
    anna.phone.is_quiet()
    assert desk.sees(parked, "parked")["assigned_to"] == "anna"
    anna.unparks(parked)
    anna.speaks_with(parked)
