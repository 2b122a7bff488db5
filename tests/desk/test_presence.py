"""Agents' presence: every change of the derived state is told, once, whichever sign changed."""

from __future__ import annotations

import json

import pytest

from fsapp.desk.board import Board
from fsapp.desk.presence import OFFLINE_AFTER
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, Rig

EARLY = OFFLINE_AFTER - 1


def told(rig: Rig, agent_id: str = ANN.id) -> list[str]:
    """The states that were told of her, in order."""
    rows = rig.database.reader().execute(
        "SELECT document FROM events WHERE name = 'agent_state' AND agent_id = ? ORDER BY number",
        [agent_id],
    )
    return [json.loads(document)["state"] for (document,) in rows]


def agent(rig: Rig) -> dict[str, object]:
    """Her object, as somebody else's request shows it."""
    with rig.board.turn():
        return rig.board.presence.document(rig.board.agents[ANN.id])


def set_state(rig: Rig, **parameters: str) -> dict[str, object]:
    document: dict[str, object] = rig.ask(ANN, "agent/state", **parameters).answer()["agent"]
    return document


def opens_stream(rig: Rig) -> None:
    with rig.board.turn():
        rig.board.presence.stream_opened(ANN)


def closes_stream(rig: Rig) -> None:
    with rig.board.turn():
        rig.board.presence.stream_closed(ANN)


def test_an_agent_of_whom_nothing_is_heard_is_offline_and_it_is_told_when_it_happens(
    rig: Rig,
) -> None:
    rig.clock.advance(EARLY)
    assert told(rig) == []
    rig.clock.advance(1)
    assert told(rig) == ["offline"]
    assert told(rig, BOB.id) == ["offline"]
    rig.clock.advance(10 * OFFLINE_AFTER)
    assert told(rig) == ["offline"]


def test_any_request_brings_her_back(rig: Rig) -> None:
    rig.clock.advance(OFFLINE_AFTER)
    assert rig.ask(ANN, "agent").answer()["agent"]["state"] == "idle"
    assert told(rig) == ["offline", "idle"]


def test_requests_keep_her_there(rig: Rig) -> None:
    for _ in range(5):
        rig.clock.advance(EARLY)
        rig.ask(ANN, "call/queue").answer()
    assert told(rig) == []


def test_an_open_stream_keeps_her_there_and_its_end_counts_as_a_sign_of_life(rig: Rig) -> None:
    opens_stream(rig)
    opens_stream(rig)
    rig.clock.advance(10 * OFFLINE_AFTER)
    closes_stream(rig)
    rig.clock.advance(10 * OFFLINE_AFTER)
    closes_stream(rig)
    rig.clock.advance(EARLY)
    assert told(rig) == []
    rig.clock.advance(1)
    assert told(rig) == ["offline"]
    opens_stream(rig)
    assert told(rig) == ["offline", "idle"]


