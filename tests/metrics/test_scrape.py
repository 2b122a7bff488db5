"""Gauges are true at the moment they are asked for, and what cannot be known is left out."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fsapp.calls.agent import Agent
from fsapp.metrics import table
from fsapp.metrics.exporter import Exporter
from fsapp.metrics.scrape import Application
from fsapp.metrics.table import PROCESS, TABLE, Metric
from fsapp.store.database import Database
from fsapp.switch.control import Control
from fsapp.switch.listener import Listener
from fsapp.web.server import WebServer
from fsapp.web.streams import Streams
from tests.desk.fakes import ANN, BOB, CALLER, Rig


class Whole:
    """Everything there is to be looked at; a test changes what it is about."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.agents: list[Agent] | None = [ANN, BOB]
        self.missing: Mapping[str, str] = {}
        self.stuck: Mapping[str, int] | None = {"no_channel": 0, "no_row": 0}
        self.named: Iterable[int] = {1, 2}
        self.untold: int | None = 0
        self.control: Any = SimpleNamespace(connection=object(), connected=1, failed=0)
        self.listener: Any = SimpleNamespace(open=0, accepted=0, refused=Counter[str]())
        writer = SimpleNamespace(failures=0, waiting=0)
        self.database: Any = SimpleNamespace(writer=writer, path=folder / "desk.db")
        self.streams: Any = SimpleNamespace(open=0, most=1000, behind=0, cut_off=0)
        self.server: Any = SimpleNamespace(threads=200, busy=1)
        self.exporter = Exporter(rig.clock.now, lambda: self.named)
        rig.board.tally = self.exporter.calls
        self.exporter.look_at(self._application())

    def _application(self) -> Application:
        return Application(
            board=self.rig.board,
            agents=lambda: _or_trouble(self.agents),
            missing=lambda: self.missing,
            stuck=lambda: self.stuck,
            control=cast(Control, self.control),
            listener=cast(Listener, self.listener),
            database=cast(Database, self.database),
            streams=cast(Streams, self.streams),
            untold=lambda: _or_trouble(self.untold),
            server=cast(WebServer, self.server),
        )

    def says(self, row: Metric) -> dict[tuple[str, ...], float]:
        """Every series of a row, by its labels' values; those that are 0, too."""
        return {
            tuple(sample.labels[label] for label in row.labels): sample.value
            for family in self.families()
            for sample in family.samples
            if sample.name == row.name
        }

    def families(self) -> list[Any]:
        return list(text_string_to_metric_families(self.exporter.exposition().decode()))

    def value(self, row: Metric) -> float | None:
        return self.says(row).get(())


def _or_trouble(value: Any) -> Any:
    if value is None:
        raise sqlite3.OperationalError("disk I/O error")
    return value


@pytest.fixture
def whole(rig: Rig, tmp_path: Path) -> Whole:
    return Whole(rig, tmp_path)


def test_what_is_exported_is_the_table(whole: Whole) -> None:
    """Names, kinds and labels; every label appears once something has happened."""
    exporter = whole.exporter
    exporter.commands("api hostname\n\n", _ok(), 0.1)
    exporter.answered("/metrics", "GET", 200, 0.1)
    found: dict[str, set[str]] = {}
    kinds = {}
    for family in whole.families():
        kinds[family.name] = family.type
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    wanted = {name: set(labels) for row in TABLE for name, labels in row.series.items()}
    assert found == wanted
    assert kinds == {row.name.removesuffix("_total"): row.kind for row in TABLE}


def _ok() -> Any:
    return SimpleNamespace(lost=False, refused=False)


def test_prometheus_reads_every_line(whole: Whole) -> None:
    text = whole.exporter.exposition().decode()
    assert text.endswith("\n")
    assert "_created" not in text
    for row in TABLE:
        if row not in PROCESS:
            assert f"# HELP {row.name} {row.help}\n" in text


def test_calls_by_state(whole: Whole) -> None:
    rig = whole.rig
    for name in (CALLER, "second", "third"):
        rig.connects(name)
    rig.talk()
    assert whole.says(table.CALLS) == {
        ("created",): 0,
        ("queued",): 2,
        ("ringing",): 0,
        ("transferring",): 0,
        ("speaking",): 1,
        ("parked",): 0,
        ("transferred",): 0,
    }


def test_the_queue_by_organization(whole: Whole) -> None:
    rig = whole.rig
    rig.connects(CALLER)
    rig.clock.advance(30)
    rig.connects("second")
    rig.connects("elsewhere", variables={"organization_id": "999"})
    rig.clock.advance(5)
    assert whole.says(table.QUEUE_LENGTH) == {("1",): 2, ("2",): 0, ("other",): 1}
    oldest = {("1",): 35, ("2",): 0, ("other",): 5}
    # Callers of the same moment are told apart by a microsecond (desk/arrivals.py).
    assert whole.says(table.QUEUE_OLDEST_WAIT) == pytest.approx(oldest, abs=1e-5)


def test_agents_by_state(whole: Whole) -> None:
    rig = whole.rig
    whole.agents = [ANN, BOB, Agent("new", "New", "user/1103")]
    rig.connects(CALLER)
    rig.talk()
    states = {("idle",): 1, ("ringing",): 0, ("speaking",): 1, ("paused",): 0, ("offline",): 1}
    assert whole.says(table.AGENTS) == states


