"""How conversations end: whose doing it was, in whichever order it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsapp.calls.call import Call, State
from fsapp.desk.endings import SETTLE_SECONDS
from fsapp.desk.restore import restore
from tests.desk.fakes import A_WORD, ANN, BOB, CALLER, OPTIONS, Rig, wait_until

ACCIDENT = "MEDIA_TIMEOUT"


def talking(rig: Rig) -> str:
    rig.connects(CALLER)
    return rig.talk()


def test_a_caller_who_hangs_up_ends_the_call(rig: Rig) -> None:
    leg = talking(rig)
    rig.hangs_up(CALLER)
    rig.hangs_up(leg)
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    rig.check()


@pytest.mark.parametrize("told_by", ["her own connection", "the control connection"])
def test_a_caller_who_hangs_up_before_she_is_answered_was_never_answered(
    rig: Rig, told_by: str
) -> None:
    rig.connects(CALLER, answered=False)
    tells = rig.happens if told_by == "her own connection" else rig.told_by_control
    tells(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="ORIGINATOR_CANCEL", unanswered=True)
    ended = ended_call(rig)
    assert (ended.answered_at, ended.hangup_cause) == (None, "ORIGINATOR_CANCEL")
    rig.check()


def test_a_caller_who_was_answered_stays_so(rig: Rig) -> None:
    rig.connects(CALLER, answered=False)
    rig.happens(CALLER, "CHANNEL_ANSWER")
    rig.happens(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING", unanswered=True)
    assert ended_call(rig).answered_at is not None


def test_who_is_not_said_to_be_unanswered_was_answered(rig: Rig) -> None:
    rig.connects(CALLER, answered=False)
    rig.happens(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    assert ended_call(rig).answered_at is not None


def ended_call(rig: Rig) -> Call:
    ended = rig.calls.find(CALLER)
    assert ended is not None
    return ended


def test_a_hangup_told_twice_is_told_to_clients_once(rig: Rig) -> None:
    leg = talking(rig)
    for _ in range(2):
        rig.happens(CALLER, "CHANNEL_HANGUP", cause="NORMAL_CLEARING")
    rig.hangs_up(leg)
    assert rig.events().count("call_hangup") == 1
    rig.check()


def test_the_connection_of_an_ended_channel_is_closed(rig: Rig) -> None:
    talking(rig)
    line = rig.lines[CALLER]
    rig.hangs_up(CALLER)
    line.expect("exit")


def test_a_leg_that_outlives_its_caller_is_hung_up(rig: Rig) -> None:
    leg = talking(rig)
    rig.hangs_up(CALLER)
    rig.clock.advance(SETTLE_SECONDS)
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    rig.check()


def test_an_agent_who_hangs_up_her_phone_ends_the_call(rig: Rig) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    rig.hangs_up(leg)
    line.answer(f"uuid_kill {CALLER}")
    rig.hangs_up(CALLER)
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    rig.check()


def test_the_caller_back_from_the_dialplan_before_the_agents_hangup_is_told(rig: Rig) -> None:
    leg = talking(rig)
    new = rig.returns()
    rig.hangs_up(leg)
    new.answer(f"uuid_kill {CALLER}")
    rig.hangs_up(CALLER)
    assert rig.place() == "ended NORMAL_CLEARING"
    rig.check()


@pytest.mark.parametrize("first", ["caller", "leg"])
def test_a_leg_lost_by_accident_brings_the_caller_back_to_the_head(rig: Rig, first: str) -> None:
    leg = talking(rig)
    rig.clock.advance(1)
    rig.connects("other")
    if first == "caller":
        rig.returns()
        rig.hangs_up(leg, ACCIDENT)
    else:
        rig.hangs_up(leg, ACCIDENT)
        rig.returns()
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    assert rig.board.position(rig.live()) == 1
    assert rig.hears() == "local_stream://queue"
    rig.clock.advance(20)
    assert rig.place() == "queue"
    rig.check()


def test_a_caller_who_does_not_come_back_by_herself_is_fetched(rig: Rig) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    rig.hangs_up(leg, ACCIDENT)
    rig.clock.advance(SETTLE_SECONDS)
    line.answer(f"uuid_transfer {CALLER} 'set:fsapp_fetched")
    assert rig.place() == "queue"
    rig.returns()
    assert rig.hears() == "local_stream://queue"
    rig.check()


def test_a_caller_back_with_no_word_of_the_leg_is_queued_in_time(rig: Rig) -> None:
    leg = talking(rig)
    rig.returns()
    rig.clock.advance(SETTLE_SECONDS)
    assert rig.place() == "queue"
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    assert rig.agent_state() == "idle"
    rig.check()


def test_a_lost_leg_and_then_the_caller_hanging_up_ends_the_call(rig: Rig) -> None:
    leg = talking(rig)
    rig.hangs_up(leg, ACCIDENT)
    rig.hangs_up(CALLER)
    rig.clock.advance(SETTLE_SECONDS * 2)
    assert rig.place() == "ended NORMAL_CLEARING"
    rig.check()


def test_a_fetched_caller_can_be_picked_up_before_she_is_back(rig: Rig) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    rig.hangs_up(leg, ACCIDENT)
    rig.clock.advance(SETTLE_SECONDS)
    asked = rig.ask(BOB, "call/pickup", call_id=CALLER)
    again = rig.rings(line)
    rig.answers(again, BOB)
    assert line.heard(f"api uuid_bridge {CALLER} {again}") == 0
    rig.returns().answer(f"api uuid_bridge {CALLER} {again}")
    rig.bridged(CALLER, again)
    asked.answer()
    assert rig.place() == "bob speaking"
    rig.check()


def test_a_lost_connection_alone_does_not_end_a_conversation(rig: Rig) -> None:
    talking(rig)
    rig.lost(rig.lines[CALLER])
    for _ in range(5):
        rig.clock.advance(2)
        rig.control.answer(f"uuid_exists {CALLER}", "true")
    assert (rig.place(), rig.agent_state()) == ("ann speaking", "speaking")
    rig.check()


def test_an_agent_hanging_up_on_a_caller_without_connection_ends_the_call(rig: Rig) -> None:
    leg = talking(rig)
    rig.lost(rig.lines[CALLER])
    rig.hangs_up(leg)
    rig.control.answer(f"uuid_kill {CALLER}")
    rig.clock.advance(1.5)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    rig.check()


def test_a_leg_lost_from_a_caller_without_connection_brings_her_back(rig: Rig) -> None:
    leg = talking(rig)
    rig.lost(rig.lines[CALLER])
    rig.hangs_up(leg, ACCIDENT)
    rig.clock.advance(SETTLE_SECONDS)
    rig.control.answer(f"uuid_transfer {CALLER} 'set:fsapp_fetched")
    rig.returns()
    assert rig.place() == "queue"
    rig.check()


def test_hangup_is_answered_when_the_call_has_ended(rig: Rig) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    asked = rig.ask(ANN, "call/hangup")
    line.answer(f"uuid_kill {CALLER}")
    assert not asked.over()
    rig.hangs_up(CALLER)
    assert asked.answer()["call"]["state"] == "hungup"
    rig.hangs_up(leg)
    rig.check()


def test_two_hangups_of_one_call_are_both_answered(rig: Rig) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    first = rig.ask(ANN, "call/hangup")
    line.answer(f"uuid_kill {CALLER}")
    second = rig.ask(ANN, "call/hangup")
    wait_until(lambda: len(rig.board.calls[CALLER].enders) == 2, "the second was not taken")
    rig.hangs_up(CALLER)
    assert first.answer()["status"] == second.answer()["status"] == "success"
    rig.hangs_up(leg)
    rig.check()


def test_hangup_of_a_caller_without_connection_is_answered_when_she_is_gone(rig: Rig) -> None:
    leg = talking(rig)
    rig.lost(rig.lines[CALLER])
    asked = rig.ask(ANN, "call/hangup")
    rig.lines[leg].answer(f"uuid_kill {CALLER}")
    rig.clock.advance(1.5)
    rig.control.answer(f"uuid_exists {CALLER}", "true")
    assert not asked.over()
    rig.clock.advance(2.5)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    asked.answer()
    assert rig.place() == "ended NORMAL_CLEARING"
    rig.hangs_up(leg)
    rig.check()


def test_hangup_while_the_phone_rings_stops_the_phone(rig: Rig) -> None:
    line = rig.connects(CALLER)
    picking = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    asked = rig.ask(ANN, "call/hangup")
    rig.control.answer(f"uuid_kill {leg}")
    line.answer(f"uuid_kill {CALLER}")
    rig.hangs_up(CALLER)
    assert picking.refusal().http == 404
    asked.answer()
    rig.answers(leg)
    rig.hangs_up(leg)
    assert rig.agent_state() == "idle"
    rig.check()


@pytest.mark.parametrize("first", ["hangup", "leg"])
def test_hangup_and_the_leg_lost_at_once_ends_the_call(rig: Rig, first: str) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    if first == "leg":
        rig.hangs_up(leg, ACCIDENT)
    asked = rig.ask(ANN, "call/hangup")
    line.answer(f"uuid_kill {CALLER}")
    if first == "hangup":
        rig.hangs_up(leg, ACCIDENT)
    rig.hangs_up(CALLER)
    asked.answer()
    rig.clock.advance(SETTLE_SECONDS * 2)
    assert rig.place().startswith("ended")
    rig.check()


def test_a_caller_who_hangs_up_while_parking_is_a_404(rig: Rig) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    asked = rig.ask(ANN, "call/park")
    line.expect("uuid_transfer")
    rig.hangs_up(CALLER)
    assert asked.refusal().http == 404
    rig.parks(leg)
    assert rig.place() == "ended NORMAL_CLEARING"
    rig.clock.advance(OPTIONS.idle_timeout)
    rig.control.expect(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    rig.check()


def test_a_caller_who_vanishes_between_her_connections_while_parking_is_found_out(rig: Rig) -> None:
    """The old connection was closed by park itself; nobody is left to tell of a hangup."""
    leg = talking(rig)
    line = rig.lines[CALLER]
    asked = rig.ask(ANN, "call/park")
    line.expect("uuid_transfer")
    rig.lost(line)
    rig.clock.advance(1)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert asked.refusal().http == 404
    rig.parks(leg)
    assert rig.place().startswith("ended")
    rig.check()


@pytest.mark.parametrize("first", ["caller", "leg"])
def test_park_is_done_when_both_have_left_the_conversation(rig: Rig, first: str) -> None:
    leg = talking(rig)
    old = rig.lines[CALLER]
    asked = rig.ask(ANN, "call/park")
    old.expect("uuid_transfer")
    if first == "caller":
        rig.returns()
        assert not asked.over()
        rig.parks(leg)
    else:
        rig.parks(leg)
        assert not asked.over()
        rig.returns()
    rig.lost(old)
    asked.answer()
    assert (rig.place(), rig.agent_state()) == ("ann parked", "idle")
    rig.check()


def test_a_conversation_just_begun_is_parked_a_moment_later(rig: Rig) -> None:
    """FreeSWITCH would hang up an agent's leg that is not exchanging media yet."""
    line = rig.connects(CALLER)
    picking = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    picking.answer()
    asked = rig.ask(ANN, "call/park")
    wait_until(lambda: rig.board.calls[CALLER].request is not None, "park was not begun")
    assert line.heard("uuid_transfer") == 0
    rig.clock.advance(A_WORD)
    line.answer("uuid_transfer")
    rig.returns()
    rig.parks(leg)
    asked.answer()
    assert rig.place() == "ann parked"
    rig.check()


