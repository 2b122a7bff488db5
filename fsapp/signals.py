"""SIGTERM, SIGINT and SIGHUP: one thread waits for them, and no other can take them.

The law of this file: they are blocked in every thread of the process. With Python's own handlers a
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


def wait_for_signals(asked: threading.Event, hung_up: threading.Event) -> None:
    """From now on the first SIGTERM or SIGINT sets ``asked``; a second one ends the process at
    once, with exit status 128 and its number. Each SIGHUP sets ``hung_up``. To be called before
    any thread is started: each inherits what is blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING | {signal.SIGHUP})
    threading.Thread(target=_wait, args=(asked, hung_up), name="signals", daemon=True).start()


def _wait(asked: threading.Event, hung_up: threading.Event) -> None:
    _end(hung_up)
    asked.set()
    os._exit(128 + _end(hung_up))


def _end(hung_up: threading.Event) -> int:
    """Waits for a signal that asks for the end. What a SIGHUP asks for is done by another thread:
    it may take its time."""
    while (number := signal.sigwait(_ENDING | {signal.SIGHUP})) == signal.SIGHUP:
        hung_up.set()
    return number
