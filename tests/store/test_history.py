"""The history: pages, filters, figures, and what is removed without touching the rest."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fsapp.calls.call import Call, State
from fsapp.store import writer
from fsapp.store.calls import Calls, Event, KeyRecord
from fsapp.store.database import Database
from fsapp.store.history import Filters, History, Place
from fsapp.store.tail import Tail

LIMIT = 10.0
ANY = Filters()
ENDED = Call(
    "call-1",
    State.HUNGUP,
    True,
    "5900",
    "2045550100",
    1,
    1000.5,
    ended_at=1060,
    hangup_cause="NORMAL_CLEARING",
    handled_by=("ann",),
    waited=9,
    outcome="answered",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "history.db")
    database.open()
    yield database
    database.close()


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database, "node-a")


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


def event(name: str, call: Call, moment: float = 1000.5) -> Event:
    return Event(name, moment, call.document(), call.organization_id, call.id)


def record(calls: Calls, *recorded: Call) -> None:
    for call in recorded[:-1]:
        calls.record(call, [event("call_hangup", call)])
    calls.record(recorded[-1], [event("call_hangup", recorded[-1])]).result(LIMIT)


def many(count: int, organizations: Sequence[int] = (1, 2, 3)) -> list[Call]:
    """Ended calls, several at one moment, in no order."""
    made = [
        replace(
            ENDED,
            id=f"call-{number:04}",
            arrival=1000.0 + number // 3 / 4,
            organization_id=organizations[number % len(organizations)],
        )
        for number in range(count)
    ]
    random.Random(7).shuffle(made)
    return made


def all_pages(
    history: History, organizations: set[int] | None, limit: int, filters: Filters = ANY
) -> list[str]:
    found, place = history.page(filters, organizations, limit)
    ids = [call.id for call in found]
    while place is not None:
        assert len(found) == limit
        found, place = history.page(filters, organizations, limit, place)
        ids += [call.id for call in found]
    return ids


def newest_first(calls: Sequence[Call], organizations: set[int]) -> list[str]:
    mine = [call for call in calls if call.organization_id in organizations]
    return [call.id for call in sorted(mine, key=lambda c: (c.arrival, c.id), reverse=True)]


@pytest.mark.parametrize("limit", [1, 7, 60, 1000])
@pytest.mark.parametrize("organizations", [{1}, {1, 2}, {1, 2, 3}, {2, 9}, set(range(1, 200))])
def test_pages_together_are_every_call_of_the_organizations_once_newest_first(
    calls: Calls, history: History, limit: int, organizations: set[int]
) -> None:
    made = many(60)
    record(calls, *made)
    assert all_pages(history, organizations, limit) == newest_first(made, organizations)


def test_no_organization_sees_no_call_and_all_are_seen_only_when_asked_for(
    calls: Calls, history: History
) -> None:
    made = many(9)
    record(calls, *made)
    assert history.page(Filters(), set(), 100) == ([], None)
    assert all_pages(history, None, 4) == newest_first(made, {1, 2, 3})


def test_calls_that_end_while_one_reads_neither_repeat_nor_hide_one(
    calls: Calls, history: History
) -> None:
    made = many(30, organizations=(1,))
    record(calls, *made)
    found, place = history.page(Filters(), {1}, 10)
    ids = [call.id for call in found]
    while place is not None:
        record(calls, replace(ENDED, id=f"new-{len(ids)}", arrival=5000.0 + len(ids)))
        found, place = history.page(Filters(), {1}, 10, place)
        ids += [call.id for call in found]
    assert ids == newest_first(made, {1})


def test_what_is_on_its_way_to_the_disk_is_waited_for(
    calls: Calls, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "COMPANY_SECONDS", 60.0)
    calls.record(ENDED, [])
    assert history.page(Filters(), {1}, 10) == ([], None)
    history.settle(30.0)
    assert [call.id for call in history.page(Filters(), {1}, 10)[0]] == [ENDED.id]


def test_live_calls_are_not_in_the_history(calls: Calls, history: History) -> None:
    live = replace(ENDED, state=State.QUEUED, ended_at=None, outcome=None, handled_by=())
    record(calls, live)
    assert history.page(Filters(), {1}, 10) == ([], None)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), "edcba"),
        (Filters(since=1002.0), "edc"),
        (Filters(until=1002.0), "ba"),
        (Filters(since=1001.0, until=1003.0), "cb"),
        (Filters(agent="ann"), "ea"),
        (Filters(agent="an"), ""),
        (Filters(agent="bob"), "eb"),
        (Filters(inbound=True), "edba"),
        (Filters(inbound=False), "c"),
        (Filters(outcome="abandoned"), "d"),
        (Filters(number="2045550100"), "edba"),
        (Filters(number="1142"), "c"),
        (Filters(number="204"), ""),
        (Filters(agent="bob", until=1002.0), "b"),
    ],
    ids=str,
)
def test_each_filter(calls: Calls, history: History, filters: Filters, found: str) -> None:
    record(
        calls,
        replace(ENDED, id="a", arrival=1000.0),
        replace(ENDED, id="b", arrival=1001.0, handled_by=("bob",)),
        replace(
            ENDED,
            id="c",
            arrival=1002.0,
            inbound=False,
            caller_id="1101",
            destination="1142",
            handled_by=("anna",),
        ),
        replace(ENDED, id="d", arrival=1003.0, outcome="abandoned", handled_by=()),
        replace(ENDED, id="e", arrival=1004.0, handled_by=("bob", "ann")),
    )
    page, _ = history.page(filters, {1, 2}, 10)
    assert "".join(call.id for call in page) == found


def test_a_page_is_read_from_the_index_alone_until_it_is_known(
    calls: Calls, database: Database, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(calls, *many(50))
    reader, asked = database.reader(), []
    execute = reader.execute
    monkeypatch.setattr(reader, "execute", lambda *what: asked.append(what) or execute(*what))
    history.page(Filters(since=1.0, agent="ann", number="x"), {1, 2}, 10, Place(1e9, "x"))
    ((sql, values),) = asked
    plan = [row["detail"] for row in reader.query(f"EXPLAIN QUERY PLAN {sql}", values)]
    looked = [step for step in plan if "calls" in step]
    assert [step for step in looked if "COVERING INDEX history (organization_id=?" in step]
    assert all("COVERING INDEX history" in step or "PRIMARY KEY" in step for step in looked)
    assert not any(step.startswith("SCAN calls") for step in plan)


def test_a_calls_events_come_in_order_with_their_objects(calls: Calls, history: History) -> None:
    calls.record(ENDED, [event("call_offer", ENDED, 1.0), event("queue_join", ENDED, 2.0)])
    calls.record(replace(ENDED, id="other"), [event("call_offer", replace(ENDED, id="other"))])
    calls.tell(event("call_hangup", ENDED, 3.5)).result(LIMIT)
    events = history.events("call-1", {1})
    assert history.events("call-1", None) == events
    assert history.events("call-1", {2, 3}) == []
    assert [(name, moment) for name, moment, _ in events] == [
        ("call_offer", 1.0),
        ("queue_join", 2.0),
        ("call_hangup", 3.5),
    ]
    assert events[0][2] == ENDED.document()


def test_figures_count_ended_and_live_inbound_calls_by_organization_and_step(
    calls: Calls, history: History
) -> None:
    live = replace(
        ENDED, state=State.QUEUED, ended_at=None, outcome=None, handled_by=(), waited=None
    )
    record(
        calls,
        replace(ENDED, id="a", arrival=1000.0, waited=10),
        replace(ENDED, id="b", arrival=1899.9, waited=30, outcome="transferred"),
        replace(ENDED, id="c", arrival=1001.0, waited=5, outcome="abandoned", handled_by=()),
        replace(ENDED, id="d", arrival=1002.0, waited=7, outcome="overflowed", handled_by=()),
        replace(live, id="e", arrival=1003.0),
        replace(live, id="f", arrival=1004.0, handled_by=("bob",), waited=8),
        replace(live, id="g", arrival=1005.0, state=State.TRANSFERRED, overflowed_at=1, waited=2),
        replace(ENDED, id="h", arrival=1900.0, waited=1),
        replace(ENDED, id="i", arrival=1000.0, organization_id=2),
        replace(ENDED, id="j", arrival=1000.0, organization_id=3),
        replace(ENDED, id="k", arrival=1000.0, inbound=False, waited=None),
        replace(ENDED, id="l", arrival=999.9),
        replace(ENDED, id="m", arrival=2800.0),
    )
    figures = history.figures({1, 2}, 1000.0, 2799.9, 900.0)
    assert [(one.organization_id, one.step) for one in figures] == [(1, 0), (1, 1), (2, 0)]
    first = figures[0]
    assert (first.offered, first.answered, first.abandoned, first.overflowed) == (7, 3, 1, 2)
    assert (first.waits, first.waited, first.waited_longest) == (6, 62.0, 30)


def test_what_ended_too_long_ago_goes_with_its_events_and_keys_and_nothing_else(
    calls: Calls, history: History, database: Database
) -> None:
    old, young = replace(ENDED, id="old"), replace(ENDED, id="young", ended_at=2000)
    live = replace(ENDED, id="live", state=State.PARKED, ended_at=None, outcome=None)
    for call in (old, young, live):
        key = KeyRecord("ann", call.id, call.id, "extension=100", 1)
        calls.record(call, [event("call_offer", call, 1.0)], key)
    calls.tell(Event("agent_state", 999.0, {}, agent_id="ann"))
    calls.tell(Event("agent_state", 1500.0, {}, agent_id="ann")).result(LIMIT)
    assert history.remove(1500.0, 100).result(LIMIT) == 4
    assert history.remove(1500.0, 100).result(LIMIT) == 0
    assert calls.find("old") is None
    assert history.events("old", None) == []
    assert calls.used_key("ann", "old") is None
    for call in (young, live):
        assert calls.find(call.id) == call
        assert len(history.events(call.id, None)) == 1
        assert calls.used_key("ann", call.id) is not None
    rows = database.reader().execute("SELECT timestamp FROM events WHERE call_id IS NULL")
    assert rows.fetchall() == [(1500.0,)]


def test_up_to_which_number_events_are_missing_is_known(
    calls: Calls, history: History, database: Database
) -> None:
    """The live call's event is older than what was removed, and is kept."""
    tail = Tail(database)
    record(calls, replace(ENDED, id="live", state=State.PARKED, ended_at=None, outcome=None))
    record(calls, replace(ENDED, id="old"), replace(ENDED, id="young", ended_at=2000))
    assert tail.oldest() == 1
    history.remove(1500.0, 100).result(LIMIT)
    assert tail.oldest() == 3
    assert len(history.events("live", None)) == 1


def test_the_longest_ended_go_first_and_not_too_many_at_once(
    calls: Calls, history: History
) -> None:
    record(calls, *(replace(ENDED, id=f"c{n}", ended_at=2000 - n) for n in range(5)))
    assert history.remove(3000.0, 2).result(LIMIT) == 4
    assert all_pages(history, {1}, 10) == ["c2", "c1", "c0"]
