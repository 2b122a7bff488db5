"""The board: decide under the lock, act outside; who owns what; what agents' clients are told."""

from __future__ import annotations

import threading

import pytest

from fsapp.calls.call import Call, State
from fsapp.calls.refusals import nothing_to_park
from fsapp.calls.table import Happening, UnknownTransition
from fsapp.desk import board
from fsapp.desk.board import LiveCall, Request
from tests.desk.fakes import ANN, BOB, CALLER, FakeConnection, Rig


def locked(rig: Rig) -> bool:
    return rig.board._lock.locked()


def offered(rig: Rig, uuid: str = CALLER, organization_id: int = 1) -> LiveCall:
    now = rig.clock.now()
    call = Call(uuid, State.CREATED, True, "5900", "2045550100", organization_id, now)
    live = LiveCall(call)
    with rig.board.turn() as turn:
        rig.board.offer(live)
        rig.board.happen(turn, live, Happening.QUEUE)
    return live


def agent_events(rig: Rig) -> int:
    return rig.events().count("agent_state")


def test_commands_are_written_after_the_lock_is_released(rig: Rig) -> None:
    connection = FakeConnection(CALLER)
    seen: list[bool] = []
    connection.on_flush = lambda: seen.append(locked(rig))
    with rig.board.turn() as turn:
        turn.post(connection, "api status\n\n")  # type: ignore[arg-type]
        assert locked(rig)
        assert connection.sent == []
    assert seen == [False]
    assert connection.sent == ["api status"]


def test_a_connection_is_flushed_once_a_turn(rig: Rig) -> None:
    connection = FakeConnection(CALLER)
    flushed: list[None] = []
    connection.on_flush = lambda: flushed.append(None)
    with rig.board.turn() as turn:
        turn.post(connection, "api 1\n\n")  # type: ignore[arg-type]
        turn.post(connection, "api 2\n\n")  # type: ignore[arg-type]
    assert len(flushed) == 1
    assert connection.sent == ["api 1", "api 2"]


def test_requests_are_answered_after_the_lock_is_released(rig: Rig) -> None:
    request, seen = Request("call/park", ANN, CALLER), list[bool]()
    request.outcome.add_done_callback(lambda _: seen.append(locked(rig)))
    with rig.board.turn() as turn:
        rig.board.finish(turn, request)
        assert not request.outcome.done()
    assert seen == [False]


def test_commands_are_written_before_requests_are_answered(rig: Rig) -> None:
    connection, order = FakeConnection(CALLER), list[str]()
    request = Request("call/park", ANN, CALLER)
    connection.on_flush = lambda: order.append("written")
    request.outcome.add_done_callback(lambda _: order.append("answered"))
    with rig.board.turn() as turn:
        rig.board.finish(turn, request)
        turn.post(connection, "api status\n\n")  # type: ignore[arg-type]
    assert order == ["written", "answered"]


def test_a_request_is_answered_once_and_the_first_word_counts(rig: Rig) -> None:
    request = Request("call/park", ANN, CALLER)
    for refusal in (nothing_to_park(), None):
        with rig.board.turn() as turn:
            rig.board.finish(turn, request, refusal)
    assert request.outcome.exception(0) is not None


def test_what_was_decided_before_a_mistake_is_still_done(rig: Rig) -> None:
    """The rows are on their way already; the commands that go with them must be, too."""
    connection = FakeConnection(CALLER)

    def blunder() -> None:
        with rig.board.turn() as turn:
            turn.post(connection, "api status\n\n")  # type: ignore[arg-type]
            raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError):
        blunder()
    assert connection.sent == ["api status"]
    assert not locked(rig)


def test_a_turn_that_cannot_tell_of_its_agents_leaves_the_board_to_others(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_agents: set[str]) -> None:
        raise ValueError("ours")

    turn = rig.board.turn()
    with monkeypatch.context() as broken:
        broken.setattr(rig.board.presence, "tell", fails)
        turn.__enter__()
        with pytest.raises(ValueError, match="ours"):
            turn.__exit__(None, None, None)
    assert not locked(rig)


