"""The switch itself: its channels, its connections, and who hears of which event.

The law of this file: it and everything it starts run on one thread, the lab switch's. Other
threads reach it through :class:`fsapp.lab.switch.LabSwitch` only.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable

from fsapp.lab import events
from fsapp.lab.channels import Channel, Endpoint, Extension
from fsapp.lab.clock import Clock, Latency
from fsapp.lab.commands import COMMANDS, run_command
from fsapp.lab.connections import ControlSession, OutboundSession
from fsapp.lab.dialplan import Dialplan, inline_extension
from fsapp.lab.event_socket import Session
from fsapp.lab.events import Event, header_line
from fsapp.lab.faults import Faults
from fsapp.lab.lifecycle import run
from fsapp.lab.phones import PhoneBook
from fsapp.lab.profiles import Profile
from fsapp.lab.states import ChannelState

__all__ = ["Exchange"]


class Exchange:
    """One lab switch at work, on the running event loop."""

    def __init__(
        self,
        clock: Clock,
        latency: Latency,
        dialplan: Dialplan,
        *,
        password: str = "ClueCon",
        streams: Iterable[str] = (),
        settings: dict[str, str] | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = clock
        self.latency = latency
        self.dialplan = dialplan
        self.password = password
        self.address = ""
        """Where it listens as Event Socket."""
        self.streams = frozenset(streams)
        self.settings = dict(settings or {})
        self.core_uuid = str(uuid.uuid4())
        self.started = clock.now()
        self.channels: dict[str, Channel] = {}
        self.sessions: set[Session] = set()
        self.phones = PhoneBook(self)
        self.faults = Faults(self)
        self.calls_taken = 0
        self.failures = 0
        self._sequence = itertools.count(1)
        self._numbers = itertools.count(1)
        self._listening: dict[str | None, dict[Session, None]] = defaultdict(dict)
        self._held: dict[str, set[OutboundSession]] = defaultdict(set)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[Callable[[], None]] = set()
        self._check_due = False
        self._server: asyncio.Server | None = None

    # -- starting and stopping ---------------------------------------------------------

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen as Event Socket; answers the address it is reached at."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ControlSession(self), host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        self.address = "{}:{}".format(*address)
        return address

    async def stop(self) -> None:
        """End every connection and every channel's run."""
        if self._server is not None:
            self._server.close()
        for session in list(self.sessions):
            session.linger = None
            if session.transport is not None:
                session.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed("something the switch did failed", error)

    def _failed(self, what: str, error: BaseException) -> None:
        self.failures += 1
        logging.getLogger("fsapp.lab").error(what, exc_info=error)

    # -- channels ----------------------------------------------------------------------

    def create(
        self, profile: Profile, endpoint: Endpoint, name: str, identifier: str | None = None
    ) -> Channel:
        """A new channel, not yet running; ``identifier`` fixes its Unique-ID."""
        channel = Channel(self, identifier or str(uuid.uuid4()), profile, endpoint, name)
        self.channels[channel.uuid] = channel
        self.calls_taken += 1
        variables = channel.variables
        variables.set("direction", profile.direction)
        if profile.direction == "outbound":
            variables.set("is_outbound", "true")
        variables.set("uuid", channel.uuid)
        variables.set("call_uuid", channel.uuid)
        variables.set("session_id", str(next(self._numbers)))
        variables.set("channel_name", name)
        return channel

    def launch(self, channel: Channel) -> None:
        """Start the channel's run."""
        channel.set_state(ChannelState.CS_INIT)
        self.spawn(self._live(channel))

    async def _live(self, channel: Channel) -> None:
        try:
            await run(channel)
        except Exception as error:  # noqa: BLE001  one channel's failure is not the switch's
            self._failed(f"the run of {channel!r} failed", error)
            channel.abandon()
        self._destroy_when_free(channel)

    def hung_up(self, channel: Channel) -> None:
        """The channel was hung up: its connections linger or close."""
        for session in list(self._held.get(channel.uuid, ())):
            session.channel_down()

    def hold(self, channel: Channel, session: OutboundSession) -> None:
        """A connection keeps the channel from vanishing."""
        self._held[channel.uuid].add(session)

    def release(self, channel: Channel, session: OutboundSession) -> None:
        """A connection is over."""
        held = self._held.get(channel.uuid, set())
        held.discard(session)
        self._destroy_when_free(channel)

    def _destroy_when_free(self, channel: Channel) -> None:
        over = channel.state is ChannelState.CS_DESTROY
        if not over or self._held.get(channel.uuid) or channel.uuid not in self.channels:
            return
        channel.fire("CHANNEL_DESTROY")
        del self.channels[channel.uuid]
        self._held.pop(channel.uuid, None)
        self.changed()

    def locate(self, identifier: str) -> Channel | None:
        """The live channel with that Unique-ID."""
        channel = self.channels.get(identifier)
        return None if channel is None or channel.down else channel

    async def route(self, channel: Channel, profile: Profile | None = None) -> Extension | None:
        """What the dialplan has for the channel now."""
        profile = profile or channel.profile
        if profile.dialplan.lower() == "inline":
            return inline_extension(profile.destination_number)
        return await self.dialplan.route(channel, profile)

    # -- connections -------------------------------------------------------------------

    async def connect(
        self, channel: Channel, host: str, modes: list[str]
    ) -> OutboundSession | None:
        """Connect to a listener for the channel; None when it does not answer."""
        name, _, port = host.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            _, session = await loop.create_connection(
                lambda: OutboundSession(self, channel, modes), name or host, int(port or 8084)
            )
        except (OSError, ValueError):
            return None
        return session

    # -- events ------------------------------------------------------------------------

    def listening(self, session: Session, listens: bool) -> None:
        """Enter or remove a connection among those that events are offered to."""
        channel = session.channel if session.subscription.only_own else None
        only = channel.uuid if channel is not None else None
        if listens:
            self._listening[only][session] = None
            return
        self._listening[only].pop(session, None)
        if only is not None and not self._listening[only]:
            del self._listening[only]

    def is_wanted(self, name: str, identifier: str) -> bool:
        """Whether anyone would get such an event; saves writing it when nobody does."""
        interested = (*self._listening.get(None, ()), *self._listening.get(identifier, ()))
        return any(session.wants(name) for session in interested)

    def preamble(self, name: str) -> str:
        """The first headers of a new event."""
        number = next(self._sequence)
        return "".join(events.preamble(name, self.core_uuid, self.clock.now(), number))

    def deliver(self, event: Event) -> None:
        """Offer the event to everyone it concerns."""
        concerned = dict(self._listening.get(None, {}))
        for identifier in (event.unique_id, event.job_owner):
            if identifier:
                concerned |= self._listening.get(identifier, {})
        for session in concerned:
            session.offer(event)

    # -- commands ----------------------------------------------------------------------

    def command(self, text: str) -> str | Awaitable[str]:
        """Carry out an API command, e.g. ``uuid_kill <uuid>``; its answer, at once or later."""
        return run_command(self, text)

    def expansion_command(self, text: str) -> str:
        """``${command(arguments)}`` in dialplan data."""
        name, _, argument = text.partition(" ")
        command = COMMANDS.get(name)
        if command is None or inspect.iscoroutinefunction(command):
            return ""
        answer = command(self, argument)
        return answer.strip() if isinstance(answer, str) else ""

    async def background(self, job: str, owner: str, text: str) -> None:
        """Carry out a ``bgapi`` command and tell its owner (BACKGROUND_JOB)."""
        name, _, argument = text.partition(" ")
        answer = self.command(text)
        answer = answer if isinstance(answer, str) else await answer
        await self.clock.sleep(self.latency.tick)
        owned = header_line("Job-Owner-UUID", owner) if owner else ""
        argued = header_line("Job-Command-Arg", argument) if argument else ""
        head = f"{header_line('Job-UUID', job)}{owned}{header_line('Job-Command', name)}{argued}"
        text = self.preamble("BACKGROUND_JOB") + head
        self.deliver(Event("BACKGROUND_JOB", text, job_owner=owner, body=answer))

    # -- for those who wait for something on the switch --------------------------------

    def changed(self) -> None:
        """Something observable changed; whoever waits for a change looks again soon."""
        if self._waiting and not self._check_due:
            self._check_due = True
            asyncio.get_running_loop().call_soon(self._check)

    def _check(self) -> None:
        self._check_due = False
        for look in list(self._waiting):
            look()

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait until ``holds()``, asked again at every change."""
        met = asyncio.get_running_loop().create_future()

        def look() -> None:
            if not met.done() and holds():
                met.set_result(None)

        self._waiting.add(look)
        try:
            look()
            await met
        finally:
            self._waiting.discard(look)
