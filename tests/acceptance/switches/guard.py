"""Runs a program that must not outlive the test run, however that ends.

The guard is a process between the two. It holds the reading end of a pipe whose writing end only
the test run has: when the pipe closes, because the run lets go or dies, the guard ends the program.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

GRACE = 5.0
"""Seconds a program may take to end by itself."""


def guarded(
    command: list[str], directory: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start `command` in `directory` under a guard; end it with let_go()."""
    return subprocess.Popen(
        # Isolated and without site: the guard needs nothing, and starts in 10 ms.
        [sys.executable, "-I", "-S", __file__, *command],
        cwd=directory,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def let_go(guard: "subprocess.Popen[bytes]") -> None:
    """End the guarded program and wait until it is gone."""
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait(2 * GRACE)


def end(program: "subprocess.Popen[bytes]") -> None:
    """Ask a program to end, and make it end when it does not."""
    program.terminate()
    try:
        program.wait(GRACE)
    except subprocess.TimeoutExpired:
        program.kill()


def main() -> int:
    """Run the program named on the command line until it ends or the pipe closes."""
    # Ctrl-C reaches the guard, too; it is the run that decides what ends when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def wait_for_the_run() -> None:
        os.read(0, 1)
        end(program)

    threading.Thread(target=wait_for_the_run, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(main())
