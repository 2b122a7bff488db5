"""Calls and their events: written together or not at all; a claim has one winner."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsapp.calls.call import Call, State
from fsapp.store.calls import Calls, Event, KeyRecord, Otherwise
from fsapp.store.database import Database

LIMIT = 10.0
QUEUED = Call("call-1", State.QUEUED, True, "5900", "2045550100", 1, 1700000000.25)
CURRENT = (State.TRANSFERRING, State.RINGING, State.SPEAKING)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One file for the tests that write calls of their own, hundreds of them."""
    database = Database(tmp_path_factory.mktemp("calls") / "calls.db")
    database.open()
    yield database
    database.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "calls.db")
    database.open()
    yield database
    database.close()


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database, "node-a")


def event(name: str, call: Call = QUEUED) -> Event:
    return Event(name, 1700000001.5, call.document(), call.organization_id, call.id)


def claimed(agent: str, call: Call = QUEUED) -> Call:
    return replace(call, state=State.TRANSFERRING, assigned_to=agent)


def log(database: Database) -> list[tuple[int, str]]:
    return list(database.reader().execute("SELECT number, name FROM events ORDER BY number"))


def test_a_recorded_call_is_found_with_its_events(calls: Calls, database: Database) -> None:
    calls.record(QUEUED, [event("call_offer"), event("queue_join")]).result(LIMIT)
    assert calls.find("call-1") == QUEUED
    assert [name for _, name in log(database)] == ["call_offer", "queue_join"]


def test_an_event_keeps_its_whole_document_and_whose_it_is(
    calls: Calls, database: Database
) -> None:
    calls.record(QUEUED, [event("call_offer")]).result(LIMIT)
    row = next(iter(database.reader().query("SELECT * FROM events")))
    assert json.loads(row["document"]) == QUEUED.document()
    assert (row["node"], row["call_id"], row["organization_id"]) == ("node-a", "call-1", 1)
    assert row["timestamp"] == 1700000001.5


def test_recording_again_replaces_the_row(calls: Calls) -> None:
    calls.record(QUEUED, [])
    calls.record(claimed("ann"), []).result(LIMIT)
    assert calls.find("call-1") == claimed("ann")


def test_an_unknown_call_is_none(calls: Calls) -> None:
    assert calls.find("call-1") is None


def test_live_are_the_calls_that_have_not_ended(calls: Calls) -> None:
    ended = replace(QUEUED, id="call-2", state=State.HUNGUP, ended_at=1)
    calls.record(QUEUED, [])
    calls.record(ended, []).result(LIMIT)
    assert calls.live() == [QUEUED]


def test_lately_ended_are_the_calls_whose_end_is_among_the_newest_events(calls: Calls) -> None:
    assert calls.lately_ended() == []
    calls.record(QUEUED, [event("call_offer")])
    calls.record(replace(QUEUED, state=State.HUNGUP), [event("call_hangup")]).result(LIMIT)
    assert calls.lately_ended() == [QUEUED.id]


def test_event_numbers_strictly_grow_also_after_old_ones_were_removed(
    calls: Calls, database: Database
) -> None:
    for name in ("call_offer", "queue_join"):
        calls.record(QUEUED, [event(name)]).result(LIMIT)
    highest = log(database)[-1][0]
    database.submit(lambda db: db.execute("DELETE FROM events")).result(LIMIT)
    calls.tell(event("agent_state")).result(LIMIT)
    assert log(database)[0][0] > highest


def test_events_written_from_many_threads_have_numbers_in_the_order_of_their_rows(
    calls: Calls, database: Database
) -> None:
    def write(name: str) -> None:
        for number in range(20):
            calls.tell(Event(f"{name} {number:02}", 1.0, {})).result(LIMIT)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))
    names = [name for _, name in log(database)]
    assert [number for number, _ in log(database)] == list(range(1, 81))
    for letter in "abcd":
        mine = [name for name in names if name.startswith(letter)]
        assert mine == sorted(mine)


