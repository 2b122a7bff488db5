"""What the app inside FreeSWITCH does where no FreeSWITCH is needed to see it."""

from __future__ import annotations

import json
import logging
import sys
import threading
from itertools import takewhile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from xml.etree import ElementTree

import pytest

from fsapp import embedded, embedded_service
from fsapp.embedded_service import Embedded
from fsapp.logs import start_log
from tests.ports import free_address
from tests.shown import ROOT
from tests.switch.peer import wait_until

INBOUND = ROOT / "dialplan" / "fsapp_inbound.xml"


class Session:
    """A call, as FreeSWITCH's module shows it. What an application is told is not expanded."""

    def __init__(self, destination: str) -> None:
        self.variables = {"destination_number": destination}
        self.executed: list[tuple[str, str]] = []

    def execute(self, application: str, argument: str) -> None:
        if application == "set":
            self.setVariable(*argument.split("=", 1))
        else:
            self.executed.append((application, argument))

    def setVariable(self, name: str, value: str) -> None:
        self.variables[name] = value

    def getVariable(self, name: str) -> str | None:
        return self.variables.get(name)


class Stream:
    """What the answer to an administrator's command is written to."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text


def shipped() -> list[tuple[str, str]]:
    """What fsapp_inbound.xml does with a call to 5900 in the context default, until the socket."""
    actions = ElementTree.parse(INBOUND).iter("action")
    before = takewhile(lambda action: action.get("application") != "socket", actions)
    known = {"${destination_number}": "5900", "${context}": "default"}
    made = [(str(action.get("application")), action.get("data", "")) for action in before]
    for name, value in known.items():
        made = [(application, data.replace(name, value)) for application, data in made]
    return made


def shipped_before_the_socket() -> list[tuple[str, str]]:
    return [action for action in shipped() if action[0] != "set"]


def shipped_variables() -> dict[str, str]:
    return dict(data.split("=", 1) for application, data in shipped() if application == "set")


def test_without_the_app_the_dialplan_keeps_the_call() -> None:
    session = Session("5900")
    embedded.handler(session, "")
    assert session.executed == []
    assert set(session.variables) == {"destination_number"}


def test_a_destination_is_a_value_and_never_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_service.Embedded, "context", "default")
    session = Session("${system(reboot)}")
    embedded.handler(session, "")
    assert session.variables["fsapp_destination"] == "${system(reboot)}"
    assert session.executed[-1] == ("transfer", "fsapp_return XML default")


def test_a_call_is_handed_over_as_the_shipped_dialplan_hands_it_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedded_service.Embedded, "context", "default")
    session = Session("5900")
    embedded.handler(session, "")
    *before, last = session.executed
    assert before == shipped_before_the_socket()
    assert last == ("transfer", "fsapp_return XML default")
    assert session.variables == {"destination_number": "5900", **shipped_variables()}


@pytest.mark.parametrize("given", [("na", "stream", "event"), ("na",)], ids=len)
def test_the_answer_goes_to_the_stream_if_there_is_one(given: tuple[str, ...]) -> None:
    stream = Stream()
    embedded.fsapi(*(stream if item == "stream" else item for item in given), "status")
    assert stream.text == ("fsapp does not run: it has not been started\n" if given[1:] else "")


def test_outside_freeswitch_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    embedded_service.run("")
    assert "freeswitch.py" in capsys.readouterr().err


class Standing:
    """A service that takes as long to start and to stop as the test wants."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(
            dialplan=SimpleNamespace(context="default"),
            outbound=SimpleNamespace(listen="127.0.0.1:8084"),
        )
        self.url = "http://127.0.0.1:4242"
        self.desk = SimpleNamespace(readiness=dict)
        self.go_on = threading.Event()
        self.ended_in_time = True

    def stop(self) -> bool:
        self.go_on.wait(5.0)
        return self.ended_in_time


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Standing:
    service = Standing()

    def start(_self: Embedded, _config: Path | None) -> Standing:
        service.go_on.wait(5.0)
        return service

    console = ModuleType("freeswitch")
    console.consoleLog = lambda *_: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "freeswitch", console)
    monkeypatch.setattr(Embedded, "_start", start)
    return service