def test_a_leg_that_is_up_keeps_her_there(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.clock.advance(10 * OFFLINE_AFTER)
    assert agent(rig)["state"] == "speaking"
    rig.hangs_up(CALLER)
    rig.hangs_up(leg)
    rig.clock.advance(EARLY)
    assert told(rig) == ["ringing", "speaking", "idle"]
    rig.clock.advance(1)
    assert told(rig)[-1] == "offline"


def test_a_console_without_a_phone_does_not_keep_her_there(rig: Rig) -> None:
    """Until there is another sign of life: a request, or a stream that is opened."""
    opens_stream(rig)
    opens_stream(rig)
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    rig.job(line.answer("bgapi originate"), "-ERR USER_NOT_REGISTERED", on=line)
    asked.refusal()
    closes_stream(rig)
    assert told(rig) == ["ringing", "offline"]
    opens_stream(rig)
    assert told(rig) == ["ringing", "offline", "idle"]


def test_a_phone_that_cannot_be_reached_is_told_at_once_and_forgotten_with_her_next_request(
    rig: Rig,
) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    rig.job(line.answer("bgapi originate"), "-ERR USER_NOT_REGISTERED", on=line)
    asked.refusal()
    assert told(rig) == ["ringing", "offline"]
    assert set_state(rig, state="idle")["state"] == "idle"
    assert told(rig) == ["ringing", "offline", "idle"]


def test_taking_a_parked_call_back_is_told_as_ringing_and_speaking(rig: Rig) -> None:
    """Her leg is up, so that nothing but her request shows that she is being put into a call."""
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    line.answer(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    asked.answer()
    assert told(rig) == ["ringing", "speaking", "idle", "ringing", "speaking"]


def test_a_pause_is_told_once_with_its_reason_and_since_when(rig: Rig) -> None:
    rig.clock.advance(5)
    paused = set_state(rig, state="paused", reason="lunch")
    rig.clock.advance(60)
    assert set_state(rig, state="paused", reason="lunch") == paused == agent(rig)
    assert (paused["state"], paused["pause_reason"]) == ("paused", "lunch")
    assert told(rig) == ["paused"]
    back = set_state(rig, state="idle")
    assert (back["pause_reason"], back["paused"]) == (None, False)
    set_state(rig, state="idle")
    assert told(rig) == ["paused", "idle"]


def test_a_pause_in_a_conversation_is_told_and_holds_after_it(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    in_call = set_state(rig, state="paused", reason="wrap-up")
    assert (in_call["state"], in_call["pause_reason"]) == ("speaking", "wrap-up")
    assert in_call["paused"] is True
    rig.hangs_up(CALLER)
    rig.hangs_up(leg)
    assert told(rig) == ["ringing", "speaking", "speaking", "paused"]


def test_an_absent_agent_is_offline_and_comes_back_to_her_pause(rig: Rig) -> None:
    paused = set_state(rig, state="paused", reason="lunch")
    rig.clock.advance(OFFLINE_AFTER)
    away = agent(rig)
    assert (away["state"], away["pause_reason"]) == ("offline", "lunch")
    assert away["paused"] is True
    back = rig.ask(ANN, "agent").answer()["agent"]
    assert back == paused


def test_a_request_that_was_on_its_way_during_the_pause_does_not_end_it(rig: Rig) -> None:
    """It carries the agent as she was when its token was looked up."""
    set_state(rig, state="paused")
    assert ANN.paused is False
    assert rig.ask(ANN, "agent").answer()["agent"]["state"] == "paused"
    assert told(rig) == ["paused"]


def test_a_pause_outlasts_a_restart_with_its_beginning(rig: Rig) -> None:
    paused = set_state(rig, state="paused", reason="lunch")
    rig.clock.advance(600)
    board = Board(rig.calls, rig.clock)
    (row,) = [one for one in rig.desk._agents.all() if one.id == ANN.id]
    with board.turn():
        assert board.presence.document(board.status(row))["state"] == "offline"
    with board.turn():
        board.presence.seen(board.status(row))
        assert board.presence.document(board.status(row)) == paused


def test_a_change_that_could_not_be_recorded_is_refused(rig: Rig) -> None:
    rig.database.fail_next = [ValueError("no")]
    with pytest.raises(ValueError, match="no"):
        rig.ask(ANN, "agent/state", state="paused").answer()
    assert agent(rig)["state"] == "idle"
    assert told(rig) == []


def test_a_paused_agent_is_not_given_the_next_call_but_may_take_one(rig: Rig) -> None:
    line = rig.connects(CALLER)
    set_state(rig, state="paused", reason="lunch")
    refusal = rig.ask(ANN, "call/pickup").refusal()
    assert (refusal.http, refusal.error) == (409, "agent-paused")
    assert (rig.place(), line.heard("originate")) == ("queue", 0)
    rig.talk()
    assert rig.place() == "ann speaking"
    assert told(rig) == ["paused", "ringing", "speaking"]


def test_a_paused_agent_in_a_call_is_refused_for_the_call(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.talk()
    set_state(rig, state="paused")
    assert rig.ask(ANN, "call/pickup").refusal().error == "agent-busy"


def test_if_the_next_caller_hangs_up_while_the_phone_rings_the_one_behind_her_is_next(
    rig: Rig,
) -> None:
    first = rig.connects("first")
    rig.clock.advance(1)
    second = rig.connects("second")
    asked = rig.ask(ANN, "call/pickup")
    leg = rig.rings(first)
    rig.hangs_up("first")
    rig.control.answer(f"uuid_kill {leg}")
    rig.job(next(sent for sent in first.sent if "originate" in sent), "-ERR CANCEL", on=first)
    again = rig.rings(second)
    rig.answers(again)
    second.answer("api uuid_bridge second")
    rig.bridged("second", again)
    assert asked.answer()["call"]["id"] == "second"
    rig.check()


def test_who_hangs_the_next_call_up_herself_is_not_given_another(rig: Rig) -> None:
    first = rig.connects("first")
    rig.clock.advance(1)
    second = rig.connects("second")
    asked = rig.ask(ANN, "call/pickup")
    rig.rings(first)
    ended = rig.ask(ANN, "call/hangup")
    first.expect("uuid_kill first")
    rig.hangs_up("first")
    assert asked.refusal().description == "first does not exist."
    ended.answer()
    assert second.heard("originate") == 0


def test_callers_give_way_only_as_long_as_the_phone_may_ring(rig: Rig) -> None:
    first = rig.connects("first")
    rig.clock.advance(1)
    second = rig.connects("second")
    asked = rig.ask(ANN, "call/pickup")
    rig.rings(first)
    rig.clock.advance(OPTIONS.ring_timeout)
    rig.hangs_up("first")
    assert asked.refusal().description == "first does not exist."
    assert second.heard("originate") == 0
