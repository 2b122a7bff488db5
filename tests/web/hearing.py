"""A client of ``GET /events`` on a plain socket, and a server with streams and a scripted feed."""

from __future__ import annotations

import json
import socket
import ssl
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.settings import Address, Events, Http, Settings
from fsapp.web.app import build
from fsapp.web.guesses import Guesses
from fsapp.web.server import WebServer
from fsapp.web.streams import Streams

from .serving import Holders, NotingDesk, request

LIMIT = 10.0


@dataclass(frozen=True)
class Heard:
    """One event, as a browser's ``EventSource`` would hand it on."""

    name: str
    data: dict[str, Any]
    number: int | None


class Ear:
    """One open stream, read event by event. ``last`` is what ``Last-Event-ID`` would be."""

    def __init__(
        self,
        address: Address,
        sent: bytes,
        *,
        small: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(LIMIT)
        self.socket.connect(address)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.sendall(sent)
        self._unread = b""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        self.status = int(head.split()[1])
        self.headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        self.last: int | None = None
        self.comments = 0

    def hear(self) -> Heard:
        """The next event; ``EOFError`` when the stream ends before there is one."""
        while True:
            fields: dict[str, str] = {}
            for line in self._until(b"\n\n").decode().split("\n"):
                name, _, value = line.partition(":")
                self.comments += not name
                fields[name] = value.removeprefix(" ")
            if "id" in fields:
                self.last = int(fields["id"])
            if "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                return Heard(fields["event"], json.loads(fields["data"]), number)

    def ends(self) -> None:
        """Reads until the server closes; what was still on its way does not matter."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass

    def close(self) -> None:
        self.socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            received = self.socket.recv(65536)
            if not received:
                raise EOFError(self._unread)
            self._unread += received
        found, _, self._unread = self._unread.partition(mark)
        return found


@dataclass
class Word:
    """A message for everybody but ``deaf``."""

    number: int
    size: int = 10
    deaf: str = ""
    timestamp: float = 0.0

    def text(self, agent: Agent) -> bytes | None:
        if agent.id == self.deaf:
            return None
        data = json.dumps({"n": self.number, "pad": "x" * self.size})
        return f"id: {self.number}\nevent: word\ndata: {data}\n\n".encode()


@dataclass
class ScriptedFeed:
    """Tells what the test says; remembers who had streams open."""

    words: list[Word] = field(default_factory=list)
    oldest: int = 1
    last: int = 0
    open: list[str] = field(default_factory=list)
    present: object = 0
    reads: int = 0
    wake: Callable[[], None] = lambda: None

    def say(self, *words: Word) -> None:
        self.words.extend(words)
        self.wake()

    def listen(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def opened(self, agent: Agent) -> None:
        self.open.append(agent.id)

    def closed(self, agent: Agent) -> None:
        self.open.remove(agent.id)

    def newest(self) -> int:
        return self.words[-1].number if self.words else self.last

    def skip(self) -> None:
        self.last = self.words[-1].number if self.words else self.last

    def next(self) -> Sequence[Word]:
        self.reads += 1
        start = bisect_right(self.words, self.last, key=lambda word: word.number)
        news = self.words[start : start + 20]
        if news:
            self.last = news[-1].number
        return news

    def replay(self, after: int) -> Sequence[Word]:
        start = bisect_right(self.words, after, key=lambda word: word.number)
        return [word for word in self.words[start : start + 20] if word.number <= self.last]

    def complete_after(self, number: int) -> bool:
        return self.oldest <= number + 1

    def update(self) -> None:
        return None

    def everything(self, agent: Agent) -> bytes:
        return f'event: calls\ndata: {{"of":"{agent.id}"}}\n\n'.encode()

    def reset(self) -> bytes:
        return f"id: {self.last}\nevent: reset\ndata: {{}}\n\n".encode()

    def roll(self) -> object:
        return self.present


class Hall:
    """A web server with event streams."""

    def __init__(self, feed: ScriptedFeed, holders: Holders, server: WebServer, streams: Streams):
        self.feed = feed
        self.holders = holders
        self.server = server
        self.streams = streams
        self.ears: list[Ear] = []
        self.trusting: ssl.SSLContext | None = None

    def ear(self, who: str = "ann", query: str = "", *, small: bool = False, **headers: str) -> Ear:
        sent = request("GET", f"/events{query}", token=f"{who}-token", **headers)
        ear = Ear(self.server.address, sent, small=small, tls=self.trusting)
        self.ears.append(ear)
        return ear


@contextmanager
def hall(
    threads: int = 4,
    tls: ssl.SSLContext | None = None,
    guesses: Guesses | None = None,
    **settings: Any,
) -> Iterator[Hall]:
    """A served hall; ``settings`` are those of the section ``events``."""
    http = Http(listen=Address("127.0.0.1", 0), threads=threads)
    events = Events(**settings)
    feed, holders = ScriptedFeed(), Holders()
    streams = Streams(feed, holders, events)
    known = replace(Settings(), http=http, events=events)
    server = WebServer(build(NotingDesk(), holders, known, streams, guesses), http, tls)
    streams.start()
    server.start()
    made = Hall(feed, holders, server, streams)
    try:
        yield made
    finally:
        streams.stop()
        server.stop()
        for ear in made.ears:
            ear.close()
