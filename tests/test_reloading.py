"""The settings read again: each that is said to change while fsapp runs does, the others wait."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from fsapp import settings as s
from fsapp.calls.agent import Agent
from fsapp.client import Client, Refused, Unreachable
from fsapp.desk.presence import AgentState
from fsapp.logs import Log, start_log
from fsapp.reloading import Reloading, Source, differing, taken
from fsapp.service import Service
from fsapp.settings import TABLE, Row, Settings
from tests.ports import free_address
from tests.root_logger import root_logger  # noqa: F401
from tests.switch.peer import wait_until

pytestmark = pytest.mark.usefixtures("root_logger")

LIVE = [row for row in TABLE if row.live]
LIMIT = 20.0
ANN = Agent("ann", "Ann", "user/1101", organizations=frozenset({1}))


class Stage:
    """A running fsapp without a FreeSWITCH, and the file its settings are in."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "fsapp.toml"
        self.token = folder / "scraper"
        self.token.write_text("a-token-for-prometheus\n")
        self.basis = {
            "http.listen": '"127.0.0.1:0"',
            "outbound.listen": f'"{free_address()}"',
            "control.address": f'"{free_address()}"',
            "database.path": f'"{folder / "fsapp.db"}"',
        }
        self.write()
        source = Source(self.file, {})
        settings = source.read()
        self.log: Log = start_log(settings.log.level, logging.NullHandler())
        self.service = Service(settings)
        self.service.start()
        self.reload = Reloading(source, self.service, self.log).reload

    def write(self, **changes: str) -> None:
        """The file anew; ``section__key`` names a setting."""
        given = {name.replace("__", "."): value for name, value in changes.items()}
        lines = (f"{name} = {value}\n" for name, value in {**self.basis, **given}.items())
        self.file.write_text("".join(lines), encoding="utf-8")

    def change(self, **changes: str) -> str:
        self.write(**changes)
        return self.reload()

    def stop(self) -> None:
        self.service.stop()
        self.log.stop()

    def in_effect(self) -> tuple[object, ...]:
        """What the parts of the app go by, wherever they keep it."""
        service = self.service
        return (
            service._context.options,
            service.board.limits,
            service.board.presence._offline_after,
            service.retention._keep_seconds,
            service._directory._limits,
            service._scrapers._settings,
            logging.getLogger().level,
            type(self.log.handlers[0].formatter),
        )


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.stop()


def another(row: Row, stage: Stage) -> str:
    """Another value than the default, as it stands in the file."""
    default = row.of(Settings())
    if isinstance(default, int | float):
        # waiting_red must not be less than waiting_amber.
        return str(default + (30 if row.key == "waiting_red" else 1))
    written = {
        "log.level": "error",
        "log.format": "json",
        "metrics.token_file": str(stage.token),
        "dial.external": "sofia/gateway/carrier/{extension}",
        "dial.caller_id_number": "2045550199",
    }
    return '["10.1.0.0/16"]' if default == () else f'"{written.get(row.name, "8000")}"'


@pytest.mark.parametrize("row", LIVE, ids=lambda row: row.name)
def test_what_is_said_to_change_while_it_runs_does_as_after_a_restart(
    stage: Stage, row: Row, tmp_path: Path
) -> None:
    before = stage.in_effect()
    said = stage.change(**{row.name.replace(".", "__"): another(row, stage)})
    after = stage.in_effect()
    assert said.startswith(f"the settings have been read again: {row.name} ")
    assert after != before
    stage.stop()
    restarted = Service(stage.service.settings)
    stage.service = restarted
    restarted.start()
    chosen = restarted.settings.log
    stage.log = start_log(chosen.level, logging.NullHandler(), chosen.format)
    assert stage.in_effect() == after


def test_only_what_is_said_to_changes_while_it_runs() -> None:
    old, wanted = Settings(), Settings(http=s.Http(threads=7), phone=s.Phone(ring_timeout=7))
    now = taken(old, wanted)
    assert (now.http.threads, now.phone.ring_timeout) == (200, 7)
    assert [row.name for row in differing(now, wanted)] == ["http.threads"]


