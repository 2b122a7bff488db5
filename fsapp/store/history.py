"""The history: ended calls by page, a call's events, a day's figures; and what is too old, removed.

The law of this file: every question names the organizations it may see (``None``: all, for whoever
holds the database itself). A page is found by the place where the last one ended, never by
counting, so that calls which end meanwhile neither repeat nor hide one. Only what has ended is
removed, a few calls at a time, so that no other change waits long for its turn.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlite_utils

from fsapp.calls.call import Call
from fsapp.store.calls import call_from
from fsapp.store.database import Database
from fsapp.store.writer import WriterStopped

__all__ = ["Figures", "Filters", "History", "Place"]

_ENDED = "state = 'hungup'"
_FILTERS = {
    "since": "arrival >= :since",
    "until": "arrival < :until",
    "inbound": "inbound = :inbound",
    "outcome": "outcome = :outcome",
    "number": "(caller_id = :number OR destination = :number)",
    # An agent's id has no quotes in it: in the JSON list it stands between two.
    "agent": "instr(handled_by, '\"' || :agent || '\"') > 0",
}
_AFTER = "(arrival, id) < (:arrival, :id)"
_NEWEST_FIRST = "ORDER BY arrival DESC, id DESC LIMIT :limit"
_SERVED = "organization_id IN (SELECT value FROM json_each(:organizations))"
_SEPARATELY = 100
"""Up to so many organizations are read each from its own stretch of the index."""

_OF_THE_DAY = (
    "SELECT organization_id, arrival, outcome, waited, handled_by, {overflowed} AS overflowed "
    "FROM calls WHERE {which} AND inbound = 1 AND arrival >= :since AND arrival <= :until "
    f"AND {_SERVED}"
)
_FIGURES = f"""
    SELECT organization_id, CAST((arrival - :since) / :step AS INTEGER) AS step,
        count(*) AS offered, sum(handled_by <> '[]') AS answered,
        sum(handled_by = '[]' AND overflowed) AS overflowed,
        sum(handled_by = '[]' AND outcome IS 'abandoned') AS abandoned,
        count(waited) AS waits, total(waited) AS waited, max(waited) AS waited_longest
    FROM (
        {_OF_THE_DAY.format(which=_ENDED, overflowed="outcome = 'overflowed'")}
        UNION ALL
        {_OF_THE_DAY.format(which="state <> 'hungup'", overflowed="overflowed_at IS NOT NULL")}
    ) GROUP BY organization_id, step ORDER BY organization_id, step
