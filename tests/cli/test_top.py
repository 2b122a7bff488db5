"""``fsapp top`` at a terminal: live, leaves it as it was, and one picture where there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fsapp.calls.document_types import ShownCallDocument
from fsapp.settings import Address, Events, Http, Settings
from fsapp.web.app import build
from fsapp.web.server import WebServer
from fsapp.web.streams import Streams
from tests.ports import free_address
from tests.web.hearing import ScriptedFeed
from tests.web.serving import Holders, NotingDesk

from .ran import Run
from .served import Desk, agent, call, served
from .typing_at import AtTerminal

USUAL_SCREEN, CURSOR = b"\x1b[?1049l", b"\x1b[?25h"


@dataclass
class Told:
    """An event of a scripted feed."""

    number: int
    name: str
    keys: dict[str, Any] = field(default_factory=dict)

    def text(self, _agent: object) -> bytes:
        data = {"event": self.name, "timestamp": str(int(time.time())), **self.keys}
        return f"id: {self.number}\nevent: {self.name}\ndata: {json.dumps(data)}\n\n".encode()


class Feed(ScriptedFeed):
    """As it is, but what is told first is what the protocol says."""

    def everything(self, agent: Any) -> bytes:
        return Told(0, "calls", {"calls": {}}).text(agent).partition(b"\n")[2]

    def reset(self) -> bytes:
        return Told(self.last, "reset").text(None)


class Hall:
    """A desk, its stream, and a web server that can go and come back at the same address."""

    def __init__(self) -> None:
        now = int(time.time())
        self.desk = Desk(
            [call("c-1", caller_name="Clara", arrival_time=str(now - 600))],
            [agent("ann", state_since=str(now - 600))],
        )
        self.feed, self.holders = Feed(), Holders()
        self.address = Address("127.0.0.1", int(free_address().partition(":")[2]))
        self._parts = ExitStack()
        self.comes()

    def comes(self) -> None:
        http = Http(listen=self.address, threads=2)
        events = Events(heartbeat=0.5)
        streams = Streams(self.feed, self.holders, events)
        noting = NotingDesk(behaviour=self.desk.answer)
        known = replace(Settings(), http=http, events=events)
        server = WebServer(build(noting, self.holders, known, streams), http)
        streams.start()
        server.start()
        self._parts.callback(server.stop)
        self._parts.callback(streams.stop)

    def goes(self) -> None:
        self._parts.pop_all().close()

    def tells(self, name: str, **keys: Any) -> None:
        self.feed.say(Told(self.feed.last + 1, name, keys))  # type: ignore[arg-type]

    def arrives(self, arrived: ShownCallDocument) -> None:
        self.desk.calls.append(arrived)
        self.tells("queue_join", call=arrived)


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.goes()


def environment(hall: Hall, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FSAPP_")}
    own = {"FSAPP_TOKEN": "ann-token", "FSAPP_URL": f"http://{hall.address}"}
    return {**kept, "TERM": "xterm-256color", "PYTHONUNBUFFERED": "1", **own, **more}


@pytest.fixture
def top(hall: Hall) -> Iterator[AtTerminal]:
    """fsapp top, and the caller who waits is shown."""
    command = [sys.executable, "-m", "fsapp", "top"]
    with AtTerminal(command, environment(hall)) as terminal:
        terminal.shows(lambda shown: "connected" in shown[0] and "Clara" in shown[2])
        yield terminal


def is_as_it_was(terminal: AtTerminal) -> None:
    """The other screen and the missing cursor are gone, and keys are echoed again."""
    assert terminal.settings() == terminal.before
    assert terminal.written.rindex(USUAL_SCREEN) > terminal.written.rindex(b"\x1b[?1049h")
    assert terminal.written.rindex(CURSOR) > terminal.written.rindex(b"\x1b[?25l")


def test_it_shows_what_is_in_eighty_by_twenty_four(top: AtTerminal) -> None:
    shown = top.shown
    assert shown[0].startswith("fsapp http://127.0.0.1:")
    assert shown[0].endswith(time.strftime(":%M:%S", time.localtime())[:1] + shown[0][-5:])
    assert shown[1].startswith("QUEUE 1  longest 10:")
    assert shown[3:5] == ["CALLS 0", "AGENTS 1  idle 1"]
    assert shown[-1] == "q quits"
    assert len(shown[0]) == 80, "the last column is written, too"


def test_who_comes_is_shown_at_once_and_ages_count_on(top: AtTerminal, hall: Hall) -> None:
    hall.arrives(call("c-2", caller_name="Max", position=2, arrival_time=str(int(time.time()))))
    top.shows(lambda shown: "QUEUE 2" in shown[1] and "Max" in shown[3])
    before = top.shown[2]
    top.shows(lambda shown: shown[2] != before)


def test_who_is_taken_moves_to_the_calls(top: AtTerminal, hall: Hall) -> None:
    spoken = {**hall.desk.calls[0], "state": "speaking", "assigned_to": "ann", "position": None}
    hall.tells("call_state", call=spoken)
    top.shows(lambda shown: shown[1] == "QUEUE 0" and shown[2] == "CALLS 1  speaking 1")
    hall.tells("call_hangup", call={**spoken, "state": "hungup"})
    top.shows(lambda shown: shown[2] == "CALLS 0")


def test_q_ends_it_and_leaves_the_terminal_as_it_was(top: AtTerminal) -> None:
    assert top.settings() != top.before
    top.types("q")
    assert top.ends() == 0
    is_as_it_was(top)


def test_ctrl_c_ends_it_the_same(top: AtTerminal) -> None:
    top.types("\x03")
    assert top.ends() == 0
    is_as_it_was(top)


def test_so_does_an_impatient_one(top: AtTerminal) -> None:
    top.types("\x03\x03\x03")
    assert top.ends() in (0, 130), "130: one came when all but the listening had ended"
    is_as_it_was(top)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(
    number: signal.Signals, top: AtTerminal
) -> None:
    top.signals(number)
    assert top.ends() == 128 + number
    is_as_it_was(top)


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(top: AtTerminal) -> None:
    top.types("\x1a")
    top.until(lambda: USUAL_SCREEN in top.written and top.settings() == top.before)
    os.waitid(os.P_PID, top.pid, os.WSTOPPED)
    is_as_it_was(top)
    top.signals(signal.SIGCONT)
    top.until(lambda: top.settings() != top.before)
    top.shows(lambda shown: "Clara" in shown[2])
    top.types("q")
    assert top.ends() == 0
    is_as_it_was(top)


def test_it_follows_the_size_of_the_terminal(top: AtTerminal) -> None:
    top.resize(60, 12)
    top.signals(signal.SIGWINCH)
    top.shows(lambda shown: shown[11] == "q quits" and len(shown[0]) == 60)


def test_a_server_that_goes_is_said_and_the_picture_is_true_again_when_it_is_back(
    top: AtTerminal, hall: Hall
) -> None:
    hall.goes()
    top.shows(lambda shown: "NOT UP TO DATE" in shown[0])
    assert "Clara" in top.shown[2]
    hall.desk.calls[0] = call("c-9", caller_name="Nora")
    hall.feed.oldest = hall.feed.last + 100
    hall.comes()
    top.shows(lambda shown: "connected" in shown[0] and "Nora" in shown[2])


def test_a_token_that_becomes_void_ends_it_with_a_sentence(top: AtTerminal, hall: Hall) -> None:
    hall.holders.void.add("ann-token")
    hall.feed.present = 1
    assert top.ends() == 1
    is_as_it_was(top)
    after = top.written.rpartition(USUAL_SCREEN)[2]
    assert after.endswith(b"A valid token is required.\r\n")


def test_colours_can_be_switched_off(hall: Hall) -> None:
    command = [sys.executable, "-m", "fsapp", "top"]
    with AtTerminal(command, environment(hall, NO_COLOR="1")) as terminal:
        terminal.shows(lambda shown: "Clara" in shown[2])
        assert b"\x1b[31m" not in terminal.written
    with AtTerminal(command, environment(hall)) as terminal:
        terminal.shows(lambda shown: "Clara" in shown[2])
        assert b"\x1b[31m" in terminal.written


def test_a_terminal_that_can_do_nothing_gets_one_picture(hall: Hall) -> None:
    command = [sys.executable, "-m", "fsapp", "top"]
    with AtTerminal(command, environment(hall, TERM="dumb")) as terminal:
        assert terminal.ends() == 0
        assert b"\x1b" not in terminal.written
        assert b"Clara" in terminal.written


def test_where_there_is_no_terminal_it_prints_one_picture(hall: Hall, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "fsapp", "top"],
        env=environment(hall),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    assert [line.split()[0] for line in ran.stdout.splitlines()] == [
        "fsapp",
        "QUEUE",
        "1",
        "CALLS",
        "AGENTS",
        "ann",
    ]


def test_once_is_one_picture_as_wide_as_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Desk([call("c-1", caller_name="Clara " * 30)])) as server:
        monkeypatch.setenv("FSAPP_TOKEN", "ann-token")
        monkeypatch.setenv("FSAPP_URL", f"http://{server.address}")
        assert max(map(len, run("top", "--once").out.splitlines())) == 80
        monkeypatch.setenv("COLUMNS", "120")
        assert max(map(len, run("top", "--once").out.splitlines())) == 120


def test_the_picture_is_there_for_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Desk([call("c-1", state="queued", position=1)])) as server:
        monkeypatch.setenv("FSAPP_TOKEN", "ann-token")
        monkeypatch.setenv("FSAPP_URL", f"http://{server.address}")
        ran = run("top", "--json")
    (line,) = ran.out.splitlines()
    shown = json.loads(line)
    assert (ran.status, shown["agent"]["id"]) == (0, "ann")
    ids = {name: [one["id"] for one in shown[name]] for name in ("queue", "calls", "agents")}
    assert (ids["queue"], ids["calls"], "ann" in ids["agents"]) == (["c-1"], ["c-1"], True)
