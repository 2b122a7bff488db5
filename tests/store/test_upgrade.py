"""A database of an older fsapp: a backup of it first, then all that is new, and no row is lost."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from fsapp.store.backup import back_up
from fsapp.store.database import Database
from fsapp.store.schema import MIGRATIONS
from fsapp.store.trouble import DatabaseTrouble

STEPS = [migration.name for migration in MIGRATIONS._migrations]
OPEN = """
import sys
from pathlib import Path
from fsapp.store.database import Database
database = Database(Path(sys.argv[1]))
sys.stdin.readline()
database.open()
database.close()
"""
ROWS = {
    "calls": {
        "id": "c-{n}", "node": "n", "state": "hungup", "inbound": 1, "destination": "5900",
        "caller_id": "204", "caller_name": "Cal", "organization_id": 1, "arrival": 1.0,
        "locked": 0, "priority": 0, "head": 0, "context": "default", "music": "",
        "ended_at": 9, "handled_by": "[]",
    },
    "events": {
        "name": "call_offer", "timestamp": 1.0, "node": "n", "organization_id": 1,
        "call_id": "c-{n}", "document": "{{}}",
    },
    "agents": {
        "id": "a-{n}", "name": "Ann", "phone": "user/1101", "role": "agent",
        "organizations": "[1]", "token_hash": "h-{n}", "state_since": 1,
    },
    "contacts": {"name": "Vester {n}", "number": "1142", "organization_id": 1},
    "idempotency": {
        "agent_id": "a-{n}", "key": "k-{n}", "call_id": "c-{n}", "target": "t", "created_at": 1,
    },
    "organizations": {"name": "Holm {n}", "greeting": "hello"},
}  # fmt: skip


Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


def older(path: Path, stop_before: str, rows: int = 3) -> Rows:
    """A filled database that lacks this step and those after it; answers what is in it."""
    with closing(sqlite_utils.Database(sqlite3.connect(path))) as database:
        database.enable_wal()
        MIGRATIONS.apply(database, stop_before=stop_before)
        tables = set(database.table_names())
        for table, row in ROWS.items():
            if table in tables:
                database.table(table).insert_all(
                    {key: str(value).format(n=number) if isinstance(value, str) else value
                     for key, value in row.items()}
                    for number in range(rows)
                )  # fmt: skip
    return contents(path)


def contents(path: Path, like: Rows | None = None) -> Rows:
    """Every row of every table of ours: the columns, then each row. With ``like`` only its tables
    and columns."""
    found: Rows = {}
    with closing(sqlite3.connect(path)) as connection:
        known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        for table in ROWS:
            if table not in known or (like is not None and table not in like):
                continue
            columns = "*" if like is None else ", ".join(map(str, like[table][0]))
            cursor = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2")
            names = tuple(column[0] for column in cursor.description)
            found[table] = [names, *cursor.fetchall()]
    return found


def applied(path: Path) -> list[str]:
    with closing(sqlite_utils.Database(sqlite3.connect(path))) as database:
        return [done.name for done in MIGRATIONS.applied(database)]


def kept(path: Path, step: str) -> Path:
    return path.with_name(f"{path.name}.before-{step}")


def opened(path: Path) -> None:
    with closing(Database(path)) as database:
        database.open(alone=True)


@pytest.mark.parametrize("step", STEPS[1:])
def test_every_older_database_is_kept_as_it_was_and_loses_no_row(path: Path, step: str) -> None:
    before = older(path, step)
    opened(path)
    assert applied(path) == STEPS
    assert contents(path, before) == before
    assert contents(kept(path, step)) == before
    assert applied(kept(path, step)) == STEPS[: STEPS.index(step)]


def test_the_backup_is_a_database_to_go_back_to(path: Path) -> None:
    before = older(path, "0009_waiting_limits")
    opened(path)
    backup = kept(path, "0009_waiting_limits")
    assert backup.stat().st_mode & 0o777 == 0o600
    backup.replace(path)
    opened(path)
    assert contents(path, before) == before
    assert contents(backup) == before


def test_it_holds_what_is_not_in_the_file_itself_yet(path: Path) -> None:
    older(path, "0009_waiting_limits")
    with closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO organizations VALUES (99, 'in the WAL', '')")
        other.commit()
        assert path.with_name("desk.db-wal").stat().st_size
        opened(path)
    assert (99, "in the WAL", "") in contents(kept(path, "0009_waiting_limits"))["organizations"]


def test_a_new_database_and_one_of_today_leave_no_backup(path: Path) -> None:
    for _ in range(2):
        opened(path)
        assert list(path.parent.glob("*before*")) == []


def test_it_is_said_in_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    older(path, STEPS[-1])
    with caplog.at_level(logging.INFO):
        opened(path)
    assert f"{path} is brought up to date ({STEPS[-1]})" in caplog.text
    assert str(kept(path, STEPS[-1])) in caplog.text


def test_without_a_backup_nothing_is_changed(path: Path) -> None:
    before = older(path, "0010_history")
    content, target = path.read_bytes(), kept(path, "0010_history")
    target.mkdir()
    with pytest.raises(DatabaseTrouble) as caught:
        opened(path)
    assert str(caught.value) == (
        f"{path} is of an older fsapp and is left as it is, because no backup of it could be "
        f"made before bringing it up to date: {target} is a directory: name a file"
    )
    assert path.read_bytes() == content
    assert contents(path) == before
    target.rmdir()
    opened(path)
    assert applied(path) == STEPS


def test_a_full_disk_is_named_and_nothing_is_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DatabaseTrouble("the copy has no room left on its disk; make room")

    before = older(path, "0010_history")
    monkeypatch.setattr("fsapp.store.upgrade.back_up", full)
    with pytest.raises(DatabaseTrouble, match="no room left on its disk; make room"):
        opened(path)
    assert contents(path) == before
    assert "0010_history" not in applied(path)


def test_a_step_that_fails_is_tried_again_without_piling_up_backups(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = older(path, "0010_history")
    step = MIGRATIONS._migrations[STEPS.index("0010_history")]

    def fails(_database: sqlite_utils.Database) -> None:
        raise sqlite3.OperationalError("no")

    with monkeypatch.context() as patch:
        patch.setattr(step, "fn", fails)
        for _ in range(3):
            with pytest.raises(DatabaseTrouble):
                opened(path)
    assert contents(path) == before
    assert [one.name for one in path.parent.glob("*before*")] == ["desk.db.before-0010_history"]
    opened(path)
    assert contents(kept(path, "0010_history")) == before


@pytest.mark.parametrize("step", [STEPS[0], "0009_waiting_limits"], ids=["new", "older"])
def test_processes_that_open_it_at_once_all_may_use_it(path: Path, step: str) -> None:
    before = older(path, step, rows=5000) if step != STEPS[0] else {}
    command = [sys.executable, "-c", OPEN, str(path)]
    together = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in together:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=60)[1] for process in together]
    assert ended == [""] * 4
    assert [process.returncode for process in together] == [0] * 4
    assert applied(path) == STEPS
    assert contents(path, before) == before
    if before:
        assert contents(kept(path, step)) == before
        assert applied(kept(path, step)) == STEPS[: STEPS.index(step)]


def test_a_backup_by_hand_of_an_older_database_is_made_too(path: Path, tmp_path: Path) -> None:
    before = older(path, "0002_events")
    made = back_up(path, tmp_path / "copy.db", replace=False)
    assert (made.calls, made.agents) == (3, 0)
    assert contents(tmp_path / "copy.db") == before


def fsapp(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept_ = {key: value for key, value in os.environ.items() if not key.startswith("FSAPP_")}
    return subprocess.run(
        [sys.executable, "-m", "fsapp", *arguments],
        cwd=folder,
        env={**kept_, "FSAPP_DATABASE_PATH": str(folder / "desk.db")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_command_keeps_the_older_database_as_serve_does(path: Path) -> None:
    before = older(path, "0009_waiting_limits")
    ended = fsapp(path.parent, "agent", "list", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 3
    assert contents(kept(path, "0009_waiting_limits")) == before


@pytest.mark.parametrize("arguments", [("agent", "list"), ("serve",)], ids=" ".join)
def test_without_a_backup_command_and_serve_refuse_in_one_line(
    path: Path, arguments: tuple[str, ...]
) -> None:
    before = older(path, "0009_waiting_limits")
    kept(path, "0009_waiting_limits").mkdir()
    ended = fsapp(path.parent, *arguments)
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert "no backup of it could be made" in line
    assert contents(path) == before
