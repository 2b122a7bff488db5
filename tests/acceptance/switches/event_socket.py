"""A tiny Event Socket client for the tests' own use.

The suite must be able to look at a switch without the app's own client, or a fault in that client
would hide itself. Plain sockets, one reply at a time, every wait limited.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import unquote


class EventSocketError(Exception):
    """The switch closed the connection, refused us or did not answer in time."""


@dataclass(frozen=True)
class Frame:
    """One frame: its headers, percent-decoded, and its body, empty when it has none."""

    headers: Mapping[str, str]
    body: str = ""

    @property
    def kind(self) -> str:
        """The frame's Content-Type, e.g. `api/response`."""
        return self.headers.get("Content-Type", "")

    def event(self) -> "Frame":
        """The event inside a `text/event-plain` frame."""
        head, _, body = self.body.partition("\n\n")
        return Frame(parse_headers(head), body)


def parse_headers(text: str) -> dict[str, str]:
    """`Name: value` lines as a dict; values come percent-encoded in events (freeswitch.md §2)."""
    pairs = (line.partition(": ") for line in text.split("\n") if line)
    return {name: unquote(value) for name, _, value in pairs}


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:8021` as `("127.0.0.1", 8021)`."""
    host, _, port = address.rpartition(":")
    return host, int(port)


@dataclass
class EventSocket:
    """An authenticated connection to a switch's control port; safe to share between threads."""

    stream: socket.socket
    buffer: bytes = b""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def connect(cls, address: str, password: str, limit: float = 5.0) -> Self:
        """Connect and authenticate within `limit` seconds, or raise EventSocketError."""
        try:
            stream = socket.create_connection(split_address(address), timeout=limit)
        except OSError as error:
            raise EventSocketError(f"{address}: {error}") from error
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = cls(stream)
        try:
            connection._authenticate(password)
        except EventSocketError:
            connection.close()
            raise
        return connection

    def _authenticate(self, password: str) -> None:
        greeting = self.read()
        if greeting.kind != "auth/request":
            raise EventSocketError(f"expected auth/request, got {greeting.kind}")
        reply = self.command(f"auth {password}")
        if not reply.startswith("+OK"):
            raise EventSocketError(reply)

    def command(self, line: str) -> str:
        """Send one command and return its Reply-Text."""
        return self._exchange(line, "command/reply").headers.get("Reply-Text", "")

    def api(self, command: str) -> str:
        """The result of `api <command>`, without the closing newline."""
        return self._exchange(f"api {command}", "api/response").body.rstrip("\n")

    def apis(self, *commands: str) -> list[str]:
        """The same of several, sent in one write: nothing of ours comes between them."""
        lines = "\n\n".join(f"api {command}" for command in commands)
        frames = self._exchanges(lines, "api/response", len(commands))
        return [frame.body.rstrip("\n") for frame in frames]

    def _exchange(self, line: str, kind: str) -> Frame:
        return self._exchanges(line, kind, 1)[0]

    def _exchanges(self, lines: str, kind: str, count: int) -> list[Frame]:
        with self.lock:
            try:
                self.stream.sendall(f"{lines}\n\n".encode())
            except OSError as error:
                raise EventSocketError(str(error)) from error
            frames: list[Frame] = []
            while len(frames) < count:
                frame = self.read()
                frames += [frame] if frame.kind == kind else []
            return frames

    def events(self) -> Iterator[Frame]:
        """Every event from now on until the connection ends; use it for nothing else then."""
        self.stream.settimeout(None)
        while True:
            try:
                frame = self.read()
            except EventSocketError:
                return
            if frame.kind == "text/event-plain":
                yield frame.event()

    def read(self) -> Frame:
        """The next frame, whatever it is."""
        head, _, self.buffer = self._until(b"\n\n").partition(b"\n\n")
        headers = parse_headers(head.decode(errors="replace").lstrip("\n"))
        length = int(headers.get("Content-Length", "0"))
        while len(self.buffer) < length:
            self._receive()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Frame(headers, body.decode(errors="replace"))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self._receive()
        return self.buffer

    def _receive(self) -> None:
        try:
            data = self.stream.recv(65536)
        except OSError as error:
            raise EventSocketError(str(error)) from error
        if not data:
            raise EventSocketError("the switch closed the connection")
        self.buffer += data

    def close(self) -> None:
        """Close the connection; a thread waiting in events() returns."""
        with contextlib.suppress(OSError):  # already gone, which is what we want
            self.stream.shutdown(socket.SHUT_RDWR)
        self.stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
