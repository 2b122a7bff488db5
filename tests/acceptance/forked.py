"""The app's process, begun by a server that has fsapp's imports behind it already.

The law of this file: it is a process of its own all the same, with the arguments, directory,
environment and log that ``python -m fsapp`` would have; it can be stopped, frozen and killed like
one. What starting Python itself does (the modules' import, exit codes of a wrong command line) is
shown by tests that run ``python -m fsapp``.

Importing fsapp takes half a second of CPU, which the lab suite would pay again and again: more
than a third of all it does.
"""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

__all__ = ["Forked", "Process", "executed"]

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["fsapp.cli", "fsapp.service", "tests.acceptance.checked", __name__])


class Process(Protocol):
    """What the suite does with an app's process; see :class:`subprocess.Popen`."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


def executed(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], log: Path
) -> Process:
    """``python -m fsapp`` with ``arguments``, in ``directory``; what it writes goes to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "fsapp", *arguments],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


class Forked:
    """The same as :func:`executed`, without the imports' half second."""

    def __init__(
        self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        given = (list(arguments), str(directory), dict(environment), str(log))
        self._process = _SERVER.Process(target=_run, args=given)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; ``None`` while it runs."""
        if self.returncode is None:
            self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; raises ``subprocess.TimeoutExpired``."""
        wait([self._process.sentinel], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(f"fsapp, process {self.pid}", timeout or 0.0)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(arguments: list[str], directory: str, environment: dict[str, str], log: str) -> None:
    from fsapp.cli import main

    from .checked import check_answers

    check_answers()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    with Path(log).open("ab") as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)
    sys.exit(main(arguments))