def test_one_turn_at_a_time(rig: Rig) -> None:
    inside: list[int] = []

    def take_turns() -> None:
        for _ in range(200):
            with rig.board.turn():
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    threads = [threading.Thread(target=take_turns) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == []


def test_an_impossible_happening_changes_nothing(rig: Rig) -> None:
    live = offered(rig)
    before, events = live.call, rig.events()
    with rig.board.turn() as turn, pytest.raises(UnknownTransition):
        rig.board.happen(turn, live, Happening.PARK)
    assert live.call == before == rig.calls.find(CALLER)
    assert rig.events() == events


def test_an_agents_change_is_told_once(rig: Rig) -> None:
    live = offered(rig)
    with rig.board.turn() as turn:
        rig.board.status(ANN)
        rig.board.claim(turn, live, ANN)
        assert agent_events(rig) == 0
    assert agent_events(rig) == 1
    with rig.board.turn() as turn:
        turn.agents.add(ANN.id)
    assert agent_events(rig) == 1


def test_a_change_that_is_undone_in_the_same_turn_is_not_told(rig: Rig) -> None:
    live = offered(rig)
    with rig.board.turn() as turn:
        rig.board.status(ANN)
        rig.board.claim(turn, live, ANN)
        rig.board.happen(turn, live, Happening.RELEASE)
    assert agent_events(rig) == 0


def test_from_pickup_to_hangup_an_agent_changes_three_times(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.hangs_up(CALLER)
    rig.hangs_up(leg)
    rows = rig.database.reader().execute(
        "SELECT json_extract(document, '$.state') FROM events WHERE name = 'agent_state'"
    )
    assert [state for (state,) in rows] == ["ringing", "speaking", "idle"]


def test_since_when_changes_with_the_state_alone(rig: Rig) -> None:
    live = offered(rig)
    with rig.board.turn() as turn:
        rig.board.status(ANN)
        rig.board.claim(turn, live, ANN)
    rig.clock.advance(10)
    with rig.board.turn() as turn:
        turn.agents.add(ANN.id)
    assert rig.board.agents[ANN.id].since == rig.clock.now() - 10


def test_who_owns_what_follows_every_change(rig: Rig) -> None:
    live = offered(rig)
    with rig.board.turn() as turn:
        rig.board.status(ANN)
        rig.board.claim(turn, live, ANN)
        assert rig.board.current(ANN.id) is live
        rig.board.happen(turn, live, Happening.RELEASE)
        assert rig.board.current(ANN.id) is None
        rig.board.claim(turn, live, BOB)
        assert rig.board.current(BOB.id) is live
        rig.board.happen(turn, live, Happening.HANGUP, cause="NORMAL_CLEARING")
        rig.board.remove(live)
        assert rig.board.current(BOB.id) is None
    rig.check()


def test_parked_calls_are_listed_oldest_first(rig: Rig) -> None:
    for name in ("b", "a"):
        live = offered(rig, name)
        with rig.board.turn() as turn:
            rig.board.claim(turn, live, ANN)
            rig.board.happen(turn, live, Happening.BRIDGE, channel="leg")
            rig.board.happen(turn, live, Happening.PARK)
        rig.clock.advance(1)
    assert [call.id for call in rig.board.parked(ANN.id)] == ["b", "a"]


def test_a_place_in_the_queue_counts_ones_own_organization(rig: Rig) -> None:
    offered(rig, "first", organization_id=1)
    rig.clock.advance(1)
    other = offered(rig, "other", organization_id=2)
    rig.clock.advance(1)
    second = offered(rig, "second", organization_id=1)
    assert rig.board.position(second.call) == 2
    assert rig.board.position(other.call) == 1


def test_an_ended_call_can_be_read_before_its_row_is_written(rig: Rig) -> None:
    live = offered(rig)
    rig.database.hold()
    with rig.board.turn() as turn:
        rig.board.happen(turn, live, Happening.HANGUP, cause="NORMAL_CLEARING")
        rig.board.remove(live)
    found = rig.board.find_ended(CALLER)
    assert found is not None
    assert found.state is State.HUNGUP
    rig.database.let_go()
    assert rig.board.find_ended(CALLER) == found
    assert rig.board._ended == {}


def test_a_withdrawn_call_leaves_no_trace(rig: Rig) -> None:
    call = Call("planned", State.CREATED, False, "1142", "1101", 1, 1.0, assigned_to=ANN.id)
    live = LiveCall(call)
    with rig.board.turn():
        rig.board.status(ANN)
        rig.board.adopt(live)
    with rig.board.turn():
        rig.board.withdraw(live)
    assert rig.calls.find("planned") is None
    rig.check()


def test_no_more_ended_calls_are_remembered_than_could_still_have_a_late_connection(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MANY", 3)
    names = [f"{number:08}-0000-4000-8000-000000000000" for number in range(5)]
    for name in names:
        rig.board.remove(offered(rig, name))
    assert [rig.board.has_ended(name) for name in names] == [False, False, True, True, True]
