"""The log, written by a thread of its own.

Log lines are made under the board's lock; whoever reads stderr may stall. A full queue drops lines
and never makes a caller wait. The thread wakes for the first line and writes with it what comes
within a moment: a call has five lines, and waking a thread costs more than writing one.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from queue import SimpleQueue

__all__ = ["ABOUT", "FORMATS", "Log", "start_log"]

MOST_LINES = 10_000

GATHER_SECONDS = 0.05

STOP_SECONDS = 1.0
"""How long the last lines may take: whoever reads the log may have stopped reading."""


ABOUT = ("call", "agent", "connection")
"""Attributes of a record that say what its line is about (``extra=``); shown where known."""


class _Stamp:
    """The time as in :meth:`logging.Formatter.formatTime`, made once a second."""

    def __init__(self) -> None:
        self._known: tuple[int, str] = (-1, "")

    def __call__(self, moment: float) -> str:
        second = int(moment)
        known, text = self._known
        if second != known:
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._known = second, text
        return f"{text},{int((moment - second) * 1000):03d}"


class Text(logging.Formatter):
    """``time LEVEL logger [call=… agent=… connection=…]: message``, and the exception below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(about)s: %(message)s")
        self._stamp = _Stamp()

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002
        return self._stamp(record.created)

    def formatMessage(self, record: logging.LogRecord) -> str:
        known = " ".join(f"{key}={value}" for key, value in _about(record))
        record.about = f" [{known}]" if known else ""
        return super().formatMessage(record)


class Json(logging.Formatter):
    """One object on one line: ``time`` (RFC 3339), ``level``, ``logger``, ``message``, what it is
    about as ``call``, ``agent`` and ``connection``, and ``exception``, each where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).astimezone()
        line = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **dict(_about(record)),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        # ASCII: no character of a caller's name is a line's end to anybody who reads this.
        return json.dumps(line)


def _about(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    for key in ABOUT:
        value = getattr(record, key, None)
        if value:
            yield key, str(value)


FORMATS: Mapping[str, Callable[[], logging.Formatter]] = {"text": Text, "json": Json}
"""What ``log.format`` may be."""

_EXCEPTIONS = logging.Formatter()


class _Dropping(logging.handlers.QueueHandler):
    """Hands lines to the writing thread; drops them when it is too far behind."""

    queue: SimpleQueue[logging.LogRecord]

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The line's words as they are now. Without a copy: no other handler sees the record."""
        record.msg, record.args = record.getMessage(), None
        if record.exc_info:
            # What its frames hold must not live until somebody reads the log.
            record.exc_text, record.exc_info = _EXCEPTIONS.formatException(record.exc_info), None
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

    def set_format(self, form: str) -> None:
        """From now on lines are written so, those of the last moments too."""
        for writer in self.handlers:
            writer.setFormatter(FORMATS[form]())

    def stop(self) -> None:
        """Writes what is left, for at most ``STOP_SECONDS``."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._gather.set()
        self.enqueue_sentinel()
        thread.join(STOP_SECONDS)


def start_log(level: str, writer: logging.Handler | None = None, form: str = "text") -> Log:
    """Sends everything from ``level`` on to ``writer``, by default stderr, in one of
    :data:`FORMATS`; the ``stop()`` of what is returned writes what is left."""
    lines: SimpleQueue[logging.LogRecord] = SimpleQueue()
    writer = writer or logging.StreamHandler(sys.stderr)
    root = logging.getLogger()
    root.handlers = [_Dropping(lines)]
    log = Log(lines, writer)
    log.set_level(level)
    log.set_format(form)
    log.start()
    return log
