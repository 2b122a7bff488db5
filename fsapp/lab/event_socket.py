"""One Event Socket connection, seen from the switch: frames in, frames and events out.

The law of this file: commands of one connection are carried out and answered in the order in
which they came; events go out in the order in which they happened.

Source: freeswitch.md §2 and the recordings, for the words of every reply.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING

from fsapp.lab.events import Event, to_wire
from fsapp.lab.subscriptions import Subscription

if TYPE_CHECKING:
    from fsapp.lab.channels import Channel
    from fsapp.lab.exchange import Exchange

__all__ = ["Command", "Session"]

_GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
_LARGEST = 10_485_760


class Command:
    """One command: its first line, and the headers (names in lower case) and body after it."""

    def __init__(self, line: str, headers: dict[str, str]) -> None:
        self.line = line
        self.headers = headers

    @property
    def verb(self) -> str:
        """The first word, in lower case."""
        return self.line.split(" ", 1)[0].lower()

    @property
    def api_name(self) -> str:
        """The API command's name in ``api`` and ``bgapi``, else nothing."""
        return self.argument.split(" ", 1)[0] if self.verb in {"api", "bgapi"} else ""

    @property
    def argument(self) -> str:
        """What follows the first word."""
        return self.line.partition(" ")[2]


class Session(asyncio.Protocol):
    """A connection; subclasses say who may connect and what the end of it means."""

    authorized = False
    full = True

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.channel: Channel | None = None
        self.transport: asyncio.Transport | None = None
        self.finished = False
        self.subscription = Subscription()
        self.linger: float | None = None
        self._buffer = b""
        self._commands: deque[Command] = deque()
        self._busy = False
        self._held: list[Event] | None = None

    # -- the connection ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.exchange.sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._finish()

    def eof_received(self) -> bool:
        """The peer closed: so do we, as FreeSWITCH does."""
        return False

    def close(self) -> None:
        """Say goodbye and close."""
        if self.exchange.faults.holds_open(self):
            return
        self.write(self._notice("disconnect"))
        self._finish()

    def _finish(self) -> None:
        if self.finished:
            return
        self.finished = True
        self.exchange.sessions.discard(self)
        self.exchange.listening(self, False)
        self._commands.clear()
        if self.transport is not None:
            self.transport.close()
        self.ended()
        self.exchange.changed()

    def ended(self) -> None:
        """The connection is over; for subclasses."""

    def _notice(self, disposition: str, *headers: str) -> str:
        about = ""
        if self.channel is not None:
            about = f"Controlled-Session-UUID: {self.channel.uuid}\n"
            about += f"Content-Disposition: {disposition}\n"
        body = "" if headers else _GOODBYE
        extra = "".join(f"{header}\n" for header in headers)
        head = f"Content-Type: text/disconnect-notice\n{about}{extra}"
        return f"{head}Content-Length: {len(body)}\n\n{body}"

    def write(self, text: str) -> None:
        """Send text, as the faults have it."""
        self.exchange.faults.write(self, to_wire(text))

    # -- commands in -------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (command := self._take()) is not None:
            self._commands.append(command)
        if len(self._buffer) > _LARGEST:
            self.close()
        self._pump()

    def _take(self) -> Command | None:
        self._buffer = self._buffer.lstrip(b"\r\n")
        end, gap = _blank_line(self._buffer)
        if end < 0:
            return None
        lines = self._buffer[:end].decode("utf-8", "surrogateescape").splitlines()
        headers = _headers(lines[1:])
        length = headers.get("content-length", "")
        wanted = int(length) if length.isdigit() else 0
        if len(self._buffer) < end + gap + wanted:
            return None
        if wanted:
            body = self._buffer[end + gap : end + gap + wanted]
            headers["body"] = body.decode("utf-8", "surrogateescape")
        self._buffer = self._buffer[end + gap + wanted :]
        return Command(lines[0].rstrip("\r"), headers)

    def _pump(self) -> None:
        while self._commands and not self._busy and not self.finished:
            command = self._commands.popleft()
            if self.exchange.faults.takes(self, command):
                self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        """Carry a command out; what it causes is told after its reply."""
        self._held = []
        outcome = self._handler(command)(command)
        if isinstance(outcome, str):
            self.reply(outcome or "-ERR command not found")
        self.exchange.faults.answered(self)
        if outcome is None or isinstance(outcome, str):
            self._tell_held()
        else:
            self._busy = True
            self.exchange.spawn(self._later(outcome))

    async def _later(self, outcome: Coroutine[None, None, None]) -> None:
        try:
            await outcome
        finally:
            self._busy = False
            self._tell_held()
            self._pump()

    def _tell_held(self) -> None:
        held, self._held = self._held or [], None
        for event in held:
            self.offer(event)

    def _handler(self, command: Command) -> Handler:
        line = command.line.lower()
        if line.startswith(("exit", "...")):
            return self._exit
        if not self.authorized:
            return self.unauthorized
        fitting = (known for known in self.handlers() if line.startswith(known[0]))
        return next(fitting, ("", lambda _: ""))[1]

    def handlers(self) -> list[tuple[str, Handler]]:
        """What this connection understands: how a command begins, and who carries it out."""
        wishes = self.subscription
        return [
            ("filter ", lambda command: wishes.filter(command.argument)),
            ("sendmsg", self._sendmsg),
            ("sendevent", lambda _: f"+OK {uuid.uuid4()}"),
            ("api ", self._api),
            ("bgapi ", self._bgapi),
            ("log", lambda command: f"+OK log level {command.argument or 7} [7]"),
            ("linger", lambda _: "-ERR not controlling a session"),
            ("nolinger", lambda _: "-ERR not controlling a session"),
            ("nolog", lambda _: "+OK no longer logging"),
            ("event", self.subscribe(wishes.add)),
            ("nixevent", self.subscribe(wishes.remove)),
            ("noevents", self.subscribe(lambda _: wishes.clear())),
        ]

    def unauthorized(self, _command: Command) -> Outcome:
        """The answer before ``auth``."""
        return "-ERR command not found"

    def reply(self, text: str, *headers: str) -> None:
        """A ``command/reply``."""
        extra = "".join(f"{header}\n" for header in headers)
        self.write(f"Content-Type: command/reply\nReply-Text: {text}\n{extra}\n")

    # -- commands every connection has -----------------------------------------------------

    def _exit(self, _command: Command) -> Outcome:
        self.reply("+OK bye")
        self.close()
        return None

    def _api(self, command: Command) -> Outcome:
        answer = self.exchange.command(command.argument)
        if isinstance(answer, str):
            self._api_response(answer)
            return None
        return self._answer_later(answer)

    async def _answer_later(self, answer: Awaitable[str]) -> None:
        self._api_response(await answer)

    def _api_response(self, answer: str) -> None:
        body = answer or "-ERR no reply\n"
        self.write(f"Content-Type: api/response\nContent-Length: {len(to_wire(body))}\n\n{body}")

    def _bgapi(self, command: Command) -> Outcome:
        job = command.headers.get("job-uuid") or str(uuid.uuid4())
        self.reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}")
        owner = self.channel.uuid if self.channel is not None else ""
        self.exchange.spawn(self.exchange.background(job, owner, command.argument))
        return None

    def _sendmsg(self, command: Command) -> Outcome:
        wanted = command.argument.strip() or command.headers.get("session-id", "")
        if not wanted and self.channel is not None:
            channel: Channel | None = self.channel
        else:
            channel = self.exchange.locate(wanted)
        if channel is None:
            return f"-ERR invalid session id [{wanted}]"
        channel.queue_private_event(command.headers)
        return "+OK"

    # -- events out --------------------------------------------------------------------

    def subscribe(self, change: Callable[[str], str]) -> Handler:
        """A command that changes the subscription, with what follows its first word."""

        def carry_out(command: Command) -> Outcome:
            self.exchange.listening(self, False)
            reply = change(command.argument)
            self.exchange.listening(self, self.subscription.listens)
            return reply

        return carry_out

    def wants(self, name: str) -> bool:
        """Whether events of that name are subscribed to."""
        return self.subscription.wants(name)

    def offer(self, event: Event) -> None:
        """Send the event if this connection wants it."""
        if self.finished or not self.subscription.passes(event):
            return
        if self._held is not None:
            self._held.append(event)
        else:
            self.exchange.faults.event(self, event)


Outcome = str | Coroutine[None, None, None] | None
Handler = Callable[[Command], Outcome]


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.lstrip(" ").rstrip("\r")
    return headers


def _blank_line(buffer: bytes) -> tuple[int, int]:
    """Where the first blank line begins, and how long it is."""
    found = [(at, len(gap)) for gap in (b"\n\n", b"\r\n\r\n") if (at := buffer.find(gap)) >= 0]
    return min(found, default=(-1, 0))
