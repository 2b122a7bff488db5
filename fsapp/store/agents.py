"""Agents and their tokens.

The law of this file: a token is 256 random bits, told once to whoever adds the agent; only its
SHA-256 is kept, and it is never logged (protocol §2). A removed agent keeps her row, because
calls and events name her, but has no token and is in no list.

There is no cache of tokens: finding an agent by the indexed hash costs about 10 µs, asking SQLite
whether anything was written since costs 3 µs, and during a shift something always was.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache
from hashlib import sha256
from typing import Any

import sqlite_utils

from fsapp.calls.agent import Agent
from fsapp.store.database import Database, fetched
from fsapp.store.writer import Written

__all__ = ["AgentExists", "Agents", "UnknownAgent"]

_TOKEN_BYTES = 32
_WAIT_SECONDS = 10.0
_COLUMNS = (
    "id, name, phone, role, organizations, token_hash, paused, pause_reason, state_since, revision"
)
_ADD = (
    "INSERT INTO agents (id, name, phone, role, organizations, token_hash, state_since) "
    "VALUES (:id, :name, :phone, :role, :organizations, :token_hash, :now) "
    # Added again after she was removed: she starts afresh.
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, phone = excluded.phone, "
    "role = excluded.role, organizations = excluded.organizations, "
    "token_hash = excluded.token_hash, state_since = excluded.state_since, "
    "paused = 0, pause_reason = NULL, removed_at = NULL, revision = revision + 1 "
    "WHERE removed_at IS NOT NULL"
)

Also = Callable[[sqlite_utils.Database, Agent], None]
"""What else belongs into the same transaction, given the agent as she is after the change."""


class AgentExists(Exception):
    """There is an agent of this id already."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"agent {agent_id} exists already")


