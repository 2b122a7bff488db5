"""fsapp's process, begun by a server that has fsapp's imports behind it already.

The law of this file: it is a process of its own all the same, with the arguments, directory,
environment and log that ``python -m fsapp`` would have; it can be stopped, frozen and killed like
one. What starting Python itself does (the modules' import, exit codes of a wrong command line) is
shown by tests that run ``python -m fsapp``.

Importing fsapp takes up to half a second of CPU, which the lab suite would pay again and again:
more than a third of all it does.
"""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

__all__ = ["Forked", "Process", "executed", "finished"]

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
    """The same as :func:`executed`, without the imports' half second. ``errors``: where what it
    writes to the standard error goes, if not to the log as well."""

    def __init__(
        self,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
        errors: Path | None = None,
    ) -> None:
        files = str(log), str(errors or log)
        given = (list(arguments), str(directory), dict(environment), *files)
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


def finished(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], limit: float
) -> "subprocess.CompletedProcess[str]":
    """One command, run to its end. Raises ``subprocess.TimeoutExpired`` after ``limit`` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        said, complained = Path(folder) / "out", Path(folder) / "err"
        process = Forked(arguments, directory, environment, said, complained)
        try:
            status = process.wait(limit)
        finally:
            process.kill()
        return subprocess.CompletedProcess(
            ["fsapp", *arguments],
            status,
            said.read_text(encoding="utf-8"),
            complained.read_text(encoding="utf-8"),
        )


def _run(
    arguments: list[str], directory: str, environment: dict[str, str], log: str, errors: str
) -> None:
    from fsapp.cli import main

    from .checked import check_answers

    check_answers()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for place, (name, mode) in enumerate(((os.devnull, "rb"), (log, "ab"), (errors, "ab"))):
        with Path(name).open(mode) as file:
            os.dup2(file.fileno(), place)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
    sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "w", closefd=False), errors="backslashreplace", write_through=True
    )
    sys.exit(main(arguments))
