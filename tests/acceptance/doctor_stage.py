"""A deployment of its own for `fsapp doctor`: a switch, its files, phones, two agents, the app.

It is right when it is built. What a test spoils it puts right again (`Stage.restored` looks after
the files), because a switch and an app cost two seconds.
"""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fsapp.calls.agent import Agent
from fsapp.lab.clock import RealClock
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from tests.ports import free_address

from .app import SHIPPED, App, run_fsapp, variables
from .forked import Forked
from .switches.base import Switch
from .switches.freeswitch import FreeSwitch
from .switches.lab import LabSwitch

ROOT = SHIPPED.parents[1]
REGISTER = ROOT / "tests" / "lab" / "sipp" / "register.xml"
PASSWORD = "of-its-own"
AGENTS = {"anna": "user/1101", "bente": "user/1102"}
REGISTERING = ("1101", "1102")


class Blame(NamedTuple):
    """What of a finding a test looks at."""

    check: str
    verdict: str
    what: str


@dataclass(frozen=True)
class Report:
    """What one run of the doctor has said."""

    status: int
    findings: list[dict[str, str]]

    @property
    def blamed(self) -> list[Blame]:
        """Everything that was not found to be right."""
        return [
            Blame(one["check"], one["verdict"], one["what"])
            for one in self.findings
            if one["verdict"] != "ok"
        ]

    def of(self, check: str) -> list[str]:
        """The sentences of one check."""
        return [one["what"] for one in self.findings if one["check"] == check]


class SkewedClock(RealClock):
    """The machine's clock, some seconds off."""

    def __init__(self) -> None:
        self.skew = 0.0

    def now(self) -> float:
        return super().now() + self.skew


@dataclass
class Stage:
    """The parts that are the same on every switch."""

    directory: Path
    switch: Switch
    app: App

    @property
    def files(self) -> Path:
        """The administrator's copies of dialplan/ and conf/."""
        return self.directory / "files"

    def examined(self, *options: str, **extra: str) -> Report:
        """Run the doctor where the app runs, with the app's settings and ``extra``."""
        done = self.printed("--json", *options, **extra)
        document: dict[str, Any] = json.loads(done.stdout)
        report = Report(done.returncode, document["findings"])
        assert document["problems"] == sum(one.verdict == "problem" for one in report.blamed)
        return report

    def printed(self, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """The same, as people get it."""
        environment: Mapping[str, str] = {**variables(self.app.settings), **extra}
        done = run_fsapp("doctor", *options, directory=self.app.directory, **environment)
        assert done.stderr == ""
        return done

    def reload(self) -> None:
        """Have the switch read its files again."""
        answer = self.switch.api("reloadxml")
        assert answer.startswith("+OK"), answer

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Whatever happens to the files inside, afterwards they are as they were."""
        kept = self.directory / "kept"
        shutil.copytree(self.files, kept)
        try:
            yield
        finally:
            shutil.rmtree(self.files)
            kept.rename(self.files)
            self.reload()

    def write(self, name: str, text: str) -> None:
        """Put a file into the dialplan's folder and have it read."""
        (self.files / "dialplan" / name).write_text(f"<include>\n{text}\n</include>\n", "utf-8")
        self.reload()

    def rewrite(self, name: str, old: str, new: str) -> None:
        """Change a file of the dialplan and have it read."""
        path = self.files / "dialplan" / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        self.reload()

    def remove(self, name: str) -> None:
        """Take a file out of the dialplan."""
        (self.files / "dialplan" / name).unlink()
        self.reload()

    @contextmanager
    def agents(self, database: Path | None = None) -> Iterator[Agents]:
        """The agents on record, to be changed."""
        with closing(Database(database or self.app.database)) as opened:
            opened.open()
            yield Agents(opened)

    def outdate(self, database: Path) -> None:
        """Make a database look as if its last migration had not been."""
        with closing(sqlite3.connect(database)) as connection:
            table = "_sqlite_migrations"
            query = f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})"
            connection.execute(query)
            connection.commit()

    @contextmanager
    def new_password(self, password: str) -> Iterator[None]:
        """The switch takes another password, and the app is told."""
        self._take_password(password)
        try:
            yield
        finally:
            self._take_password(PASSWORD)

    def _take_password(self, password: str) -> None:
        self.set_password(password)
        self.app.settings["control"]["password"] = password
        self.app.restart()

    def set_password(self, password: str) -> None:
        """Have the switch take this password."""
        raise NotImplementedError

    def register(self, extension: str) -> None:
        """The phone registers, and answers when it is rung."""
        raise NotImplementedError

    def registers_busy(self, extension: str) -> None:
        """The phone registers, and is busy when it is rung."""
        raise NotImplementedError

    def unregister(self, extension: str) -> None:
        """The phone is gone."""
        raise NotImplementedError

    def stop(self) -> None:
        self.app.stop()
        self.switch.stop()


