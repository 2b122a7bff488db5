"""One Event Socket connection with python-ESL behind a guard.

The law of this file: python-ESL never has the peer's socket. It sits at one end of a socket pair,
whose other end is given the frames that ``frames.py`` has built: whole ones only, so it never
waits, and it can neither crash, hang nor grow by what a peer sends. Receiving and decoding are the
same thread's work. Whoever writes, writes to the peer's socket, which is this object's own.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ESL

from fsapp.switch.frames import MOST_BODY, BadFrame, Frame, Frames

__all__ = ["BadFrame", "Wire"]

_CHUNK = 16384
_FEW = 448
"""Held by each connection while it waits: 8 KiB cost 7 KiB of memory a live call (measured)."""
_AT_ONCE = 65536
"""How much is given to python-ESL in one write; the pair's buffer holds three times as much."""
_REPLIES = ("command/reply", "api/response")


class Wire:
    """``sock`` is connected and prepared; it is this object's from here on."""

    def __init__(self, sock: socket.socket, most_body: int = MOST_BODY) -> None:
        self._sock = sock
        self._frames = Frames(most_body)
        self._waiting: list[Frame] = []
        self._near: socket.socket | None = None
        self._esl: Any = None

    def send(self, text: str) -> bool:
        """Writes all of it to the peer, for hand-shakes; whether that was possible."""
        try:
            self._sock.sendall(text.encode("utf-8", "replace"))
        except OSError:
            return False
        return True

    def push(self, data: bytes) -> bytes:
        """Writes what the peer takes at once, and answers what is left. Never waits.

        Raises ``OSError`` when the connection has ended.
        """
        try:
            return data[self._sock.send(data, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return data

    def takes_more(self, limit: float) -> bool:
        """Waits until the peer takes more, or has ended, at most ``limit`` seconds."""
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        return bool(poll.poll(max(0.0, limit) * 1000))

    def greeted(self, deadline: float) -> Frame:
        """The next frame, for hand-shakes. ``deadline`` is on the monotonic clock.

        Raises ``TimeoutError``, ``ConnectionError`` when the peer leaves, or :class:`BadFrame`.
        """
        while not self._waiting:
            self._sock.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._sock.recv(_CHUNK)
            if not data:
                raise ConnectionError("it closed the connection")
            self._waiting = self._frames.feed(data)
        self._sock.settimeout(None)
        return self._waiting.pop(0)

    def begin(self, greeting: Frame) -> None:
        """Puts python-ESL behind the guard; ``greeting`` is what it hears to its ``connect``."""
        if greeting.kind not in _REPLIES:
            raise BadFrame(f"it greets with {greeting.kind[:64]!r}")
        if len(greeting.data) > _AT_ONCE:
            # Nobody reads at the other end of the pair yet: more might not fit.
            raise BadFrame(f"its greeting has {len(greeting.data)} bytes")
        far, self._near = socket.socketpair()
        self._near.sendall(greeting.data)
        self._esl = ESL.ESLconnection(far.detach())
        self._near.recv(_CHUNK)

    def info(self) -> Any:
        """The greeting, as python-ESL has read it."""
        return self._esl.getInfo()

    def events(self, wanted: Callable[[Frame], bool] = lambda _: True) -> Iterator[Any]:
        """What the peer says until it leaves, each an ``ESL.ESLevent``. Raises BadFrame.

        ``wanted`` is asked about every frame before it is decoded, when all that came before it
        has been dealt with.
        """
        frames = self._waiting
        while True:
            for frame in frames:
                if wanted(frame):
                    yield self._through(frame.data)
            data = self._received()
            if not data:
                return
            frames = self._frames.feed(data)

    def close(self) -> None:
        """Ends the connection; whoever receives notices."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Gives the descriptors back; for the receiving thread, when nobody writes any more."""
        self._sock.close()
        if self._near is not None:
            self._near.close()
        esl, self._esl = self._esl, None
        if esl is not None:
            esl.disconnect()

    def _received(self) -> bytes:
        data = b""
        with contextlib.suppress(OSError):
            data = self._sock.recv(_FEW)
            if len(data) == _FEW:
                data += self._sock.recv(_CHUNK, socket.MSG_DONTWAIT)
        return data

    def _through(self, data: bytes) -> Any:
        """What python-ESL makes of one frame."""
        assert self._near is not None
        if len(data) <= _AT_ONCE:
            self._near.sendall(data)
            return self._esl.recvEvent()
        # More than the pair holds: somebody has to write while python-ESL reads.
        writer = threading.Thread(target=self._near.sendall, args=(data,), daemon=True)
        writer.start()
        event = self._esl.recvEvent()
        writer.join()
        return event
