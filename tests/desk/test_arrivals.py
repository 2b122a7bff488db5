"""Channels that connect: new callers, callers who come back, callees, and those nobody awaits."""

from __future__ import annotations

import pytest

from fsapp.calls.call import State, queue_key
from tests.desk.fakes import ANN, CALLER, Rig


def test_a_new_caller_is_answered_queued_and_on_record(rig: Rig) -> None:
    line = rig.connects(CALLER)
    assert line.heard("execute-app-name: answer") == 1
    assert rig.place() == "queue"
    assert rig.events() == ["call_offer", "queue_join"]
    rig.check()


@pytest.mark.parametrize(
    ("variable", "text", "number"),
    [
        ("organization_id", "7", 7),
        ("organization_id", " 7 ", 7),
        ("organization_id", "seven", 1),
        ("organization_id", "7; DROP", 1),
        ("organization_id", "9" * 40, 1),
        ("organization_id", "\u0667", 1),
        ("fsapp_priority", "-3", -3),
        ("fsapp_priority", "high", 0),
    ],
)
def test_numbers_of_the_dialplan_are_read_or_passed_over(
    rig: Rig, variable: str, text: str, number: int
) -> None:
    rig.connects(CALLER, variables={variable: text})
    field = variable.removeprefix("fsapp_")
    assert getattr(rig.live(), field) == number


def test_callers_of_one_tick_of_freeswitchs_clock_are_queued_in_the_order_of_connecting(
    rig: Rig,
) -> None:
    names = ["c", "a", "b"]
    for name in names:
        rig.connects(name, variables={"fsapp_arrival": "1700000000000000"})
    calls = [live.call for live in rig.board.calls.values()]
    assert [call.id for call in sorted(calls, key=queue_key)] == names
    assert {int(call.arrival) for call in calls} == {1_700_000_000}


def test_a_caller_who_comes_back_from_the_fallback_keeps_her_number(rig: Rig) -> None:
    rig.connects(CALLER, "fsapp_return", {"fsapp_destination": "5901"})
    assert rig.live().destination == "5901"


@pytest.mark.parametrize("uuid", ["", "a b", "a\nb", "x" * 65, "a;b", "ü"])
def test_a_channel_whose_uuid_cannot_stand_in_a_command_is_turned_away(rig: Rig, uuid: str) -> None:
    line = rig.connects(uuid)
    assert line.closed
    assert rig.board.calls == {}
    assert rig.events() == []


@pytest.mark.parametrize("variable", ["fsapp_agent", "fsapp_call"])
def test_a_leg_or_callee_nobody_awaits_is_hung_up(rig: Rig, variable: str) -> None:
    line = rig.connects("late", variables={variable: "x"})
    line.expect("uuid_kill late")
    assert rig.board.calls == {}


def test_a_queued_caller_on_a_new_connection_keeps_her_place(rig: Rig) -> None:
    old = rig.connects(CALLER)
    rig.clock.advance(1)
    rig.connects("other")
    rig.returns()
    rig.lost(old)
    assert rig.board.position(rig.live()) == 1
    assert rig.on_line(CALLER, rig.lines[CALLER])
    rig.check()


def test_the_old_connection_ending_first_is_the_same(rig: Rig) -> None:
    old = rig.connects(CALLER)
    rig.lost(old)
    rig.returns()
    rig.clock.advance(10)
    assert rig.place() == "queue"
    assert rig.control.heard("uuid_exists") == 0
    rig.check()


def test_a_hangup_told_on_the_superseded_connection_is_not_counted(rig: Rig) -> None:
    """It may have been waiting for its turn; the new connection tells, too."""
    old = rig.connects(CALLER)
    rig.returns()
    old.superseded = False
    rig.happens(CALLER, "CHANNEL_HANGUP", on=old, cause="NORMAL_CLEARING")
    assert rig.place() == "queue"
    rig.hangs_up(CALLER)
    assert rig.place() == "ended NORMAL_CLEARING"


def test_superseded_connections_are_closed_once_that_is_safe(rig: Rig) -> None:
    old = rig.connects(CALLER)
    rig.returns()
    assert old.heard("exit") == 0
    rig.talk()
    assert old.heard("exit") == 1