"""
_MANY_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: its last call."""

    arrival: float
    id: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Which ended calls; ``None`` means whichever. ``since`` (included) and ``until`` (not
    included) are Unix seconds of the arrival; ``number`` is the caller's or the one dialled."""

    since: float | None = None
    until: float | None = None
    agent: str | None = None
    inbound: bool | None = None
    outcome: str | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the inbound calls of one organization that arrived in one step: how many came, were
    answered, abandoned and sent on; how many waits are over, their sum and the longest one in
    seconds."""

    organization_id: int
    step: int
    offered: int
    answered: int
    overflowed: int
    abandoned: int
    waits: int
    waited: float
    waited_longest: int | None


class History:
    """Reads on the calling thread's own connection; removes through the writer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, limit: float) -> None:
        """Waits until what was handed to the writer before is on record, at most ``limit`` seconds:
        a database in trouble can still be read."""
        with suppress(TimeoutError, sqlite3.Error, WriterStopped):
            self._database.submit(lambda _: None).result(limit)

    def page(
        self,
        filters: Filters,
        organizations: Collection[int] | None,
        limit: int,
        after: Place | None = None,
    ) -> tuple[list[Call], Place | None]:
        """Up to ``limit`` ended calls, newest arrival first, and where the next page begins."""
        if organizations is not None and not organizations:
            return [], None
        values: dict[str, Any] = {
            name: getattr(filters, name) for name in _FILTERS if getattr(filters, name) is not None
        }
        where = [_ENDED, *(_FILTERS[name] for name in values)]
        if after is not None:
            where.append(_AFTER)
            values.update(arrival=after.arrival, id=after.id)
        ids = _ids(" AND ".join(where), organizations, values)
        query = (
            f"SELECT calls.* FROM ({ids}) AS page JOIN calls USING (id) "
            "ORDER BY page.arrival DESC, page.id DESC"
        )
        rows = self._database.query(query, {**values, "limit": limit + 1})
        calls = [call_from(row) for row in rows[:limit]]
        more = len(rows) > limit
        return calls, Place(calls[-1].arrival, calls[-1].id) if more else None

    def events(
        self, call_id: str, organizations: Collection[int] | None
    ) -> list[tuple[str, float, dict[str, Any]]]:
        """A call's events in order: name, Unix seconds, the call object after it."""
        where, values = "call_id = :call_id", {"call_id": call_id}
        if organizations is not None:
            where += f" AND {_SERVED}"
            values["organizations"] = json.dumps(sorted(organizations))
        query = f"SELECT name, timestamp, document FROM events WHERE {where} ORDER BY number"
        rows = self._database.query(query, values)
        return [(row["name"], row["timestamp"], json.loads(row["document"])) for row in rows]

    def figures(
        self, organizations: Collection[int], since: float, until: float, step: float
    ) -> list[Figures]:
        """The figures of each organization and step of ``step`` seconds in which calls came, from
        ``since`` to ``until``, both included."""
        values = {
            "organizations": json.dumps(sorted(organizations)),
            "since": since,
            "until": until,
            "step": step,
        }
        return [Figures(**row) for row in self._database.query(_FIGURES, values)]

    def remove(self, before: float, limit: int) -> Future[int]:
        """Removes up to ``limit`` calls that ended before a moment (Unix seconds), with their
        events and keys, and events of agents as old. The future has how many rows went."""

        def write(database: sqlite_utils.Database) -> int:
            old = f"SELECT id FROM calls WHERE {_ENDED} AND ended_at < ? ORDER BY ended_at LIMIT ?"
            ids = [row[0] for row in database.execute(old, [before, limit]).fetchall()]
            return _remove_calls(database, ids) + _remove_agent_events(database, before)

        return self._database.submit(write)


def _ids(where: str, organizations: Collection[int] | None, values: dict[str, Any]) -> str:
    """The query for a page's ids; adds the organizations to ``values``."""
    one = f"SELECT id, arrival FROM calls WHERE {where}"
    if organizations is None:
        return f"{one} {_NEWEST_FIRST}"
    if len(organizations) > _SEPARATELY:
        values["organizations"] = json.dumps(sorted(organizations))
        return f"{one} AND {_SERVED} {_NEWEST_FIRST}"
    # One after the other in index order, and then merged: an organization with few calls is not
    # looked for among all the others'.
    parts = []
    for place, number in enumerate(sorted(organizations)):
        values[f"organization{place}"] = number
        chosen = f"organization_id = :organization{place}"
        parts.append(f"SELECT * FROM ({one} AND {chosen} {_NEWEST_FIRST})")
    return f"{' UNION ALL '.join(parts)} {_NEWEST_FIRST}"


def _remove_calls(database: sqlite_utils.Database, ids: list[str]) -> int:
    removed = 0
    chosen = {"ids": json.dumps(ids)}
    for table, column in (("events", "call_id"), ("idempotency", "call_id"), ("calls", "id")):
        statement = f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(:ids))"
        removed += database.execute(statement, chosen).rowcount
    return removed


def _remove_agent_events(database: sqlite_utils.Database, before: float) -> int:
    """Events of no call; the oldest stand first, so that none is looked at in vain."""
    oldest = "SELECT number, timestamp FROM events WHERE call_id IS NULL ORDER BY number LIMIT ?"
    old = f"SELECT number FROM ({oldest}) WHERE timestamp < ?"
    statement = f"DELETE FROM events WHERE number IN ({old})"
    return database.execute(statement, [_MANY_EVENTS, before]).rowcount
