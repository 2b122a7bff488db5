"""Inside FreeSWITCH: started by conf/python.conf.xml, stopped with FreeSWITCH, never its end.

A FreeSWITCH of this module's own; the rest of the suite runs embedded with --embedded.
"""

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_address

from .client import Client
from .embedded import toml
from .switches.base import CallerLine, Switch
from .switches.freeswitch import FreeSwitch
from .wait import wait_for, wait_until


@dataclass
class Inside:
    """A FreeSWITCH with mod_python3, and what the app inside it is told."""

    switch: FreeSwitch
    directory: Path
    token: str
    settings: dict[str, dict[str, object]]

    @property
    def file(self) -> Path:
        return self.directory / "inside.toml"

    @property
    def client(self) -> Client:
        return Client(str(self.settings["http"]["listen"]), self.token)

    def write_settings(self) -> None:
        self.file.write_text(toml(self.settings), encoding="utf-8")

    def says(self, command: str = "status") -> str:
        return self.switch.api(f"python fsapp.embedded {command}").strip()

    def says_it_runs(self) -> None:
        wait_until(self.says, lambda text: text.startswith("fsapp runs"), promise="it runs")

    def queue(self) -> list[str]:
        client = self.client
        calls = client.get("/call/queue").document["calls"]
        client.close()
        return [call["id"] for call in calls]

    @property
    def database(self) -> Path:
        return Path(str(self.settings["database"]["path"]))

    def log(self) -> str:
        """What stands in FreeSWITCH's log."""
        return (self.switch.directory / "freeswitch.log").read_text("utf-8", "replace")

    def hears(self, caller: CallerLine, sound: str) -> None:
        """Wait until the caller hears it."""
        wait_for(lambda: self.switch.hears(caller.uuid), sound)

    def takes(self, caller: CallerLine) -> None:
        """The caller gets into the queue."""
        wait_until(self.queue, lambda queue: queue == [caller.uuid], promise="she is queued")


@pytest.fixture
def inside(
    switch: Switch, tmp_path: Path, prepared: tuple[Path, dict[str, str]]
) -> Iterator[Inside]:
    """Not started yet."""
    if switch.name != "freeswitch":
        pytest.skip("needs a real FreeSWITCH of its own, with mod_python3")
    (tmp_path / "desk.db").write_bytes(prepared[0].read_bytes())
    own = FreeSwitch(embedded=True, settings_file=tmp_path / "inside.toml")
    settings: dict[str, dict[str, object]] = {
        "http": {"listen": free_address()},
        "outbound": {"listen": own.outbound_address},
        "control": {"address": own.control_address},
        "database": {"path": str(tmp_path / "desk.db")},
    }
    made = Inside(own, tmp_path, prepared[1]["watch"], settings)
    made.write_settings()
    yield made
    own.stop()


def test_it_starts_with_the_module_and_takes_calls(inside: Inside):
    inside.switch.start()
    inside.says_it_runs()
    inside.takes(inside.switch.place_call("5900"))


def test_the_application_python_hands_a_call_over(inside: Inside):
    inside.switch.start()
    inside.says_it_runs()
    caller = inside.switch.place_call("python")
    inside.takes(caller)
    client = inside.client
    assert (
        client.get("/call/state", call_id=caller.uuid).document["call"]["destination"] == "python"
    )
    client.close()
    arrived = float(inside.switch.variable(caller.uuid, "fsapp_arrival")) / 1e6
    assert abs(time.time() - arrived) < 10.0


def test_it_ends_with_freeswitch_and_what_happened_is_on_record(inside: Inside):
    inside.switch.start()
    inside.says_it_runs()
    caller = inside.switch.place_call("5900")
    inside.takes(caller)
    inside.switch.stop()
    # Closed as it should be: SQLite has taken in its log and removed it.
    assert not (inside.directory / "desk.db-wal").exists()
    database = sqlite3.connect(inside.directory / "desk.db")
    row = database.execute("SELECT state FROM calls WHERE id = ?", [caller.uuid]).fetchone()
    database.close()
    assert row == ("hungup",)


@contextmanager
def wrong_settings(inside: Inside) -> Iterator[None]:
    inside.file.write_text("[http]\nlisten = 'nowhere'\n", encoding="utf-8")
    yield
    inside.write_settings()


@contextmanager
def taken_port(inside: Inside) -> Iterator[None]:
    """Somebody has it who does not listen: FreeSWITCH's connections are refused."""
    host, _, port = str(inside.settings["outbound"]["listen"]).rpartition(":")
    with socket.socket() as somebody:
        somebody.bind((host, int(port)))
        yield


@contextmanager
def damaged_database(inside: Inside) -> Iterator[None]:
    whole = inside.database.read_bytes()
    inside.database.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    yield
    inside.database.write_bytes(whole)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (wrong_settings, ["http.listen"]),
        (taken_port, ["outbound.listen", "Address already in use"]),
        (damaged_database, ["database.path", "is damaged"]),
    ],
    ids=["settings", "port", "database"],
)
def test_a_failure_to_start_leaves_freeswitch_alone(
    trouble: Callable[[Inside], AbstractContextManager[None]], words: list[str], inside: Inside
):
    with trouble(inside):
        inside.switch.start()
        wait_until(inside.says, says_all(words), promise="it says why")
        wait_until(inside.log, says_all(words), promise="FreeSWITCH's log says why")
        # The dialplan goes on with its next action, which here is to hang up.
        assert inside.switch.place_call("python").wait_ended() == "SERVICE_UNAVAILABLE"
        caller = inside.switch.place_call("5900")
        inside.hears(caller, "tone")
    assert inside.says("start").startswith("fsapp has started")
    inside.takes(caller)


def says_all(words: list[str]) -> Callable[[str], bool]:
    return lambda text: "it could not be started" in text and all(word in text for word in words)


def test_it_can_be_stopped_and_started_again(inside: Inside):
    inside.switch.start()
    inside.says_it_runs()
    caller = inside.switch.place_call("5900")
    inside.takes(caller)
    assert inside.says("stop") == "fsapp has stopped"
    assert inside.says() == "fsapp does not run: it was stopped"
    assert inside.says("start").startswith("fsapp has started")
    assert inside.says("start") == "fsapp runs already"
    inside.takes(caller)


def test_the_settings_are_read_again_and_its_lines_in_freeswitchs_log_become_json(inside: Inside):
    inside.switch.start()
    inside.says_it_runs()
    inside.settings |= {"phone": {"ring_timeout": 7}, "log": {"format": "json"}}
    inside.settings["http"]["threads"] = 50
    inside.write_settings()
    assert inside.says("reload") == (
        "fsapp: the settings have been read again: phone.ring_timeout 7, log.format json; "
        "at the next start only: http.threads"
    )
    inside.takes(inside.switch.place_call("5900"))
    text = wait_until(
        inside.log,
        lambda text: "at the next start only" in text,
        promise="it is in FreeSWITCH's log",
    )
    (line,) = [one for one in text.splitlines() if "at the next start only" in one]
    document = json.loads(line[line.index("{") :])
    assert (document["level"], document["logger"]) == ("WARNING", "fsapp.reloading")
    inside.file.write_text("[phone]\nring_timeout = 0\n", encoding="utf-8")
    assert f"stay as they are: {inside.file}: phone.ring_timeout must be" in inside.says("reload")
    assert inside.says().startswith("fsapp runs")


def test_what_is_no_command_is_answered_with_those_there_are(inside: Inside):
    inside.switch.start()
    assert inside.says("fly").startswith("usage: ")