class LabStage(Stage):
    """On the lab switch."""

    clock: SkewedClock

    @property
    def _lab(self) -> LabSwitch:
        assert isinstance(self.switch, LabSwitch)
        return self.switch

    def set_password(self, password: str) -> None:
        self._lab.lab.do(lambda: setattr(self._lab.lab.exchange, "password", password))

    def register(self, extension: str) -> None:
        self._lab.phone(extension).answers()

    def registers_busy(self, extension: str) -> None:
        self._lab.phone(extension).is_busy()

    def unregister(self, extension: str) -> None:
        self._lab.phone(extension).is_unregistered()


class FreeSwitchStage(Stage):
    """On a real FreeSWITCH."""

    @property
    def freeswitch(self) -> FreeSwitch:
        assert isinstance(self.switch, FreeSwitch)
        return self.switch

    def set_password(self, password: str) -> None:
        self.freeswitch.crash()
        conf = self.files / "conf" / "event_socket.conf.xml"
        old = f'"{self.freeswitch.control_password}"'
        conf.write_text(conf.read_text("utf-8").replace(old, f'"{password}"'), "utf-8")
        self.freeswitch.control_password = password
        self.freeswitch.come_back()
        for extension in REGISTERING:
            self.register(extension)

    def register(self, extension: str) -> None:
        self._register(extension, self.freeswitch.sipps.answering.address)

    def registers_busy(self, extension: str) -> None:
        self._register(extension, self.freeswitch.sipps.busy.address)

    def _register(self, extension: str, where: str) -> None:
        self.unregister(extension)
        words = ["sipp", "-sf", str(REGISTER), self.freeswitch.sip_address, "-m", "1", "-nostdin"]
        words += ["-s", extension, "-au", extension, "-ap", extension, "-i", "127.0.0.1"]
        words += ["-key", "phone", where, "-key", "domain", "127.0.0.1"]
        subprocess.run(words, cwd=self.directory, check=True, capture_output=True, timeout=20)

    def unregister(self, extension: str) -> None:
        self.switch.api(f"sofia profile suite flush_inbound_reg {extension}@127.0.0.1")


def build(directory: Path, kind: str, music: str) -> Stage:
    """A right deployment in ``directory``, running; ``kind`` is the switch's name."""
    for folder in ("dialplan", "conf"):
        shutil.copytree(ROOT / folder, directory / "files" / folder)
    conf = directory / "files" / "conf" / "event_socket.conf.xml"
    conf.write_text(conf.read_text("utf-8").replace('"ClueCon"', f'"{PASSWORD}"'), "utf-8")
    stage = _on_lab(directory) if kind == "lab" else _on_freeswitch(directory)
    stage.switch.start()
    try:
        _people(stage, music)
    except BaseException:
        stage.stop()
        raise
    return stage


def _on_lab(directory: Path) -> Stage:
    clock = SkewedClock()
    switch = LabSwitch(dialplan=directory / "files" / "dialplan", password=PASSWORD, clock=clock)
    stage = LabStage(directory, switch, App(directory / "app", {}, Forked))
    stage.clock = clock
    return stage


def _on_freeswitch(directory: Path) -> Stage:
    switch = FreeSwitch(shipped=directory / "files", password=PASSWORD, registering=REGISTERING)
    return FreeSwitchStage(directory, switch, App(directory / "app", {}))


def _people(stage: Stage, music: str) -> None:
    app, switch = stage.app, stage.switch
    app.directory.mkdir()
    app.settings = {
        "http": {"listen": free_address()},
        "outbound": {"listen": switch.outbound_address},
        "control": {"address": switch.control_address, "password": PASSWORD},
        "database": {"path": str(app.directory / "desk.db")},
        "queue": {"music": music},
        "park": {"music": music},
    }
    with stage.agents() as agents:
        for name, phone in AGENTS.items():
            agents.add(Agent(name, name.title(), phone))
    for extension in REGISTERING:
        stage.register(extension)
    app.start()
