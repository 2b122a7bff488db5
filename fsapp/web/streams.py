"""``GET /events``: one thread writes every open stream (protocol §6).

The law of this file: no stream holds a request thread, and none holds up another. A stream is its
socket, taken over from the web server once the response has begun, and what the socket has not
taken yet, which is bounded: who reads too slowly is cut off and resumes by ``Last-Event-ID``. The
log is read once for all who hear the same.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from fsapp.calls.agent import Agent
from fsapp.calls.refusals import Refusal, draining, too_many_streams
from fsapp.settings import Events
from fsapp.web.tokens import Holders, authenticate

__all__ = ["Feed", "Streams"]

log = logging.getLogger(__name__)

_HEARTBEAT = b":\n\n"
_LOOK_SECONDS = 1.0
"""How often it is looked whether tokens are still good, and for what other processes wrote."""
_LEAST_REST = 0.01
_MOST_REST = 0.05
"""How long, in seconds, an event waits at most for others to go out with it."""
_STOP_SECONDS = 2.0
_KERNEL_BYTES = 65536
"""What the kernel may hold for a reader; it would take megabytes for a slow one."""
_UNACKNOWLEDGED_MS = 30_000
"""How long a peer may be silent at TCP's level before its stream counts as broken."""
_LATER = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Message(Protocol):
    number: int
    timestamp: float

    def text(self, agent: Agent) -> bytes | None: ...


class Update(Protocol):
    def text(self, agent: Agent) -> bytes | None: ...


class Feed(Protocol):
    """What there is to tell (``fsapp.desk.feed.Feed``)."""

    last: int

    def listen(self, wake: Callable[[], None]) -> None: ...
    def opened(self, agent: Agent) -> None: ...
    def closed(self, agent: Agent) -> None: ...
    def newest(self) -> int: ...
    def skip(self) -> None: ...
    def next(self) -> Sequence[Message]: ...
    def replay(self, after: int) -> Sequence[Message]: ...
    def complete_after(self, number: int) -> bool: ...
    def update(self) -> Update | None: ...
    def everything(self, agent: Agent) -> bytes: ...
    def reset(self) -> bytes: ...
    def roll(self) -> object: ...


class _Stream:
    """One open stream. While it is behind, ``after`` is the last event it was told.

    Who asks for nothing from before hears what comes after ``since``.
    """

    __slots__ = ("after", "agent", "checked", "since", "socket", "tokens", "unsent", "waiting")

    def __init__(self, agent: Agent, tokens: frozenset[str], after: int | None, since: int) -> None:
        self.agent = agent
        self.tokens = tokens
        self.after = after
        self.since = since
        self.socket: socket.socket
        self.unsent = b""
        self.checked = False
        """Whether its token has been looked at again since it was opened."""
        self.waiting = False
        """Whether the selector will say when the socket takes more."""


