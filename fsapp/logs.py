"""The log, written by a thread of its own.

Log lines are made under the board's lock; whoever reads stderr may stall. A full queue drops lines
and never makes a caller wait.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys

__all__ = ["start_log"]

MOST_LINES = 10_000


class _Dropping(logging.handlers.QueueHandler):
    """Hands lines to the writing thread; drops them when it is too far behind."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return


def start_log(level: str, writer: logging.Handler | None = None) -> logging.handlers.QueueListener:
    """Sends everything from ``level`` on to ``writer``, by default stderr; the ``stop()`` of what
    is returned writes what is left."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MOST_LINES)
    writer = writer or logging.StreamHandler(sys.stderr)
    writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers = [_Dropping(lines)]
    listener = logging.handlers.QueueListener(lines, writer)
    listener.start()
    return listener