def test_a_caller_gone_in_that_moment_is_a_404(rig: Rig) -> None:
    line = rig.connects(CALLER)
    picking = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    picking.answer()
    asked = rig.ask(ANN, "call/park")
    wait_until(lambda: rig.board.calls[CALLER].request is not None, "park was not begun")
    rig.hangs_up(CALLER)
    assert asked.refusal().http == 404
    rig.clock.advance(A_WORD)
    assert line.heard("uuid_transfer") == 0
    rig.hangs_up(leg)
    rig.check()


def test_a_park_whose_leg_never_says_so_is_done_all_the_same(rig: Rig) -> None:
    talking(rig)
    asked = rig.ask(ANN, "call/park")
    rig.lines[CALLER].expect("uuid_transfer")
    rig.returns()
    rig.clock.advance(1)
    asked.answer()
    assert rig.place() == "ann parked"
    rig.check()


@pytest.mark.parametrize("first", ["caller", "leg"])
def test_a_leg_that_dies_while_parking_leaves_the_call_parked(rig: Rig, first: str) -> None:
    leg = talking(rig)
    asked = rig.ask(ANN, "call/park")
    rig.lines[CALLER].expect("uuid_transfer")
    if first == "caller":
        rig.returns()
        rig.hangs_up(leg, ACCIDENT)
    else:
        rig.hangs_up(leg, ACCIDENT)
        rig.returns()
    asked.answer()
    assert (rig.place(), rig.agent_state()) == ("ann parked", "idle")
    rig.check()


