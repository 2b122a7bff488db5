"""Pickup and unpark: one winner, and whatever goes wrong the caller keeps her place."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from fsapp.calls.call import State
from fsapp.desk import pickup as pickup_module
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, FakeConnection, Rig, wait_until


def test_a_picked_up_caller_speaks_with_the_agent(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.talk()
    assert (rig.place(), rig.agent_state()) == ("ann speaking", "speaking")
    rig.check()


def test_of_many_agents_at_once_exactly_one_wins(rig: Rig) -> None:
    line = rig.connects(CALLER)
    agents = [replace(ANN, id=f"agent-{number}") for number in range(12)]
    requests = [rig.ask(agent, "call/pickup", call_id=CALLER) for agent in agents]
    leg = rig.rings(line)
    wait_until(lambda: sum(request.over() for request in requests) == 11, "a loser waits")
    winner = rig.live().assigned_to
    assert winner is not None
    rig.answers(leg, replace(ANN, id=winner))
    line.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    for agent, request in zip(agents, requests, strict=True):
        if agent.id == winner:
            assert request.answer()["call"]["assigned_to"] == winner
        else:
            assert request.refusal().description == f"Call|{CALLER} belongs to {winner}"
    assert line.heard("bgapi originate") == 1
    rig.check()


def test_agents_asking_for_the_next_call_get_different_ones(rig: Rig) -> None:
    for name in ("first", "second"):
        rig.connects(name)
        rig.clock.advance(1)
    rig.ask(ANN, "call/pickup")
    first = rig.rings(rig.lines["first"])
    rig.ask(BOB, "call/pickup")
    second = rig.rings(rig.lines["second"])
    for uuid, leg, agent in (("first", first, ANN), ("second", second, BOB)):
        rig.answers(leg, agent)
        rig.bridged(uuid, leg)
    assert (rig.place("first"), rig.place("second")) == ("ann speaking", "bob speaking")
    rig.check()


@pytest.mark.parametrize(
    ("cause", "state"),
    [("USER_BUSY", "idle"), ("NO_ANSWER", "idle"), ("USER_NOT_REGISTERED", "offline")],
)
def test_a_phone_that_fails_leaves_the_caller_in_her_place(
    rig: Rig, cause: str, state: str
) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    rig.job(line.answer("bgapi originate"), f"-ERR {cause}", on=line)
    refusal = asked.refusal()
    assert (refusal.http, refusal.description) == (409, f"user/1101: {cause}")
    assert (rig.place(), rig.agent_state()) == ("queue", state)
    rig.check()


def test_a_phone_whose_result_is_lost_is_given_up_in_time(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.clock.advance(OPTIONS.ring_timeout)
    rig.control.answer(f"uuid_kill {leg}")
    rig.clock.advance(5)
    assert asked.refusal().description == "user/1101: NO_ANSWER"
    assert rig.control.heard(f"uuid_kill {leg}") == 1
    assert rig.place() == "queue"
    rig.check()


def test_a_phone_answered_after_it_was_given_up_is_hung_up(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.clock.advance(OPTIONS.ring_timeout + 5)
    asked.refusal()
    late = rig.answers(leg)
    late.expect(f"uuid_kill {leg}")
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_a_caller_who_hangs_up_while_the_phone_rings_stops_it(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.hangs_up(CALLER)
    assert asked.refusal().http == 404
    rig.control.answer(f"uuid_kill {leg}")
    rig.job(_dialling(line), "-ERR ORIGINATOR_CANCEL", on=line)
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    rig.check()


def test_a_phone_answered_as_the_caller_hangs_up_is_hung_up(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.hangs_up(CALLER)
    rig.answers(leg)
    assert asked.refusal().http == 404
    assert rig.control.heard(f"uuid_kill {leg}") >= 1
    rig.hangs_up(leg)
    assert rig.agent_state() == "idle"
    rig.check()


def test_a_caller_who_hangs_up_between_answer_and_bridge_frees_the_agent(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    line.expect("api uuid_bridge ")
    rig.hangs_up(CALLER, "ORIGINATOR_CANCEL")
    assert asked.refusal().http == 404
    rig.control.expect(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    assert (rig.place(), rig.agent_state()) == ("ended ORIGINATOR_CANCEL", "idle")
    rig.check()


def test_a_database_that_fails_at_the_claim_leaves_the_caller_queued(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.database.fail_next.append(sqlite3.OperationalError("disk I/O error"))
    refusal = rig.ask(ANN, "call/pickup", call_id=CALLER).refusal()
    assert refusal.http == 503
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    assert line.heard("originate") == 0
    rig.check()


def test_a_database_that_is_slow_at_the_claim_rings_nobody() -> None:
    rig = Rig(replace(OPTIONS, database_timeout=0.05))
    line = rig.connects(CALLER)
    rig.database.hold()
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    assert asked.refusal().http == 503
    rig.database.let_go()
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    assert line.heard("originate") == 0
    rig.check()
    rig.close()


def test_the_phone_rings_only_once_the_claim_is_on_record(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.database.hold()
    rig.ask(ANN, "call/pickup", call_id=CALLER)
    wait_until(lambda: rig.database.held() >= 1, "no claim was made")
    assert line.heard("originate") == 0
    rig.database.let_go()
    leg = rig.rings(line)
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    rig.check()


def test_a_caller_who_hangs_up_during_the_claims_commit_rings_nobody(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.database.hold()
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    wait_until(lambda: rig.database.held() >= 1, "no claim was made")
    rig.hangs_up(CALLER)
    rig.database.let_go()
    assert asked.refusal().http == 404
    assert line.heard("originate") == 0
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    rig.check()


def test_a_switch_that_goes_away_during_the_claims_commit_undoes_the_claim(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.database.hold()
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    wait_until(lambda: rig.database.held() >= 1, "no claim was made")
    rig.switch_goes()
    rig.lost(line)
    rig.database.let_go()
    assert asked.refusal().http == 503
    rig.switch_comes()
    rig.returns()
    rig.check()
    assert rig.place() == "queue"


def test_a_call_that_another_process_has_claimed_is_answered_with_the_winner(rig: Rig) -> None:
    line = rig.connects(CALLER)
    taken = replace(rig.live(), state=State.TRANSFERRING, assigned_to="zoe")
    rig.calls.record(taken, []).result(0)
    refusal = rig.ask(ANN, "call/pickup", call_id=CALLER).refusal()
    assert (refusal.http, refusal.description) == (403, f"Call|{CALLER} belongs to zoe")
    assert line.heard("originate") == 0
    assert rig.agent_state() == "idle"


def test_a_call_whose_row_is_gone_does_not_keep_the_agent_busy(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.database.reader().execute("DELETE FROM calls")
    assert rig.ask(ANN, "call/pickup", call_id=CALLER).refusal().http == 503
    assert rig.agent_state() == "idle"


def test_a_busy_agent_takes_no_second_call(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.talk()
    rig.connects("other")
    refusal = rig.ask(ANN, "call/pickup", call_id="other").refusal()
    assert (refusal.http, refusal.description) == (409, f"Agent|ann already has call {CALLER}")
    rig.check()


def test_a_double_click_is_answered_busy_and_the_first_goes_on(rig: Rig) -> None:
    line = rig.connects(CALLER)
    first = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    assert rig.ask(ANN, "call/pickup", call_id=CALLER).refusal().http == 409
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    first.answer()
    rig.check()


def test_a_switch_that_says_nothing_is_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pickup_module, "GRACE_SECONDS", 0.0)
    rig = Rig(replace(OPTIONS, ring_timeout=0.05, switch_timeout=0.01))
    rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    assert asked.refusal().http in (409, 504)
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.clock.advance(30)
    rig.check()
    rig.close()


def test_a_request_that_is_given_up_does_not_ring_her_phone_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Her leg is up, but the caller on hold is on her way back and does not come."""
    monkeypatch.setattr(pickup_module, "GRACE_SECONDS", 0.0)
    rig = Rig(replace(OPTIONS, ring_timeout=0.05, switch_timeout=0.01))
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.lost(rig.lines[CALLER])
    assert rig.ask(ANN, "call/unpark", call_id=CALLER).refusal().http in (409, 504)
    rig.clock.advance(1)
    assert rig.control.heard("bgapi originate") == 0
    assert (rig.place(), rig.agent_state()) == ("ann parked", "idle")
    rig.close()