def test_what_waits_for_a_restart_is_named_in_one_line_each_time(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger().addHandler(caplog.handler)
    for _ in range(2):
        caplog.clear()
        stage.change(http__threads="7", control__password='"hush"', park__recall_after="9")
        warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert warned == ["to take effect at the next start only: http.threads, control.password"]
        assert stage.service.settings.http.threads == 200
        assert stage.service.settings.park.recall_after == 9.0
        assert "hush" not in caplog.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phone__ring_timeout": '"soon"'}, "phone.ring_timeout must be"),
        ({"http__port": "1"}, "unknown setting 'http.port'"),
        ({"console__waiting_red": "1"}, "console.waiting_red must not be less"),
        ({"metrics__token_file": '"/nowhere"'}, "metrics.token_file /nowhere cannot be read"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_a_bad_file_changes_nothing_and_is_said_with_setting_and_file(
    stage: Stage, changes: dict[str, str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger().addHandler(caplog.handler)
    before, settings = stage.in_effect(), stage.service.settings
    said = stage.change(phone__idle_timeout="1", **changes)
    assert said.startswith(f"the settings stay as they are: {stage.file}: ")
    assert words in said
    assert said.isprintable()
    # Others may have something to say meanwhile: there is no FreeSWITCH.
    complained = [one for one in caplog.records if one.name == "fsapp.reloading"]
    assert [one.getMessage() for one in complained] == [said]
    assert (stage.in_effect(), stage.service.settings) == (before, settings)
    assert stage.change(phone__idle_timeout="1").endswith("phone.idle_timeout 1.0")


def test_a_file_that_has_gone_is_not_taken_for_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("conf/fsapp.toml")
    file.parent.mkdir()
    file.write_text("phone.ring_timeout = 7\n")
    source = Source(None, {})
    assert source.read().phone.ring_timeout == 7
    file.unlink()
    with pytest.raises(s.SettingsError, match=r"conf/fsapp\.toml: cannot be read"):
        source.read()


def test_the_environment_still_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("phone.ring_timeout = 7\n")
    assert Source(file, {"FSAPP_PHONE_RING_TIMEOUT": "9"}).read().phone.ring_timeout == 9


def test_agents_are_known_at_once(stage: Stage) -> None:
    stage.service.agents.add(ANN)
    assert "ann" not in stage.service.board.agents
    stage.reload()
    assert stage.service.board.agents["ann"].agent.phone == "user/1101"
    stage.service.agents.change("ann", phone="user/1142")
    stage.reload()
    assert stage.service.board.agents["ann"].agent.phone == "user/1142"


def test_a_void_token_ends_its_stream_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsapp.web.streams._LOOK_SECONDS", 3600.0)
    token = stage.service.agents.add(ANN)
    with closing(Client(stage.service.url, token)) as client:
        events = client.events(patience=0)
        assert next(events).name == "calls"
        stage.service.agents.remove("ann")
        stage.reload()
        with pytest.raises((Unreachable, Refused)):
            deque(events)


def test_consoles_are_told_to_read_what_has_changed(stage: Stage) -> None:
    token = stage.service.agents.add(ANN)
    with closing(Client(stage.service.url, token)) as client:
        events = client.events(patience=0)
        assert next(events).name == "calls"
        stage.change(console__waiting_amber="11", console__waiting_red="12")
        assert next(event for event in events if event.name == "reset")
        events.close()
        [organization] = client.organizations()
    assert (organization["waiting_amber"], organization["waiting_red"]) == (11, 12)


def test_an_agent_who_was_offline_comes_back_with_a_longer_limit(stage: Stage) -> None:
    service = stage.service
    service.agents.add(ANN)
    stage.change(agent__offline_after="1")
    with service.board.turn():
        status = service.board.status(ANN)
        status.seen = time.time() - 10
    with service.board.turn():
        assert service.board.presence.state(ANN) is AgentState.OFFLINE
    stage.change(agent__offline_after="100")
    with service.board.turn():
        assert service.board.presence.state(ANN) is not AgentState.OFFLINE
        assert status.state is service.board.presence.state(ANN)
    assert status.watch is not None


@contextmanager
def an_app(folder: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, Path]]:
    """The process, its settings' file and its log."""
    file, log = folder / "fsapp.toml", folder / "log"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FSAPP_")}
    addresses = {
        f"FSAPP_{name}": free_address()
        for name in ("HTTP_LISTEN", "OUTBOUND_LISTEN", "CONTROL_ADDRESS")
    }
    file.write_text("")
    with log.open("wb") as written:
        app = subprocess.Popen(
            [sys.executable, "-m", "fsapp", "serve", "--config", str(file)],
            cwd=folder,
            env={**kept, **addresses, **environ},
            stderr=written,
        )
    try:
        says(log, "agents at http://")
        yield app, file, log
    finally:
        app.kill()
        app.wait()


def says(log: Path, words: str, times: int = 1) -> str:
    """Waits for words in the log; answers the line."""
    lines: Callable[[], list[str]] = lambda: [  # noqa: E731
        line for line in log.read_text().splitlines() if words in line
    ]
    wait_until(lambda: len(lines()) >= times, f"no {words!r}", LIMIT)
    return lines()[-1]


def test_sighup_reads_the_settings_again_and_the_process_goes_on(tmp_path: Path) -> None:
    with an_app(tmp_path) as (app, file, log):
        file.write_text("[phone]\nring_timeout = 7\n[http]\nthreads = 8\n")
        app.send_signal(signal.SIGHUP)
        assert " INFO " in says(log, "read again: phone.ring_timeout 7")
        assert " WARNING " in says(log, "at the next start only: http.threads")
        file.write_text("[phone]\nring_timeout = 'soon'\n")
        app.send_signal(signal.SIGHUP)
        line = says(log, "the settings stay as they are")
        assert f"{file}: phone.ring_timeout must be a whole number" in line
        app.send_signal(signal.SIGTERM)
        assert app.wait(LIMIT) == 0


def test_the_level_of_the_log_changes_without_a_restart(tmp_path: Path) -> None:
    with an_app(tmp_path) as (app, file, log):
        file.write_text('log.level = "error"\n')
        app.send_signal(signal.SIGHUP)
        says(log, "read again: log.level error")
        file.write_text('log.level = "info"\n')
        app.send_signal(signal.SIGHUP)
        says(log, "read again: log.level info")
        file.write_text('log.level = "error"\n')
        app.send_signal(signal.SIGHUP)
        says(log, "read again: log.level error", times=2)
        app.send_signal(signal.SIGTERM)
        assert app.wait(LIMIT) == 0
        assert "INFO fsapp.service: stop" not in log.read_text()


def test_sighup_a_hundred_times_ends_nothing(tmp_path: Path) -> None:
    with an_app(tmp_path) as (app, _file, log):
        for _ in range(100):
            app.send_signal(signal.SIGHUP)
        says(log, "nothing is another than before")
        assert app.poll() is None
        app.send_signal(signal.SIGTERM)
        assert app.wait(LIMIT) == 0


def test_every_line_of_a_process_that_writes_json_parses_and_holds_no_secret(
    tmp_path: Path,
) -> None:
    secret = "very-secret-password"
    with an_app(tmp_path, FSAPP_LOG_FORMAT="json", FSAPP_CONTROL_PASSWORD=secret) as (app, _, log):
        (line,) = log.read_text().split("agents at ")[1].splitlines()[:1]
        client = Client(line.partition('"')[0], "a-token-of-nobody")
        with closing(client), pytest.raises(Refused):
            client.agent()
        app.send_signal(signal.SIGHUP)
        says(log, "read again")
        app.send_signal(signal.SIGTERM)
        assert app.wait(LIMIT) == 0
        lines = [json.loads(one) for one in log.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, lines))
    assert lines[-1]["message"] == "stopped"
    assert secret not in str(lines)
    assert "a-token-of-nobody" not in str(lines)
