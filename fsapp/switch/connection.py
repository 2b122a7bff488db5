"""One Event Socket connection, received on a thread of its own.

The law of this file (freeswitch.md §1): only the receiving thread ever reads, everybody else only
sends; replies come in the order of the commands. :meth:`Connection.post` does no I/O, so it may be
called under a lock and keeps the order decided there; :meth:`Connection.flush` writes what was
posted in one piece and is called without locks. Other threads end a connection by shutting it
down; only the receiving one closes it (its number would go to another call).
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from fsapp.switch.channel import Channel, Event, Headers, Reply
from fsapp.switch.frames import Frame
from fsapp.switch.wire import BadFrame, Wire

__all__ = ["Connection", "Handler", "Meter", "OnReply", "prepare", "unmeasured"]

log = logging.getLogger(__name__)

OnReply = Callable[[Reply], None]
Meter = Callable[[str, Reply, float], None]
"""Told of every command: itself, its reply, and how many seconds that took. Called where the reply
is received, or where the connection is found closed; must not wait."""


def unmeasured(_command: str, _reply: Reply, _seconds: float) -> None:
    """A :data:`Meter` for whom nobody asks."""


_Waiting = tuple[OnReply | None, str, float]
"""Who waits for a reply, to which command, since when (monotonic clock)."""

_REPLIES = ("command/reply", "api/response")
_PLAYED = b"playback"
_PARKED = b"CS_PARK"

SEND_SECONDS = 5
KEEPALIVE_SECONDS = 10
GONE_MILLISECONDS = 20_000
"""How long unacknowledged data may stand before the peer counts as vanished (TCP_USER_TIMEOUT)."""


class Handler(Protocol):
    """Who is told what happens on connections; called on receiving threads, must not wait."""

    def connected(self, channel: Channel, connection: Connection) -> None: ...

    def knows(self, uuid: str) -> bool:
        """Whether it is to be told what happens to this channel; asked where every channel is
        told of. Needs no more than a look, and no lock."""

    def missed(self, uuid: str, cause: str) -> None:
        """A channel that it does not know has ended, with this cause. Must not lock either."""

    def happened(self, event: Event, connection: Connection) -> None: ...

    def disconnected(self, connection: Connection) -> None: ...


_LOST = Reply("", lost=True)


def prepare(sock: socket.socket) -> None:
    """Options that give every wait on this socket a limit."""
    sock.setblocking(True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_SECONDS // 2),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", GONE_MILLISECONDS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))


class Connection:
    """``wire`` has its hand-shake behind it and is this object's from here on."""

    def __init__(self, wire: Wire, name: str, meter: Meter = unmeasured) -> None:
        self._wire = wire
        self._meter = meter
        self.name = name
        self.uuid = ""
        self.call: str | None = None
        """The id of the call it is about, as far as its handler says; for the log."""
        self.agent: str | None = None
        """Whose leg it is, likewise."""
        self.superseded = False
        """Whether the same channel has connected again; this one's events no longer count."""
        self.closed = False
        self._outbox: deque[tuple[str, OnReply | None]] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._writing = threading.Lock()
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        marks = [word for word in ("superseded", "closed") if getattr(self, word)]
        return f"<Connection {self.name} {self.uuid or '-'} {' '.join(marks) or 'open'}>"

    def about(self) -> dict[str, object]:
        """What a line of the log about it is told to be about."""
        return {"call": self.call, "agent": self.agent, "connection": self.name}

    def info(self) -> Headers:
        """The channel's data as FreeSWITCH sent it on connecting."""
        headers: Headers = self._wire.info()
        return headers

    def post(self, *commands: str, on_reply: OnReply | None = None) -> None:
        """Queues commands, in order; ``on_reply`` gets the reply to the last one.

        ``on_reply`` runs on the receiving thread (or on the one that finds the connection
        closed) and must not wait.
        """
        for command in commands[:-1]:
            self._outbox.append((command, None))
        self._outbox.append((commands[-1], on_reply))

    def flush(self) -> None:
        """Writes what was posted. Whoever else is writing just now takes it along.

        Never waits, for it is called on threads that serve others, too: what the peer does not
        take at once is left to a thread of this connection's own.
        """
        while self._outbox and self._writing.acquire(blocking=False):
            left = b""
            try:
                left = self._write()
            finally:
                if not left:
                    self._writing.release()
            if left:
                self._hand_over(left)

    def close(self) -> None:
        """Ends the connection; the receiving thread notices and cleans up."""
        self._wire.close()

    def receive(self, handler: Handler) -> None:
        """Reads until the connection ends; for the receiving thread."""
        try:
            for event in self._wire.events(lambda frame: self._wanted(frame, handler)):
                if not self._received(event, handler):
                    break
        except BadFrame as error:
            words = "%r: closed, it is not FreeSWITCH's Event Socket: %s"
            log.warning(words, self, error, extra=self.about())
        finally:
            self._end()
            handler.disconnected(self)

    def _write(self) -> bytes:
        """Writes what is in the outbox; answers what the peer does not take now."""
        batch = []
        while self._outbox:
            batch.append(self._outbox.popleft())
        if not batch:
            return b""
        with self._guard:
            usable = not self.closed
            if usable:
                now = time.monotonic()
                self._waiting.extend((on_reply, command, now) for command, on_reply in batch)
        if not usable:
            self._lose([(on_reply, command, 0.0) for command, on_reply in batch])
            return b""
        text = "".join(command for command, _ in batch)
        try:
            return self._wire.push(text.encode("utf-8", "replace"))
        except OSError as error:
            self._unwritable(error)
            return b""

    def _hand_over(self, left: bytes) -> None:
        """The right to write goes to a thread that can wait; it ends with the connection."""
        writer = threading.Thread(
            target=self._write_slowly, args=(left,), name="call-writer", daemon=True
        )
        try:
            writer.start()
        except RuntimeError as error:
            self._writing.release()
            self._unwritable(error)

    def _write_slowly(self, left: bytes) -> None:
        deadline = time.monotonic() + SEND_SECONDS
        try:
            while left:
                if not self._wire.takes_more(deadline - time.monotonic()):
                    raise TimeoutError(f"it takes nothing for {SEND_SECONDS} s")
                left = self._wire.push(left)
        except OSError as error:
            self._unwritable(error)
        finally:
            self._writing.release()
        self.flush()

    def _unwritable(self, error: Exception) -> None:
        words = "%r: cannot be written to, closing it: %s"
        log.warning(words, self, error, extra=self.about())
        self.close()

    def _wanted(self, frame: Frame, handler: Handler) -> bool:
        """Whether anybody is told of it: what nobody is told of is not worth decoding."""
        if frame.kind in _REPLIES:
            return self._awaited(frame)
        if frame.kind != "text/event-plain":
            return True
        name = frame.event.get(b"Event-Name")
        if name == b"CHANNEL_EXECUTE_COMPLETE":
            # Whoever executes something here waits for the end of what is played, and no other.
            return frame.event.get(b"Application") == _PLAYED and not self.superseded
        if name == b"CHANNEL_PARK" and frame.event.get(b"Channel-State") != _PARKED:
            return False  # it has only arrived in ``socket … async`` (measured)
        if self.uuid or name == b"BACKGROUND_JOB":
            return not self.superseded
        uuid = frame.event.get(b"Unique-ID", b"").decode("latin-1")
        known = handler.knows(uuid)
        if not known and name == b"CHANNEL_HANGUP_COMPLETE":
            handler.missed(uuid, frame.event.get(b"Hangup-Cause", b"").decode("latin-1"))
        return known

    def _awaited(self, frame: Frame) -> bool:
        """Whether somebody waits for this reply; if not, it has come."""
        with self._guard:
            if not self._waiting or self._waiting[0][0] is not None:
                return True
            _, command, since = self._waiting.popleft()
        self._meter(command, Reply(frame.answer), time.monotonic() - since)
        return False

    def _received(self, event: Any, handler: Handler) -> bool:
        name = event.getType() if event is not None else "SERVER_DISCONNECTED"
        if name == "SERVER_DISCONNECTED":
            return False
        if name == "SOCKET_DATA":
            self._spoken(event, handler)
        elif not self.superseded:
            self._safely(lambda: handler.happened(Event.read(name, event), self))
        return True

    def _safely(self, action: Callable[[], None]) -> None:
        """A mistake about one event or reply must not cost the call its connection."""
        try:
            action()
        except Exception:
            log.exception("%r: a mistake of ours", self, extra=self.about())

    def _spoken(self, event: Any, handler: Handler) -> None:
        """Anything that is no event: a reply, or the notice that the channel has ended."""
        kind = event.getHeader("Content-Type")
        if kind == "text/disconnect-notice":
            if not self.superseded:
                notice = Event("DISCONNECT_NOTICE", uuid=self.uuid)
                self._safely(lambda: handler.happened(notice, self))
        else:
            self._replied(kind, event)

    def _replied(self, kind: str, event: Any) -> None:
        if kind == "command/reply":
            text = event.getHeader("Reply-Text") or ""
        elif kind == "api/response":
            text = event.getBody() or ""
        else:
            return
        with self._guard:
            waiting = self._waiting.popleft() if self._waiting else None
        if waiting is None:
            return
        (on_reply, command, since), reply = waiting, Reply(text.strip())
        self._meter(command, reply, time.monotonic() - since)
        if on_reply is not None:
            self._safely(lambda: on_reply(reply))

    def _lose(self, waiting: list[_Waiting]) -> None:
        for _, command, _since in waiting:
            self._meter(command, _LOST, 0.0)
        _answer_lost([on_reply for on_reply, _, _ in waiting], self)

    def _end(self) -> None:
        with self._guard:
            self.closed = True
            waiting, self._waiting = list(self._waiting), deque()
        self._lose(waiting)
        self._wire.close()
        # Nobody may be writing while the descriptor's number is given back.
        with self._writing:
            self._wire.release()
        self.flush()


def _answer_lost(waiting: list[OnReply | None], connection: Connection) -> None:
    """A mistake about one of them must not keep the others, or the end itself, from being told."""
    for on_reply in waiting:
        if on_reply is not None:
            try:
                on_reply(_LOST)
            except Exception:
                log.exception("a lost reply: a mistake of ours", extra=connection.about())
