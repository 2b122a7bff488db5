"""The desk with everything around it in a test's hand: time, FreeSWITCH and the disk.

The desk's own parts are the real ones, and so are the rows and events; only commits happen at
once, time passes when told to, and what FreeSWITCH says is said by the test.
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

import sqlite_utils

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.refusals import Refusal
from fsapp.calls.table import FOR_EVER, Limits
from fsapp.desk.board import Board, Leg, LegPhase, LiveCall
from fsapp.desk.context import RETURN_POINT, Context, Options
from fsapp.desk.desk import Desk, Health
from fsapp.desk.directory import Directory
from fsapp.desk.handler import EventHandler
from fsapp.desk.lines import Lines
from fsapp.desk.parts import Parts
from fsapp.desk.reports import Reports
from fsapp.desk.restore import restore
from fsapp.store.agents import Agents
from fsapp.store.calls import Calls
from fsapp.store.contacts import Contacts
from fsapp.store.database import Database
from fsapp.store.history import History
from fsapp.store.organizations import Organizations
from fsapp.store.schema import MIGRATIONS
from fsapp.store.writer import Written
from fsapp.switch.channel import Channel, Event, Reply
from fsapp.switch.connection import Connection, OnReply
from fsapp.web.answers import Answer, refused, succeeded
from fsapp.web.openapi import description
from fsapp.web.routes import ROUTES
from tests.described import Description

T = TypeVar("T")

DESCRIBED = Description(description())

LIMIT = 3.0
ANN = Agent("ann", "Ann", "user/1101")
BOB = Agent("bob", "Bob", "user/1102")
CALLER = "caller"
A_WORD = 0.2
"""How long they have spoken when the next thing happens: a bridge that is no longer young."""
OPTIONS = Options(
    advertise="127.0.0.1:8084",
    ring_timeout=20.0,
    idle_timeout=30.0,
    queue_music="local_stream://queue",
    park_music="local_stream://park",
    external="loopback/{extension}/default",
    external_ring_timeout=60.0,
    ringback="tone_stream://ringback",
    caller_id_number="",
    context="default",
    overflow_to="elsewhere",
    switch_timeout=5.0,
    database_timeout=5.0,
)


def channel(
    uuid: str, partner: str = "", *, answered: bool = True, **variables: str
) -> dict[str, str]:
    """A channel as ``uuid_dump`` tells of it, one of ours unless ``fsapp_app`` says otherwise."""
    headers = {
        "Unique-ID": uuid,
        "Answer-State": "answered" if answered else "ringing",
        "Caller-Context": "public",
        "Caller-Caller-ID-Number": "2045550100",
        "Caller-Destination-Number": RETURN_POINT,
    }
    kept = {"fsapp_app": OPTIONS.advertise, "signal_bond": partner, **variables}
    return {**headers, **{f"variable_{name}": value for name, value in kept.items() if value}}


def wait_until(true: Callable[[], object], why: str, limit: float = LIMIT) -> None:
    """Waits until the condition holds; fails with ``why`` when it does not in time."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, why
        time.sleep(0.001)


