"""A server that says, connection by connection, exactly what the test has written."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

LIMIT = 10.0

Talk = Callable[["Line"], None]


@dataclass
class Line:
    """One connection, seen from the server."""

    socket: socket.socket
    heard: list[str]

    def hears(self) -> str:
        """The next request, head and body."""
        unread = b""
        while b"\r\n\r\n" not in unread:
            received = self.socket.recv(65536)
            if not received:
                raise EOFError
            unread += received
        head, _, body = unread.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"ontent-Length" in line),
            0,
        )
        while len(body) < length:
            body += self.socket.recv(65536)
        self.heard.append(f"{head.decode()}\r\n\r\n{body.decode()}")
        return self.heard[-1]

    def says(self, text: str | bytes) -> None:
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def answers(self, document: Any, status: str = "200 OK", *, more: str = "") -> None:
        body = document if isinstance(document, str) else json.dumps(document)
        self.says(
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def streams(self) -> None:
        """The head of an event stream, whose clients come back at once."""
        self.says("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1\n\n")


@dataclass
class Peer:
    """``talks`` are what is said on the first connection, the second, …; the last one goes on."""

    talks: tuple[Talk, ...]
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    errors: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self.socket.accept()
            except OSError:
                return
            talk = self.talks[min(self.connections, len(self.talks) - 1)]
            self.connections += 1
            thread = threading.Thread(target=self._talk, args=(accepted, talk), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, accepted: socket.socket, talk: Talk) -> None:
        accepted.settimeout(LIMIT)
        with accepted:
            try:
                talk(Line(accepted, self.heard))
            except (EOFError, ConnectionError):
                pass
            except BaseException as error:  # noqa: BLE001 - told at the end
                self.errors.append(error)

    def stop(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for thread in self._threads:
            thread.join(LIMIT)
        assert self.errors == []


@contextmanager
def peer(*talks: Talk) -> Iterator[Peer]:
    made = Peer(talks)
    try:
        yield made
    finally:
        made.stop()
