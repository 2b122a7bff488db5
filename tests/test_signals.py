"""A signal that asks the process to end is never lost, whatever its threads do just then."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

TURNS = 12
"""With Python's own handlers about every other of these signals was lost."""

CHILD = """
import sys
import threading
from fsapp.signals import wait_for_signals

asked = threading.Event()
wait_for_signals(asked)

def come_and_go():
    while True:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

for _ in range(4):
    threading.Thread(target=come_and_go, daemon=True).start()
print("ready", flush=True)
asked.wait()
print("asked", flush=True)
if "stay" in sys.argv:
    threading.Event().wait()
import os
os._exit(0)
"""


@contextmanager
def a_process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One whose threads come and go all the time."""
    command = [sys.executable, "-c", CHILD, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_arrives_while_threads_come_and_go(number: signal.Signals) -> None:
    for _ in range(TURNS):
        with a_process() as process:
            process.send_signal(number)
            assert process.wait(5.0) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    with a_process("stay") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        assert process.wait(5.0) == 128 + number
