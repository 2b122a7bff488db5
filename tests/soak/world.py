"""A lab switch and the app's process beside it, everything that happens chosen by one seed.

Real are: the lab switch's exchange with the shipped dialplan, and of the app the whole of what
``fsapp.service`` wires: desk, calls, store (an SQLite file), the connections' and the listener's
handling. Stand-ins are only what touches time, threads and sockets: the clock, the sockets with
python-ESL, the commits' thread, the web server (agents' requests go straight to the desk).
"""

from __future__ import annotations

import asyncio
import heapq
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from fsapp import service as service_module
from fsapp import shipped
from fsapp.calls.refusals import Refusal
from fsapp.lab import PROMPT, Latency, ManualClock
from fsapp.lab.connections import ControlSession, OutboundSession
from fsapp.lab.dialplan import Dialplan
from fsapp.lab.exchange import Exchange
from fsapp.lab.switch import PHONES
from fsapp.service import Service
from fsapp.settings import Settings
from fsapp.store.database import Database
from fsapp.store.writer import Writer
from fsapp.switch.connection import Connection
from fsapp.switch.control import Control
from fsapp.switch.frames import BadFrame
from fsapp.switch.listener import Listener
from fsapp.switch.login import greet
from tests.soak.lines import HereWire, Line
from tests.soak.stage import Actor, Stage

__all__ = ["App", "Asked", "World"]

T = TypeVar("T")

HURRY = 0.9
"""How likely something that is under way happens before time passes."""

LATEST = 0.05
"""How much time may pass at most over something that is under way, in seconds."""


class AppClock:
    """``fsapp.desk.clock.SystemClock`` on the story's time; it dies with its process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._alive = True

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self._alive = False

    def now(self) -> float:
        return self._world.clock.now()

    def later(self, seconds: float, action: Callable[[], None]) -> Any:
        def act() -> None:
            if self._alive:
                self._world.stage.add("timers", self, action)

        return self._world.clock.call_later(seconds, act)


class HandWriter(Writer):
    """Commits when the story says so, on no thread of its own."""

    def start(self) -> None:
        self.database = self._connect()

    def stop(self, limit: float = 0.0) -> None:  # noqa: ARG002 - it is done when it returns
        self.commit()
        self._stopping = True
        self.database.close()

    def commit(self) -> None:
        """One transaction with all that is waiting."""
        if self._jobs:
            self.database = self._commit(self.database, self._next_group())


class OneThreadDatabase(Database):
    """One thread runs at a time, so one reading connection is enough."""

    def __init__(self, path: Path | str, synchronous: str = "normal") -> None:
        super().__init__(path, synchronous)
        self.writer: HandWriter = HandWriter(self._connect_writer, ready=self._ready)
        self._reading: Any = None

    def reader(self) -> Any:
        if self._reading is None:
            self._reading = self._connect()
            self._readers.append(self._reading)
        return self._reading


class NoStreams:
    """Nobody listens to events."""

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


class NoWeb:
    """Nobody asks over HTTP; ``application`` is what would be asked."""

    def __init__(self, application: Any, *_: Any, **__: Any) -> None:
        self.application = application
        self.address = "127.0.0.1:0"

    def start(self) -> None:
        pass

    def stop(self, *_: Any) -> None:
        pass


class App:
    """The app's process: alive from :meth:`World.start_app` to :meth:`World.kill_app`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lines: list[Line] = []
        self.listener: ListenerHere
        self.control: ControlHere
        self.service: Service

    def line(self, name: str) -> Line:
        line = Line(name)
        self.lines.append(line)
        return line

    @property
    def database(self) -> OneThreadDatabase:
        database = self.service.database
        assert isinstance(database, OneThreadDatabase)
        return database


class ListenerHere(Listener):
    """The listener without its socket's threads."""

    world: World

    def start(self) -> None:
        app = self.world.app_starting
        app.listener = self
        self._app = app

    @property
    def bound(self) -> bool:
        return True

    def close(self) -> None:
        self._socket.close()

    def stop(self, limit: float = 5.0) -> None:  # noqa: ARG002
        self._closing.set()
        self._socket.close()
        for line in self._app.lines:
            line.app_closes()

    def abandon(self) -> None:
        self._socket.close()

    def taken(self, line: Line) -> None:
        """A connection of the switch's: on a thread of its own, as ``_serve`` does."""
        self.world.stage.add(line.name, self._app, lambda: self._shaken(line))

    def _shaken(self, line: Line) -> None:
        wire: Any = HereWire(line, self.world.stage)
        if self._shake_hands(wire, line.name):
            self._run(Connection(wire, line.name))


