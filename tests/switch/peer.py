"""The other end of an Event Socket connection, scripted, on real sockets."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from fsapp.switch.channel import Channel, Event, Reply
from fsapp.switch.connection import Connection, prepare
from fsapp.switch.wire import Wire

LIMIT = 10.0
UUID = "7b3f8c1a-0000-4000-8000-00000000cafe"


def wait_until(true: Callable[[], object], why: str, limit: float = LIMIT) -> None:
    """Waits until the condition holds; fails with ``why`` when it does not in time."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, why
        time.sleep(0.002)


@contextmanager
def nothing_left() -> Iterator[None]:
    """Fails when what happens inside leaves a descriptor or a thread behind."""
    descriptors, threads = _descriptors(), set(threading.enumerate())
    yield
    wait_until(lambda: set(threading.enumerate()) <= threads, "a thread was left behind")
    wait_until(lambda: _descriptors() <= descriptors, "a descriptor was left behind")


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - a Path per entry is opened, too
        with suppress(OSError):
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")  # noqa: PTH115
    return {line for line in found if f"/proc/{os.getpid()}/fd" not in line}


class Peer:
    """One end of a connection: reads commands, says what FreeSWITCH would."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(LIMIT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._bytes = b""
        self.heard: list[str] = []
        """What it has been told, while it echoes."""
        self._goes_on = threading.Event()
        self._goes_on.set()

    def pause(self) -> None:
        """Answers nothing from now on, as if stopped; the connection stands."""
        self._goes_on.clear()

    def go_on(self) -> None:
        self._goes_on.set()

    def read(self) -> str | None:
        """The next command, without its closing blank line; ``None`` at the end of the stream."""
        while b"\n\n" not in self._bytes:
            try:
                more = self.sock.recv(65536)
            except ConnectionError:
                return None
            if not more:
                return None
            self._bytes += more
        command, self._bytes = self._bytes.split(b"\n\n", 1)
        return command.decode()

    def expect(self, *commands: str) -> None:
        """Reads exactly these commands, in this order."""
        assert [self.read() for _ in commands] == list(commands)

    def send(self, text: str) -> None:
        self.sock.sendall(text.encode())

    def reply(self, text: str) -> None:
        self.send(f"Content-Type: command/reply\nReply-Text: {text}\n\n")

    def api(self, body: str) -> None:
        self.send(f"Content-Type: api/response\nContent-Length: {len(body)}\n\n{body}")

    def event(self, name: str, body: str = "", /, **headers: str) -> None:
        """An event; a header's underscore stands for its hyphen."""
        lines = [f"Event-Name: {name}"]
        lines += [f"{key.replace('_', '-')}: {quote(value)}" for key, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        text = "\n".join(lines) + "\n\n" + body
        self.send(f"Content-Length: {len(text)}\nContent-Type: text/event-plain\n\n{text}")

    def notice(self) -> None:
        """The channel has ended, the socket lingers."""
        text = "Disconnected, goodbye.\n"
        self.send(
            "Content-Type: text/disconnect-notice\nContent-Disposition: linger\n"
            f"Content-Length: {len(text)}\n\n{text}"
        )

    def channel_data(self, uuid: str = UUID, **headers: str) -> None:
        """The answer to ``connect``."""
        lines = ["Content-Type: command/reply", "Reply-Text: +OK", "Event-Name: CHANNEL_DATA"]
        lines.append(f"Unique-ID: {uuid}")
        lines += [f"{key.replace('_', '-')}: {quote(value)}" for key, value in headers.items()]
        self.send("\n".join(lines) + "\n\n")

    def echo(self) -> None:
        """Answers every command with its own words, until the stream ends."""
        with suppress(OSError):
            while (command := self.read()) is not None:
                self.heard.append(command)
                self._goes_on.wait(LIMIT)
                if command.startswith("api "):
                    self.api(command.removeprefix("api "))
                else:
                    self.reply(f"+OK {command}")

    def ended(self) -> bool:
        """Whether the app has closed; what it still had to say is read away."""
        while self.read() is not None:
            pass
        return True

    def close(self) -> None:
        self.sock.close()

    def vanish(self) -> None:
        """Ends the connection without a word: the app gets a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class NotingHandler:
    """Notes what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.channels: list[Channel] = []
        self.connections: list[Connection] = []
        self.events: list[Event] = []
        self.ended: list[Connection] = []
        self.missed_ends: list[tuple[str, str]] = []
        self.known: Callable[[str], bool] = lambda _uuid: True
        self.on_connected: Callable[[Connection], None] = lambda _connection: None

    def connected(self, channel: Channel, connection: Connection) -> None:
        self.channels.append(channel)
        self.connections.append(connection)
        self.on_connected(connection)

    def knows(self, uuid: str) -> bool:
        return self.known(uuid)

    def missed(self, uuid: str, cause: str) -> None:
        self.missed_ends.append((uuid, cause))

    def happened(self, event: Event, connection: Connection) -> None:  # noqa: ARG002
        self.events.append(event)

    def disconnected(self, connection: Connection) -> None:
        self.ended.append(connection)

    def names(self) -> list[str]:
        return [event.name for event in self.events]


class CountingWire(Wire):
    """The app's side of a connection, noting what it is given to write."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.writes: list[str] = []

    def push(self, data: bytes) -> bytes:
        self.writes.append(data.decode())
        return super().push(data)


class Line:
    """A connection of the app's with its peer, shaken hands; received on a thread."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.peer = Peer(socket.create_connection(server.getsockname(), LIMIT))
            accepted, _ = server.accept()
        prepare(accepted)
        self.peer.channel_data()
        self.wire = CountingWire(accepted)
        self.wire.begin(self.wire.greeted(time.monotonic() + LIMIT))
        self.measured: list[tuple[str, Reply, float]] = []
        meter = lambda *told: self.measured.append(told)  # noqa: E731
        self.connection = Connection(self.wire, "test", meter)
        self.connection.uuid = UUID
        self.handler = NotingHandler()
        self.thread = threading.Thread(target=self.connection.receive, args=(self.handler,))
        self.thread.start()

    def close(self) -> None:
        self.peer.close()
        self.connection.close()
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()


class EventSocket:
    """FreeSWITCH's own Event Socket: asks for the password, then echoes."""

    def __init__(self, password: str = "ClueCon", port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self.password = password
        self.address = ("127.0.0.1", self._server.getsockname()[1])
        self.admitted: list[Peer] = []
        self.asked = 0
        """How often somebody has connected."""
        self.greets = threading.Event()
        """While it is clear, who connects is taken and told nothing, as by a stopped process."""
        self.greets.set()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                self.asked += 1
                thread = threading.Thread(target=self._serve, args=(Peer(sock),))
                self._threads.append(thread)
                thread.start()

    def _serve(self, peer: Peer) -> None:
        with suppress(OSError):
            self.greets.wait(LIMIT)
            peer.send("Content-Type: auth/request\n\n")
            if peer.read() == f"auth {self.password}":
                # Noted first: who is let in may be asked for at once.
                self.admitted.append(peer)
                peer.reply("+OK accepted")
                peer.echo()
            else:
                peer.reply("-ERR invalid")
        peer.close()

    def hang_up(self) -> None:
        """Ends the connections that were let in."""
        for peer in self.admitted:
            with suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.hang_up()
        for thread in [self._acceptor, *self._threads]:
            thread.join(LIMIT)
            assert not thread.is_alive()
