"""A signal is never lost, whatever the process's threads do just then."""

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

asked, hung_up = threading.Event(), threading.Event()
wait_for_signals(asked, hung_up)

def come_and_go():
    while True:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

for _ in range(4):
    threading.Thread(target=come_and_go, daemon=True).start()
print("ready", flush=True)
if "again" in sys.argv:
    for _ in range(3):
        hung_up.wait()
        hung_up.clear()
        print("hung up", flush=True)
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


def test_sighup_is_told_each_time_and_ends_nothing() -> None:
    with a_process("again") as process:
        assert process.stdout is not None
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
            assert process.stdout.readline() == "hung up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(5.0) == 0


def test_sighup_after_the_end_was_asked_for_ends_nothing_early() -> None:
    with a_process("stay") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5.0) == 128 + signal.SIGTERM
