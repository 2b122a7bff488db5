"""The log, written by a thread of its own.

Log lines are made under the board's lock; whoever reads stderr may stall. A full queue drops lines
and never makes a caller wait.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
from contextlib import suppress

__all__ = ["Log", "start_log"]

MOST_LINES = 10_000

STOP_SECONDS = 1.0
"""How long the last lines may take: whoever reads the log may have stopped reading."""


class _Dropping(logging.handlers.QueueHandler):
    """Hands lines to the writing thread; drops them when it is too far behind."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return


class Log(logging.handlers.QueueListener):
    """The thread that writes."""

    def stop(self) -> None:
        """Writes what is left, for at most ``STOP_SECONDS``."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with suppress(queue.Full):
            self.enqueue_sentinel()
        thread.join(STOP_SECONDS)


def start_log(level: str, writer: logging.Handler | None = None) -> Log:
    """Sends everything from ``level`` on to ``writer``, by default stderr; the ``stop()`` of what
    is returned writes what is left."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MOST_LINES)
    writer = writer or logging.StreamHandler(sys.stderr)
    writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers = [_Dropping(lines)]
    log = Log(lines, writer)
    log.start()
    return log