class ManualTimer:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Time that passes only when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._count = itertools.count()
        self._due: list[tuple[float, int, ManualTimer]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def later(self, seconds: float, action: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(action)
        with self._lock:
            heapq.heappush(self._due, (self._now + seconds, next(self._count), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Runs what falls due, in order, each at its own moment."""
        end = self._now + seconds
        while (due := self._next(end)) is not None:
            self._now, timer = due
            if not timer.cancelled:
                timer.action()
        self._now = end

    def forget(self) -> None:
        """Nothing will happen that was to happen later."""
        with self._lock:
            self._due.clear()

    def _next(self, end: float) -> tuple[float, ManualTimer] | None:
        with self._lock:
            if not self._due or self._due[0][0] > end:
                return None
            moment, _, timer = heapq.heappop(self._due)
            return moment, timer


class FakeDatabase:
    """Commits at once, in memory, unless told to hold back or to fail."""

    def __init__(self) -> None:
        self._name = f"file:rig-{uuid4()}?mode=memory&cache=shared"
        self._readers: list[sqlite_utils.Database] = []
        self._own = threading.local()
        self._database = self._connect()
        MIGRATIONS.apply(self._database)
        self._lock = threading.RLock()
        self._held: list[tuple[Callable[[sqlite_utils.Database], Any], Written[Any]]] | None = None
        self._awaited = threading.Event()
        self.fail_next: list[Exception] = []
        """What the next changes fail with, one after the other."""

    def submit(self, run: Callable[[sqlite_utils.Database], T]) -> Written[T]:
        future: Written[T] = Written(hurry=self._awaited.set)
        with self._lock:
            if self._held is not None:
                self._held.append((run, future))
                return future
        self._commit(run, future)
        return future

    def hold(self) -> None:
        """From now on changes wait for :meth:`let_go`."""
        self._awaited.clear()
        self._held = []

    def awaited(self) -> bool:
        """Whether somebody has waited for a change since :meth:`hold`."""
        return self._awaited.is_set()

    def held(self) -> int:
        return len(self._held or ())

    def let_go(self) -> None:
        with self._lock:
            held, self._held = self._held or [], None
        for run, future in held:
            if not future.withdrawn:
                self._commit(run, future)

    def _commit(self, run: Callable[[sqlite_utils.Database], T], future: Future[T]) -> None:
        with self._lock:
            try:
                if self.fail_next:
                    raise self.fail_next.pop(0)
                with self._database.atomic():
                    result = run(self._database)
            except Exception as error:  # noqa: BLE001 - handed to whoever waits, as the writer does
                future.set_exception(error)
                return
        future.set_result(result)

    def _connect(self) -> sqlite_utils.Database:
        connection = sqlite3.connect(self._name, uri=True, check_same_thread=False)
        return sqlite_utils.Database(connection)

    def probe(self) -> Written[None]:
        return self.submit(lambda _: None)

    def query(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        return list(self.reader().query(sql, values))

    def reader(self) -> sqlite_utils.Database:
        """One for each thread, as the real one; they wait for nobody who writes."""
        if not hasattr(self._own, "reader"):
            self._own.reader = self._connect()
            self._own.reader.execute("PRAGMA read_uncommitted = 1")
            self._readers.append(self._own.reader)
        reader: sqlite_utils.Database = self._own.reader
        return reader

    def close(self) -> None:
        for database in (*self._readers, self._database):
            database.close()


class FakeConnection:
    """Notes the commands written to it; what FreeSWITCH answers is the test's to say."""

    def __init__(self, uuid: str) -> None:
        self.uuid = self.name = uuid
        self.superseded = False
        self.closed = False
        self.sent: list[str] = []
        self._outbox: list[tuple[str, OnReply | None]] = []
        self._untaken: list[tuple[str, OnReply | None]] = []
        self._unanswered: list[tuple[str, OnReply | None]] = []
        self._changed = threading.Condition()
        self.on_flush: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"<FakeConnection {self.name}>"

    def post(self, *commands: str, on_reply: OnReply | None = None) -> None:
        with self._changed:
            self._outbox += [(command, None) for command in commands[:-1]]
            self._outbox.append((commands[-1], on_reply))

    def flush(self) -> None:
        self.on_flush()
        with self._changed:
            batch, self._outbox = self._outbox, []
            if not self.closed:
                self.sent += [command.strip() for command, _ in batch]
                self._untaken += batch
                self._changed.notify_all()
                return
        _lose(batch)

    def lose(self) -> None:
        """The connection is gone; whoever waits for a reply learns so."""
        with self._changed:
            self.closed = True
            batch, self._untaken = self._unanswered + self._untaken, []
        _lose(batch)

    def close(self) -> None:
        self.closed = True

    def expect(self, text: str) -> str:
        """Waits for a command with ``text`` in it; it is left unanswered."""
        taken = self._take(text)
        self._unanswered.append(taken)
        return taken[0].strip()

    def answer(self, text: str, reply: str = "+OK") -> str:
        """Waits for a command with ``text`` in it, and answers it."""
        command, on_reply = self._take(text)
        if on_reply is not None:
            on_reply(Reply(reply))
        return command.strip()

    def _take(self, text: str) -> tuple[str, OnReply | None]:
        with self._changed:
            found = self._changed.wait_for(lambda: self._find(text) is not None, LIMIT)
            assert found, f"{self!r}: no {text!r} among {self.sent!r}"
            return self._untaken.pop(cast(int, self._find(text)))

    def _find(self, text: str) -> int | None:
        places = (place for place, (sent, _) in enumerate(self._untaken) if text in sent)
        return next(places, None)

    def heard(self, text: str) -> int:
        """How many commands with ``text`` in them were written, ever."""
        return sum(text in command for command in self.sent)


def _lose(batch: list[tuple[str, OnReply | None]]) -> None:
    for _, on_reply in batch:
        if on_reply is not None:
            on_reply(Reply("", lost=True))


class Asked:
    """An agent's request, on a thread of its own."""

    def __init__(self, perform: Callable[[], dict[str, Any]]) -> None:
        self._outcome: Future[dict[str, Any]] = Future()
        self._thread = threading.Thread(target=self._run, args=(perform,), daemon=True)
        self._thread.start()

    def _run(self, perform: Callable[[], dict[str, Any]]) -> None:
        try:
            self._outcome.set_result(perform())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self._outcome.set_exception(error)

    def answer(self) -> dict[str, Any]:
        """The document; raises the refusal."""
        return self._outcome.result(LIMIT)

    def refusal(self) -> Refusal:
        error = self._outcome.exception(LIMIT)
        assert isinstance(error, Refusal), f"no refusal: {error!r} {self._outcome!r}"
        return error

    def over(self, limit: float = 0.0) -> bool:
        """Whether it is answered, at most ``limit`` seconds from now."""
        return bool(wait([self._outcome], limit).done)


class Rig:
    """A desk and all it stands on."""

    def __init__(self, options: Options = OPTIONS, limits: Limits = FOR_EVER) -> None:
        self.clock = ManualClock()
        self.database = FakeDatabase()
        self.requests: list[Asked] = []
        self._options, self._limits = options, limits
        self._start()
        for agent in (ANN, BOB):
            self.agents.add(agent)
        self._comes_to_work(ANN, BOB)

    def _comes_to_work(self, *agents: Agent) -> None:
        """Both have just been heard of; that this was told is no test's affair."""
        with self.board.turn():
            for agent in agents:
                self.board.presence.seen(self.board.status(agent))
        self.database.submit(lambda database: database.execute("DELETE FROM events"))

    def _start(self) -> None:
        """A process's life begins: all but time and the database is new."""
        store = cast(Database, self.database)
        self.calls = Calls(store, "test")
        self.board = Board(self.calls, self.clock, limits=self._limits)
        self.control = FakeConnection("control")
        self.every = [self.control]
        """All connections there ever were."""
        self.switch: Any = SimpleNamespace(connection=self.control, failure=None)
        self.parts = Parts(Context(self.board, self.switch, self._options))
        self.handler = EventHandler(self.parts)
        self.agents, contacts = Agents(store), Contacts(store)
        gone = lambda: None if self.switch.connection else self.switch.failure  # noqa: E731
        health = Health(gone, lambda: None, lambda: None)
        self.directory = Directory(contacts, Organizations(store))
        reports = Reports(self.board, History(store))
        self.desk = Desk(
            self.parts, self.calls, self.agents, self.directory, health, reports=reports
        )
        self.lines: dict[str, FakeConnection] = {}
        """Each channel's newest connection."""

    def close(self) -> None:
        for request in self.requests:
            wait_until(request.over, "a request waits for ever")
        self.database.close()

    # What FreeSWITCH does.

    def connects(
        self,
        uuid: str,
        destination: str = "5900",
        variables: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> FakeConnection:
        """A channel connects, for the first time or again."""
        connection = FakeConnection(uuid)
        own = {"fsapp_fetched": self.mark(uuid)} if destination == RETURN_POINT else {}
        known: dict[str, Any] = {
            "destination": destination,
            "caller_number": "2045550100",
            "caller_name": "Cal",
            "context": "public",
            "answered": True,
            "variables": {**own, **(variables or {})},
        }
        channel = Channel(uuid, **{**known, **facts})
        self.lines[uuid] = connection
        self.every.append(connection)
        self.handler.connected(channel, cast(Connection, connection))
        connection.flush()
        return connection

    def mark(self, uuid: str) -> str:
        """What the way that the latest fetch sent the channel has left on it."""
        pattern = rf"uuid_transfer {uuid} 'set:fsapp_fetched=(\w+),"
        sent = (text for line in self.every for text in line.sent)
        marks = [found for text in sent for found in re.findall(pattern, text)]
        return marks[-1] if marks else ""

    def sent(self, text: str) -> int:
        """How many commands with this text there have been, on whatever connection."""
        return sum(line.heard(text) for line in self.every)

    def returns(self, uuid: str = CALLER) -> FakeConnection:
        """A channel we know comes (back) from the dialplan on a new connection."""
        return self.connects(uuid, RETURN_POINT)

    def happens(
        self, uuid: str, name: str, *, on: FakeConnection | None = None, **facts: Any
    ) -> None:
        """An event of the channel, on its newest connection or the given one."""
        connection = on or self.lines[uuid]
        if not connection.superseded:
            event = Event(name, uuid=uuid, **facts)
            self.handler.happened(event, cast(Connection, connection))

    def bridged(self, uuid: str, other: str) -> None:
        self.happens(uuid, "CHANNEL_BRIDGE", other_uuid=other)

    def parks(self, leg: str) -> None:
        """The leg has come out of its bridge and stays."""
        self.happens(leg, "CHANNEL_PARK", state="CS_PARK")

    def hangs_up(self, uuid: str, cause: str = "NORMAL_CLEARING") -> None:
        """Both hangup events, as FreeSWITCH sends them."""
        self.happens(uuid, "CHANNEL_HANGUP", cause=cause)
        self.happens(uuid, "CHANNEL_HANGUP_COMPLETE", cause=cause)

    def lost(self, connection: FakeConnection) -> None:
        """The connection breaks."""
        connection.lose()
        self.handler.disconnected(cast(Connection, connection))

    def job(self, command: str, result: str, on: FakeConnection | None = None) -> None:
        """The result of a background job comes, by the command that began it."""
        event = Event("BACKGROUND_JOB", job=_one(r"Job-UUID: (\S+)", command), body=result)
        self.handler.happened(event, cast(Connection, on or self.control))

    def told_by_control(self, uuid: str, name: str, **facts: Any) -> None:
        """An event that comes on the control connection."""
        self.handler.happened(Event(name, uuid=uuid, **facts), cast(Connection, self.control))

    def switch_goes(self) -> None:
        """The control connection breaks and FreeSWITCH stays away."""
        self.switch.connection, self.switch.failure = None, "FreeSWITCH is away"
        self.lost(self.control)

    def switch_comes(self) -> None:
        self.control = FakeConnection("control")
        self.every.append(self.control)
        self.switch.connection, self.switch.failure = self.control, None
        self.handler.switch_came_up()

    # The process.

    def crashes(self, *, rows_lost: bool = False) -> None:
        """Killed and started again, on its database or on one that knows the agents only."""
        self.requests.clear()
        self.clock.forget()
        if rows_lost:
            for table in ("calls", "events", "idempotency"):
                self.database.reader().execute(f"DELETE FROM {table}")
        self._start()
        restore(self.board, self.calls.live(), self.agents.all(), self.calls.lately_ended())
        with self.board.turn():
            for agent in (ANN, BOB):
                self.board.presence.seen(self.board.status(agent))
        self.handler.switch_came_up()

    def sees(self, *channels: dict[str, str], whole: bool = True) -> None:
        """FreeSWITCH has these channels, and is looked at: at once, and when they must be all."""
        self.clock.advance(0)
        self._shows(channels)
        if whole:
            self.clock.advance(0.35)
            self._shows(channels)

    def looks_again(self, *channels: dict[str, str]) -> None:
        self.clock.advance(8)
        self._shows(channels)

    def _shows(self, channels: Sequence[dict[str, str]]) -> None:
        rows = [{"uuid": channel["Unique-ID"]} for channel in channels]
        asked = self.control.heard("uuid_dump")
        self.control.answer("show channels as json", json.dumps({"rows": rows}))
        for command in [one for one in self.control.sent if "uuid_dump" in one][asked:]:
            uuid = command.split()[-1]
            said = next(one for one in channels if one["Unique-ID"] == uuid)
            text = "".join(f"{name}: {quote(value)}\n" for name, value in said.items())
            self.control.answer(command, text)

    # What agents do.

    def ask(self, agent: Agent, verb: str, **parameters: str) -> Asked:
        asked = Asked(lambda: as_described(verb, self.desk.perform, agent, parameters))
        self.requests.append(asked)
        return asked

    def rings(self, way: FakeConnection) -> str:
        """Waits until a phone is rung by a command on ``way``: the leg's uuid."""
        return _one(r"origination_uuid=([^,]+)", way.answer("bgapi originate"))

    def answers(self, leg: str, agent: Agent = ANN) -> FakeConnection:
        """The phone is answered: its leg connects."""
        return self.connects(leg, "1101", {"fsapp_agent": agent.id, "fsapp_call": "x"})

    def talk(self, agent: Agent = ANN, uuid: str = CALLER) -> str:
        """The agent picks the call up; answers her leg's uuid."""
        asked = self.ask(agent, "call/pickup", call_id=uuid)
        leg = self.rings(self.lines[uuid])
        self.answers(leg, agent)
        self.lines[uuid].answer(f"api uuid_bridge {uuid} {leg}")
        self.bridged(uuid, leg)
        asked.answer()
        self.clock.advance(A_WORD)
        return leg

    def park(self, leg: str, agent: Agent = ANN, uuid: str = CALLER) -> FakeConnection:
        """The agent parks the call; answers the caller's new connection."""
        asked, old = self.ask(agent, "call/park", call_id=uuid), self.lines[uuid]
        old.expect(f"uuid_transfer {uuid} fsapp_return")
        new = self.returns(uuid)
        self.parks(leg)
        self.lost(old)
        asked.answer()
        return new

    def dial(self, agent: Agent = ANN, leg: str = "") -> tuple[str, str]:
        """The agent originates and the number rings; answers the call's uuid and her leg's."""
        asked = self.ask(agent, "call/originate", extension="1142")
        if not leg:
            leg = self.rings(self.control)
            self.answers(leg, agent)
        self.dialled = self.lines[leg].answer("bgapi originate")
        return str(asked.answer()["call"]["id"]), leg

    def speak_outbound(self, agent: Agent = ANN, leg: str = "") -> tuple[str, str]:
        """As ``dial``, and the callee answers."""
        uuid, leg = self.dial(agent, leg)
        self.connects(uuid, RETURN_POINT, {"fsapp_call": uuid})
        self.lines[uuid].answer(f"api uuid_bridge {uuid} {leg}")
        self.bridged(uuid, leg)
        self.clock.advance(A_WORD)
        return uuid, leg

    # What is true afterwards.

    def place(self, uuid: str = CALLER) -> str:
        """Where the call is on record: ``queue``, ``ann speaking``, ``ann parked``, …"""
        call = self.calls.find(uuid)
        assert call is not None
        if call.state is State.QUEUED:
            return "queue"
        if call.state is State.HUNGUP:
            return f"ended {call.hangup_cause}"
        return f"{call.assigned_to or 'nobody'} {call.state.value}"

    def agent_state(self, agent: Agent = ANN) -> str:
        with self.board.turn():
            document = self.board.presence.document(self.board.status(agent))
        return str(document["state"])

    def events(self) -> list[str]:
        rows = self.database.reader().execute("SELECT name FROM events ORDER BY number")
        return [name for (name,) in rows]

    def hears(self, uuid: str = CALLER) -> str:
        """What the call's newest connection was last told to play; empty when it is not waiting."""
        live = self.board.calls[uuid]
        return live.source if live.playing else ""

    def check(self) -> None:
        """Each call is in one place, no agent is busy for nothing, nobody waits."""
        for request in self.requests:
            wait_until(request.over, "a request waits for ever")
        for live in self.board.calls.values():
            self._check_call(live)
        for leg in self.board.legs.values():
            self._check_leg(leg)
        self._check_agents()

    def _check_call(self, live: LiveCall) -> None:
        call, leg = live.call, live.leg
        assert self.calls.find(call.id) == call, "memory and record differ"
        assert call.live, f"{call.id} has ended and is still listed"
        at_work = live.request or live.enders or live.partner
        assert not at_work, f"{call.id} is being worked on"
        if call.state is State.SPEAKING:
            assert leg is not None, f"{call.id} speaks with nobody"
            assert leg.live is live
            assert self.board.legs.get(leg.uuid) is leg, f"{call.id} speaks with a leg that is gone"
            assert leg.phase is LegPhase.BRIDGED, f"{call.id} and its agent are apart"
        elif call.state is not State.RINGING:
            assert leg is None, f"{call.id} holds a leg"
            assert live.bridging is None, f"{call.id} is being bridged for ever"
        assert call.state not in (State.CREATED, State.TRANSFERRING), f"{call.id} is in between"
        assert (call.state is State.QUEUED) <= (call.assigned_to is None)
        if call.state in (State.QUEUED, State.PARKED) and live.connection is not None:
            assert live.playing, f"{call.id} hears silence"

    def _check_leg(self, leg: Leg) -> None:
        status = self.board.agents[leg.agent.id]
        assert status.leg is leg, f"{leg.agent.id} has more than one leg"
        assert leg.phase is not LegPhase.GONE
        assert leg.request is None
        assert leg.parking is None
        if leg.phase is LegPhase.BRIDGED and not leg.unwanted:
            assert leg.live is not None, f"the leg of {leg.agent.id} is bridged with nobody"

    def _check_agents(self) -> None:
        assert filed(self.board.lines) == filed(filed_anew(self.board))
        for status in self.board.agents.values():
            assert status.request is None, f"{status.agent.id} is busy for ever"
            current = self.board.current(status.agent.id)
            shown = self.board.presence.document(status)["state"]
            assert (shown in ("speaking", "ringing")) == (current is not None)
            assert status.leg is None or status.leg.uuid in self.board.legs

    def on_line(self, uuid: str, connection: FakeConnection) -> bool:
        """Whether the call or leg is spoken to on this connection."""
        item = self.board.calls.get(uuid) or self.board.legs[uuid]
        return cast(object, item.connection) is connection

    def live(self, uuid: str = CALLER) -> Call:
        return self.board.calls[uuid].call


def as_described(
    verb: str,
    perform: Callable[[Agent, str, Mapping[str, str]], Mapping[str, object]],
    agent: Agent,
    parameters: Mapping[str, str],
) -> dict[str, Any]:
    """What is performed; AssertionError unless it is what ``/openapi.json`` says of it."""
    path = "/call/c-1/timeline" if verb == "call/timeline" else f"/{verb}"
    (method, *_) = next(route.methods for route in ROUTES if route.verb == verb)

    def hold(answer: Answer) -> None:
        fault = DESCRIBED.fault(method, path, answer.http.value, answer.headers, answer.body)
        assert fault is None, f"{verb}: {answer}: {fault}"

    try:
        document = perform(agent, verb, parameters)
    except Refusal as refusal:
        hold(refused(refusal))
        raise
    hold(succeeded(document))
    return dict(document)


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, f"no {pattern} in {text!r}"
    return found.group(1)


def filed(lines: Lines) -> tuple[object, ...]:
    """All that the lines say about who is where."""
    return lines._queues, lines._live, lines._owned


def filed_anew(board: Board) -> Lines:
    """What the board's lines should be by the calls that are on it."""
    lines = Lines()
    for live in board.calls.values():
        lines.file(live, None, live.call)
    return lines
