"""SIGTERM and SIGINT: one thread waits for them, and no other can take them.

The law of this file: both are blocked in every thread of the process. With Python's own handlers a
signal can be lost for ever: the kernel may give it to a thread that is just being started
(measured: 9 of 20 while threads came and went), and the handler then runs when the main thread,
which nobody has woken, next does something.
"""

from __future__ import annotations

import os
import signal
import threading

__all__ = ["wait_for_signals"]

_ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


def wait_for_signals(asked: threading.Event) -> None:
    """From now on the first signal sets ``asked``; a second one ends the process at once, with
    exit status 128 and its number. To be called before any thread is started: each inherits what
    is blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    threading.Thread(target=_wait, args=(asked,), name="signals", daemon=True).start()


def _wait(asked: threading.Event) -> None:
    signal.sigwait(_ENDING)
    asked.set()
    os._exit(128 + signal.sigwait(_ENDING))
