"""The control connection to FreeSWITCH's own Event Socket, which reconnects by itself.

It rings phones for agents who have no leg yet, and asks which channels are alive.

The law of this file: a connection that stands and says nothing is left only when FreeSWITCH answers
on another one, and then still not on this one. A FreeSWITCH that was stopped goes on where it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection, Handler, Meter, unmeasured
from fsapp.switch.login import LoginRefused, log_in
from fsapp.switch.pulse import Later, Pulse
from fsapp.switch.wire import BadFrame, Wire

__all__ = ["Control"]

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
DOUBT_SECONDS = 5.0
"""How long the connection has counted as silent when FreeSWITCH is asked on another one, too."""
MOST_LISTED = 67_108_864
"""Bytes that a list of all channels may have; a channel takes about 1,000."""


class Control:
    """Connects to ``address`` with ``password`` until stopped.

    ``later`` is the clock; ``limit`` is how many seconds FreeSWITCH may take to answer before it
    counts as gone, though its connection stands.
    """

    def __init__(
        self,
        address: tuple[str, int],
        password: str,
        later: Later,
        limit: float,
        meter: Meter = unmeasured,
    ) -> None:
        self._host, self._port = address
        self._where = f"{self._host}:{self._port}"
        self._password = password
        self._later = later
        self._limit = limit
        self._meter = meter
        self.connected = 0
        """How often it has connected."""
        self.failed = 0
        """How often it could not."""
        self._connection: Connection | None = None
        self._pulse: Pulse | None = None
        self._stopping = threading.Event()
        self._failure: str | None = f"FreeSWITCH at {self._where} was not asked yet"
        self._thread: threading.Thread | None = None
        self._doubting: threading.Thread | None = None

    @property
    def connection(self) -> Connection | None:
        """The live connection, if FreeSWITCH answers on it."""
        connection, pulse = self._connection, self._pulse
        return None if pulse is not None and pulse.silent else connection

    @property
    def failure(self) -> str | None:
        """Why FreeSWITCH cannot be asked, in a sentence; ``None`` when it can."""
        pulse = self._pulse
        if pulse is not None and pulse.silent:
            return self._silence(self._limit)
        return self._failure

    def why_silent(self, limit: float) -> str | None:
        """Why FreeSWITCH does not answer now, in a sentence; ``None`` when it does. Asks it, and
        waits at most ``limit`` seconds."""
        connection = self.connection
        if connection is None:
            return self.failure or f"FreeSWITCH at {self._where} is not connected"
        answered: Future[Reply] = Future()
        connection.post(commands.api_hostname(), on_reply=answered.set_result)
        connection.flush()
        with suppress(TimeoutError):
            if not answered.result(limit).lost:
                return None
        return self.failure or self._silence(limit)

    def _silence(self, seconds: float) -> str:
        return (
            f"FreeSWITCH at {self._where} has not answered for {seconds:g} s: "
            "it hangs, is stopped or has too much to do"
        )

    def start(self, handler: Handler, came_up: Callable[[], None]) -> None:
        """``handler`` gets the results of background jobs; ``came_up`` is called each time
        FreeSWITCH answers again, on this connection's thread, and must not wait."""
        self._thread = threading.Thread(
            target=self._serve, args=(handler, came_up), name="control", daemon=True
        )
        self._thread.start()

    def stop(self, limit: float = 2.0) -> None:
        """Ends both threads; returns at most ``limit`` seconds from now."""
        deadline = time.monotonic() + limit
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        for thread in (self._thread, self._doubting):
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

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
            return Connection(self._logged_in(), "control", self._meter)
        except LoginRefused as refusal:
            self._fail(f"FreeSWITCH at {self._where} {refusal}")
        except (OSError, BadFrame) as error:
            self._fail(
                f"FreeSWITCH does not answer at {self._where}: {_words(error)}; start it "
                "with mod_event_socket, or correct control.address"
            )
        self.failed += 1
        return None

    def _logged_in(self) -> Wire:
        wire, answer = log_in(self._host, self._port, self._password, MOST_LISTED)
        try:
            wire.begin(answer)
        except BaseException:
            wire.release()
            raise
        return wire

    def _fail(self, why: str) -> None:
        if why != self._failure:
            log.warning("%s", why)
        self._failure = why

    def _run(self, connection: Connection, handler: Handler, came_up: Callable[[], None]) -> None:
        connection.post(commands.event_endings())
        connection.flush()
        pulse = Pulse(connection, self._later, self._limit, lambda up: self._told(up, came_up))
        self._connection, self._pulse, self._failure = connection, pulse, None
        self.connected += 1
        if self._stopping.is_set():
            connection.close()
        log.info("FreeSWITCH answers at %s", self._where)
        try:
            came_up()
            pulse.start()
        except Exception:
            log.exception("a mistake of ours as FreeSWITCH came up; asking it anew")
            connection.close()
        try:
            connection.receive(handler)
        finally:
            self._connection = self._pulse = None
            if not self._stopping.is_set():
                self._fail(f"FreeSWITCH at {self._where} closed the connection")

    def _told(self, up: bool, came_up: Callable[[], None]) -> None:
        """FreeSWITCH has fallen silent on a connection that stands, or answers on it again."""
        if not up:
            log.warning("%s", self.failure)
            self._doubt(self._connection)
            return
        log.info("FreeSWITCH answers again at %s", self._where)
        came_up()

    def _doubt(self, connection: Connection | None) -> None:
        """The connection may lead nowhere any more, though both ends of it stand."""

        def look() -> None:
            if self._is_silent(connection):
                self._aside(lambda: self._compare(connection))

        self._later(DOUBT_SECONDS, look)

    def _is_silent(self, connection: Connection | None) -> bool:
        pulse = self._pulse
        return pulse is not None and pulse.silent and self._connection is connection

    def _aside(self, action: Callable[[], None]) -> None:
        """``action`` may wait: neither the clock nor who receives waits for it.

        One at a time: the next look is arranged when it is done.
        """
        if not self._stopping.is_set():
            self._doubting = threading.Thread(target=action, name="control-doubt", daemon=True)
            self._doubting.start()

    def _compare(self, connection: Connection | None) -> None:
        """FreeSWITCH that answers another connection has a command's time to answer this one."""
        if self._answers_another():
            self._later(self._limit, lambda: self._leave(connection))
        else:
            self._doubt(connection)

    def _answers_another(self) -> bool:
        try:
            wire, _ = log_in(self._host, self._port, self._password, MOST_LISTED)
        except (LoginRefused, OSError, BadFrame):
            return False
        wire.release()
        return True

    def _leave(self, connection: Connection | None) -> None:
        if connection is not None and self._is_silent(connection):
            log.warning("FreeSWITCH at %s answers, but not on this connection", self._where)
            connection.close()


def _words(error: OSError | BadFrame) -> str:
    if isinstance(error, BadFrame):
        return f"what answers there is no Event Socket, {error}"
    return error.strerror or str(error)
