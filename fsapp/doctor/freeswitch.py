"""Asks FreeSWITCH one question after the other over its Event Socket; each wait has a limit."""

from __future__ import annotations

import time
from collections.abc import Callable

from fsapp.switch.login import log_in
from fsapp.switch.wire import BadFrame, Wire

__all__ = ["FreeSwitch"]

MOST_ANSWERED = 16_777_216
"""Bytes an answer may have; a large dialplan has some hundred thousand."""


class FreeSwitch:
    """A logged-in connection. ``close`` it; one question at a time."""

    def __init__(
        self, wire: Wire, limit: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._wire = wire
        self._limit = limit
        self._clock = clock

    @classmethod
    def connect(cls, host: str, port: int, password: str, limit: float) -> FreeSwitch:
        """Raises ``fsapp.switch.login.LoginRefused``, ``OSError`` or ``BadFrame``."""
        wire, _ = log_in(host, port, password, MOST_ANSWERED)
        return cls(wire, limit)

    def ask(self, command: str, limit: float | None = None) -> str:
        """The answer to a command of ``fsapp.switch.commands``, within ``limit`` seconds.

        Raises ``OSError`` (``TimeoutError`` included) or ``BadFrame``.
        """
        if not self._wire.send(command):
            raise ConnectionError("it closed the connection")
        deadline = self._clock() + (limit or self._limit)
        while True:
            frame = self._wire.greeted(deadline)
            if frame.kind == "api/response":
                return frame.data.partition(b"\n\n")[2].decode("utf-8", "replace").strip()
            if frame.kind == "text/disconnect-notice":
                raise BadFrame("it said good-bye")

    def close(self) -> None:
        self._wire.close()
        self._wire.release()
