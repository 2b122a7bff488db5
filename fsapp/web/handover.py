"""Requests are handed to threads, few of which work at a time.

The law of this file: requests begin in the order they came in; a request that only computes never
runs beside another one that does, and one that waits holds nobody up. Python runs one thread at a
time, so that two which compute only take the interpreter from each other (measured: half the
requests a second). Who waits for FreeSWITCH or the disk says so (``fsapp/waiting.py``) and gives
her place up; who waits without saying so (a slow reader, a long query) is noticed after
:data:`PATIENCE`, and the next request begins beside her. The thread that was idle last works next:
what it needs is still at hand.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from fsapp.waiting import takes

__all__ = ["PATIENCE", "Handover"]

PATIENCE = 0.005
"""How long, in seconds, the first request in line waits for a place before it gets one more."""


class Handover:
    """In place of the ``queue.Queue`` between cheroot's selector and its threads. What ``ends`` a
    thread is put in for each of them, and needs no place."""

    def __init__(self, ends: Callable[[Any], bool], places: int = 1) -> None:
        self._ends = ends
        self._places = places
        self._lock = threading.Lock()
        self._requests: deque[tuple[float, Any]] = deque()
        self._idle: list[_Seat] = []
        self._working = 0
        self._mine = threading.local()
        self._line = threading.Event()
        """Whether somebody may be waiting in line."""
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="web-line", daemon=True)

    def start(self) -> None:
        self._watcher.start()

    def put(self, request: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        """Never full: who may ask is limited by the number of connections."""
        with self._lock:
            self._requests.append((time.monotonic(), request))
            self._hand_out()
            waits = bool(self._requests)
        if waits:
            self._line.set()

    def get(self) -> Any:
        """The next request for this thread, which has none now."""
        seat = self._seat()
        with self._lock:
            self._vacate(seat)
            self._idle.append(seat)
            self._hand_out()
        seat.woken.acquire()
        return seat.request

    def stop(self) -> None:
        """Ends the thread that looks after the line; what is in line is still handed out."""
        self._ended.set()
        self._line.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def leave(self, seat: _Seat) -> None:
        """The thread waits for something else from now on."""
        with self._lock:
            self._vacate(seat)
            self._hand_out()

    def take(self, seat: _Seat) -> None:
        """The thread goes on, if need be beside another one."""
        with self._lock:
            self._occupy(seat)

    def _seat(self) -> _Seat:
        seat: _Seat | None = getattr(self._mine, "seat", None)
        if seat is None:
            seat = self._mine.seat = _Seat(self)
            takes(seat)
        return seat

    def _occupy(self, seat: _Seat) -> None:
        if not seat.works:
            seat.works = True
            self._working += 1

    def _vacate(self, seat: _Seat) -> None:
        if seat.works:
            seat.works = False
            self._working -= 1

    def _hand_out(self, more: int = 0) -> None:
        """As many requests as there are places, and ``more``."""
        while self._requests and self._idle:
            ends = self._ends(self._requests[0][1])
            if not ends and self._working >= self._places + more:
                return
            seat = self._idle.pop()
            seat.request = self._requests.popleft()[1]
            if not ends:
                self._occupy(seat)
            seat.woken.release()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._line.wait()
            self._ended.wait(PATIENCE)
            with self._lock:
                if self._requests and time.monotonic() - self._requests[0][0] >= PATIENCE:
                    self._hand_out(more=1 + self._working - self._places)
                if not self._requests:
                    self._line.clear()


class _Seat:
    """A thread's place, its own for its whole life."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover
        self.woken = threading.Lock()
        self.woken.acquire()
        self.request: Any = None
        self.works = False

    def leave(self) -> None:
        self._handover.leave(self)

    def take(self) -> None:
        self._handover.take(self)
