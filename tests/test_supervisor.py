"""systemd is told when fsapp is ready, that it lives, and that it stops; nobody else is told."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsapp.supervisor import Supervisor

from .ports import free_address

LIMIT = 20.0


class Clock:
    """Keeps what is to be done later until the test says so."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        self.due.append((seconds, action))

    def next(self) -> float:
        """Do what is due; after how many seconds it was to be."""
        seconds, action = self.due.pop(0)
        action()
        return seconds


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """What listens at NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(LIMIT)
        yield listening


def told(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


def environment(systemd: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": systemd.getsockname(), **more}


def test_it_is_told_when_calls_can_be_taken_and_when_no_more(systemd: socket.socket) -> None:
    supervisor = Supervisor(environment(systemd))
    supervisor.ready()
    supervisor.stopping()
    assert [told(systemd), told(systemd)] == ["READY=1", "STOPPING=1"]


def test_it_is_told_that_the_settings_are_read_again_and_when(systemd: socket.socket) -> None:
    early = time.monotonic_ns() // 1000
    Supervisor(environment(systemd)).reloading()
    state, _, moment = told(systemd).partition("\nMONOTONIC_USEC=")
    assert state == "RELOADING=1"
    assert early <= int(moment) <= time.monotonic_ns() // 1000


def test_signs_of_life_come_three_times_as_often_as_wanted(systemd: socket.socket) -> None:
    clock, turns = Clock(), []
    supervisor = Supervisor(environment(systemd, WATCHDOG_USEC="30000000"))
    supervisor.watch(clock.later, lambda: turns.append("turn"))
    for number in (1, 2):
        assert clock.next() == 10.0
        assert told(systemd) == "WATCHDOG=1"
        assert len(turns) == number


def test_there_is_no_sign_of_life_when_no_call_can_be_worked(systemd: socket.socket) -> None:
    class StuckError(Exception):
        """Stands for a turn that does not come to its end."""

    def stuck() -> None:
        raise StuckError

    clock = Clock()
    Supervisor(environment(systemd, WATCHDOG_USEC="30000000")).watch(clock.later, stuck)
    with pytest.raises(StuckError):
        clock.next()
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        told(systemd)


@pytest.mark.parametrize(
    "more",
    [{}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}],
    ids=["not asked for", "empty", "of another process"],
)
def test_unasked_there_are_none(systemd: socket.socket, more: dict[str, str]) -> None:
    clock = Clock()
    Supervisor(environment(systemd, **more), process=2).watch(clock.later, int)
    assert clock.due == []


def test_without_a_supervisor_nobody_is_told() -> None:
    clock = Clock()
    supervisor = Supervisor({"WATCHDOG_USEC": "30000000"})
    supervisor.ready()
    supervisor.watch(clock.later, int)
    supervisor.stopping()
    assert clock.due == []


def test_a_supervisor_that_is_gone_is_told_of_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    assert "the supervisor could not be told READY=1" in caplog.text


def test_the_abstract_namespace_is_known() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = f"fsapp-test-{os.getpid()}"
        listening.bind(f"\0{name}")
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert told(listening) == "READY=1"


def test_the_app_tells_it(systemd: socket.socket, tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FSAPP_")}
    addresses = {
        f"FSAPP_{name}": free_address()
        for name in ("HTTP_LISTEN", "OUTBOUND_LISTEN", "CONTROL_ADDRESS")
    }
    app = subprocess.Popen(
        [sys.executable, "-m", "fsapp", "serve"],
        cwd=tmp_path,
        env={**kept, **addresses, **environment(systemd, WATCHDOG_USEC="300000")},
        stderr=subprocess.DEVNULL,
    )
    try:
        assert told(systemd) == "READY=1"
        assert told(systemd) == "WATCHDOG=1"
        app.send_signal(signal.SIGHUP)
        while (reloading := told(systemd)) == "WATCHDOG=1":
            continue
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=[0-9]+", reloading)
        while (done := told(systemd)) == "WATCHDOG=1":
            continue
        assert done == "READY=1"
        app.send_signal(signal.SIGTERM)
        while (last := told(systemd)) == "WATCHDOG=1":
            continue
        assert last == "STOPPING=1"
        assert app.wait(LIMIT) == 0
    finally:
        app.kill()
        app.wait()
