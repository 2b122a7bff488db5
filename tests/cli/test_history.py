"""``fsapp history``: the same as over HTTP, for eyes, programs and spreadsheets."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from fsapp.calls.call import Call, State
from fsapp.calls.outcome import HISTORY_COLUMNS, history_document
from fsapp.cli import main
from fsapp.store.calls import Calls, Event
from fsapp.store.database import Database

Run = Callable[..., tuple[int, str]]
DAY = datetime(2026, 11, 22).timestamp()
FIRST = Call(
    "c-1",
    State.HUNGUP,
    True,
    "5900",
    "2045550100",
    1,
    DAY + 3600.25,
    caller_name="=1+1",
    ended_at=int(DAY) + 3700,
    hangup_cause="NORMAL_CLEARING",
    handled_by=("ann",),
    waited=7,
    outcome="answered",
)
SECOND = replace(
    FIRST, id="c-2", arrival=DAY + 90000.0, organization_id=2, handled_by=(), outcome="abandoned"
)


@pytest.fixture(autouse=True)
def _records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSAPP_DATABASE_PATH", raising=False)
    database = Database(tmp_path / "fsapp.db")
    database.open()
    calls = Calls(database, "node-a")
    for call in (FIRST, SECOND):
        offered = Event("call_offer", call.arrival, call.document(), call_id=call.id)
        calls.record(call, [offered]).result(10)
    database.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str]:
        try:
            status = main(["history", *arguments])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else -1
        return status, capsys.readouterr().out

    return run


def ids(printed: str) -> list[str]:
    return [json.loads(line)["id"] for line in printed.splitlines()]


def test_json_is_one_entry_of_the_history_a_line(run: Run) -> None:
    status, printed = run("--json")
    assert status == 0
    entries = [json.loads(line) for line in printed.splitlines()]
    assert entries == [history_document(SECOND), history_document(FIRST)]


def test_csv_is_what_http_answers(run: Run) -> None:
    _, printed = run("--csv")
    rows = list(csv.DictReader(io.StringIO(printed, newline="")))
    assert tuple(rows[0]) == HISTORY_COLUMNS
    assert [(row["id"], row["caller_name"]) for row in rows] == [
        ("c-2", "'=1+1"),
        ("c-1", "'=1+1"),
    ]


def test_the_table_is_for_eyes(run: Run) -> None:
    _, printed = run()
    lines = [line.split() for line in printed.splitlines()]
    assert lines == [
        ["arrived", "id", "direction", "customer", "destination", "outcome", "waited", "agents"],
        ["2026-11-23", "01:00:00", "c-2", "inbound", "2045550100", "5900", "abandoned", "7"],
        ["2026-11-22", "01:00:00", "c-1", "inbound", "2045550100", "5900", "answered", "7", "ann"],
    ]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--since", "2026-11-23"], ["c-2"]),
        (["--until", "2026-11-23"], ["c-1"]),
        (["--since", "2026-11-22T00:30", "--until", "2026-11-22T01:01"], ["c-1"]),
        (["--since", str(int(DAY) + 90000)], ["c-2"]),
        (["--agent", "ann"], ["c-1"]),
        (["--organization", "2"], ["c-2"]),
        (["--organization", "3"], []),
        (["--direction", "outbound"], []),
        (["--outcome", "abandoned"], ["c-2"]),
        (["--number", "5900"], ["c-2", "c-1"]),
        (["--limit", "1"], ["c-2"]),
        (["--limit", "2"], ["c-2", "c-1"]),
    ],
    ids=str,
)
def test_each_filter(run: Run, options: list[str], found: list[str]) -> None:
    status, printed = run("--json", *options)
    assert (status, ids(printed)) == (0, found)


def test_a_calls_timeline(run: Run) -> None:
    status, printed = run("--call", "c-1", "--json")
    assert (status, json.loads(printed)["description"]) == (0, "2045550100 calls 5900")
    assert run("--call", "nobody") == (1, "")


def test_a_timeline_for_eyes_has_times_of_day(run: Run) -> None:
    status, printed = run("--call", "c-1")
    head, first = printed.splitlines()
    assert (status, head.split()[0]) == (0, "timestamp")
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  ", first)


@pytest.mark.parametrize(
    "options",
    [
        ["--since", "yesterday"],
        ["--limit", "0"],
        ["--outcome", "lost"],
        ["--agent", "a b"],
        ["--call", "a/b"],
        ["--json", "--csv"],
    ],
    ids=str,
)
def test_a_wrong_filter_exits_with_2(run: Run, options: list[str]) -> None:
    assert run(*options) == (2, "")


def test_a_callers_name_does_not_steer_the_terminal(run: Run) -> None:
    database = Database(Path("fsapp.db"))
    database.open()
    hostile = replace(FIRST, id="c-3", caller_id="\x1b[2J", arrival=DAY + 100000)
    Calls(database, "node-a").record(hostile, []).result(10)
    database.close()
    assert "\x1b" not in run()[1]


def test_a_reader_who_has_seen_enough_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "fsapp", "history", "--csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=20) == 0