class UnknownAgent(Exception):
    """There is no agent of this id."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"agent {agent_id} does not exist")


class Agents:
    """The agents of one database. Reads use the calling thread's own connection."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def add(self, agent: Agent) -> str:
        """Adds her and answers her token. Raises :class:`AgentExists`."""
        token = _new_token()
        row = {
            "id": agent.id,
            "name": agent.name,
            "phone": agent.phone,
            "role": agent.role,
            "organizations": json.dumps(sorted(agent.organizations)),
            "token_hash": _hash(token),
            "now": int(self._clock()),
        }

        def write(database: sqlite_utils.Database) -> None:
            if database.execute(_ADD, row).rowcount != 1:
                raise AgentExists(agent.id)

        self._database.submit(write).result(_WAIT_SECONDS)
        return token

    def reissue(self, agent_id: str) -> str:
        """Gives her a new token; the old one is void at once. Raises :class:`UnknownAgent`."""
        token = _new_token()
        self._change(agent_id, {"token_hash": _hash(token)}).result(_WAIT_SECONDS)
        return token

    def change(
        self,
        agent_id: str,
        *,
        name: str | None = None,
        phone: str | None = None,
        role: str | None = None,
        organizations: frozenset[int] | None = None,
    ) -> None:
        """Changes what is given; her token stays. Raises :class:`UnknownAgent`."""
        served = None if organizations is None else json.dumps(sorted(organizations))
        given = {"name": name, "phone": phone, "role": role, "organizations": served}
        changes = {column: value for column, value in given.items() if value is not None}
        self._change(agent_id, changes).result(_WAIT_SECONDS)

    def remove(self, agent_id: str) -> None:
        """Removes her; her token is void at once. Raises :class:`UnknownAgent`."""
        change = {"token_hash": None, "removed_at": int(self._clock())}
        self._change(agent_id, change).result(_WAIT_SECONDS)

    def all(self) -> list[Agent]:
        """Every agent, by id."""
        return [_agent(row) for row in self._rows("removed_at IS NULL ORDER BY id")]

    def get(self, agent_id: str) -> Agent | None:
        rows = self._rows("id = ? AND removed_at IS NULL", agent_id)
        return next((_agent(row) for row in rows), None)

    def look_up(self, agent_id: str) -> Future[Agent | None]:
        """As :meth:`get`, for who may not wait: the writer's thread reads."""

        def read(database: sqlite_utils.Database) -> Agent | None:
            rows = _select(database, "id = ? AND removed_at IS NULL", agent_id)
            return next((_agent(row) for row in rows), None)

        return self._database.submit(read)

    def by_token(self, token: str) -> Agent | None:
        """Whose token it is, if anybody's."""
        wanted = _hash(token)
        for row in self._rows("token_hash = ? AND removed_at IS NULL", wanted):
            if hmac.compare_digest(row["token_hash"], wanted):
                return _agent(row)
        return None

    def roll(self) -> tuple[tuple[object, ...], ...]:
        """Who works here and with which token, to be compared with an earlier one."""
        query = "SELECT id, name, phone, role, organizations, token_hash FROM agents "
        rows = self._database.reader().execute(f"{query} WHERE removed_at IS NULL ORDER BY id")
        return tuple(rows.fetchall())

    def pause(self, agent_id: str, reason: str | None, also: Also | None = None) -> Written[Agent]:
        """Pauses her. The future has the agent once it, and ``also``, are committed, or
        :class:`UnknownAgent`. Who is paused for this very reason already stays so since when she
        is, and there is nothing more to tell."""
        change = {"paused": 1, "pause_reason": reason, "state_since": int(self._clock())}
        other = "paused = 0 OR pause_reason IS NOT :pause_reason"
        return self._change(agent_id, change, also, other)

    def resume(self, agent_id: str, also: Also | None = None) -> Written[Agent]:
        """Ends her pause; otherwise as :meth:`pause`."""
        change = {"paused": 0, "pause_reason": None, "state_since": int(self._clock())}
        return self._change(agent_id, change, also, "paused = 1")

    def _rows(self, where: str, *values: str) -> list[dict[str, Any]]:
        return self._database.query(f"SELECT {_COLUMNS} FROM agents WHERE {where}", values)

    def _change(
        self,
        agent_id: str,
        change: Mapping[str, object],
        also: Also | None = None,
        only_if: str = "1",
    ) -> Written[Agent]:
        """Writes the columns of ``change`` where ``only_if`` holds; answers the agent as she is
        then."""
        assignments = ", ".join(f"{column} = :{column}" for column in change)
        update = (
            f"UPDATE agents SET {assignments}, revision = revision + 1 "
            f"WHERE id = :id AND removed_at IS NULL AND ({only_if})"
        )

        def write(database: sqlite_utils.Database) -> Agent:
            changed = database.execute(update, {**change, "id": agent_id}).rowcount == 1
            # No longer there if it was just removed.
            where = "id = ?" if changed else "id = ? AND removed_at IS NULL"
            rows = _select(database, where, agent_id)
            if not rows:
                raise UnknownAgent(agent_id)
            agent = _agent(rows[0])
            if changed and also is not None:
                also(database, agent)
            return agent

        return self._database.submit(write)


def _select(database: sqlite_utils.Database, where: str, *values: str) -> list[dict[str, Any]]:
    return fetched(database, f"SELECT {_COLUMNS} FROM agents WHERE {where}", values)


def _agent(row: Mapping[str, Any]) -> Agent:
    return Agent(
        id=row["id"],
        name=row["name"],
        phone=row["phone"],
        role=row["role"],
        organizations=_organizations(row["organizations"]),
        paused=bool(row["paused"]),
        pause_reason=row["pause_reason"],
        paused_since=row["state_since"] if row["paused"] else None,
        revision=row["revision"],
    )


@lru_cache(maxsize=1024)
def _organizations(text: str) -> frozenset[int]:
    return frozenset(json.loads(text))


def _new_token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _hash(token: str) -> str:
    # No salt and no slow hash: 256 random bits cannot be guessed from a table.
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
