"""The terminal, taken over for a live view and given back as it was, however that ends.

The law of this file: whoever enters it leaves it: on q, on an error, on SIGTERM and SIGHUP, and
while the process is stopped by Ctrl-Z.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import termios
import tty
from contextlib import ExitStack, suppress
from types import FrameType, TracebackType

__all__ = ["CTRL_C", "Terminal", "is_usable"]

CTRL_C = "\x03"

# What every terminal of the last decades understands (xterm, and what says to be one).
_OTHER_SCREEN, _USUAL_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
_NO_CURSOR, _CURSOR = "\x1b[?25l", "\x1b[?25h"
_TOP, _REST_OF_LINE, _BELOW, _PLAIN = "\x1b[H", "\x1b[K", "\r\n\x1b[J", "\x1b[0m"
_KEYS = 64


def is_usable() -> bool:
    """Whether there is a terminal that a picture can be kept on."""
    alive = os.environ.get("TERM", "dumb") not in ("", "dumb")
    return alive and sys.stdin.isatty() and sys.stdout.isatty()


class Terminal:
    """Between ``with`` and its end: another screen, no cursor, keys at once. Main thread only, but
    for :meth:`wake`."""

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno()
        self._saved = termios.tcgetattr(self._keys)
        self._ear, self._mouth = socket.socketpair()
        self._stack = ExitStack()
        self._interrupted = False

    def __enter__(self) -> Terminal:
        for end in (self._ear, self._mouth):
            self._stack.enter_context(end)
            end.setblocking(False)
        # Any signal wakes the select() that waits for keys.
        before = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._stack.callback(signal.set_wakeup_fd, before)
        self._handle(signal.SIGINT, self._interrupt)
        self._handle(signal.SIGTSTP, self._stop)
        self._handle(signal.SIGWINCH, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._handle(number, _end)
        self._stack.callback(self._leave)
        self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def wake(self) -> None:
        """Ends a :meth:`key` that waits; from any thread."""
        with suppress(OSError):
            self._mouth.send(b"!")

    def key(self, seconds: float) -> str:
        """What was typed; "" when woken, or when nothing was for so long; ``CTRL_C`` from the
        moment that was typed."""
        if self._interrupted:
            return CTRL_C
        ready, _, _ = select.select([self._keys, self._ear], [], [], seconds)
        if self._ear in ready:
            with suppress(BlockingIOError):
                self._ear.recv(4096)
        if self._interrupted or self._keys not in ready:
            return CTRL_C if self._interrupted else ""
        return os.read(self._keys, _KEYS).decode("utf-8", "replace")

    def size(self) -> os.terminal_size:
        """Columns and lines, as they are now."""
        try:
            return os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return shutil.get_terminal_size()

    def draw(self, lines: list[str]) -> None:
        """Shows the lines, which must fit, in the place of what was shown."""
        # Each is cleared before it is written: behind a full one the cursor stands on its last
        # character, and would take that away.
        shown = "\r\n".join(f"{_REST_OF_LINE}{line}" for line in lines)
        self._write(f"{_TOP}{shown}{_BELOW if len(lines) < self.size().lines else ''}")

    def _take(self) -> None:
        # Ctrl-C and Ctrl-Z still are signals.
        tty.setcbreak(self._keys)
        self._write(_OTHER_SCREEN + _NO_CURSOR)

    def _leave(self) -> None:
        with suppress(OSError):
            self._write(_PLAIN + _CURSOR + _USUAL_SCREEN)
        with suppress(termios.error):
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._saved)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _handle(self, number: signal.Signals, handler: signal._HANDLER) -> None:
        self._stack.callback(signal.signal, number, signal.signal(number, handler))

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """A KeyboardInterrupt is lost when it is raised where none can be (a finalizer, say). Only
        the second is one: for whoever does not come back to ask for a key."""
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """Ctrl-Z: the terminal is the shell's until the process goes on."""
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