@pytest.mark.parametrize("broken", ["row", "event", "key"])
def test_row_events_and_key_are_written_together_or_not_at_all(
    calls: Calls, database: Database, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Whatever fails in between leaves nothing of the change."""
    key = KeyRecord("ann", "key-1", "call-1", "extension=100", 1)
    if broken == "row":
        monkeypatch.setattr(calls, "_row", lambda _call: {"id": "call-1"})
    elif broken == "event":
        monkeypatch.setattr(Event, "row", lambda *_: 1 / 0)
    else:
        key = replace(key, call_id=None)  # type: ignore[arg-type]
    with pytest.raises((sqlite3.Error, ZeroDivisionError)):
        calls.record(QUEUED, [event("call_offer")], key).result(LIMIT)
    assert calls.find("call-1") is None
    assert log(database) == []
    assert calls.used_key("ann", "key-1") is None


def test_a_process_that_dies_before_the_commit_leaves_neither_row_nor_event(
    tmp_path: Path,
) -> None:
    """The transaction stands open when the file is read as after a crash."""
    database = Database(tmp_path / "crash.db")
    database.open()
    calls = Calls(database, "node-a")
    seen = []

    def look(db: object) -> None:
        other = sqlite3.connect(tmp_path / "crash.db")
        seen.append(other.execute("SELECT count(*) FROM calls").fetchone()[0])
        seen.append(other.execute("SELECT count(*) FROM events").fetchone()[0])
        other.close()

    begun, go = Barrier(2), Barrier(2)
    database.submit(lambda _db: (begun.wait(LIMIT), go.wait(LIMIT)))
    begun.wait(LIMIT)
    recorded = calls.record(QUEUED, [event("call_offer")])
    looked = database.submit(look)
    go.wait(LIMIT)
    looked.result(LIMIT)
    recorded.result(LIMIT)
    database.close()
    assert seen == [0, 0]


def test_a_claim_of_a_queued_call_wins_and_is_told(calls: Calls, database: Database) -> None:
    calls.record(QUEUED, []).result(LIMIT)
    assert calls.claim(claimed("ann"), [event("call_pickup")]).result(LIMIT)
    assert calls.find("call-1") == claimed("ann")
    assert [name for _, name in log(database)] == ["call_pickup"]


@pytest.mark.parametrize("state", [state for state in State if state is not State.QUEUED])
def test_a_claim_of_a_call_that_is_not_queued_writes_nothing(
    calls: Calls, database: Database, state: State
) -> None:
    row = replace(QUEUED, state=state)
    calls.record(row, []).result(LIMIT)
    assert not calls.claim(claimed("ann"), [event("call_pickup")]).result(LIMIT)
    assert calls.find("call-1") == row
    assert log(database) == []


def test_a_claim_of_a_queued_call_that_has_an_owner_writes_nothing(
    calls: Calls, database: Database
) -> None:
    """There should be none; the one UPDATE does not rely on that."""
    calls.record(replace(QUEUED, assigned_to="zoe"), []).result(LIMIT)
    assert not calls.claim(claimed("ann"), [event("call_pickup")]).result(LIMIT)
    assert log(database) == []


def test_a_claim_of_a_call_that_is_not_on_record_writes_nothing(
    calls: Calls, database: Database
) -> None:
    assert not calls.claim(claimed("ann"), [event("call_pickup")]).result(LIMIT)
    assert calls.live() == []
    assert log(database) == []


def test_of_many_claims_at_once_exactly_one_wins(calls: Calls, database: Database) -> None:
    agents = [f"agent-{number}" for number in range(16)]
    together = Barrier(len(agents))

    def claim(agent: str) -> bool:
        together.wait(LIMIT)
        return calls.claim(claimed(agent), [event(f"won by {agent}")]).result(LIMIT)

    calls.record(QUEUED, []).result(LIMIT)
    with ThreadPoolExecutor(len(agents)) as pool:
        won = dict(zip(agents, pool.map(claim, agents), strict=True))
    winners = [agent for agent, has in won.items() if has]
    assert len(winners) == 1
    assert calls.find("call-1") == claimed(winners[0])
    assert [name for _, name in log(database)] == [f"won by {winners[0]}"]


def test_of_two_processes_claiming_one_wins(calls: Calls, tmp_path: Path) -> None:
    other_database = Database(tmp_path / "calls.db")
    other_database.open()
    other = Calls(other_database, "node-b")
    calls.record(QUEUED, []).result(LIMIT)
    first, second = calls.claim(claimed("ann"), []), other.claim(claimed("bob"), [])
    assert sorted([first.result(LIMIT), second.result(LIMIT)]) == [False, True]
    other_database.close()


@pytest.mark.parametrize("second", CURRENT)
@pytest.mark.parametrize("first", CURRENT)
def test_no_agent_is_ever_in_two_calls(calls: Calls, first: State, second: State) -> None:
    calls.record(replace(QUEUED, state=first, assigned_to="ann"), []).result(LIMIT)
    other = replace(QUEUED, id="call-2", state=second, assigned_to="ann")
    with pytest.raises(sqlite3.IntegrityError, match="assigned_to"):
        calls.record(other, []).result(LIMIT)
    assert calls.find("call-2") is None


@pytest.mark.parametrize("state", [State.PARKED, State.HUNGUP])
def test_an_agent_may_own_any_number_of_calls_she_is_not_in(calls: Calls, state: State) -> None:
    calls.record(replace(QUEUED, state=State.SPEAKING, assigned_to="ann"), []).result(LIMIT)
    for name in ("call-2", "call-3"):
        calls.record(replace(QUEUED, id=name, state=state, assigned_to="ann"), []).result(LIMIT)
    assert calls.find("call-3") is not None


@pytest.mark.parametrize("taken_back", [True, False])
def test_what_rests_on_a_claim_that_was_taken_back_is_written_as_without_it(
    calls: Calls, database: Database, taken_back: bool
) -> None:
    calls.record(QUEUED, [event("queue_join")]).result(LIMIT)
    if not taken_back:
        assert calls.claim(claimed("ann"), [event("call_pickup")]).result(LIMIT)
    after = replace(claimed("ann"), state=State.HUNGUP)
    without = replace(QUEUED, state=State.HUNGUP)
    otherwise = Otherwise(State.QUEUED, without, [event("queue_leave"), event("call_hangup")])
    calls.record(after, [event("call_hangup")], None, otherwise).result(LIMIT)
    row = calls.find(QUEUED.id)
    assert row == (without if taken_back else after)
    told = [name for _, name in log(database)]
    there = ["queue_leave"] if taken_back else ["call_pickup"]
    assert told == ["queue_join", *there, "call_hangup"]


@pytest.mark.parametrize("taken_back", [True, False])
def test_what_rests_on_a_row_that_was_taken_back_leaves_none(
    calls: Calls, database: Database, taken_back: bool
) -> None:
    ringing = replace(QUEUED, state=State.RINGING, inbound=False)
    if not taken_back:
        calls.record(ringing, [event("call_state")]).result(LIMIT)
    after = replace(ringing, state=State.HUNGUP)
    otherwise = Otherwise(None, None, [event("call_hangup")])
    calls.record(after, [event("call_hangup")], None, otherwise).result(LIMIT)
    assert calls.find(QUEUED.id) == (None if taken_back else after)
    assert [name for _, name in log(database)][-1:] == ["call_hangup"]


def test_a_key_is_used_once_by_each_agent(calls: Calls) -> None:
    key = KeyRecord("ann", "key-1", "call-1", "extension=100", 1)
    calls.record(QUEUED, [], key).result(LIMIT)
    calls.record(QUEUED, [], replace(key, agent_id="bob")).result(LIMIT)
    with pytest.raises(sqlite3.IntegrityError):
        calls.record(QUEUED, [], key).result(LIMIT)
    assert calls.used_key("ann", "key-1") == key
    assert calls.used_key("ann", "key-2") is None


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_seconds = st.none() | st.integers(0, 2**40)
_calls = st.builds(
    Call,
    id=st.uuids().map(str),
    # Such as may stand beside each other for one agent.
    state=st.sampled_from([state for state in State if state not in CURRENT]),
    inbound=st.booleans(),
    destination=_text,
    caller_id=_text,
    organization_id=st.integers(-(10**9), 10**9),
    arrival=st.floats(0, 2**40, allow_nan=False),
    caller_name=_text,
    b_leg=st.none() | _text,
    assigned_to=st.none() | _text,
    locked=st.booleans(),
    priority=st.integers(-(10**9), 10**9),
    head=st.booleans(),
    cm_id=st.none() | st.integers(0, 10**17),
    context=_text,
    music=_text,
    answered_at=_seconds,
    bridged_at=_seconds,
    parked_at=_seconds,
    ended_at=_seconds,
    hangup_cause=st.none() | _text,
    handled_by=st.lists(_text, max_size=4).map(tuple),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_calls)
def test_every_call_comes_back_from_its_row_as_it_was(shared: Database, call: Call) -> None:
    calls = Calls(shared, "node-a")
    calls.record(call, [event("call_state", call)]).result(LIMIT)
    assert calls.find(call.id) == call
