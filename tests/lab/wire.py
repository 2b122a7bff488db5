"""A bare app's side of the Event Socket, for testing the lab switch: sockets and waits, no more."""

import socket
import time
from collections import deque
from dataclasses import dataclass, field

from .recordings import Stream, parse_headers

LIMIT = 5.0


class NothingCameError(AssertionError):
    """A frame waited for did not come within its limit."""


@dataclass
class Frame:
    """A frame: its headers, or an event's with what the frame around it says added."""

    headers: dict[str, str]
    body: str = ""

    @property
    def event(self) -> str:
        return self.headers.get("Event-Name", "")

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    def get(self, name: str) -> str | None:
        return self.headers.get(name)


@dataclass
class Wire:
    """One connection to the lab switch."""

    socket: socket.socket
    frames: list[Frame] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self._stream = Stream()
        self._unread: deque[Frame] = deque()

    def close(self) -> None:
        self.socket.close()

    def send(self, *commands: str) -> None:
        """Send commands in one write."""
        self.socket.sendall("".join(f"{command}\n\n" for command in commands).encode())

    # -- waiting -----------------------------------------------------------------------

    def next(self, limit: float = LIMIT) -> Frame:
        """The next frame."""
        deadline = time.monotonic() + limit
        while not self._unread:
            self._receive(deadline)
        return self._unread.popleft()

    def _receive(self, deadline: float) -> None:
        if self.ended:
            raise NothingCameError(f"the connection is over; so far {self.story()}")
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise NothingCameError(f"nothing came; so far {self.story()}") from None
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return
        for headers, body in self._stream.feed(data.decode()):
            frame = _frame(headers, body)
            self.frames.append(frame)
            self._unread.append(frame)

    def event(self, name: str, limit: float = LIMIT, **wanted: str) -> Frame:
        """The next event of that name, with those headers (``Channel_State="CS_PARK"``)."""
        needed = {key.replace("_", "-"): value for key, value in wanted.items()}
        while True:
            frame = self.next(limit)
            if frame.event == name and needed.items() <= frame.headers.items():
                return frame

    def reply(self, limit: float = LIMIT) -> str:
        """The next reply or API answer, without its line end."""
        while True:
            frame = self.next(limit)
            if frame.get("Content-Type") == "command/reply":
                return frame["Reply-Text"].rstrip("\n")
            if frame.get("Content-Type") == "api/response":
                return frame.body.rstrip("\n")

    def ask(self, command: str) -> str:
        """The reply to a command."""
        self.send(command)
        return self.reply()

    def api(self, command: str) -> str:
        return self.ask(f"api {command}")

    def until_end(self, limit: float = LIMIT) -> list[Frame]:
        """Everything that still comes until the switch closes."""
        rest = []
        try:
            while True:
                rest.append(self.next(limit))
        except NothingCameError:
            if not self.ended:
                raise
        return rest

    # -- what an app says ----------------------------------------------------------------

    def hello(self) -> Frame:
        """Connect and subscribe as an app does; the channel's data."""
        self.send("connect", "linger 5", "myevents", "event plain BACKGROUND_JOB")
        data = self.next()
        for _ in range(3):
            self.reply()
        return data

    def execute(self, application: str, argument: str = "", *headers: str) -> None:
        lines = ["sendmsg", "call-command: execute", f"execute-app-name: {application}"]
        lines += [f"execute-app-arg: {argument}", *headers]
        self.send("\n".join(lines))
        assert self.reply() == "+OK"

    # -- what happened -----------------------------------------------------------------

    def story(self, *names: str) -> list[str]:
        """The events so far (of those names), each with its application or state."""
        return [_sketch(f) for f in self.frames if f.event and (not names or f.event in names)]


def _frame(headers: dict[str, str], body: str) -> Frame:
    if headers.get("Content-Type") == "text/event-plain":
        head, _, rest = body.partition("\n\n")
        return Frame(parse_headers(head), rest)
    return Frame(headers, body)


def _sketch(frame: Frame) -> str:
    detail = frame.get("Application")
    if frame.event == "CHANNEL_STATE":
        detail = frame["Channel-State"]
    return f"{frame.event} {detail}" if detail else frame.event


class Listener:
    """Where the dialplan's ``socket`` action connects to."""

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._wires: list[Wire] = []

    def accept(self, limit: float = LIMIT) -> Wire:
        """The next connection."""
        self._socket.settimeout(limit)
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            raise NothingCameError(f"nobody connected within {limit} s") from None
        self._wires.append(Wire(connection))
        return self._wires[-1]

    def nobody_comes(self, within: float = 0.1) -> bool:
        """Whether no connection comes within a short time."""
        try:
            self.accept(within)
        except NothingCameError:
            return True
        return False

    def hang_up(self) -> None:
        """Close every connection, and go on listening."""
        while self._wires:
            self._wires.pop().close()

    def close(self) -> None:
        self._socket.close()
        self.hang_up()


def connect(address: str) -> Wire:
    """A connection to the control port."""
    host, _, port = address.rpartition(":")
    return Wire(socket.create_connection((host, int(port)), LIMIT))
