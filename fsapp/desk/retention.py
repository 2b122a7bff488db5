"""Removes what is too old, in steps so small that no call notices.

The law of this file: only one step is on its way at a time, and after each the database is left to
the calls for many times as long as the step took. Nothing here waits: a step is a job of the
writer, and what follows it is told to the clock.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import Protocol

from fsapp.desk.clock import Clock

__all__ = ["Retention"]

log = logging.getLogger(__name__)

CALLS_A_STEP = 50
FIRST_SECONDS = 60.0
"""Pause after the start: whoever returns then comes first."""
REST_SECONDS = 600.0
"""Pause when nothing is too old any more."""
STEP_SECONDS = 0.1
SHARE = 10
"""A step that took a second is followed by this many seconds of pause."""
DAY_SECONDS = 86400


class Removes(Protocol):
    """``store.history.History.remove``."""

    def remove(self, before: float, limit: int) -> Future[int]: ...


class Retention:
    """Keeps calls, their events and keys for ``keep_days`` after the call; 0: for ever."""

    def __init__(self, history: Removes, clock: Clock, keep_days: int) -> None:
        self._history = history
        self._clock = clock
        self._removed = 0
        self.keep(keep_days)

    def keep(self, days: int) -> None:
        """From the next step on, at most :data:`REST_SECONDS` away; 0: for ever."""
        self._keep_seconds = days * DAY_SECONDS

    def start(self) -> None:
        self._clock.later(FIRST_SECONDS, self._step)

    def _step(self) -> None:
        began, keep_seconds = self._clock.now(), self._keep_seconds
        if not keep_seconds:
            self._clock.later(REST_SECONDS, self._step)
            return
        before = began - keep_seconds
        step = self._history.remove(before, CALLS_A_STEP)
        step.add_done_callback(lambda done: self._done(done, began))

    def _done(self, step: Future[int], began: float) -> None:
        error = step.exception()
        if error is not None:
            # The disk, or the end of the process; a later step will tell.
            log.warning("old calls could not be removed: %s", error)
        removed = 0 if error is not None else step.result()
        self._removed += removed
        if not removed and self._removed:
            log.info("%d rows of calls that ended too long ago were removed", self._removed)
            self._removed = 0
        took = self._clock.now() - began
        pause = max(STEP_SECONDS, SHARE * took) if removed else REST_SECONDS
        self._clock.later(pause, self._step)
