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

from fsapp.lab.events import EVENT_NAMES, MYEVENTS, Event, to_wire

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
        self.subscribed: set[str] = set()
        self.listens = False
        self.only_own = False
        self.filters: list[tuple[str, str]] = []
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
        return [
            ("filter ", self._filter),
            ("sendmsg", self._sendmsg),
            ("sendevent", lambda _: f"+OK {uuid.uuid4()}"),
            ("api ", self._api),
            ("bgapi ", self._bgapi),
            ("log", lambda command: f"+OK log level {command.argument or 7} [7]"),
            ("linger", lambda _: "-ERR not controlling a session"),
            ("nolinger", lambda _: "-ERR not controlling a session"),
            ("nolog", lambda _: "+OK no longer logging"),
            ("event", self._event),
            ("nixevent", self._nixevent),
            ("noevents", self._noevents),
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

    # -- which events ------------------------------------------------------------------

    def _event(self, command: Command) -> Outcome:
        words = [word for word in command.argument.split(" ") if word]
        if words and words[0].lower() in {"plain", "xml", "json"}:
            del words[0]
        known = _known_events(words)
        if not known:
            return "-ERR no keywords supplied"
        self.subscribed |= known
        self._listen(True)
        return "+OK event listener enabled plain"

    def _nixevent(self, command: Command) -> Outcome:
        known = _known_events(command.argument.split(" "))
        if not known:
            return "-ERR no keywords supplied"
        if "ALL" in known:
            self.subscribed.clear()
        elif "ALL" in self.subscribed:
            self.subscribed = set(EVENT_NAMES) - {"ALL"}
        self.subscribed -= known
        self._listen(True)
        return "+OK events nixed"

    def _noevents(self, _command: Command) -> Outcome:
        if not self.listens:
            return "-ERR not listening for events"
        self.subscribed.clear()
        self._listen(False)
        return "+OK no longer listening for events"

    def _myevents(self, _command: Command) -> Outcome:
        if self.only_own:
            return "-ERR aready enabled."
        self.exchange.listening(self, False)
        self.subscribed |= MYEVENTS
        self.only_own = True
        self._listen(True)
        return "+OK Events Enabled"

    def _filter(self, command: Command) -> Outcome:
        first, _, rest = command.argument.lstrip(" ").partition(" ")
        if first.lower() == "delete" and rest:
            return self._delete_filter(*rest.partition(" ")[::2])
        name, value = (rest.partition(" ")[::2]) if first.lower() == "add" else (first, rest)
        if not value:
            return "-ERR invalid syntax"
        self.filters.append((name, value))
        return f"+OK filter added. [{name}]=[{value}]"

    def _delete_filter(self, name: str, value: str) -> str:
        if name.lower() == "all":
            self.filters.clear()
        self.filters = [
            known
            for known in self.filters
            if known[0].lower() != name.lower() or (value and known[1] != value)
        ]
        return f"+OK filter deleted. [{name}][{value}]"

    def _listen(self, listens: bool) -> None:
        self.listens = listens
        self.exchange.listening(self, listens)

    def wants(self, name: str) -> bool:
        """Whether an event of that name is subscribed to."""
        return self.listens and (name in self.subscribed or "ALL" in self.subscribed)

    def offer(self, event: Event) -> None:
        """Send the event if this connection wants it."""
        if self.finished or not self.wants(event.name) or not self._passes(event):
            return
        if self._held is not None:
            self._held.append(event)
        else:
            self.exchange.faults.event(self, event)

    def _passes(self, event: Event) -> bool:
        return not self.filters or any(
            (event.get(name) or "").lower() == value.lower() for name, value in self.filters
        )


Outcome = str | Coroutine[None, None, None] | None
Handler = Callable[[Command], Outcome]


def _known_events(words: list[str]) -> set[str]:
    return {word.upper() for word in words} & EVENT_NAMES


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
