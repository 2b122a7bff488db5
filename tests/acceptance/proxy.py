"""A TCP proxy that does to connections what networks do: stall, dribble, break in mid-frame.

It stands between the switch and the app, or between a client and the app, and knows nothing of
what is said. Each connection through it is a `Link`, with one thread for each direction.
"""

import contextlib
import re
import socket
import struct
import threading
from types import TracebackType

from .switches.event_socket import split_address
from .wait import wait_until

_CHUNK = 65536
_UUID = re.compile(rb"^Unique-ID: (\S+)", re.MULTILINE)
_RESET = struct.pack("ii", 1, 0)


class Link:
    """One connection: `near` was accepted from who connects, `far` leads to whom it wants."""

    def __init__(
        self, near: socket.socket, far: socket.socket, *, dribbles: bool, stalled: bool
    ) -> None:
        self._ends = (near, far)
        self._flows = threading.Event()
        if not stalled:
            self._flows.set()
        self._dribbles = dribbles
        self._cut_from: socket.socket | None = None
        self._cut_at = b""
        self._first = b""
        self._broken = False
        self._last = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._pump, args=ends, daemon=True)
            for ends in ((near, far), (far, near))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def uuid(self) -> str:
        """The channel whose data went through first; "" for any other connection."""
        found = _UUID.search(self._first)
        return found[1].decode() if found else ""

    @property
    def alive(self) -> bool:
        """Whether either side may still say something."""
        return any(thread.is_alive() for thread in self._threads)

    def stall(self) -> None:
        """From now on nothing gets through, and nobody closes."""
        self._flows.clear()

    def go_on(self) -> None:
        self._flows.set()

    def dribble(self, dribbles: bool = True) -> None:
        """From now on every byte is sent by itself."""
        self._dribbles = dribbles

    def cut_next_from_near(self, at: bytes = b"") -> None:
        """Of what who connected says next half gets through, or all before the text ``at``, then
        both sides get a reset."""
        self._cut_from, self._cut_at = self._ends[0], at

    def cut_next_from_far(self) -> None:
        """Likewise of what is said to who connected."""
        self._cut_from, self._cut_at = self._ends[1], b""

    def reset(self) -> None:
        """Both sides get a reset; what was held back never arrives."""
        self._broken = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                # Wakes the thread that reads from it; the last one of the two closes both.
                end.shutdown(socket.SHUT_RD)
        self._flows.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive(), "a connection through the proxy does not end"

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        self._relay(source, sink)
        if self._last.acquire(blocking=False):
            for end in self._ends:
                end.close()
        else:
            self._last.release()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(_CHUNK):
                self._flows.wait()
                if self._broken:
                    return
                if len(self._first) < _CHUNK:
                    self._first += data
                if self._cut_from is source and self._cut_at in data:
                    sink.sendall(data[: data.find(self._cut_at) or len(data) // 2])
                    self.reset()
                    return
                self._send(sink, data)
            # The end of one side waits its turn like all it said before.
            self._flows.wait()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()

    def _send(self, sink: socket.socket, data: bytes) -> None:
        if not self._dribbles:
            sink.sendall(data)
            return
        for place in range(len(data)):
            sink.sendall(data[place : place + 1])


class Proxy:
    """Listens at `listen` and connects each who comes there with `target`; both `host:port`."""

    def __init__(self, listen: str, target: str) -> None:
        self._server = socket.create_server(split_address(listen))
        host, port = self._server.getsockname()
        self.address = f"{host}:{port}"
        self._target = split_address(target)
        self._links: list[Link] = []
        self._dribbles = self._stalls = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)
        for link in self._links:
            link.reset()
            link.join()

    def links(self) -> list[Link]:
        """The connections that are up, oldest first."""
        return [link for link in self._links if link.alive]

    def link(self) -> Link:
        """The one connection that is up. Its first answer may be back before it is noted here."""
        return wait_until(
            self.links, lambda links: len(links) == 1, promise="there is one connection"
        )[0]

    def of(self, uuid: str, count: int = 1) -> list[Link]:
        """The connections of one channel, oldest first, once there are so many."""
        return wait_until(
            lambda: [link for link in self.links() if link.uuid == uuid],
            lambda links: len(links) == count,
            promise=f"{uuid} has {count} connections",
        )

    def dribble(self) -> None:
        """Every byte by itself, on these connections and those to come."""
        self._dribbles = True
        for link in self.links():
            link.dribble()

    def stall(self, *, to_come: bool = False) -> None:
        """Nothing gets through these connections, nor, with ``to_come``, those to come."""
        self._stalls = to_come
        for link in self.links():
            link.stall()

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._dribbles = self._stalls = False
        for link in self.links():
            link.dribble(False)
            link.go_on()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self._links = self.links()
            try:
                far = socket.create_connection(self._target, 5)
            except OSError:
                # As if nobody listened here either.
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                near.close()
                continue
            far.settimeout(None)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._links.append(Link(near, far, dribbles=self._dribbles, stalled=self._stalls))
