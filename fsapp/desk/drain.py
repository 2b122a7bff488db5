"""Whether the process is about to stop (protocol §8), and who is told when it is.

The law of this file: it begins once and never ends; whoever asks to be told is told exactly once,
also when he asks too late.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["Drain"]

log = logging.getLogger(__name__)


class Drain:
    """Begun by the service when it is asked to stop; looked at by whoever takes new work."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._lock = threading.Lock()
        self._told: list[Callable[[], None]] = []

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        """From now on new work is refused; tells whoever asked for it, on this thread."""
        with self._lock:
            self._begun.set()
            told, self._told = self._told, []
        for action in told:
            _safely(action)

    def on_begin(self, action: Callable[[], None]) -> None:
        """``action`` is called when the drain begins, at once when it has begun; must not wait."""
        with self._lock:
            if not self._begun.is_set():
                self._told.append(action)
                return
        _safely(action)


def _safely(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        log.exception("what was to end with the drain did not")