class ControlHere(Control):
    """The control connection, logged in, without its socket's threads."""

    world: World

    def start(self, handler: Any, came_up: Any, *more: Any) -> None:
        self._app = self.world.app_starting
        self._app.control = self
        self.world.stage.add("control", self._app, lambda: self._keep_up(handler, came_up, *more))

    def _aside(self, action: Callable[[], None]) -> None:
        self.world.stage.add("control doubt", self._app, action)

    def _answers_another(self) -> bool:
        wire: Any = HereWire(self.world.connect_control(self._app), self.world.stage)
        try:
            greet(wire, self._password, 0.0)
        except (OSError, BadFrame):
            return False
        finally:
            wire.release()
        return True

    def stop(self, limit: float = 2.0) -> None:  # noqa: ARG002
        self._stopping.set()
        if self._connection is not None:
            self._connection.close()

    def _keep_up(self, handler: Any, came_up: Any, *more: Any) -> None:
        world, stage = self.world, self.world.stage
        while not self._stopping.is_set():
            wire: Any = HereWire(world.connect_control(self._app), stage)
            try:
                wire.begin(greet(wire, self._password, 0.0))
            except (OSError, BadFrame):
                wire.release()
            else:
                self._run(Connection(wire, "control"), handler, came_up, *more)
            actor = stage.current()
            assert actor is not None
            actor.wait(lambda: False, world.clock.now() + 0.2)


class HereExchange(Exchange):
    """The switch, whose connections to the app are lines of the story."""

    world: World

    async def connect(self, channel: Any, host: str, modes: list[str]) -> OutboundSession | None:
        """There is one app, wherever ``host`` says it listens."""
        del host
        app = self.world.app
        if app is None:
            return None
        session = OutboundSession(self, channel, modes)
        line = app.line(f"{channel.name} {channel.uuid}")
        line.session = session
        session.connection_made(line.transport)
        app.listener.taken(line)
        return session


class Asked:
    """An agent's request; ``answer`` is the document, or the refusal, once it is over."""

    def __init__(self, who: str, verb: str, parameters: dict[str, str]) -> None:
        self.who, self.verb, self.parameters = who, verb, parameters
        self.answer: dict[str, Any] | Refusal | None = None

    def __repr__(self) -> str:
        answer = self.answer
        said = f"{answer.http.value} {answer}" if isinstance(answer, Refusal) else answer and "200"
        return f"{self.who}: {self.verb} {self.parameters} -> {said}"


