"""The log, written by a thread of its own.

Log lines are made under the board's lock; whoever reads stderr may stall. A full queue drops lines
and never makes a caller wait. The thread wakes for the first line and writes with it what comes
within a moment: a call has five lines, and waking a thread costs more than writing one.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["Log", "start_log"]

MOST_LINES = 10_000

GATHER_SECONDS = 0.05

STOP_SECONDS = 1.0
"""How long the last lines may take: whoever reads the log may have stopped reading."""


class _Dropping(logging.handlers.QueueHandler):
    """Hands lines to the writing thread; drops them when it is too far behind."""

    queue: SimpleQueue[logging.LogRecord]

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The line's words as they are now. Without a copy: no other handler sees the record."""
        if record.exc_info or record.stack_info:
            return super().prepare(record)  # type: ignore[no-any-return]
        record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        if self.queue.qsize() < MOST_LINES:
            self.queue.put_nowait(record)


class Log(logging.handlers.QueueListener):
    """The thread that writes."""

    queue: SimpleQueue[logging.LogRecord]

    def __init__(self, lines: SimpleQueue[logging.LogRecord], writer: logging.Handler) -> None:
        super().__init__(lines, writer)
        self._gather = threading.Event()
        """Set when nothing more is to be waited for."""

    def dequeue(self, block: bool) -> logging.LogRecord:
        """The next line; after a pause, more may have gathered behind it."""
        if block and self.queue.empty():
            record = self.queue.get()
            self._gather.wait(GATHER_SECONDS)
            return record
        return self.queue.get(block)

    def set_level(self, level: str) -> None:
        """From now on everything from ``level`` on is written, and nothing below."""
        logging.getLogger().setLevel(level.upper())

    def change_level(self, level: str, say: Callable[[], None]) -> None:
        """As :meth:`set_level`; what ``say`` logs about it is written if one of the levels lets
        it."""
        before = logging.getLogger().level
        self.set_level(level)
        now = logging.getLogger().level
        logging.getLogger().setLevel(min(before, now))
        say()
        logging.getLogger().setLevel(now)

    def stop(self) -> None:
        """Writes what is left, for at most ``STOP_SECONDS``."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._gather.set()
        self.enqueue_sentinel()
        thread.join(STOP_SECONDS)


def start_log(level: str, writer: logging.Handler | None = None) -> Log:
    """Sends everything from ``level`` on to ``writer``, by default stderr; the ``stop()`` of what
    is returned writes what is left."""
    lines: SimpleQueue[logging.LogRecord] = SimpleQueue()
    writer = writer or logging.StreamHandler(sys.stderr)
    writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [_Dropping(lines)]
    log = Log(lines, writer)
    log.set_level(level)
    log.start()
    return log