def test_the_callers_connection_lost_while_the_phone_rings_loses_nobody(rig: Rig) -> None:
    """The phone was asked for on that connection; its own connection comes all the same."""
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.lost(line)
    rig.answers(leg)
    rig.returns().answer(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    asked.answer()
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_dialling_whose_acceptance_was_lost_does_not_ring_on(rig: Rig) -> None:
    """FreeSWITCH may have taken the command before the connection broke."""
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    wait_until(lambda: line.heard("bgapi originate"), "the phone was not rung")
    leg = _leg(line.sent)
    rig.lost(line)
    assert asked.refusal().http == 409
    rig.returns()
    rig.clock.advance(1)
    rig.check()
    assert rig.control.heard(f"uuid_kill {leg}") > 0


def test_unpark_joins_the_leg_that_stayed_at_once(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    line.answer(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    asked.answer()
    assert rig.place() == "ann speaking"
    rig.check()


def test_unpark_rings_a_phone_whose_leg_was_released(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout)
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    again = rig.rings(line)
    rig.answers(again)
    rig.bridged(CALLER, again)
    asked.answer()
    rig.check()


def test_unpark_while_the_old_leg_is_still_ending_rings_when_it_is_gone(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout)
    rig.control.answer(f"uuid_kill {leg}")
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    rig.control.answer(f"uuid_kill {leg}")
    assert line.heard("originate {") == 0
    rig.hangs_up(leg)
    again = rig.rings(line)
    rig.answers(again)
    rig.bridged(CALLER, again)
    asked.answer()
    rig.check()


def test_unpark_with_a_phone_that_fails_keeps_the_call_parked(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    rig.hangs_up(leg)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    rig.job(line.answer("bgapi originate {"), "-ERR USER_BUSY", on=line)
    assert asked.refusal().description == "user/1101: USER_BUSY"
    assert (rig.place(), rig.agent_state()) == ("ann parked", "idle")
    rig.check()


def _leg(sent: list[str]) -> str:
    for command in sent:
        if "origination_uuid=" in command:
            return command.partition("origination_uuid=")[2].partition(",")[0]
    return ""


def _dialling(line: FakeConnection) -> str:
    return next(command for command in line.sent if "bgapi originate" in command)