def in_the_background(act: object, *arguments: str) -> threading.Thread:
    thread = threading.Thread(target=act, args=arguments, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_a_call_that_comes_during_the_start_waits_for_nobody(standing: Standing) -> None:
    app = Embedded()
    starting = in_the_background(app.start, "")
    wait_until(lambda: "being started" in app.status(), "it says that it is being started")
    assert app.context == ""
    assert starting.is_alive()
    standing.go_on.set()
    starting.join(5.0)
    assert app.context == "default"
    assert app.status() == "fsapp runs: calls at 127.0.0.1:8084, agents at http://127.0.0.1:4242"


def test_a_call_that_comes_during_the_stop_waits_for_nobody(standing: Standing) -> None:
    app = Embedded()
    standing.go_on.set()
    app.start("")
    standing.go_on.clear()
    stopping = in_the_background(app.stop)
    wait_until(lambda: "being stopped" in app.status(), "it says that it is being stopped")
    assert app.context == ""
    assert stopping.is_alive()
    standing.go_on.set()
    stopping.join(5.0)
    assert app.status() == "fsapp does not run: it was stopped"


def test_an_end_that_is_late_is_said(standing: Standing) -> None:
    app = Embedded()
    standing.go_on.set()
    app.start("")
    standing.ended_in_time = False
    assert app.stop() == "fsapp has stopped, but not all of it has ended in time"
    assert app.status().endswith("not all of it has ended in time")


def test_a_command_beside_one_that_hangs_is_answered_and_changes_nothing(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_service, "TURN_SECONDS", 0.05)
    app = Embedded()
    starting = in_the_background(app.start, "")
    wait_until(lambda: "being started" in app.status(), "it says that it is being started")
    assert app.stop() == "fsapp: nothing was done, it is just being started"
    standing.go_on.set()
    starting.join(5.0)
    assert app.status().startswith("fsapp runs")


def test_the_settings_are_read_again_by_a_command(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Embedded()
    monkeypatch.setattr(embedded_service, "_embedded", app)
    assert embedded_service.command("reload") == "fsapp does not run: it has not been started"
    standing.go_on.set()
    app.start("")
    app._read_again = lambda: "the settings have been read again"
    assert embedded_service.command("reload") == "fsapp: the settings have been read again"


def test_a_mistake_in_reading_again_stops_nothing(standing: Standing) -> None:
    def fails() -> str:
        raise RuntimeError("a mistake")

    app = Embedded()
    standing.go_on.set()
    app.start("")
    app._read_again = fails
    assert app.reload() == "fsapp: the settings could not be read again; see the log"
    assert app.status().startswith("fsapp runs")


def test_inside_freeswitch_it_is_the_same_file_that_is_read_again(
    standing: Standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    console = ModuleType("freeswitch")
    console.consoleLog = lambda *_: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "freeswitch", console)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    file = tmp_path / "own.toml"
    basis = "".join(
        f'{name} = "{value}"\n'
        for name, value in {
            "http.listen": "127.0.0.1:0",
            "outbound.listen": free_address(),
            "control.address": free_address(),
            "database.path": tmp_path / "fsapp.db",
        }.items()
    )
    file.write_text(basis)
    app = Embedded()
    assert app.start(str(file)).startswith("fsapp has started")
    try:
        file.write_text(f"{basis}phone.ring_timeout = 7\n")
        assert app.reload().endswith("read again: phone.ring_timeout 7")
        file.write_text(f"{basis}phone.ring_timeout = 0\n")
        assert f"stay as they are: {file}: phone.ring_timeout must be" in app.reload()
    finally:
        app.stop()


def test_freeswitchs_console_shows_json_lines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[str, str]] = []
    console = ModuleType("freeswitch")
    console.consoleLog = lambda level, text: lines.append((level, text))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "freeswitch", console)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    before = root.level
    log = start_log("info", embedded_service.Console(), "json")
    logging.getLogger("test").warning("two\nlines\0", extra={"call": "c-1"})
    log.stop()
    root.setLevel(before)
    ((level, line),) = lines
    assert level == "WARNING"
    assert line.count("\n") == 1
    found = json.loads(line)
    assert (found["message"], found["call"]) == ("two\nlines\0", "c-1")
