"""What is known of live calls, agents' legs and agents, and the one lock around it.

The law of this file: *decide under the lock, act outside.* Everything that looks at the board
or changes it does so in a :meth:`Board.turn`. Inside a turn nothing waits: commands are only
queued on their connection and rows only handed to the writer, both in the order decided.
When the turn ends the lock is released first; then connections are written to and waiting
requests are answered.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.guard import Situation
from fsapp.calls.refusals import Refusal
from fsapp.calls.table import FOR_EVER, LEAVING, Facts, Happening, Limits, UnknownTransition, happen
from fsapp.desk.about import about
from fsapp.desk.causes import Causes
from fsapp.desk.clock import Clock
from fsapp.desk.lines import Lines
from fsapp.desk.live import Leg, LegPhase, LiveCall, Pending, Request
from fsapp.desk.presence import OFFLINE_AFTER, AgentStatus, Presence
from fsapp.desk.tally import Tally
from fsapp.store.calls import Calls, Event, KeyRecord, Otherwise
from fsapp.store.writer import Written
from fsapp.switch.connection import Connection, OnReply

__all__ = ["AgentStatus", "Board", "Leg", "LegPhase", "LiveCall", "Request", "Turn"]

log = logging.getLogger(__name__)


MANY = 10_000
"""How many ended calls are remembered against a connection of theirs that comes late."""


class Turn:
    """What one turn has decided, to be done once the lock is released."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._answers: list[tuple[Request, Refusal | None]] = []
        self.agents: set[str] = set()

    def post(self, connection: Connection, *commands: str, on_reply: OnReply | None = None) -> None:
        """Queues commands on a connection, in the order of the turns."""
        connection.post(*commands, on_reply=on_reply)
        if connection not in self._connections:
            self._connections.append(connection)

    def answer(self, request: Request | None, refusal: Refusal | None = None) -> None:
        """Answers a waiting request, once: done, or refused."""
        if request is not None and not request.answered:
            request.answered = True
            self._answers.append((request, refusal))

    def perform(self) -> None:
        for connection in self._connections:
            connection.flush()
        for request, refusal in self._answers:
            if refusal is None:
                request.outcome.set_result(None)
            else:
                request.outcome.set_exception(refusal)


class _InTurn:
    """A turn as a ``with`` statement. Every event and request has some; a generator in place of
    this class takes three times as long."""

    __slots__ = ("_board", "_turn")

    def __init__(self, board: Board) -> None:
        self._board = board

    def __enter__(self) -> Turn:
        self._turn = self._board.begin()
        return self._turn

    def __exit__(self, *_: object) -> None:
        self._board.end(self._turn)


