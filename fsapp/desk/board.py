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
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.documents import CallJson
from fsapp.calls.guard import Situation, Subject
from fsapp.calls.refusals import Refusal
from fsapp.calls.table import FOR_EVER, Facts, Happening, Limits, UnknownTransition, happen
from fsapp.desk.clock import Clock, Timer
from fsapp.desk.lines import Lines
from fsapp.desk.presence import OFFLINE_AFTER, AgentStatus, Presence
from fsapp.desk.tally import Tally
from fsapp.store.calls import Calls, Event, KeyRecord, Otherwise
from fsapp.store.writer import Written
from fsapp.switch.connection import Connection, OnReply

__all__ = ["AgentStatus", "Board", "Leg", "LegPhase", "LiveCall", "Request", "Turn"]

log = logging.getLogger(__name__)


MANY = 10_000
"""How many ended calls are remembered against a connection of theirs that comes late."""


class LegPhase(Enum):
    """Where an agent's leg is."""

    RINGING = auto()
    IDLE = auto()
    BRIDGED = auto()
    GONE = auto()


@dataclass(eq=False)
class Request:
    """An agent's request that waits for what FreeSWITCH says.

    ``outcome`` is answered once: with ``None`` when it is done, with a refusal when it is not.
    """

    verb: str
    agent: Agent
    call_id: str
    outcome: Future[None] = field(default_factory=Future)
    answered: bool = False


