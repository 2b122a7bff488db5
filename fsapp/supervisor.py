"""What systemd is told (``Type=notify``, ``WatchdogSec=``): ready, reading its settings
again, stopping, still alive.

The law of this file: without a supervisor nothing happens, and no mistake here is anybody else's.
A sign of life is sent by the thread that runs timers, after a turn on the board: when either is
stuck, no call is worked any more, and systemd may end and restart the process.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)

_MICROSECONDS = 1_000_000
_SIGNS = 3
"""Of life in the time systemd waits for one."""

Later = Callable[[float, Callable[[], None]], object]


class Supervisor:
    """The one named by the environment; ``NOTIFY_SOCKET`` and the others are taken out of it."""

    def __init__(self, environ: Mapping[str, str] = os.environ, process: int | None = None) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # "@": a name in the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        meant = environ.get("WATCHDOG_PID", "") in ("", str(process or os.getpid()))
        patience = environ.get("WATCHDOG_USEC", "")
        self._patience = int(patience) / _MICROSECONDS if meant and patience.isdigit() else 0.0

    def ready(self) -> None:
        """Calls can be taken."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """It reads its settings again; :meth:`ready` follows."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It ends by itself; no sign of life is expected any more."""
        self._tell("STOPPING=1")

    def watch(self, later: Later, turn: Callable[[], object]) -> None:
        """From now on signs of life, as often as they are wanted, each after ``turn()``; ``later``
        is the clock's. None at all when systemd has not asked for them."""
        if not self._address or not self._patience:
            return
        pause = self._patience / _SIGNS

        def live() -> None:
            turn()
            self._tell("WATCHDOG=1")
            later(pause, live)

        later(pause, live)

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as there:
                there.sendto(state.encode(), self._address)
        except OSError as error:
            log.warning("the supervisor could not be told %s: %s", state, error)
