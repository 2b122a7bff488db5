"""Takes requests in before they cost a thread.

The law of this file: a worker thread gets a connection only when the next request is here whole,
or never will be. Whoever sends slowly, or nothing, waits in the selector and takes nobody's time
but her own: she has :attr:`Connections.seconds` for a whole request. Nothing here waits or blocks.
"""

from __future__ import annotations

import re
import selectors
import ssl
import time
from collections.abc import Callable
from typing import Any

from cheroot.connections import ConnectionManager

__all__ = ["Connections", "Intake"]

_CHUNK = 65536
_ROUNDS = 4
"""How often one connection is read from before the others have their turn."""
_ARRIVALS = 64
"""How many clients are taken in before those who are here have their turn."""
_SCAN_SECONDS = 0.25
_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r?\n", re.IGNORECASE)
_OTHERWISE = re.compile(rb"\ntransfer-encoding:", re.IGNORECASE)
_CONTINUE = re.compile(rb"\nexpect:[ \t]*100-continue", re.IGNORECASE)
_LATE = TimeoutError("timed out")
"""cheroot answers 408 to exactly these words."""


class Intake:
    """What a client has sent and nobody has read yet; cheroot reads it like a file.

    A request's head may have ``most_head`` bytes and its body ``most_body``; what is larger need
    not arrive, since it is refused by its head.
    """

    def __init__(self, most_head: int, most_body: int) -> None:
        self._most_head = most_head
        self._most_body = most_body
        self._bytes = bytearray()
        self._searched = 0
        self.ended = False
        """Whether the client will send no more."""
        self.plain = False
        """Whether she speaks plain HTTP where TLS was expected."""
        self.closed = False
        self.bytes_read = 0

    def receive(self, sock: Any) -> None:
        """Takes what has arrived, from a socket that does not block."""
        try:
            for _ in range(_ROUNDS):
                data = sock.recv(_CHUNK)
                self._bytes += data
                if not data:
                    self.ended = True
                    return
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except ssl.SSLError as error:
            self.ended, self.plain = True, error.reason == "HTTP_REQUEST"
        except OSError:
            self.ended = True

    def is_whole(self) -> bool:
        """Whether waiting for more would change nothing about the next request."""
        if self.ended:
            return True
        end = _HEAD_END.search(self._bytes, self._searched)
        if end is None:
            self._searched = max(0, len(self._bytes) - 2)
            return len(self._bytes) > self._most_head
        return len(self._bytes) >= end.end() + self._body_length(end.end())

    def wants_word(self) -> bool:
        """Whether the client waits to be told that she may send her body."""
        end = _HEAD_END.search(self._bytes)
        return end is not None and _CONTINUE.search(self._bytes, 0, end.end()) is not None

    def has_data(self) -> bool:
        return bool(self._bytes)

    def read(self, size: int) -> bytes:
        """``size`` bytes, fewer at the end; ``TimeoutError`` when they did not arrive in time."""
        if len(self._bytes) < size and not self.ended:
            raise _LATE
        return self._take(size)

    def readline(self, size: int = -1) -> bytes:
        """One line, at most ``size`` bytes of it; otherwise as :meth:`read`."""
        end = self._bytes.find(b"\n") + 1 or len(self._bytes)
        if 0 <= size < end:
            end = size
        elif not self._bytes.endswith(b"\n", 0, end) and not self.ended:
            raise _LATE
        return self._take(end)

    def close(self) -> None:
        self.closed = True
        self._bytes.clear()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._bytes[:size])
        del self._bytes[:size]
        self._searched = 0
        return taken

    def _body_length(self, end: int) -> int:
        """Of the head that ends there, as far as it is worth waiting for."""
        lengths = _LENGTH.findall(self._bytes, 0, end)
        if len(lengths) != 1 or _OTHERWISE.search(self._bytes, 0, end):
            return 0
        length = int(lengths[0])
        return length if length <= self._most_body else 0


class Connections(ConnectionManager):
    """cheroot's selector; it gives the server (``dispatch``) connections whose request is whole.

    ``seconds``: how long a client may be silent between two requests, and how long she may take to
    send one.
    """

    _selector: Any

    def __init__(self, server: Any, seconds: float) -> None:
        super().__init__(server)
        self.seconds = seconds
        self._scanned = 0.0

    def _from_server_socket(self, server_socket: Any) -> Any:
        """As cheroot, which takes in one client a round, and in each round all that everybody else
        asks: the last of a hundred who come at once would wait for a hundred rounds of that."""
        accept: Callable[[Any], Any] = super()._from_server_socket  # type: ignore[misc]
        conn = accept(server_socket)
        for _ in range(_ARRIVALS - 1):
            if conn is None:
                return None
            self.server.process_conn(conn)
            conn = accept(server_socket)
        return conn

    def put(self, conn: Any) -> None:
        """A connection that was answered on, or a new one."""
        conn.until = time.monotonic() + self.seconds
        self.look(conn)

    def look(self, conn: Any) -> None:
        """Takes in what has arrived; gives the connection on, or waits for more."""
        conn.socket.settimeout(0)
        intake: Intake = conn.rfile
        if conn.leaving:
            self._see_off(conn)
            return
        had_begun = intake.has_data()
        intake.receive(conn.socket)
        if intake.ended and not intake.has_data():
            conn.gone(plain=intake.plain)
        elif intake.has_data() and intake.is_whole():
            self._dispatch(conn)
        else:
            if intake.has_data() and not had_begun:
                conn.until = time.monotonic() + self.seconds
                if intake.wants_word():
                    conn.go_on()
            self.watch(conn)

    def watch(self, conn: Any) -> None:
        """Waits for more, until ``conn.until``."""
        conn.last_used = time.time()  # cheroot takes one without for new
        conn.socket.settimeout(0)
        try:
            self._selector.register(conn.socket.fileno(), selectors.EVENT_READ, data=conn)
        except (OSError, ValueError, KeyError, RuntimeError):  # the server has just been stopped
            conn.close_now()

    def _dispatch(self, conn: Any) -> None:
        conn.socket.settimeout(self.seconds)
        self.server.dispatch(conn)

    def _see_off(self, conn: Any) -> None:
        """Lets in and forgets what a client still sends who has her answer."""
        try:
            received = len(conn.socket.recv(_CHUNK))
        except (BlockingIOError, ssl.SSLWantReadError):
            self.watch(conn)
            return
        except OSError:
            received = 0
        conn.leaving -= received
        if received and conn.leaving > 0:
            self.watch(conn)
        else:
            conn.close_now()

    def _expire(self, threshold: float) -> None:  # noqa: ARG002 - cheroot's limit; ours is `until`
        now = time.monotonic()
        if now - self._scanned < _SCAN_SECONDS:
            return
        self._scanned = now
        watched = list(self._selector.connections)
        for number, conn in watched:
            if conn is not self.server and conn.until < now:
                self._selector.unregister(number)
                self._give_up(conn)

    def _give_up(self, conn: Any) -> None:
        """Her time is over: she hears so if she had begun to ask."""
        if conn.leaving or not conn.rfile.has_data():
            conn.say_held()
            conn.close_now()
        else:
            self._dispatch(conn)