class Streams:
    """All open streams and the thread that writes them. One that is being opened counts."""

    def __init__(self, feed: Feed, holders: Holders, settings: Events) -> None:
        self._feed = feed
        self._holders = holders
        self._settings = settings
        self._lock = threading.Lock()
        self._places = settings.max_streams
        self._stopping = False
        self._arrived: deque[_Stream] = deque()
        self._streams: set[_Stream] = set()
        self._selector: selectors.BaseSelector
        self._ear: socket.socket
        self._mouth: socket.socket
        self._woken = False
        self._looked = self._beaten = 0.0
        self._look_now = self._reset_due = False
        self._version: object = None
        self._thread = threading.Thread(target=self._serve, name="event-streams", daemon=True)
        self.told: Callable[[Sequence[float]], None] = lambda _moments: None
        """Told when events have gone out, of the moments they happened (Unix seconds); must not
        wait."""
        self.cut_off = 0
        """How many streams were ended because their client read too slowly."""

    def start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ear, self._mouth = socket.socketpair()
        for end in (self._ear, self._mouth):
            end.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._feed.listen(self._news)
        self._thread.start()

    def stop(self) -> None:
        """Ends every stream and the thread; from now on none is opened (503)."""
        with self._lock:
            self._stopping = True
        if self._thread.is_alive():
            self.wake()
            self._thread.join(_STOP_SECONDS)

    @property
    def most(self) -> int:
        """How many streams there may be."""
        return self._settings.max_streams

    @property
    def open(self) -> int:
        """How many streams there are, those that are being opened included."""
        return self._settings.max_streams - self._places

    @property
    def behind(self) -> int:
        """How many clients have not taken yet what there is to tell them."""
        return sum(bool(one.unsent) or one.after is not None for one in list(self._streams))

    def _news(self) -> None:
        """There may be more to tell, if there is anybody."""
        if self._streams:
            self.wake()

    def look_at_agents(self) -> None:
        """Agents may have changed: whose stream it is, and what she serves, is looked at now."""
        self._look_now = True
        self.wake()

    def have_lists_read(self) -> None:
        """The lists say something that no event has told: every client is told to read them."""
        self._reset_due = True
        self.look_at_agents()

    def wake(self) -> None:
        """Has the thread look at what there is to do. Never waits."""
        if not self._woken:
            self._woken = True
            with suppress(OSError):
                self._mouth.send(b"!")

    def admit(
        self, agent: Agent, tokens: frozenset[str], after: int | None
    ) -> Callable[[socket.socket], None]:
        """Keeps a place for a stream; what is answered takes its socket over, and must be called.

        ``after`` is the number of the last event she has heard. Raises 503 when there is no place.
        """
        with self._lock:
            if self._stopping:
                raise draining()
            if self._places <= 0:
                raise too_many_streams(self._settings.max_streams)
            self._places -= 1
        # From here on, not from when its socket is here: she may read the lists in between, as
        # soon as she has the head of her answer.
        stream = _Stream(agent, tokens, after, self._feed.newest())

        def take(taken: socket.socket) -> None:
            stream.socket = taken
            self._arrived.append(stream)
            self.wake()
            if not self._thread.is_alive():
                self._turn_away()

        return take

    def _serve(self) -> None:
        while not self._stopping:
            try:
                self._round()
            except Exception:
                # A stream that missed something would lie; one that resumes does not.
                log.exception("event streams are cut off")
                self._end_all()
        self._end_all()
        self._turn_away()
        for owned in (self._selector, self._ear, self._mouth):
            owned.close()

    def _round(self) -> None:
        for key, mask in self._selector.select(self._next_due()):
            if key.data is None:
                self._hear()
            else:
                self._on_socket(key.data, mask)
        now = time.monotonic()
        if self._look_now or now - self._looked >= _LOOK_SECONDS:
            self._look_now, self._looked = False, now
            self._forget_told()
            self._check_tokens()
        self._beat(now)
        self._woken = False
        if self._streams:
            self._tell()
        if self._arrived:
            self._begin_arrived()
            # What came while nobody listened yet has woken nobody.
            self._tell()
        self._rest(now)

    def _rest(self, began: float) -> None:
        """A moment. What comes close together goes out together, as the turns and commits of a call
        do; with many streams a fifth of the time is left to others who wait for the interpreter.
        (500 streams slow requests by a twentieth so; with half of it the last ones heard late.)
        """
        time.sleep(max(_LEAST_REST, min((time.monotonic() - began) / 4, _MOST_REST)))

    def _next_due(self) -> float:
        """Seconds until there is something to do without being woken."""
        if self._look_now:
            return 0.0
        beat = self._beaten + self._settings.heartbeat
        return max(0.0, min(self._looked + _LOOK_SECONDS, beat) - time.monotonic())

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            while self._ear.recv(4096):
                pass

    def _tell(self) -> None:
        """Everything new, to everyone who is not behind: the last events together with what
        follows from them, since each write costs a system call and wakes a client."""
        messages = self._feed.next()
        while messages and (more := self._feed.next()):
            self._tell_all(messages, None)
            messages = more
        update = self._feed.update()
        if messages or update is not None:
            self._tell_all(messages, update)

    def _tell_all(self, messages: Sequence[Message], update: Update | None) -> None:
        for stream in [stream for stream in self._streams if stream.after is None]:
            told = _joined(messages, stream.agent)
            if update is not None:
                told += update.text(stream.agent) or b""
            self._send(stream, told)
        if messages:
            self.told([message.timestamp for message in messages])

    def _begin_arrived(self) -> None:
        if not self._streams:
            self._feed.skip()
        while self._arrived:
            stream = self._arrived.popleft()
            self._streams.add(stream)
            self._feed.opened(stream.agent)
            try:
                _prepare(stream.socket)
                self._selector.register(stream.socket, selectors.EVENT_READ, stream)
            except (OSError, ValueError):
                self._end(stream)
                continue
            self._begin(stream)

    def _begin(self, stream: _Stream) -> None:
        after, feed = stream.after, self._feed
        if after is None and feed.last <= stream.since:
            self._join(stream, f"id: {feed.last}\n\n".encode())
        elif after is None:
            stream.after = stream.since
            self._send(stream, f"id: {stream.since}\n\n".encode())
            self._catch_up(stream)
        elif not (0 <= feed.last - after <= self._settings.replay and feed.complete_after(after)):
            self._join(stream, feed.reset())
        else:
            self._wait_for(stream, more=True)

    def _catch_up(self, stream: _Stream) -> None:
        """Tells again some of what was missed; when that was all, it hears with the others.

        No faster than it is read, and some at a time: who hears live does not wait for it.
        """
        if stream.after is None or stream.unsent or stream not in self._streams:
            return
        messages = self._feed.replay(stream.after)
        if not messages:
            self._join(stream, b"")
            return
        stream.after = messages[-1].number
        self._send(stream, _joined(messages, stream.agent))

    def _join(self, stream: _Stream, first: bytes) -> None:
        stream.after = None
        self._send(stream, first + self._feed.everything(stream.agent))

    def _send(self, stream: _Stream, told: bytes) -> None:
        if not told:
            return
        if stream.unsent:
            stream.unsent += told
        else:
            stream.unsent = told
            self._write(stream)
        if len(stream.unsent) > self._settings.buffer and stream.after is None:
            known = {"agent": stream.agent.id}
            log.info("%s reads her events too slowly; cut off", stream.agent.id, extra=known)
            self.cut_off += 1
            self._end(stream)

    def _write(self, stream: _Stream) -> None:
        try:
            while stream.unsent:
                stream.unsent = stream.unsent[stream.socket.send(stream.unsent) :]
        except _LATER:
            pass
        except OSError:
            self._end(stream)
            return
        self._wait_for(stream, more=bool(stream.unsent) or stream.after is not None)

    def _wait_for(self, stream: _Stream, *, more: bool) -> None:
        if more != stream.waiting:
            stream.waiting = more
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0)
            self._selector.modify(stream.socket, mask, stream)

    def _on_socket(self, stream: _Stream, mask: int) -> None:
        if mask & selectors.EVENT_READ and not _still_there(stream.socket):
            self._end(stream)
        if stream in self._streams and mask & selectors.EVENT_WRITE:
            self._write(stream)
            self._catch_up(stream)

    def _forget_told(self) -> None:
        if self._reset_due:
            self._reset_due, self._version = False, object()

    def _check_tokens(self) -> None:
        """A token that is void ends its streams; who serves whom now is read anew."""
        version = self._feed.roll()
        changed, self._version = version != self._version, version
        # An agent who came and went between two looks has changed nothing that they could see.
        for stream in [one for one in self._streams if changed or not one.checked]:
            try:
                stream.agent = authenticate(self._holders, stream.tokens)
            except Refusal:
                self._end(stream)
                continue
            stream.checked = True
            if changed:
                # Agents have come, gone or changed: no event says so, the lists do.
                self._join(stream, self._feed.reset())

    def _beat(self, now: float) -> None:
        if now - self._beaten >= self._settings.heartbeat:
            self._beaten = now
            for stream in list(self._streams):
                self._send(stream, _HEARTBEAT)

    def _end(self, stream: _Stream) -> None:
        if stream not in self._streams:
            return
        self._streams.discard(stream)
        with suppress(KeyError, ValueError):
            self._selector.unregister(stream.socket)
        with suppress(OSError):
            stream.socket.close()
        with self._lock:
            self._places += 1
        self._feed.closed(stream.agent)

    def _end_all(self) -> None:
        for stream in list(self._streams):
            self._end(stream)

    def _turn_away(self) -> None:
        """Streams that were being opened when everything ended."""
        with suppress(IndexError):
            while True:
                self._arrived.popleft().socket.close()


def _joined(messages: Sequence[Message], agent: Agent) -> bytes:
    return b"".join(filter(None, (message.text(agent) for message in messages)))


def _prepare(taken: socket.socket) -> None:
    taken.setblocking(False)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


def _still_there(taken: socket.socket) -> bool:
    """Whether the client has not gone; what it sends into a stream means nothing."""
    try:
        return bool(taken.recv(4096))
    except _LATER:
        return True
    except OSError:
        return False
