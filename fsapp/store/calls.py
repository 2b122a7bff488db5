"""Calls and the event log, written together (protocol §6).

The law of this file: a call's row and the events that tell of its change are written by one
job, hence in one transaction; nobody writes one without the other. A claim is one conditional
UPDATE, and whoever changed one row has won.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlite_utils

from fsapp.calls.call import Call, State
from fsapp.store.database import Database, fetched
from fsapp.store.writer import Written

__all__ = ["Calls", "Event", "KeyRecord", "Otherwise", "call_from"]

_COLUMNS = (
    "state", "inbound", "destination", "caller_id", "caller_name", "organization_id", "arrival",
    "b_leg", "assigned_to", "locked", "priority", "head", "cm_id", "context", "music",
    "answered_at", "bridged_at", "parked_at", "ended_at", "hangup_cause", "handled_by",
    "recall_at", "overflow_at", "overflowed_at",
    "waited", "outcome",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO calls (id, node, {', '.join(_COLUMNS)}) "
    f"VALUES (:id, :node, {', '.join(f':{name}' for name in _COLUMNS)}) "
    "ON CONFLICT (id) DO UPDATE SET node = excluded.node, "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
)
_CLAIM = (
    "UPDATE calls SET node = :node, "
    + ", ".join(f"{name} = :{name}" for name in _COLUMNS)
    + " WHERE id = :id AND state = 'queued' AND assigned_to IS NULL"
)
_LATELY = 10_000
_LATELY_ENDED = (
    "SELECT call_id FROM events WHERE name = 'call_hangup' "
    "AND number > (SELECT max(number) FROM events) - ?"
)
_EVENT = (
    "INSERT INTO events (name, timestamp, node, organization_id, call_id, agent_id, document) "
    "VALUES (:name, :timestamp, :node, :organization_id, :call_id, :agent_id, :document)"
)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log: ``document`` is the whole object *after* the change."""

    name: str
    timestamp: float
    document: Mapping[str, object]
    organization_id: int | None = None
    call_id: str | None = None
    agent_id: str | None = None

    def row(self, node: str, document: str) -> dict[str, object]:
        """The row; ``document`` is :attr:`document`, written out."""
        return {
            "name": self.name,
            "timestamp": self.timestamp,
            "node": node,
            "organization_id": self.organization_id,
            "call_id": self.call_id,
            "agent_id": self.agent_id,
            "document": document,
        }


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What an ``Idempotency-Key`` was used for: ``target`` is what was dialled."""

    agent_id: str
    key: str
    call_id: str
    target: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What a change is when the one before it was taken back and never put on record: the row then
    still has ``state`` (``None``: there is none), and ``call`` and ``events`` are written instead
    (``None``: no row)."""

    state: State | None
    call: Call | None
    events: Sequence[Event]


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Calls:
    """The calls of one ``node`` (the process that holds their sockets)."""

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node

    def record(
        self,
        call: Call,
        events: Sequence[Event],
        key: KeyRecord | None = None,
        otherwise: Otherwise | None = None,
    ) -> Written[None]:
        """Writes the call's row and the events that tell of its change."""

        def write(database: sqlite_utils.Database) -> None:
            if otherwise is not None and _state_of(database, call.id) == otherwise.state:
                self._write(database, otherwise.call, otherwise.events)
            else:
                self._write(database, call, events)
            if key is not None:
                database.table("idempotency").insert(asdict(key))

        return self._database.submit(write)

    def claim(self, call: Call, events: Sequence[Event]) -> Written[bool]:
        """Writes ``call``, as claimed, if its row is still queued and nobody's.

        The future answers whether it was; if not, nothing is written.
        """

        def write(database: sqlite_utils.Database) -> bool:
            won = database.execute(_CLAIM, self._row(call)).rowcount == 1
            if won:
                self.append(database, events)
            return won

        return self._database.submit(write)

    def tell(self, event: Event) -> Written[None]:
        """Appends one event that concerns no call's row (an agent's state)."""
        return self._database.submit(lambda database: self.append(database, [event]))

    def probe(self) -> Written[None]:
        """A change that changes nothing: on record when a real one could be."""
        return self._database.probe()

    def find(self, call_id: str) -> Call | None:
        """The call as last written, ended ones included."""
        rows = self._database.query("SELECT * FROM calls WHERE id = ?", [call_id])
        return next((call_from(row) for row in rows), None)

    def live(self) -> list[Call]:
        """Every call that had not ended when it was last written."""
        rows = self._database.query("SELECT * FROM calls WHERE state <> 'hungup'")
        return [call_from(row) for row in rows]

    def lately_ended(self) -> list[str]:
        """Ids of the calls whose end is among the newest events."""
        rows = fetched(self._database.reader(), _LATELY_ENDED, [_LATELY])
        return [str(row["call_id"]) for row in rows]

    def used_key(self, agent_id: str, key: str) -> KeyRecord | None:
        """What this agent used the key for, if she did."""
        rows = self._database.query(
            "SELECT * FROM idempotency WHERE agent_id = ? AND key = ?", [agent_id, key]
        )
        return next((KeyRecord(**row) for row in rows), None)

    def append(self, database: sqlite_utils.Database, events: Sequence[Event]) -> None:
        """Adds events to the log, inside the writer's job that changes what they tell of."""
        text, written = "", None
        for event in events:
            if event.document is not written:
                text, written = _compact(event.document), event.document
            database.execute(_EVENT, event.row(self._node, text))

    def _write(
        self, database: sqlite_utils.Database, call: Call | None, events: Sequence[Event]
    ) -> None:
        if call is not None:
            database.execute(_INSERT, self._row(call))
        self.append(database, events)

    def _row(self, call: Call) -> dict[str, object]:
        row: dict[str, object] = {name: getattr(call, name) for name in _COLUMNS}
        row["handled_by"] = json.dumps(call.handled_by)
        return {**row, "state": call.state.value, "id": call.id, "node": self._node}


def _state_of(database: sqlite_utils.Database, call_id: str) -> str | None:
    found = database.execute("SELECT state FROM calls WHERE id = ?", [call_id]).fetchone()
    return None if found is None else str(found[0])


def call_from(row: dict[str, Any]) -> Call:
    """The call of a row of the table."""
    fields = {name: row[name] for name in _COLUMNS}
    for name in ("inbound", "locked", "head"):
        fields[name] = bool(fields[name])
    fields["state"] = State(fields["state"])
    fields["handled_by"] = tuple(json.loads(fields["handled_by"]))
    return Call(id=row["id"], **fields)
