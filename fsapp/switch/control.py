"""The control connection to FreeSWITCH's own Event Socket, which reconnects by itself.

It rings phones for agents who have no leg yet, and asks which channels are alive.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable

import ESL

from fsapp.switch import commands
from fsapp.switch.connection import Connection, Handler, prepare

__all__ = ["Control"]

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
GREETING_SECONDS = 5.0


class Control:
    """Connects to ``address`` with ``password`` until stopped."""

    def __init__(self, address: tuple[str, int], password: str) -> None:
        self._host, self._port = address
        self._password = password
        self._connection: Connection | None = None
        self._stopping = threading.Event()
        self.failure: str | None = f"FreeSWITCH at {self._host}:{self._port} was not asked yet"
        """Why there is no connection, in a sentence; ``None`` when there is one."""
        self._thread: threading.Thread | None = None

    @property
    def connection(self) -> Connection | None:
        """The live connection, if FreeSWITCH answers."""
        return self._connection

    def start(self, handler: Handler, came_up: Callable[[], None]) -> None:
        """``handler`` gets the results of background jobs; ``came_up`` is called, on this
        connection's thread, each time FreeSWITCH answers again."""
        self._thread = threading.Thread(
            target=self._serve, args=(handler, came_up), name="control", daemon=True
        )
        self._thread.start()

    def stop(self, limit: float = 2.0) -> None:
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        if self._thread is not None:
            self._thread.join(limit)

    def _serve(self, handler: Handler, came_up: Callable[[], None]) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            connection = self._connect()
            if connection is not None:
                pause = FIRST_PAUSE
                try:
                    self._run(connection, handler, came_up)
                except Exception:
                    log.exception("the control connection ended by a mistake of ours")
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _connect(self) -> Connection | None:
        try:
            self._try()
        except OSError as error:
            self._fail(f"FreeSWITCH does not answer at {self._host}:{self._port}: {error}")
            return None
        esl = ESL.ESLconnection(self._host, self._port, self._password)
        if not esl.connected():
            self._fail(f"FreeSWITCH at {self._host}:{self._port} refused the control password")
            return None
        tap = socket.socket(fileno=os.dup(esl.socketDescriptor()))
        prepare(tap)
        return Connection(esl, tap, "control")

    def _try(self) -> None:
        """Logs in once within a limit. python-ESL waits without one, for a peer that says nothing
        or is frozen; what has answered here answers there."""
        with socket.create_connection((self._host, self._port), GREETING_SECONDS) as sock:
            sock.settimeout(GREETING_SECONDS)
            if b"auth/request" not in sock.recv(256):
                raise OSError("what answers there is no Event Socket")
            sock.sendall(f"auth {self._password}\n\n".encode())
            if not sock.recv(256):
                raise OSError("it closed the connection")

    def _fail(self, why: str) -> None:
        if why != self.failure:
            log.warning("%s", why)
        self.failure = why

    def _run(self, connection: Connection, handler: Handler, came_up: Callable[[], None]) -> None:
        connection.post(commands.event_endings())
        connection.flush()
        self._connection, self.failure = connection, None
        if self._stopping.is_set():
            connection.close()
        log.info("FreeSWITCH answers at %s:%s", self._host, self._port)
        came_up()
        try:
            connection.receive(handler)
        finally:
            self._connection = None
            if not self._stopping.is_set():
                self._fail(f"FreeSWITCH at {self._host}:{self._port} closed the connection")
