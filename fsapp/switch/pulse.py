"""Whether FreeSWITCH still answers on a connection that stands.

A FreeSWITCH that hangs or is stopped (SIGSTOP) keeps its connections: the kernel goes on
acknowledging what is sent. Only an answer shows that it is there. One question at a time is under
way; the clock is handed in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection

__all__ = ["PULSE_SECONDS", "Later", "Pulse"]

PULSE_SECONDS = 2.0
"""Pause between an answer and the next question."""

Later = Callable[[float, Callable[[], None]], object]
"""Runs an action after so many seconds, once."""


class Pulse:
    """Asks ``connection`` until it ends; ``told`` hears whether it answers when that changes.

    ``limit``: how many seconds an answer may take. ``told`` is called on the clock's thread
    (no answer) or the receiving one (answers again), and must not wait.
    """

    def __init__(
        self, connection: Connection, later: Later, limit: float, told: Callable[[bool], None]
    ) -> None:
        self._connection = connection
        self._later = later
        self._limit = limit
        self._told = told
        self._lock = threading.Lock()
        self._questions = 0
        self._answers = 0
        self.silent = False
        """Whether an answer is overdue now."""

    def start(self) -> None:
        """Asks for the first time after the pause: who has just connected has just answered."""
        self._later(PULSE_SECONDS, self._ask)

    def _ask(self) -> None:
        if self._connection.closed:
            return
        self._questions += 1
        number = self._questions
        self._later(self._limit, lambda: self._overdue(number))
        self._connection.post(commands.api_hostname(), on_reply=self._answered)
        self._connection.flush()

    def _answered(self, reply: Reply) -> None:
        if reply.lost:
            return
        with self._lock:
            self._answers += 1
            was_silent, self.silent = self.silent, False
        self._later(PULSE_SECONDS, self._ask)
        if was_silent:
            self._told(True)

    def _overdue(self, number: int) -> None:
        with self._lock:
            self.silent = self._answers < number and not self._connection.closed
            overdue = self.silent
        if overdue:
            self._told(False)