def test_a_park_that_comes_to_nothing_leaves_her_speaking() -> None:
    """The caller arrives after the answer: both are still there, and are joined again."""
    rig = Rig(replace(OPTIONS, switch_timeout=0.05))
    leg = talking(rig)
    asked = rig.ask(ANN, "call/park")
    rig.lines[CALLER].expect("uuid_transfer")
    assert asked.refusal().http == 504
    rig.parks(leg)
    assert rig.returns().heard(f"api uuid_bridge {CALLER} {leg}") == 1
    rig.bridged(CALLER, leg)
    assert rig.place() == "ann speaking"
    rig.check()
    rig.close()


def test_a_park_that_comes_to_nothing_with_the_leg_gone_queues_the_caller() -> None:
    rig = Rig(replace(OPTIONS, switch_timeout=0.05))
    leg = talking(rig)
    asked = rig.ask(ANN, "call/park")
    rig.lines[CALLER].expect("uuid_transfer")
    rig.hangs_up(leg, ACCIDENT)
    assert asked.refusal().http == 504
    rig.returns()
    rig.clock.advance(SETTLE_SECONDS)
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()
    rig.close()


def test_a_double_click_on_park_is_answered_twice(rig: Rig) -> None:
    leg = talking(rig)
    line = rig.lines[CALLER]
    first = rig.ask(ANN, "call/park")
    line.expect("uuid_transfer")
    second = rig.ask(ANN, "call/park")
    rig.returns()
    rig.parks(leg)
    assert first.answer()["status"] == "on hold"
    # Whether it came in time to join the first one: parked is parked.
    wait_until(second.over, "the second waits for ever")
    assert line.heard("uuid_transfer") == 1
    rig.check()


