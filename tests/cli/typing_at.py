"""A program at a terminal: what is typed, what stands on the screen (pyte), what is left behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import pyte

LIMIT = 30.0


class AtTerminal:
    """Runs ``arguments`` at a terminal of its own; ends it at the end."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        columns: int = 80,
        lines: int = 24,
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self._master, self.slave = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self._process = subprocess.Popen(
            arguments,
            env=dict(environment),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            # So that Ctrl-C and Ctrl-Z are its own.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        self.pid = self._process.pid

    def __enter__(self) -> AtTerminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)
        os.close(self.slave)

    def types(self, text: str) -> None:
        os.write(self._master, text.encode())

    def signals(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    @property
    def shown(self) -> list[str]:
        """The lines of the screen, blanks at their ends taken off."""
        return [line.rstrip() for line in self.screen.display]

    def shows(self, promise: Callable[[list[str]], object]) -> list[str]:
        """Waits until the screen is as promised."""
        return self.until(lambda: promise(self.shown))

    def until(self, promise: Callable[[], object]) -> list[str]:
        deadline = time.monotonic() + LIMIT
        while not promise():
            assert time.monotonic() < deadline, "\n".join(self.shown)
            self._read()
        return self.shown

    def ends(self) -> int:
        """Waits until the program has ended; its exit status."""
        self.until(lambda: self._process.poll() is not None)
        while self._read():
            pass
        return self._process.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 0.05)
        if not ready:
            return False
        data = os.read(self._master, 65536)
        self.written += data
        self._stream.feed(data)
        return True

    def settings(self) -> list[Any]:
        """The terminal's settings now; compare with ``before``."""
        return termios.tcgetattr(self.slave)