def test_a_caller_back_during_her_greeting_joins_the_queue(rig: Rig) -> None:
    rig.connects(CALLER, variables={"fsapp_greeting": "/greeting.wav"})
    rig.returns()
    assert rig.place() == "queue"
    assert not rig.live().locked
    rig.check()


def test_a_caller_who_is_not_answered_yet_is_joined_when_she_is(rig: Rig) -> None:
    line = rig.connects(CALLER, answered=False)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    assert line.heard("api uuid_bridge ") == 0
    rig.happens(CALLER, "CHANNEL_ANSWER")
    line.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.check()


def test_an_answer_told_twice_bridges_once(rig: Rig) -> None:
    line = rig.connects(CALLER, answered=False)
    rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    rig.happens(CALLER, "CHANNEL_ANSWER")
    rig.happens(CALLER, "CHANNEL_ANSWER")
    assert line.heard("api uuid_bridge ") == 1
    rig.bridged(CALLER, leg)
    rig.check()


def test_a_caller_back_while_the_phone_rings_is_joined_on_her_new_connection(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    new = rig.returns()
    rig.answers(leg)
    new.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.check()


def test_a_caller_back_while_she_is_being_joined_is_joined_again(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    line.expect("api uuid_bridge ")
    new = rig.returns()
    new.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.check()


def test_a_call_back_while_it_is_being_ended_is_hung_up_there(rig: Rig) -> None:
    line = rig.connects(CALLER)
    leg = rig.talk()
    asked = rig.ask(ANN, "call/hangup")
    line.expect("uuid_kill")
    new = rig.returns()
    new.answer("uuid_kill")
    rig.hangs_up(CALLER)
    asked.answer()
    rig.hangs_up(leg)
    assert rig.place().startswith("ended")
    rig.check()


def transferred(rig: Rig) -> str:
    """The caller speaks with a callee of Ann's, whose uuid it is."""
    rig.connects(CALLER)
    leg = rig.talk()
    live = rig.board.calls[CALLER]
    rig.park(leg)
    uuid, leg = rig.speak_outbound(leg=leg)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    rig.lines[CALLER].answer(f"api uuid_bridge {CALLER} {uuid}")
    rig.bridged(CALLER, uuid)
    asked.answer()
    assert live.call.state is State.TRANSFERRED
    return uuid


@pytest.mark.parametrize("bond", ["_undef_", "", "another"])
def test_a_transferred_customer_who_comes_back_is_hung_up(rig: Rig, bond: str) -> None:
    transferred(rig)
    line = rig.returns()
    line.answer(f"uuid_getvar {CALLER} signal_bond", bond)
    line.expect(f"uuid_kill {CALLER}")


def test_one_who_was_on_her_way_as_the_two_were_joined_speaks_on(rig: Rig) -> None:
    """Ann's phone died as she transferred: the callee ran on in the dialplan, and was taken from
    there into the transfer before her connection was read."""
    uuid = transferred(rig)
    line = rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid})
    line.answer(f"uuid_getvar {uuid} signal_bond", CALLER)
    assert line.heard("uuid_kill") == 0
    assert rig.place() == rig.place(uuid) == "nobody transferred"


def test_a_channel_that_ended_on_its_way_is_no_arrival(rig: Rig) -> None:
    line = rig.connects(CALLER, ended=True, cause="ORIGINATOR_CANCEL")
    assert rig.board.calls == {}
    assert rig.events() == []
    line.expect("exit")


def test_a_caller_who_ended_on_her_way_back_has_ended(rig: Rig) -> None:
    old = rig.connects(CALLER)
    rig.lost(old)
    rig.connects(CALLER, "fsapp_return", ended=True, cause="ORIGINATOR_CANCEL")
    assert rig.place() == "ended ORIGINATOR_CANCEL"
    rig.check()


def test_a_phone_that_was_answered_and_ended_on_its_way_fails_the_pickup(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.connects(leg, variables={"fsapp_agent": "ann"}, ended=True, cause="NORMAL_CLEARING")
    assert asked.refusal().http == 409
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_the_last_connection_of_a_call_that_has_ended_does_not_reopen_it(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.hangs_up(CALLER)
    events = rig.events()
    rig.returns().expect("exit")
    assert rig.board.calls == {}
    assert rig.place() == "ended NORMAL_CLEARING"
    assert rig.events() == events
