"""The lab switch as a whole: starting, stopping, and leaving nothing behind."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fsapp.lab import LabSwitch, LabTimeoutError, ManualClock

from .conftest import MUSIC, PUBLIC, Desk
from .wire import Listener


def descriptors_open() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_no_thread_and_no_descriptor_is_left_behind(listener: Listener) -> None:
    threads, descriptors = threading.active_count(), descriptors_open()
    for _ in range(3):
        with LabSwitch(listener.address, "127.0.0.1:0", contexts={"public": PUBLIC}) as lab:
            lab.phone("1101").silent()
            lab.place_call("5900")
            wire = listener.accept()
            wire.hello()
            wire.ask("bgapi originate user/1101 &park()")
            lab.phone("1101").wait_ringing()
        assert wire.until_end() is not None
        wire.close()
    assert threading.active_count() == threads
    assert descriptors_open() == descriptors


def test_a_port_in_use_is_an_error_and_leaves_no_thread(listener: Listener) -> None:
    threads = threading.active_count()
    with pytest.raises(OSError, match="in use"):
        LabSwitch(control=listener.address).start()
    assert threading.active_count() == threads


def test_a_switch_that_is_not_running_says_so() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        LabSwitch().place_call()


def test_what_does_not_happen_is_named(desk: Desk) -> None:
    with pytest.raises(LabTimeoutError, match="phone 1101 rings"):
        desk.lab.phone("1101").wait_ringing(limit=0.01)


def test_time_moves_only_by_hand_on_a_manual_clock(listener: Listener) -> None:
    clock = ManualClock()
    lab = LabSwitch(listener.address, "127.0.0.1:0", contexts={"public": PUBLIC}, clock=clock)
    with lab:
        caller = lab.place_call("tone")
        lab.advance(1.0)
        assert caller.hears() == MUSIC
        lab.phone("1101").answers(after=3600.0)
        lab.do(lambda: lab.exchange.spawn(_dial(lab)))
        lab.advance(59.0)
        uuid = lab.phone("1101").wait_ringing()
        assert lab.phone("1101").legs() == [uuid]
        lab.advance(2.0)
        assert lab.phone("1101").legs() == []


async def _dial(lab: LabSwitch) -> None:
    answer = lab.exchange.command("originate user/1101 &park()")
    assert not isinstance(answer, str)
    assert await answer == "-ERR NO_ANSWER\n"


def test_five_hundred_calls_stand_side_by_side(desk: Desk) -> None:
    threads = threading.active_count()
    callers = [desk.lab.place_call("tone") for _ in range(500)]
    callers[-1].wait_hears(MUSIC)
    assert len(desk.lab.live_channels()) == 500
    for caller in callers:
        caller.hang_up()
    callers[-1].wait_ended()
    desk.lab.wait_for(lambda: not desk.lab.exchange.channels, "no channel is left")
    assert threading.active_count() <= threads


@pytest.fixture
def process(listener: Listener):
    """The lab switch in a process of its own, with a phone, a caller and the shipped dialplan."""
    command = [sys.executable, "-m", "fsapp.lab", "--control", "127.0.0.1:0"]
    command += ["--outbound", listener.address, "--phone", "1101=answers:0", "--call", "5900"]
    command += ["--dialplan", str(Path(__file__).parents[2] / "dialplan")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait(10)
    process.stdout.close()


def test_it_runs_in_a_process_of_its_own_until_told_to_stop(
    process: subprocess.Popen[str], listener: Listener
) -> None:
    wire = listener.accept(limit=20.0)
    assert wire.hello()["Caller-Destination-Number"] == "5900"
    wire.ask("bgapi originate {origination_uuid=leg}user/1101 &park()")
    assert wire.event("BACKGROUND_JOB").body == "+OK leg\n"
    assert process.stdout is not None
    assert process.stdout.readline().startswith("lab switch: Event Socket at 127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_it_says_in_one_line_why_it_cannot_start(listener: Listener) -> None:
    command = [sys.executable, "-m", "fsapp.lab", "--control", listener.address]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "in use" in ended.stderr
