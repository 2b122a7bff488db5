"""Originate: her phone first, then the number; one key never dials twice."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from fsapp.calls.agent import Agent
from fsapp.desk import originate as originate_module
from tests.desk.fakes import ANN, CALLER, OPTIONS, Asked, Rig, wait_until

DIALLED = "bgapi originate {"


def ask(rig: Rig, key: str | None = None, extension: str = "1142", agent: Agent = ANN) -> Asked:
    wanted = {"extension": extension} | ({"idempotency_key": key} if key else {})
    return rig.ask(agent, "call/originate", **wanted)


def answer_phone(rig: Rig) -> str:
    leg = rig.rings(rig.control)
    rig.answers(leg)
    return leg


def test_the_number_is_dialled_when_her_phone_is_answered(rig: Rig) -> None:
    asked = ask(rig)
    leg = answer_phone(rig)
    command = rig.lines[leg].answer(DIALLED)
    uuid = asked.answer()["call"]["id"]
    assert f"origination_uuid={uuid}," in command
    assert "}loopback/1142/default fsapp_return XML default" in command
    assert rig.place(uuid) == "ann ringing"
    rig.check()


def test_the_agent_hears_ringing_before_the_number_is_dialled(rig: Rig) -> None:
    asked = ask(rig)
    line = rig.lines[answer_phone(rig)]
    line.answer(DIALLED)
    asked.answer()
    ringback = next(sent for sent in line.sent if OPTIONS.ringback in sent)
    assert line.sent.index(ringback) < line.sent.index(
        next(sent for sent in line.sent if DIALLED in sent)
    )


def test_a_callee_who_answers_speaks_with_her(rig: Rig) -> None:
    uuid, _leg = rig.speak_outbound()
    assert (rig.place(uuid), rig.agent_state()) == ("ann speaking", "speaking")
    rig.check()


@pytest.mark.parametrize("cause", ["USER_BUSY", "NO_ANSWER", "UNALLOCATED_NUMBER"])
def test_a_callee_who_does_not_answer_ends_the_call_and_her_leg_stays(rig: Rig, cause: str) -> None:
    uuid, leg = rig.dial()
    rig.job(rig.dialled, f"-ERR {cause}", on=rig.lines[leg])
    assert rig.place(uuid) == f"ended {cause}"
    assert rig.agent_state() == "idle"
    assert leg in rig.board.legs
    rig.lines[leg].expect("uuid_break")
    rig.check()


def test_a_result_told_twice_ends_the_call_once(rig: Rig) -> None:
    uuid, leg = rig.dial()
    for _ in range(2):
        rig.job(rig.dialled, "-ERR USER_BUSY", on=rig.lines[leg])
    assert rig.events().count("call_hangup") == 1
    assert rig.place(uuid) == "ended USER_BUSY"
    rig.check()


def test_a_result_that_is_lost_ends_the_call_in_time(rig: Rig) -> None:
    uuid, leg = rig.dial()
    rig.clock.advance(OPTIONS.external_ring_timeout + 3)
    rig.lines[leg].answer(f"uuid_kill {uuid}")
    rig.clock.advance(1.5)
    rig.control.answer(f"uuid_exists {uuid}", "false")
    assert rig.place(uuid).startswith("ended")
    assert rig.agent_state() == "idle"
    rig.check()


def test_a_result_lost_while_freeswitch_is_away_ends_the_call_when_it_is_back(rig: Rig) -> None:
    uuid, leg = rig.dial()
    rig.switch_goes()
    rig.clock.advance(OPTIONS.external_ring_timeout + 10)
    rig.switch_comes()
    rig.clock.advance(10)
    rig.lines[leg].answer(f"uuid_kill {uuid}", "-ERR No such channel!")
    rig.clock.advance(10)
    for connection in (rig.control, rig.lines[leg]):
        if connection.heard(f"uuid_exists {uuid}"):
            connection.answer(f"uuid_exists {uuid}", "false")
    assert rig.place(uuid).startswith("ended")
    rig.check()


def test_a_callee_who_answers_speaks_with_her_though_her_legs_connection_is_lost(rig: Rig) -> None:
    uuid, leg = rig.dial()
    rig.lost(rig.lines[leg])
    rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid})
    rig.lines[uuid].answer(f"api uuid_bridge {uuid} {leg}")
    rig.bridged(uuid, leg)
    assert rig.place(uuid) == "ann speaking"
    rig.check()


def test_a_callee_answered_but_never_arriving_is_hung_up_in_time(rig: Rig) -> None:
    uuid, leg = rig.dial()
    rig.job(rig.dialled, f"+OK {uuid}", on=rig.lines[leg])
    rig.clock.advance(originate_module.RETURN_SECONDS)
    rig.lines[leg].answer(f"uuid_kill {uuid}")
    rig.clock.advance(1.5)
    rig.control.answer(f"uuid_exists {uuid}", "false")
    assert rig.place(uuid).startswith("ended")
    rig.check()


def test_the_result_may_come_after_the_callee_speaks(rig: Rig) -> None:
    uuid, leg = rig.speak_outbound()
    rig.job(rig.dialled, f"+OK {uuid}", on=rig.lines[leg])
    rig.clock.advance(OPTIONS.external_ring_timeout * 2)
    assert rig.place(uuid) == "ann speaking"
    rig.check()


def test_a_callee_who_answers_as_the_agent_hangs_up_is_hung_up(rig: Rig) -> None:
    uuid, leg = rig.dial()
    rig.hangs_up(leg)
    rig.returns(uuid).expect(f"uuid_kill {uuid}")
    rig.hangs_up(uuid)
    assert rig.place(uuid).startswith("ended")
    assert rig.agent_state() == "idle"
    rig.check()


def test_an_agent_who_hangs_up_while_it_rings_ends_the_call(rig: Rig) -> None:
    uuid, leg = rig.dial()
    rig.hangs_up(leg)
    rig.control.answer(f"uuid_kill {uuid}")
    rig.clock.advance(1.5)
    rig.control.answer(f"uuid_exists {uuid}", "false")
    assert rig.place(uuid).startswith("ended")
    assert rig.agent_state() == "idle"
    rig.check()


def test_hangup_while_it_rings_is_answered(rig: Rig) -> None:
    uuid, leg = rig.dial()
    asked = rig.ask(ANN, "call/hangup")
    rig.lines[leg].answer(f"uuid_kill {uuid}")
    rig.job(rig.dialled, "-ERR ORIGINATOR_CANCEL", on=rig.lines[leg])
    asked.answer()
    rig.hangs_up(leg)
    assert rig.agent_state() == "idle"
    rig.check()


def test_hangup_while_her_own_phone_rings_dials_nobody(rig: Rig) -> None:
    asked = ask(rig)
    leg = rig.rings(rig.control)
    rig.ask(ANN, "call/hangup").answer()
    assert asked.refusal().http in (404, 409)
    rig.control.answer(f"uuid_kill {leg}")
    line = rig.answers(leg)
    rig.hangs_up(leg)
    assert line.heard(DIALLED) == 0
    assert rig.agent_state() == "idle"
    rig.check()


def test_hangup_while_an_old_leg_is_ending_does_not_ring_her_phone(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout)
    asked = ask(rig)
    wait_until(lambda: rig.board.current("ann") is not None, "it was not begun")
    wait_until(lambda: rig.board.legs[leg].then is not None, "the old leg was not waited for")
    rig.ask(ANN, "call/hangup").answer()
    rig.hangs_up(leg)
    rang = rig.control.heard(DIALLED)
    for _ in range(rang):
        rig.job(rig.control.answer(DIALLED), "-ERR NO_ANSWER")
    asked.refusal()
    assert rang == 0
    rig.check()


@pytest.mark.parametrize(
    ("cause", "state"), [("USER_BUSY", "idle"), ("USER_NOT_REGISTERED", "offline")]
)
def test_a_phone_that_fails_leaves_no_call_behind(rig: Rig, cause: str, state: str) -> None:
    asked = ask(rig)
    rig.job(rig.control.answer(DIALLED), f"-ERR {cause}")
    assert asked.refusal().description == f"user/1101: {cause}"
    assert rig.board.calls == {}
    assert rig.agent_state() == state
    assert rig.calls.live() == []
    rig.check()


def test_a_leg_gone_just_when_the_number_is_to_be_dialled_leaves_no_call(rig: Rig) -> None:
    asked = ask(rig)
    leg = rig.rings(rig.control)
    rig.database.hold()
    rig.answers(leg)
    wait_until(lambda: any(call.leg for call in rig.board.calls.values()), "it was not recorded")
    rig.hangs_up(leg)
    rig.database.let_go()
    assert asked.refusal().http in (404, 409)
    rig.clock.advance(2)
    assert rig.agent_state() == "idle"
    rig.check()


def test_a_database_that_fails_dials_nobody(rig: Rig) -> None:
    asked = ask(rig)
    leg = rig.rings(rig.control)
    rig.database.fail_next += [sqlite3.OperationalError("disk I/O error")] * 2
    line = rig.answers(leg)
    assert asked.refusal().http == 503
    assert line.heard(DIALLED) == 0
    assert rig.agent_state() == "idle"
    rig.database.fail_next.clear()
    rig.check()


def test_freeswitch_refusing_to_dial_is_a_503_and_the_call_has_ended(rig: Rig) -> None:
    asked = ask(rig)
    leg = answer_phone(rig)
    rig.lines[leg].answer(DIALLED, "-ERR no")
    assert asked.refusal().http == 503
    assert rig.board.calls == {}
    assert rig.agent_state() == "idle"
    rig.check()


def test_a_dialling_whose_acceptance_was_lost_is_stopped(rig: Rig) -> None:
    asked = ask(rig)
    leg = answer_phone(rig)
    line = rig.lines[leg]
    wait_until(lambda: line.heard(DIALLED), "nobody was dialled")
    uuid = line.sent[-1].partition("origination_uuid=")[2].partition(",")[0]
    rig.lost(line)
    assert asked.refusal().http == 503
    rig.clock.advance(2)
    assert rig.control.heard(f"uuid_kill {uuid}") >= 1


def test_without_freeswitch_nothing_is_begun(rig: Rig) -> None:
    rig.switch_goes()
    assert ask(rig).refusal().http == 503
    assert rig.board.calls == {}
    assert rig.agent_state() == "idle"
    rig.check()


def test_a_second_originate_while_the_first_is_under_way_is_busy(rig: Rig) -> None:
    first = ask(rig)
    leg = rig.rings(rig.control)
    assert ask(rig).refusal().http == 409
    rig.answers(leg)
    rig.lines[leg].answer(DIALLED)
    first.answer()
    rig.check()


def test_two_requests_with_one_key_in_flight_dial_once(rig: Rig) -> None:
    first = ask(rig, "key")
    leg = rig.rings(rig.control)
    second = ask(rig, "key")
    rig.answers(leg)
    rig.lines[leg].answer(DIALLED)
    assert first.answer()["call"]["id"] == second.answer()["call"]["id"]
    assert rig.lines[leg].heard(DIALLED) == 1
    rig.check()


def test_many_requests_with_one_key_get_one_answer(rig: Rig) -> None:
    asked = [ask(rig, "key") for _ in range(12)]
    leg = answer_phone(rig)
    rig.lines[leg].answer(DIALLED)
    assert len({request.answer()["call"]["id"] for request in asked}) == 1
    assert rig.control.heard(DIALLED) + rig.lines[leg].heard(DIALLED) == 2
    rig.check()


def test_the_refusal_of_the_first_is_the_answer_of_those_in_flight(rig: Rig) -> None:
    first = ask(rig, "key")
    command = rig.control.answer(DIALLED)
    second = ask(rig, "key")
    wait_until(lambda: rig.desk._originate._flights, "no flight is known")
    rig.job(command, "-ERR USER_BUSY")
    assert first.refusal().http == 409
    # Whether it came in time to share the refusal, or rang the phone once more.
    if not second.over() and rig.control.heard(DIALLED) == 2:
        rig.job(rig.control.answer(DIALLED), "-ERR USER_BUSY")
    assert second.refusal().http == 409
    rig.check()


def test_a_refused_key_may_be_used_again(rig: Rig) -> None:
    asked = ask(rig, "key")
    rig.job(rig.control.answer(DIALLED), "-ERR USER_BUSY")
    asked.refusal()
    again = ask(rig, "key")
    leg = answer_phone(rig)
    rig.lines[leg].answer(DIALLED)
    again.answer()
    rig.check()


def test_a_used_key_answers_the_same_call_also_when_it_has_ended(rig: Rig) -> None:
    asked = ask(rig, "key")
    leg = answer_phone(rig)
    command = rig.lines[leg].answer(DIALLED)
    uuid = asked.answer()["call"]["id"]
    assert ask(rig, "key").answer()["call"]["id"] == uuid
    rig.job(command, "-ERR USER_BUSY", on=rig.lines[leg])
    ended = ask(rig, "key").answer()["call"]
    assert (ended["id"], ended["state"]) == (uuid, "hungup")
    assert rig.lines[leg].heard(DIALLED) == 1
    rig.check()


@pytest.mark.parametrize("in_flight", [True, False], ids=["in flight", "used"])
def test_a_key_used_for_another_number_is_refused(rig: Rig, in_flight: bool) -> None:
    first = ask(rig, "key")
    leg = rig.rings(rig.control)
    other = ask(rig, "key", "1199") if in_flight else None
    rig.answers(leg)
    rig.lines[leg].answer(DIALLED)
    first.answer()
    other = other or ask(rig, "key", "1199")
    assert other.refusal().http == 400
    rig.check()


def test_a_key_is_each_agents_own(rig: Rig) -> None:
    other = Agent("bob", "Bob", "user/1102")
    for agent in (ANN, other):
        asked = ask(rig, "key", agent=agent)
        leg = rig.rings(rig.control)
        rig.answers(leg, agent)
        rig.lines[leg].answer(DIALLED)
        asked.answer()
    assert len(rig.board.calls) == 2
    rig.check()


def test_a_flight_that_takes_too_long_is_a_timeout_for_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(originate_module, "GRACE_SECONDS", 0.0)
    options = replace(OPTIONS, ring_timeout=0.1, switch_timeout=0.0, database_timeout=0.0)
    rig = Rig(options)
    first = ask(rig, "key")
    rig.rings(rig.control)
    flight = rig.desk._originate._flights["ann", "key"]
    with pytest.raises(TimeoutError):
        flight.result(0)
    second = ask(rig, "key")
    assert second.refusal().http in (409, 504)
    assert first.refusal().http in (409, 504)
    assert rig.agent_state() == "idle"
    rig.clock.advance(60)
    rig.close()


def test_a_number_is_dialled_for_whom_she_put_on_hold_last(rig: Rig) -> None:
    """Only then can the two be connected: a transfer stays within one organization."""
    both = replace(ANN, organizations=frozenset({1, 2}))
    rig.connects("one", variables={"organization_id": "1"})
    leg = rig.talk(both, "one")
    rig.park(leg, both, "one")
    rig.clock.advance(2)
    rig.connects("two", variables={"organization_id": "2"})
    asked = rig.ask(both, "call/pickup", call_id="two")
    rig.lines["two"].answer(f"api uuid_bridge two {leg}")
    rig.bridged("two", leg)
    asked.answer()
    rig.clock.advance(2)
    rig.park(leg, both, "two")
    uuid, _ = rig.dial(both, leg)
    assert rig.live(uuid).organization_id == 2
