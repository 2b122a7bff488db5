"""What the live streams are told (protocol §6): the event log, seen by each agent.

The law of this file: an event's call is as it was right after the change, its ``can`` is of the
moment it is told. What an event changes beyond its own call, the places in the queue and what an
agent who is suddenly busy, or free, can do with every other call, is told by ``calls``. So a
client that folds what it is told always ends with what the lists say: whatever changes ``can`` or
``position`` is followed by an event of that call or by a ``calls``.

But for :meth:`Feed.opened` and :meth:`Feed.closed` all is called by one thread, the streams'.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable

from fsapp.calls.agent import Agent
from fsapp.calls.guard import Situation, Subject
from fsapp.desk.board import AgentStatus, Board
from fsapp.desk.messages import FREE, Message, Moment, Update
from fsapp.desk.shown import places
from fsapp.store.agents import Agents
from fsapp.store.tail import Tail, Told

__all__ = ["Feed"]

log = logging.getLogger(__name__)

ANY = 2**63 - 1
PAGE = 200
"""How many events are read at a time."""


class Feed:
    """The event log from now on, and what goes with it. ``wake`` is told that there is more."""

    def __init__(self, board: Board, tail: Tail, agents: Agents) -> None:
        self._board = board
        self._tail = tail
        self._agents = agents
        self._version = -1
        self._roll: object = None
        self._lock = threading.Lock()
        self._changed: set[str] = set()
        self._due: set[str] = set()
        self._situations: dict[str, Situation] = {}
        self._standing: dict[str, tuple[Situation, frozenset[Subject]]] = {}
        self._places: dict[str, int] = {}
        """Each queued call's place, as the streams were told."""
        self.last = 0
        """The number of the event told last."""
        self._wake: Callable[[], None] = lambda: None
        board.changed = self._agents_changed

    def listen(self, wake: Callable[[], None]) -> None:
        """From now on; ``wake`` is called on whichever thread has changed something."""
        self.last = self._tail.newest()
        self._wake = wake

    def committed(self) -> None:
        """The writer has committed: there may be events."""
        self._wake()

    def opened(self, agent: Agent) -> None:
        """She has one more stream open."""
        with self._board.turn():
            self._board.presence.stream_opened(agent)

    def closed(self, agent: Agent) -> None:
        """One of her streams has ended."""
        with self._board.turn():
            self._board.presence.stream_closed(agent)

    def next(self) -> list[Message]:
        """The events since the last that was told, none when there are no more yet."""
        try:
            rows = self._tail.read(self.last, ANY, PAGE)
        except sqlite3.Error as error:
            # Nothing is lost: they are read when the file can be read again.
            log.warning("events cannot be read: %s", error)
            return []
        for row in rows:
            if row.call_id is not None:
                self._places[row.call_id] = json.loads(row.document)["position"]
            self.last = row.number
        return self._messages(rows)

    def replay(self, after: int) -> list[Message]:
        """Events above ``after`` that were told already, some at a time."""
        return self._messages(self._tail.read(after, self.last, PAGE))

    def complete_after(self, number: int) -> bool:
        """Whether all that was told after this event is still there to be told again."""
        return self._tail.oldest() <= number + 1

    def roll(self) -> object:
        """Changes when an agent is added, removed or changed, also by another process."""
        try:
            version = self._tail.version()
            if version != self._version:
                self._roll = self._agents.roll()
                self._version = version
        except sqlite3.Error as error:
            log.warning("agents cannot be read: %s", error)
        return self._roll

    def update(self) -> Update | None:
        """What else has changed since the last update; ``None`` when nothing has."""
        moment = self._look()
        order = places(list(moment.subjects.values()))
        moved = {call_id for call_id, place in order.items() if self._places.get(call_id) != place}
        self._places = dict(order)
        due, self._due = self._due, set()
        return Update(moment, order, moved, due) if moved or due else None

    def everything(self, agent: Agent) -> bytes:
        """``calls`` with every live call she may see."""
        moment = self._look()
        order = places(list(moment.subjects.values()))
        return Update(moment, order, set(), set()).whole(agent)

    def reset(self) -> bytes:
        """The event that tells a client to read the lists again."""
        moment = int(self._board.clock.now())
        data = f'{{"event":"reset","timestamp":"{moment}"}}'
        return f"id: {self.last}\nevent: reset\ndata: {data}\n\n".encode()

    def _agents_changed(self, agents: Iterable[str]) -> None:
        with self._lock:
            self._changed.update(agents)
        self._wake()

    def _messages(self, rows: list[Told]) -> list[Message]:
        if not rows:
            return []
        moment = self._look({row.call_id for row in rows if row.call_id})
        return [Message(row, moment) for row in rows]

    def _look(self, wanted: set[str] | None = None) -> Moment:
        """The live calls (or those ``wanted``) as they are; with them, who has changed.

        After the rows were read, never before: what is on the board then is as new as they are.
        """
        with self._lock:
            changed, self._changed = self._changed, set()
        board = self._board
        with board.turn():
            for agent_id in changed & board.agents.keys():
                self._look_at(board.agents[agent_id])
            ids = board.calls.keys() if wanted is None else wanted & board.calls.keys()
            subjects = {call_id: board.calls[call_id].subject for call_id in ids}
        return Moment(board.clock.now(), subjects, self._situations)

    def _look_at(self, status: AgentStatus) -> None:
        """What decides about her other calls, too: whether it is another than before."""
        agent_id = status.agent.id
        situation = self._board.situation(status.agent)
        own = frozenset(live.subject for live in self._board.owned(agent_id))
        if self._standing.get(agent_id, (FREE, frozenset())) != (situation, own):
            self._standing[agent_id] = (situation, own)
            self._situations[agent_id] = situation
            self._due.add(agent_id)
