"""What the live streams are told (protocol §6): the event log, seen by each agent.

The law of this file: an event's call is as it was right after the change, its ``can`` is of the
moment it is told. What an event changes beyond its own call, the places in the queue and what an
agent who is suddenly busy, or free, can do with every other call, is told by ``calls``. So a
client that folds what it is told always ends with what the lists say: whatever changes ``can`` or
``position`` is followed by an event of that call or by a ``calls``.

All but :meth:`Feed.committed` is called by one thread, the streams'.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call
from fsapp.calls.guard import Situation, Subject
from fsapp.desk.board import AgentStatus, Board
from fsapp.desk.messages import FREE, Message, Moment, Update
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
        self._places: dict[int, dict[str, int | None]] = {}
        """Each queued call's place by its organization, as the streams were told."""
        self._told_of: set[int] = set()
        """Organizations whose places may be other than told, because an event told some."""
        self._listening = 0
        """How many streams there are."""
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
        self._listening += 1
        with self._board.turn():
            self._board.presence.stream_opened(agent)

    def closed(self, agent: Agent) -> None:
        """One of her streams has ended."""
        self._listening -= 1
        with self._board.turn():
            self._board.presence.stream_closed(agent)

    def newest(self) -> int:
        """The number of the last event on record, told or not. For any thread."""
        try:
            return self._tail.newest()
        except sqlite3.Error as error:
            log.warning("events cannot be read: %s", error)
            return self.last

    def skip(self) -> None:
        """Nobody has listened: what was is no news to who comes now and is told ``everything``."""
        try:
            self.last = self._tail.newest()
        except sqlite3.Error as error:
            # Then it is told as if she had been there: nothing is lost, it only takes longer.
            log.warning("events cannot be read: %s", error)
        self.update()

    def next(self) -> list[Message]:
        """The events since the last that was told, none when there are no more yet."""
        try:
            rows = self._tail.read(self.last, ANY, PAGE)
        except sqlite3.Error as error:
            # Nothing is lost: they are read when the file can be read again.
            log.warning("events cannot be read: %s", error)
            return []
        for row in rows:
            if row.call_id is not None and row.organization_id is not None:
                places = self._places.setdefault(row.organization_id, {})
                places[row.call_id] = json.loads(row.document)["position"]
                self._told_of.add(row.organization_id)
            self.last = row.number
        return self._messages(rows)

    def replay(self, after: int) -> list[Message]:
        """Events above ``after`` that were told already, some at a time."""
        return self._messages(self._tail.read(after, self.last, PAGE))

    def complete_after(self, number: int) -> bool:
        """Whether all that was told after this event is still there to be told again."""
        return self._tail.oldest() <= number + 1

    def untold(self) -> int:
        """How many events are on record that were not told yet. For any thread; raises
        ``sqlite3.Error``."""
        return max(0, self._tail.newest() - self.last)

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
        told_of, self._told_of = self._told_of, set()
        with self._board.turn():
            self._look_at_changed()
            due = {agent_id for agent_id in self._due if self._listens(agent_id)}
            self._due.clear()
            lines = self._board.lines
            changed = lines.moved() | told_of
            queues = {one: lines.queue({one}) for one in changed if self._listening}
            whole = self._moment(self._board.calls.keys() if due else ())
        for one in changed - queues.keys():
            self._places.pop(one, None)
        moved = {one: self._newly_placed(one, queue) for one, queue in queues.items()}
        moved = {one: places for one, places in moved.items() if places}
        return Update(whole, moved, due) if moved or due else None

    def everything(self, agent: Agent) -> bytes:
        """``calls`` with every live call she may see."""
        with self._board.turn():
            self._look_at_changed()
            lines = self._board.lines
            queues = {one: lines.queue({one}) for one in agent.organizations}
            moment = self._moment([live.call.id for live in lines.live(agent.organizations)])
        for one, queue in queues.items():
            self._heard_early(one, queue)
        return Update(moment, {}, set()).whole(agent)

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
        with self._board.turn():
            self._look_at_changed()
            moment = self._moment({row.call_id for row in rows if row.call_id})
        return [Message(row, moment) for row in rows]

    def _newly_placed(self, organization_id: int, queue: Sequence[Call]) -> dict[str, int]:
        """Whose place in this queue is another than was told; from here on it is told."""
        order = {call.id: place for place, call in enumerate(queue, 1)}
        told = self._places.get(organization_id, {})
        self._places[organization_id] = {**order}
        return {call_id: place for call_id, place in order.items() if told.get(call_id) != place}

    def _heard_early(self, organization_id: int, queue: Sequence[Call]) -> None:
        """Somebody knows these places before the others: what changes back is news to her."""
        told = self._places.setdefault(organization_id, {})
        for place, call in enumerate(queue, 1):
            if told.get(call.id) != place:
                told[call.id] = None

    def _moment(self, call_ids: Iterable[str]) -> Moment:
        """These calls as they are, those that live. In a turn.

        After the rows were read, never before: what is on the board then is as new as they are.
        """
        calls = self._board.calls
        subjects = {call_id: calls[call_id].subject for call_id in call_ids if call_id in calls}
        return Moment(self._board.clock.now(), subjects, self._situations)

    def _listens(self, agent_id: str) -> bool:
        status = self._board.agents.get(agent_id)
        return status is not None and status.streams > 0

    def _look_at_changed(self) -> None:
        """Who has changed since this was last called. In a turn."""
        with self._lock:
            changed, self._changed = self._changed, set()
        for agent_id in changed & self._board.agents.keys():
            self._look_at(self._board.agents[agent_id])

    def _look_at(self, status: AgentStatus) -> None:
        """What decides about her other calls, too: whether it is another than before."""
        agent_id = status.agent.id
        situation = self._board.situation(status.agent)
        own = frozenset(live.subject for live in self._board.owned(agent_id))
        if self._standing.get(agent_id, (FREE, frozenset())) != (situation, own):
            self._standing[agent_id] = (situation, own)
            self._situations[agent_id] = situation
            self._due.add(agent_id)