@dataclass(eq=False)
class Leg:
    """An agent's leg: the channel to her phone."""

    uuid: str
    agent: Agent
    job: str
    way: Connection | None = None
    """The connection that will be told what came of ringing the phone."""
    phase: LegPhase = LegPhase.RINGING
    connection: Connection | None = None
    live: LiveCall | None = None
    """The call it is in, or is being put into."""
    request: Request | None = None
    """Who waits for the phone to be answered."""
    reused: bool = False
    """Whether the request under way found it up, and would ring the phone if it were not."""
    parking: Request | None = None
    """The park that waits until FreeSWITCH has taken this leg out of the conversation."""
    stays: bool = False
    """Whether it survives the end of its bridge (``park_after_bridge``)."""
    unwanted: bool = False
    heard: bool = False
    """Whether FreeSWITCH has answered the latest command about it."""
    fetched: bool = False
    """Whether it was asked to connect again, and has not yet."""
    timer: Timer | None = None
    then: Callable[[Turn], None] | None = None
    """What waits for this leg to be gone (her phone can be rung again only then)."""
    alone_since: float | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A claim, or a number to be dialled, that is being put on record and may yet be taken back.

    ``before`` is the call before it, ``on_record`` the state its row has then (``None``: no row).
    """

    written: Written[Any]
    before: Call
    on_record: State | None


@dataclass(eq=False)
class LiveCall:
    """A live call with its connection and what is being done to it."""

    call: Call
    connection: Connection | None = None
    leg: Leg | None = None
    bridging: Leg | None = None
    """The leg that ``uuid_bridge`` was asked to join it with, until FreeSWITCH says so."""
    request: Request | None = None
    playing: str = ""
    """Identity of the playback it hears, empty when it hears none of ours."""
    source: str = ""
    started: float = 0.0
    job: str = ""
    """The background job that dials it (outbound)."""
    answered: bool = False
    """Whether FreeSWITCH has answered it. Joined before that, the two legs change sides."""
    joined: float = 0.0
    """When FreeSWITCH said that it is in its conversation (Unix seconds)."""
    attempt: int = 0
    """Which bridge of this call is the latest; a timer of an earlier one means nothing."""
    away: bool = False
    """Whether it is on its way through the dialplan back to a new connection."""
    returned: bool = False
    """Whether it came back from a conversation that nobody has declared over yet."""
    lost_leg: bool = False
    """Whether its agent's leg died under the conversation."""
    ending: bool = False
    enders: list[Request] = field(default_factory=list)
    """Who waits for it to end."""
    superseded: list[Connection] = field(default_factory=list)
    """Its former connections; closing one is safe only in a conversation (freeswitch.md §3)."""
    partner: LiveCall | None = None
    """The call it is being transferred to, or from."""
    written: Written[None] | None = None
    pending: Pending | None = None
    due: int | None = None
    """When it will have waited too long (forgotten.py), with the timer for it."""
    timer: Timer | None = None
    recalled: bool = False
    """Whether the agent who holds it was reminded, and did not take it back."""
    alone_since: float | None = None
    fetched: float = 0.0
    """When it was last told to come back (Unix seconds)."""
    restored: bool = False
    """Whether all that is known of its channel is what an earlier process left behind."""
    _subject: Subject | None = None
    _json: CallJson | None = None

    @property
    def subject(self) -> Subject:
        """The call as the guard sees it."""
        verb = self.request.verb if self.request is not None else None
        known = self._subject
        if (
            known is None
            or known.call is not self.call
            or known.verb != verb
            or known.ending != self.ending
        ):
            known = self._subject = Subject(self.call, verb, self.ending)
        return known

    def json(self, call: Call) -> CallJson:
        """``call``, which it is or just was, as JSON. Not in a turn."""
        known = self._json
        if known is None or known.call is not call:
            known = self._json = CallJson(call)
        return known


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
        self._limits = limits
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
        self.lines = Lines()
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._ended: dict[str, Call] = {}
        """Ended calls whose last row is still on its way to the disk."""
        self.looked: Future[None] | None = None
        """Done once what FreeSWITCH has was seen after a restart; ``None``: nothing to wait for."""
        self.reconciled = True
        """Whether what FreeSWITCH has was compared with what is on record (reconcile.py)."""

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """The lock, and what follows once it is released."""
        turn = Turn()
        try:
            with self._lock:
                self._turn = turn
                try:
                    yield turn
                finally:
                    self._turn = None
                    self.presence.tell(turn.agents)
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
        **facts: str | None,
    ) -> Written[None]:
        """One transition of the table: call, row and events. The future is the commit's.

        ``facts`` are the fields of :class:`fsapp.calls.table.Facts` but the time, which is ``at``
        (Unix seconds), or now.
        """
        before, known = live.call, self._facts(at, facts)
        events = self._change(turn, live, happening, known)
        log.info("%s: %s, %s -> %s", before.id, happening.value, before.state, live.call.state)
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
        log.info("%s: claimed by %s", live.call.id, agent.id)
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
        log.info("%s: claim of %s taken back", live.call.id, agent_id)

    def offer(self, live: LiveCall) -> None:
        """A new inbound call: its row, and ``call_offer``."""
        self.calls[live.call.id] = live
        self.lines.file(live, None, live.call)
        self.tally.arrived(live.call)
        log.info("%s: arrived at %s", live.call.id, live.call.destination)
        live.written = self._store.record(live.call, [self._event("call_offer", live.call)])

    def plan(self, live: LiveCall) -> None:
        """An agent's call that is put on record only when its number is dialled."""
        self.adopt(live)
        self._store.tell(self._event("call_state", live.call))

    def rebuild(self, live: LiveCall) -> None:
        """A call whose row is lost, as its channel tells of it: the row anew."""
        live.call = call = self._limits.applied(live.call, self.clock.now())
        self.adopt(live)
        log.warning("%s: not on record; rebuilt from its channel as %s", call.id, call.state)
        names = ["call_offer", *(["queue_join"] if call.state is State.QUEUED else [])]
        live.written = self._store.record(call, [self._event(name, call) for name in names])

    def correct(self, turn: Turn, live: LiveCall, call: Call) -> None:
        """What FreeSWITCH does with the call is not what is on record, and is true."""
        before = live.call
        log.warning("%s: on record as %s; it is %s", call.id, before.state, call.state)
        self.replace(live, self._limits.applied(call, self.clock.now()))
        self.watch(live)
        turn.agents.update(who for who in (before.assigned_to, call.assigned_to) if who)
        live.written = self._store.record(live.call, [self._event("call_state", live.call)])

    def remember_ended(self, call_ids: Iterable[str]) -> None:
        """Calls that ended under an earlier process: see :meth:`has_ended`."""
        self._recent.update(dict.fromkeys(call_ids))

    def withdraw(self, live: LiveCall) -> None:
        """Takes back a call that was never put on record; who has been told of it must know."""
        if self.calls.pop(live.call.id, None) is not None:
            self.lines.file(live, live.call, None)
            gone = replace(live.call, state=State.HUNGUP, ended_at=int(self.clock.now()))
            self._store.tell(self._event("call_hangup", gone))

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

    def _facts(self, at: float | None, facts: Mapping[str, str | None]) -> Facts:
        return self._limits.facts(self.clock.now() if at is None else at, **facts)

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
        events = [self._event(name, call) for name in names]
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
        return [self._event(name, live.call) for name in names]

    def _event(self, name: str, call: Call) -> Event:
        return Event(
            name,
            self.clock.now(),
            call.document(self.position(call)),
            organization_id=call.organization_id,
            call_id=call.id,
            agent_id=call.assigned_to,
        )
