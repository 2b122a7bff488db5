"""A shell in which the commands of the documentation are typed, one block after the other."""

import os
import re
import selectors
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Shell", "ShellFailedError", "stub"]

LIMIT = 60.0
_END = "--- the block is over, exit status "


class ShellFailedError(AssertionError):
    """A command of a block has failed, or has not ended in time; the text is what it printed."""


class Shell:
    """Bash, which gives up at the first command that fails. Ends what it started when it ends."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._said = ""
        self.run("set -eu -o pipefail")

    def run(self, block: str, limit: float = LIMIT) -> str:
        """Type a block; what it printed. Raises :class:`ShellFailedError`."""
        assert self._process.stdin is not None
        self._said = ""
        self._process.stdin.write(f'{block}\necho "{_END}$?"\n'.encode())
        self._process.stdin.flush()
        self._read_until_over(limit)
        return re.sub(rf"{re.escape(_END)}0\n", "", self._said)

    def _read_until_over(self, limit: float) -> None:
        assert self._process.stdout is not None
        deadline = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while f"{_END}0\n" not in self._said:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ShellFailedError(f"not over after {limit} s:\n{self._said}")
                if not (data := os.read(self._process.stdout.fileno(), 65536)):
                    raise ShellFailedError(self._said)
                self._said += data.decode("utf-8", "replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What runs in the background is in the shell's own session: a service gets its SIGTERM.
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(b"kill $(jobs -p) 2>/dev/null; wait; exit\n")
            self._process.stdin.close()
        except OSError:
            pass  # it has ended
        try:
            self._process.wait(20.0)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        self._process.stdout.close()


def stub(directory: Path, name: str, script: str = "") -> Path:
    """A command of this name, which writes its arguments to ``NAME.log`` and runs ``script``."""
    directory.mkdir(exist_ok=True)
    log = directory / f"{name}.log"
    path = directory / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {log}\n{script}\n', "utf-8")
    path.chmod(0o755)
    return log