def restored(rig: Rig, state: State, *, owner: str | None = "ann", known: bool = True) -> None:
    call = Call(CALLER, state, True, "5900", "2045550100", 1, 1.0)
    call = replace(call, assigned_to=owner, b_leg="leg" if state is State.SPEAKING else None)
    rig.calls.record(call, []).result(0)
    restore(rig.board, rig.calls.live(), [ANN] if known else [])


@pytest.mark.parametrize("known", [True, False], ids=["agent", "removed agent"])
@pytest.mark.parametrize("state", [State.SPEAKING, State.PARKED, State.TRANSFERRING])
def test_a_call_taken_in_after_a_restart_ends_like_any_other(
    rig: Rig, state: State, known: bool
) -> None:
    restored(rig, state, known=known)
    rig.handler.switch_came_up()
    rig.clock.advance(1)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert rig.place() == "ended NORMAL_UNSPECIFIED"
    assert CALLER not in rig.board.calls


def test_a_claim_cut_by_a_restart_is_undone(rig: Rig) -> None:
    restored(rig, State.TRANSFERRING)
    rig.returns()
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_a_conversation_taken_in_after_a_restart_goes_on(rig: Rig) -> None:
    restored(rig, State.SPEAKING)
    assert rig.agent_state() == "speaking"
    rig.handler.switch_came_up()
    rig.clock.advance(1)
    for uuid in (CALLER, "leg"):
        rig.control.answer(f"uuid_exists {uuid}", "true")
    rig.check()


def test_a_conversation_of_a_removed_agent_ends_in_the_queue(rig: Rig) -> None:
    """She comes back from the conversation; nobody knows the leg any more."""
    restored(rig, State.SPEAKING, known=False)
    rig.returns()
    rig.clock.advance(SETTLE_SECONDS)
    assert rig.place() == "queue"
    rig.check()
