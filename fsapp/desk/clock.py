"""Time, and what is to happen later. Both are handed to the desk, so that tests own them."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "SystemClock", "Timer"]

log = logging.getLogger(__name__)


class Timer(Protocol):
    """Something that will happen unless cancelled."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """``now`` in Unix seconds; ``later`` runs ``action`` after ``seconds``, once."""

    def now(self) -> float: ...

    def later(self, seconds: float, action: Callable[[], None]) -> Timer: ...


class _Timer:
    __slots__ = ("action", "cancelled")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True
        # It stands in the queue until its time, which may be hours away; its call need not.
        self.action = _nothing


def _nothing() -> None:
    pass


class SystemClock:
    """The real clock; one thread runs what is due. Actions must not wait."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, _Timer]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="timers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, limit: float = 2.0) -> None:
        """Drops what is not due yet and ends the thread, for which it waits ``limit`` seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(limit)

    def now(self) -> float:
        return time.time()

    def later(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = _Timer(action)
        with self._changed:
            entry = (time.monotonic() + seconds, next(self._count), timer)
            heapq.heappush(self._due, entry)
            if self._due[0] is entry:
                self._changed.notify()
        return timer

    def _serve(self) -> None:
        while (timer := self._next()) is not None:
            if timer.cancelled:
                continue
            try:
                timer.action()
            except Exception:
                log.exception("a timed action failed")

    def _next(self) -> _Timer | None:
        with self._changed:
            while not self._stopping:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None