class Board:
    """All that is live on this node."""

    def __init__(
        self,
        calls: Calls,
        clock: Clock,
        offline_after: float = OFFLINE_AFTER,
        limits: Limits = FOR_EVER,
    ) -> None:
        self._store = calls
        self.clock = clock
        self.tally = Tally()
        self.limits = limits
        """How long whoever is queued or put on hold from now on may wait."""
        self.watch: Callable[[LiveCall], None] = lambda _live: None
        """Told, in a turn, of every call that has changed or is taken in."""
        self._lock = threading.Lock()
        self._turn: Turn | None = None
        self.presence = Presence(self, clock, calls.tell, offline_after)
        self.calls: dict[str, LiveCall] = {}
        self.legs: dict[str, Leg] = {}
        self.jobs: dict[str, Callable[[Turn, str], None]] = {}
        """What to do with the result of a background job, by its id."""
        self.agents = self.presence.agents
        self.changed: Callable[[set[str]], None] = lambda _agents: None
        """Told after a turn whom it concerned, once its lock has been released."""
        self.causes = Causes()
        self.lines = Lines()
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._ended: dict[str, Call] = {}
        """Ended calls whose last row is still on its way to the disk."""
        self.looked: Future[None] | None = None
        """Done once what FreeSWITCH has was seen after a restart; ``None``: nothing to wait for."""
        self.reconciled = True
        """Whether what FreeSWITCH has was compared with what is on record (comparison.py)."""

    def turn(self) -> AbstractContextManager[Turn]:
        """The lock, and what follows once it is released."""
        return _InTurn(self)

    def begin(self) -> Turn:
        """Takes the lock; :meth:`turn` does, and gives it back."""
        turn = Turn()
        self._lock.acquire()
        self._turn = turn
        return turn

    def end(self, turn: Turn) -> None:
        """Gives the lock back, and does what follows."""
        try:
            try:
                self._turn = None
                self.presence.tell(turn.agents)
            finally:
                self._lock.release()
        finally:
            turn.perform()
            if turn.agents:
                self.changed(turn.agents)

    def happen(
        self,
        turn: Turn,
        live: LiveCall,
        happening: Happening,
        *,
        key: KeyRecord | None = None,
        at: float | None = None,
        **facts: Any,
    ) -> Written[None]:
        """One transition of the table: call, row and events. The future is the commit's.

        ``facts`` are the fields of :class:`fsapp.calls.table.Facts` but the time, which is ``at``
        (Unix seconds), or now.
        """
        before, known = live.call, self._facts(at, facts)
        events = self._change(turn, live, happening, known)
        words = happening.value, before.state, live.call.state
        log.info("%s, %s -> %s", *words, extra=about(live, before.assigned_to))
        otherwise = self._otherwise(live, happening, known)
        live.written = self._store.record(live.call, events, key, otherwise)
        if happening is Happening.DIAL:
            live.pending = Pending(live.written, before, None)
        return live.written

    def probe(self) -> Written[None]:
        """On record when a change could be."""
        return self._store.probe()

    def claim(self, turn: Turn, live: LiveCall, agent: Agent) -> Written[bool]:
        """The claim of a queued call: whoever changed one row has won."""
        before, known = live.call, self._facts(None, {"agent": agent.id})
        events = self._change(turn, live, Happening.CLAIM, known)
        log.info("claimed by %s", agent.id, extra=about(live))
        claim = self._store.claim(live.call, events)
        live.pending = Pending(claim, before, State.QUEUED)
        return claim

    def unclaim(self, turn: Turn, live: LiveCall) -> None:
        """Takes back a claim that was never put on record; there is nothing to tell."""
        assert live.pending is not None
        claimed, live.call, live.pending = live.call, live.pending.before, None
        self.lines.file(live, claimed, live.call)
        agent_id = claimed.assigned_to
        self.watch(live)
        turn.agents.update([agent_id] if agent_id else [])
        log.info("claim of %s taken back", agent_id, extra=about(live, agent_id))

    def offer(self, live: LiveCall) -> None:
        """A new inbound call: its row, and ``call_offer``."""
        self.calls[live.call.id] = live
        self.lines.file(live, None, live.call)
        self.tally.arrived(live.call)
        log.info("arrived at %s", live.call.destination, extra=about(live))
        live.written = self._store.record(live.call, self._events(["call_offer"], live.call))

    def plan(self, live: LiveCall) -> None:
        """An agent's call that is put on record only when its number is dialled."""
        self.adopt(live)
        self._store.tell(*self._events(["call_state"], live.call))

    def rebuild(self, live: LiveCall) -> None:
        """A call whose row is lost, as its channel tells of it: the row anew."""
        live.call = call = self.limits.applied(live.call, self.clock.now())
        self.adopt(live)
        log.warning("not on record; rebuilt from its channel as %s", call.state, extra=about(live))
        names = ["call_offer", *(["queue_join"] if call.state is State.QUEUED else [])]
        live.written = self._store.record(call, self._events(names, call))

    def correct(self, turn: Turn, live: LiveCall, call: Call) -> None:
        """What FreeSWITCH does with the call is not what is on record, and is true."""
        before = live.call
        log.warning("on record as %s; it is %s", before.state, call.state, extra=about(live))
        self.replace(live, self.limits.applied(call, self.clock.now()))
        self.watch(live)
        turn.agents.update(who for who in (before.assigned_to, call.assigned_to) if who)
        names = (*LEAVING.get(before.state, ()), "call_state")
        live.written = self._store.record(live.call, self._events(names, live.call))

    def remember_ended(self, call_ids: Iterable[str]) -> None:
        """Calls that ended under an earlier process: see :meth:`has_ended`."""
        self._recent.update(dict.fromkeys(call_ids))

    def withdraw(self, live: LiveCall) -> None:
        """Takes back a call that was never put on record; who has been told of it must know."""
        if self.calls.pop(live.call.id, None) is not None:
            self.lines.file(live, live.call, None)
            gone = replace(live.call, state=State.HUNGUP, ended_at=int(self.clock.now()))
            self._store.tell(*self._events(["call_hangup"], gone))

    def replace(self, live: LiveCall, row: Call) -> None:
        """Another process has changed the call's row: what is known here is corrected."""
        self.lines.file(live, live.call, row)
        live.call = row
        self.watch(live)

    def remove(self, live: LiveCall) -> None:
        """Forgets an ended call; it can be read from the database from its commit on."""
        call = live.call
        self.calls.pop(call.id, None)
        self.lines.file(live, call, None)
        self._recent[call.id] = None
        while len(self._recent) > MANY:
            self._recent.popitem(last=False)
        if live.written is not None:
            self._ended[call.id] = call
            live.written.add_done_callback(lambda _: self._ended.pop(call.id, None))

    def finish(self, turn: Turn, request: Request | None, refusal: Refusal | None = None) -> None:
        """Answers a request, and lets go of whom it kept busy."""
        if request is None:
            return
        status = self.agents.get(request.agent.id)
        if status is not None and status.request is request:
            status.request = None
        live = self.calls.get(request.call_id)
        if live is not None and live.request is request:
            live.request = None
        turn.agents.add(request.agent.id)
        turn.answer(request, refusal)

    def has_ended(self, call_id: str) -> bool:
        """Whether a call of this id has ended lately; its last connection may still arrive."""
        return call_id in self._recent

    def find_ended(self, call_id: str) -> Call | None:
        """An ended call, from memory or the database. Reads: not in a turn."""
        return self._ended.get(call_id) or self._store.find(call_id)

    def status(self, agent: Agent) -> AgentStatus:
        """Her status, for this turn to look at or change; what it changes is told at its end."""
        if self._turn is not None:
            self._turn.agents.add(agent.id)
        return self.presence.status(agent)

    def current(self, agent_id: str) -> LiveCall | None:
        """The call she is in, or is being put into."""
        owned = self.lines.owned(agent_id)
        return next((live for live in owned if live.call.is_current), None)

    def situation(self, agent: Agent) -> Situation:
        """What of her the guard asks about. In a turn, which does not touch her by this."""
        status, current = self.agents.get(agent.id), self.current(agent.id)
        request = status.request if status is not None else None
        engaged = request.call_id if request is not None else None
        engaged_in = self.calls.get(engaged) if engaged is not None else None
        return Situation(
            current=current.subject if current is not None else None,
            engaged=engaged,
            engaged_in=engaged_in.call if engaged_in is not None else None,
            lost_destination=status is not None and status.lost_destination,
        )

    def owned(self, agent_id: str) -> list[LiveCall]:
        """Every live call of hers."""
        return list(self.lines.owned(agent_id))

    def adopt(self, live: LiveCall) -> None:
        """Takes in a call that is on record already."""
        self.calls[live.call.id] = live
        self.lines.file(live, None, live.call)
        self.watch(live)

    def parked(self, agent_id: str) -> list[Call]:
        """Her parked calls, oldest first."""
        owned = (live.call for live in self.lines.owned(agent_id))
        mine = [call for call in owned if call.state is State.PARKED]
        return sorted(mine, key=lambda call: (call.parked_at or 0, call.id))

    def position(self, call: Call) -> int | None:
        """The call's place in its organization's queue, 1 = next; ``None`` when not queued."""
        return self.lines.position(call) if call.state is State.QUEUED else None

    def _facts(self, at: float | None, facts: Mapping[str, Any]) -> Facts:
        return self.limits.facts(self.clock.now() if at is None else at, **facts)

    def _otherwise(self, live: LiveCall, happening: Happening, known: Facts) -> Otherwise | None:
        """The same happening, should the claim or the dialling before it be taken back."""
        pending = live.pending
        if pending is None or pending.written.done():
            return None
        try:
            call, names = happen(pending.before, happening, known)
        except UnknownTransition:
            # It undoes what was taken back.
            return Otherwise(pending.on_record, None, [])
        row = call if pending.on_record is not None else None
        events = self._events(names, call)
        return Otherwise(pending.on_record, row, events)

    def _change(
        self, turn: Turn, live: LiveCall, happening: Happening, known: Facts
    ) -> list[Event]:
        before = live.call
        live.call, names = happen(before, happening, known)
        self.lines.file(live, before, live.call)
        self.tally.happened(happening, before, live.call)
        self.watch(live)
        turn.agents.update(who for who in (before.assigned_to, live.call.assigned_to) if who)
        return self._events(names, live.call)

    def _events(self, names: Sequence[str], call: Call) -> list[Event]:
        """All of one change: they hold the same call, written out once (``Calls.append``)."""
        if not names:
            return []
        now, document = self.clock.now(), call.document(self.position(call))
        return [
            Event(
                name,
                now,
                document,
                organization_id=call.organization_id,
                call_id=call.id,
                agent_id=call.assigned_to,
            )
            for name in names
        ]