class World:
    """Everything, and what may happen next. Not to be used from any other thread."""

    def __init__(self, rng: random.Random, settings: Settings, latency: Latency = PROMPT) -> None:
        self.rng = rng
        self.settings = settings
        self.clock = ManualClock()
        self.stage = Stage(self.clock.now)
        self.loop = asyncio.new_event_loop()
        self.app: App | None = None
        self.app_starting: App
        self.steps = 0
        self.orphans: list[Line] = []
        """Half-open connections of a process that is no more; the switch hears of it late."""
        self.locked_until = 0.0
        """Until then the database takes no change."""
        self.cut_offs: list[tuple[str, bool]] = []
        """Connections to be reset before or after (True) the next command of that name."""
        self._latency = latency
        self.exchange = self.loop.run_until_complete(self._make(latency))

    async def _make(self, latency: Latency) -> HereExchange:
        extra = {"public": "", "default": PHONES}
        paths = sorted(Path(shipped.dialplan()).glob("*.xml"))
        dialplan = Dialplan({"public": paths, "default": paths}, extra, {})
        exchange = HereExchange(self.clock, latency, dialplan, streams=["moh"])
        exchange.world = self
        return exchange

    @classmethod
    @contextmanager
    def of(cls, seed: object, settings: Settings, latency: Latency = PROMPT) -> Iterator[World]:
        """A world with its own chance; everything is stopped at the end."""
        rng = random.Random(str(seed))
        ids = random.Random(f"{seed} ids")
        made = lambda: uuid.UUID(int=ids.getrandbits(128), version=4)  # noqa: E731
        with patch.object(uuid, "uuid4", made):
            world = cls(rng, settings, latency)
            with world.stage.futures_wait_here():
                try:
                    yield world
                finally:
                    world.close()

    def close(self) -> None:
        self.kill_app()
        self.loop.run_until_complete(self.exchange.stop())
        self.loop.close()

    # -- the switch --------------------------------------------------------------------

    def do(self, action: Callable[[], T]) -> T:
        """Runs ``action`` on the switch, and all that follows from it without time passing."""

        async def acting() -> T:
            return action()

        result = self.loop.run_until_complete(acting())
        self._settle()
        return result

    def _settle(self) -> None:
        ready = self.loop._ready  # type: ignore[attr-defined]
        while ready:
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def connect_control(self, app: App) -> Line:
        """The app logs in at the switch's Event Socket; on the app's thread."""
        line = app.line("control")
        line.session = ControlSession(self.exchange)
        self.stage_switch(lambda: line.session.connection_made(line.transport))
        return line

    def kill_switch(self) -> None:
        """``kill -9`` of FreeSWITCH, and its start: every channel and every connection is gone."""
        self.loop.run_until_complete(self.exchange.stop())
        self._settle()
        self.exchange = self.loop.run_until_complete(self._make(self._latency))

    def stage_switch(self, action: Callable[[], object]) -> None:
        """The switch does ``action`` soon."""
        self.loop.call_soon(action)

    # -- the app -----------------------------------------------------------------------

    def start_app(self) -> App:
        """Starts the process; returns once it has listened."""
        app = self.app_starting = App(self)
        here = {"world": self}
        parts = {
            "Control": type("Control", (ControlHere,), here),
            "Listener": type("Listener", (ListenerHere,), here),
            "WebServer": NoWeb,
            "Streams": NoStreams,
            "SystemClock": lambda: AppClock(self),
            "Database": OneThreadDatabase,
        }
        with patch.multiple(service_module, **parts):
            app.service = Service(self.settings)
            app.service.start()
        self.app = app
        return app

    def kill_app(self) -> None:
        """``kill -9``: what was not committed is lost, every socket is closed."""
        app, self.app = self.app, None
        if app is None:
            return
        clock = app.service.clock
        clock.stop()
        app.database.writer._jobs.clear()
        self.stage.kill(app)
        self.stage.kill(clock)
        app.listener._socket.close()
        for line in app.lines:
            line.app_dies()
            self._bury(line)
            if line.cut:
                self.orphans.append(line)
        app.database.writer.database.close()
        app.database._file.unlock()
        for reader in app.database._readers:
            reader.close()

    def _bury(self, line: Line) -> None:
        while line.to_switch:
            self.do(line.deliver_to_switch)

    def asks(self, who: str, verb: str, **parameters: str) -> Asked:
        """An agent's request begins, on a thread of its own."""
        app = self.app
        assert app is not None
        asked = Asked(who, verb, parameters)

        def perform() -> None:
            agent = app.service.agents.get(who)
            assert agent is not None
            try:
                asked.answer = app.service.desk.perform(agent, verb, parameters)
            except Refusal as refusal:
                asked.answer = refusal

        self.stage.add(f"{who} {verb}", app, perform)
        return asked

    # -- what happens next -----------------------------------------------------------------

    def step(self) -> bool:
        """One thing happens, chosen by chance; False when nothing can without time passing."""
        self._settle()
        choices = self._choices()
        if not choices:
            return False
        self.steps += 1
        self.rng.choice(choices)()
        self._settle()
        return True

    def _choices(self) -> list[Callable[[], object]]:
        choices: list[Callable[[], object]] = [
            self._going_on(actor) for actor in self.stage.runnable()
        ]
        for line in [*(self.app.lines if self.app else ()), *self.orphans]:
            if line.to_app:
                choices.append(line.deliver_to_app)
            if line.to_switch:
                choices.append(self._delivery(line))
        if self.app is None:
            return choices
        if self.app.database.writer.waiting and self.clock.now() >= self.locked_until:
            choices.append(self.app.database.writer.commit)
        return choices

    def _going_on(self, actor: Actor) -> Callable[[], None]:
        return lambda: self.stage.go_on(actor)

    def _delivery(self, line: Line) -> Callable[[], object]:
        return lambda: self.do(lambda: self._deliver(line))

    def _deliver(self, line: Line) -> None:
        command = line.to_switch[0] or b""
        cut = next((order for order in self.cut_offs if order[0].encode() in command), None)
        if cut is not None:
            self.cut_offs.remove(cut)
        if cut is None or cut[1]:
            line.deliver_to_switch()
        if cut is not None:
            line.transport.abort()

    def pass_time(self, seconds: float) -> None:
        """Time passes, and with it happens what falls due and all that follows."""
        until = self.clock.now() + seconds
        while True:
            while self.rng.random() < HURRY and self.step():
                pass
            due = self._next_moment()
            over = due is None or due > until
            far = due is None or due - self.clock.now() > LATEST
            if (over or far) and self.step():
                continue
            if due is None or due > until:
                break
            self._sweep()
            self.do(lambda due=due: self._fire(max(self.clock.now(), due)))  # type: ignore[misc]
        self.clock._now = until
        while self.step():
            pass

    def _next_moment(self) -> float | None:
        """When the next timer falls due, or an actor's patience is over."""
        moments = [actor.until for actor in self.stage.actors if actor.until is not None]
        if self.locked_until > self.clock.now():
            moments.append(self.locked_until)
        if self.clock.next_due() is not None:
            moments.append(self.clock._entries[0][0])
        return min(moments, default=None)

    def _fire(self, now: float) -> None:
        """The next timer, if it is due by then."""
        self.clock._now = now
        self.clock.next_due()
        if self.clock._entries and self.clock._entries[0][0] <= now:
            _, _, entry = heapq.heappop(self.clock._entries)
            assert entry.action is not None
            entry.action()

    def _sweep(self) -> None:
        """Connections that are over at both ends are forgotten."""
        if self.app is not None:
            self.app.lines = [line for line in self.app.lines if not _over(line)]
        self.orphans = [line for line in self.orphans if not _over(line)]


def _over(line: Line) -> bool:
    return line.over_at_app and line.over_at_switch and not (line.to_app or line.to_switch)
