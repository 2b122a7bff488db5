"""Connections of a story: what is written waits on the line until it is delivered.

The app's end is a real :class:`fsapp.switch.connection.Connection`; only the wire under it, with
its socket and python-ESL, is replaced by one that waits as an actor. The switch's end is the lab
switch's real session.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from fsapp.switch.frames import MOST_BODY, BadFrame, Frame, Frames
from tests.soak.stage import Stage

__all__ = ["HereWire", "Line"]

GREETING_SECONDS = 5.0


class Event:
    """What python-ESL makes of one frame; the methods have its names."""

    def __init__(self, headers: dict[str, str], body: str = "") -> None:
        self._headers = headers
        self._body = body

    def getType(self) -> str:
        return self._headers.get("Event-Name", "SOCKET_DATA")

    def getHeader(self, name: str) -> str | None:
        return self._headers.get(name)

    def getBody(self) -> str | None:
        return self._body or None


def decoded(data: bytes) -> Event:
    """A frame as the guard hands it on."""
    text = data.decode("utf-8", "surrogateescape")
    head, _, body = text.partition("\n\n")
    headers = _headers(head)
    if headers.get("Content-Type") != "text/event-plain":
        # CHANNEL_DATA is a reply, whatever name it has in it.
        headers.pop("Event-Name", None)
        return Event(headers, body)
    inner, _, rest = body.partition("\n\n")
    return Event(_headers(inner), rest)


def _headers(text: str) -> dict[str, str]:
    pairs = (line.partition(": ") for line in text.split("\n") if line)
    return {name: unquote(value, errors="surrogateescape") for name, _, value in pairs}


class Line:
    """One TCP connection between switch and app."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.to_app: deque[bytes | None] = deque()
        self.to_switch: deque[bytes | None] = deque()
        self.arrived: deque[bytes] = deque()
        """At the app, not read yet; empty bytes are the end."""
        self.session: Any = None
        self.transport = _Transport(self)
        self.cut = False
        """Nothing gets through in either direction, and nobody is told (half open)."""
        self.over_at_app = self.over_at_switch = False

    def deliver_to_app(self) -> None:
        data = self.to_app.popleft()
        if data is None:
            self.over_at_app = True
            self.arrived.append(b"")
        else:
            self.arrived.append(data)

    def deliver_to_switch(self) -> None:
        """On the switch's thread."""
        data = self.to_switch.popleft()
        if self.over_at_switch:
            return
        if data is None:
            self._end_at_switch()
        else:
            self.session.data_received(data)

    def _end_at_switch(self) -> None:
        self.over_at_switch = True
        self.session.connection_lost(None)

    def from_app(self, data: bytes) -> bool:
        if self.over_at_app:
            return False
        if not self.cut:
            self.to_switch.append(data)
        return True

    def app_closes(self) -> None:
        """The app's end is shut: its reader sees the end, the switch hears of it."""
        if not self.over_at_app:
            self.over_at_app = True
            self.to_app.clear()
            self.arrived.append(b"")
            if not self.cut:
                self.to_switch.append(None)

    def app_dies(self) -> None:
        """The process is gone: a reset reaches the switch."""
        self.arrived.clear()
        self.app_closes()

    def switch_closes(self, *, reset: bool = False) -> None:
        if self.over_at_switch:
            return
        self.over_at_switch = True
        self.to_switch.clear()
        if reset:
            self.to_app.clear()
        if not self.cut:
            self.to_app.append(None)

    def heals(self) -> None:
        """A half-open connection is given up by both ends, as their keep-alives do."""
        self.cut = False
        self.app_closes()
        if not self.over_at_switch and None not in self.to_switch:
            self.to_switch.append(None)


class _Transport(asyncio.Transport):
    """The switch's end."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def write(self, data: Any) -> None:
        line = self._line
        if not (line.cut or line.over_at_switch or line.over_at_app):
            line.to_app.append(bytes(data))

    def close(self) -> None:
        self._line.switch_closes()
        asyncio.get_running_loop().call_soon(self._line.session.connection_lost, None)

    def abort(self) -> None:
        self._line.switch_closes(reset=True)
        asyncio.get_running_loop().call_soon(self._line.session.connection_lost, None)

    def is_closing(self) -> bool:
        return self._line.over_at_switch


class HereWire:
    """:class:`fsapp.switch.wire.Wire` at the app's end of a line.

    The guard in front of python-ESL is the real one; python-ESL is not.
    """

    def __init__(self, line: Line, stage: Stage) -> None:
        self._line = line
        self._stage = stage
        self._frames = Frames(MOST_BODY)
        self._waiting: deque[Frame] = deque()
        self._info: Event | None = None

    def send(self, text: str) -> bool:
        return self._line.from_app(text.encode("utf-8", "replace"))

    def push(self, data: bytes) -> bytes:
        """As the real one; this line takes everything at once."""
        if not self._line.from_app(data):
            raise BrokenPipeError("the line has ended")
        return b""

    def greeted(self, _deadline: float) -> Frame:
        """The next frame; the limit is one of the story's time."""
        until = self._stage.now() + GREETING_SECONDS
        while not self._waiting:
            data = self._received(until)
            if not data:
                raise ConnectionError("it closed the connection, or says nothing")
            self._waiting.extend(self._frames.feed(data))
        return self._waiting.popleft()

    def begin(self, greeting: Frame) -> None:
        if greeting.kind not in ("command/reply", "api/response"):
            raise BadFrame(f"it greets with {greeting.kind}")
        self._info = decoded(greeting.data)

    def info(self) -> Event | None:
        return self._info

    def events(self, wanted: Callable[[Frame], bool] = lambda _: True) -> Iterator[Event]:
        while True:
            while self._waiting:
                frame = self._waiting.popleft()
                if wanted(frame):
                    yield decoded(frame.data)
            data = self._received(None)
            if not data:
                return
            self._waiting.extend(self._frames.feed(data))

    def close(self) -> None:
        self._line.app_closes()

    def release(self) -> None:
        self._line.app_closes()

    def _received(self, until: float | None) -> bytes:
        actor, arrived = self._stage.current(), self._line.arrived
        assert actor is not None, "only a receiving thread reads"
        return arrived.popleft() if actor.wait(lambda: bool(arrived), until) else b""