def test_looking_tells_nobody_anything(whole: Whole) -> None:
    whole.agents = [ANN, BOB, Agent("new", "New", "user/1103")]
    told = whole.rig.events()
    whole.exporter.exposition()
    assert whole.rig.events() == told
    assert "new" not in whole.rig.board.agents


def test_after_a_restart_the_gauges_are_true_at_once(rig: Rig, tmp_path: Path) -> None:
    rig.connects(CALLER)
    rig.talk()
    rig.connects("second")
    rig.clock.advance(20)
    rig.crashes()
    whole = Whole(rig, tmp_path)
    assert whole.says(table.CALLS)[("speaking",)] == 1
    assert whole.says(table.QUEUE_LENGTH)[("1",)] == 1
    assert whole.says(table.QUEUE_OLDEST_WAIT)[("1",)] == pytest.approx(20, abs=0.5)
    assert whole.says(table.AGENTS)[("speaking",)] == 1
    assert whole.says(table.STARTED)[("1", "inbound")] == 0


def test_an_organization_that_is_added_has_its_series_from_the_next_scrape_on(
    whole: Whole,
) -> None:
    whole.named = {1, 2, 7}
    assert ("7", "inbound", "abandoned") in whole.says(table.ENDED)
    whole.rig.connects(CALLER, variables={"organization_id": "7"})
    assert whole.says(table.STARTED)[("7", "inbound")] == 1


def test_freeswitch(whole: Whole) -> None:
    whole.control.connected, whole.control.failed = 3, 4
    whole.listener.open, whole.listener.accepted = 2, 9
    whole.listener.refused["not_allowed"] = 5
    whole.stuck = {"no_channel": 1, "no_row": 2}
    assert whole.value(table.CONNECTED) == 1
    assert whole.value(table.RECONNECTS) == 2
    assert whole.value(table.CONNECT_FAILURES) == 4
    assert whole.value(table.OUTBOUND) == 2
    assert whole.value(table.OUTBOUND_ACCEPTED) == 9
    refused = {("not_allowed",): 5, ("too_many",): 0, ("no_handshake",): 0}
    assert whole.says(table.OUTBOUND_REFUSED) == refused
    assert whole.says(table.STUCK) == {("no_channel",): 1, ("no_row",): 2}


def test_while_freeswitch_cannot_be_asked_nobody_says_that_nothing_is_stuck(whole: Whole) -> None:
    whole.control.connection, whole.control.connected, whole.stuck = None, 0, None
    assert whole.value(table.CONNECTED) == 0
    assert whole.value(table.RECONNECTS) == 0
    assert whole.says(table.STUCK) == {}


def test_readiness_by_check(whole: Whole) -> None:
    whole.missing = {"database": "The database cannot be written: disk full"}
    ready = {("draining",): 1, ("switch",): 1, ("database",): 0, ("listener",): 1}
    assert whole.says(table.READY) == ready


def test_the_database(whole: Whole) -> None:
    whole.database.writer.failures, whole.database.writer.waiting = 3, 8
    assert whole.value(table.COMMIT_FAILURES) == 3
    assert whole.value(table.CHANGES_WAITING) == 8
    assert whole.value(table.DATABASE_SIZE) == 0
    whole.database.path.write_bytes(bytes(1000))
    whole.database.path.with_name("desk.db-wal").write_bytes(bytes(24))
    assert whole.value(table.DATABASE_SIZE) == 1024


def test_streams(whole: Whole) -> None:
    whole.streams.open, whole.streams.behind, whole.streams.cut_off = 12, 3, 4
    whole.untold = 5
    assert whole.value(table.STREAMS) == 12
    assert whole.value(table.STREAMS_MAX) == 1000
    assert whole.value(table.STREAMS_BEHIND) == 3
    assert whole.value(table.STREAMS_CUT_OFF) == 4
    assert whole.value(table.EVENTS_UNTOLD) == 5


def test_the_process(whole: Whole) -> None:
    assert whole.value(table.HTTP_THREADS) == 200
    assert whole.value(table.HTTP_THREADS_BUSY) == 1
    threads = whole.value(table.THREADS)
    assert threads is not None
    assert threads >= 1
    ((labels, value),) = whole.says(table.BUILD_INFO).items()
    assert value == 1
    assert labels[2] == sqlite3.sqlite_version


def test_a_database_that_cannot_be_read_hides_nothing_else(whole: Whole) -> None:
    def trouble() -> NoReturn:
        raise sqlite3.DatabaseError("malformed")

    whole.agents, whole.untold = None, None
    whole.exporter._named = trouble
    whole.rig.connects(CALLER)
    assert whole.value(table.EVENTS_UNTOLD) is None
    assert whole.says(table.CALLS)[("queued",)] == 1
    assert sum(whole.says(table.AGENTS).values()) == 2


def test_two_of_them_count_for_themselves(rig: Rig, tmp_path: Path) -> None:
    one, other = Whole(rig, tmp_path), Whole(rig, tmp_path)
    one.exporter.answered("/readyz", "GET", 200, 0.1)
    assert other.says(table.REQUESTS) == {}
