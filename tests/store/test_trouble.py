"""The database's troubles: each named in a sentence, nothing half written, over by itself."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from fsapp.store import database as database_module
from fsapp.store import writer as writer_module
from fsapp.store.database import Database
from fsapp.store.schema import MIGRATIONS
from fsapp.store.trouble import DatabaseTrouble, explain, is_of_the_database
from fsapp.store.writer import Written

LIMIT = 10.0
HOLD = (
    "import sqlite3, sys; lock = sqlite3.connect(sys.argv[1], isolation_level=None);"
    "lock.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
)
SERVE = (
    "import sys; from pathlib import Path; from fsapp.store.database import Database;"
    "Database(Path(sys.argv[1])).open(alone=True); print('open', flush=True); sys.stdin.read()"
)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(database_module, "BUSY_MILLISECONDS", 20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    database.open()
    yield database
    database.close()


class Other:
    """Another process with the file in its hands."""

    def __init__(self, program: str, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() in ("held", "open")

    def lets_go(self) -> None:
        self.process.communicate(timeout=LIMIT)

    def is_killed(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=LIMIT)


def add(database: Database, number: int, name: str = "n") -> Written[object]:
    insert = "INSERT INTO contacts (cm_id, name, number, organization_id) VALUES (?, ?, '1', 1)"
    return database.submit(lambda db: db.execute(insert, [number, name]))


def contacts(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    try:
        return [number for (number,) in connection.execute("SELECT cm_id FROM contacts")]
    finally:
        connection.close()


def until_trouble(database: Database) -> str:
    pause = threading.Event()
    for _ in range(int(LIMIT / 0.005)):
        if database.writer.failure is not None:
            return database.writer.failure
        pause.wait(0.005)
    pytest.fail("no trouble was noticed")


# Whether a change could be written


def test_a_file_that_takes_changes_is_writable(database: Database) -> None:
    assert database.why_not_writable(LIMIT) is None


def test_why_not_writable_names_a_lock_and_waits_no_longer_than_told(
    database: Database, path: Path
) -> None:
    other = Other(HOLD, path)
    until = "is locked by another process; end that one, or wait until it is done"
    why = database.why_not_writable(0.5)
    assert why is not None
    assert until in why
    assert str(path) in why
    other.lets_go()
    assert database.why_not_writable(LIMIT) is None


def test_why_not_writable_says_that_it_takes_too_long(database: Database) -> None:
    go = threading.Event()
    database.submit(lambda _: go.wait(LIMIT))
    assert database.why_not_writable(0.05) == f"{database.path} takes no change in time"
    go.set()


def test_why_not_writable_of_a_closed_database_is_said(path: Path) -> None:
    database = Database(path)
    database.open()
    database.close()
    assert database.why_not_writable(LIMIT) == "the database is closed"


def test_asking_whether_it_is_writable_changes_nothing(database: Database, path: Path) -> None:
    before = dump(path)
    assert database.why_not_writable(LIMIT) is None
    assert dump(path) == before


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


# Locked by another process


def test_what_was_handed_in_during_a_lock_is_written_after_it(
    database: Database, path: Path
) -> None:
    other = Other(HOLD, path)
    jobs = [add(database, number) for number in range(5)]
    assert "is locked by another process" in until_trouble(database)
    assert not any(job.done() for job in jobs)
    assert database.query("SELECT 1 AS one") == [{"one": 1}]
    other.lets_go()
    for job in jobs:
        job.result(LIMIT)
    assert (contacts(path), database.writer.failure) == ([0, 1, 2, 3, 4], None)


def test_a_lock_whose_holder_is_killed_is_over(database: Database, path: Path) -> None:
    other = Other(HOLD, path)
    job = add(database, 1)
    until_trouble(database)
    other.is_killed()
    job.result(LIMIT)


def test_a_change_taken_back_during_a_lock_is_never_written(database: Database, path: Path) -> None:
    other = Other(HOLD, path)
    first, second = add(database, 1), add(database, 2)
    until_trouble(database)
    assert first.withdraw() is True
    other.lets_go()
    second.result(LIMIT)
    assert contacts(path) == [2]
    assert first.done()


def test_a_change_on_record_cannot_be_taken_back(database: Database, path: Path) -> None:
    job = add(database, 1)
    job.result(LIMIT)
    assert job.withdraw() is False
    assert contacts(path) == [1]


def test_a_change_that_failed_by_itself_counts_as_taken_back(database: Database) -> None:
    add(database, 1).result(LIMIT)
    twice = add(database, 1)
    with pytest.raises(sqlite3.IntegrityError):
        twice.result(LIMIT)
    assert twice.withdraw() is True


def test_a_change_under_way_is_not_waited_for_for_ever(database: Database, path: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(_: sqlite_utils.Database) -> None:
        begun.set()
        go.wait(LIMIT)

    job = database.submit(slow)
    assert begun.wait(LIMIT)
    assert job.withdraw(0.02) is False
    go.set()
    job.result(LIMIT)


def test_a_change_waiting_behind_another_is_taken_back_at_once(
    database: Database, path: Path
) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(_: sqlite_utils.Database) -> None:
        begun.set()
        go.wait(LIMIT)

    database.submit(slow)
    assert begun.wait(LIMIT)
    behind = add(database, 1)
    assert behind.withdraw() is True
    go.set()
    add(database, 2).result(LIMIT)
    assert contacts(path) == [2]


# No room, no right


class Small(Database):
    """A database whose file may not grow, and that may turn read-only: SQLite's own refusals."""

    room: int | None = None
    read_only = False

    def _ready(self, database: sqlite_utils.Database) -> sqlite_utils.Database:
        database = super()._ready(database)
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count={pages + self.room if self.room else 1 << 30}")
        database.execute(f"PRAGMA query_only={int(self.read_only)}")
        return database


@pytest.fixture
def small(path: Path) -> Iterator[Small]:
    database = Small(path)
    database.open()
    yield database
    database.room, database.read_only = None, False
    database.close()


def test_a_full_disk_is_named_and_what_waited_is_written_when_there_is_room(
    small: Small, path: Path
) -> None:
    small.room = 1
    jobs = [add(small, number, "x" * 4000) for number in range(20)]
    assert "has no room left on its disk; make room" in until_trouble(small)
    assert not any(job.done() for job in jobs)
    assert contacts(path) == []
    small.room = None
    for job in jobs:
        job.result(LIMIT)
    assert len(contacts(path)) == 20


def test_a_read_only_file_is_named_and_is_over_when_it_can_be_written(small: Small) -> None:
    small.read_only = True
    job = add(small, 1)
    why = until_trouble(small)
    assert "is read-only; give fsapp's user the right to write the file and its directory" in why
    assert small.why_not_writable(0.1) == why
    small.read_only = False
    job.result(LIMIT)
    assert small.why_not_writable(LIMIT) is None


def test_stopping_on_a_full_disk_refuses_what_cannot_be_written(small: Small) -> None:
    small.room = 1
    jobs = [add(small, number, "x" * 4000) for number in range(20)]
    until_trouble(small)
    later = add(small, 99)
    small.writer.stop()
    for job in [*jobs, later]:
        assert job.exception(0) is not None


# Deleted, replaced


@pytest.mark.parametrize("suffixes", [("",), ("", "-wal", "-shm"), ("-wal",)], ids=str)
def test_a_file_deleted_under_the_app_is_written_anew_with_all_that_was_in_it(
    database: Database, path: Path, suffixes: tuple[str, ...]
) -> None:
    add(database, 1).result(LIMIT)
    database.query("SELECT 1")
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()
    add(database, 2).result(LIMIT)
    assert contacts(path) == [1, 2]
    found = database.query("SELECT cm_id FROM contacts")
    assert [row["cm_id"] for row in found] == [1, 2]
    add(database, 3).result(LIMIT)
    database.close()
    assert contacts(path) == [1, 2, 3]


def test_it_may_be_deleted_again_and_again(database: Database, path: Path) -> None:
    for number in range(5):
        add(database, number).result(LIMIT)
        path.unlink()
    add(database, 5).result(LIMIT)
    assert contacts(path) == [0, 1, 2, 3, 4, 5]


def elsewhere(ask: Callable[[], object]) -> object:
    """What a thread gets that has no connection yet."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result(LIMIT)


def test_a_reader_finds_a_deleted_file_again(database: Database, path: Path) -> None:
    add(database, 1).result(LIMIT)
    path.unlink()
    found = elsewhere(lambda: database.query("SELECT cm_id FROM contacts"))
    assert (found, contacts(path)) == ([{"cm_id": 1}], [1])


def test_a_reader_makes_no_new_file_in_place_of_a_deleted_one(path: Path) -> None:
    database = Database(path)
    database.open()
    database.close()
    path.unlink()
    with pytest.raises(DatabaseTrouble, match="cannot be opened"):
        database.query("SELECT 1")
    assert not path.exists()


def test_a_file_put_in_its_place_is_not_touched_and_named(database: Database, path: Path) -> None:
    add(database, 1).result(LIMIT)
    path.unlink()
    path.write_bytes(b"somebody else's")
    job = add(database, 2)
    assert until_trouble(database) == f"{path} was replaced while fsapp runs; restart fsapp"
    assert path.read_bytes() == b"somebody else's"
    job.withdraw()


def test_a_directory_deleted_under_the_app_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    database = Database(folder / "desk.db")
    database.open()
    add(database, 1).result(LIMIT)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    job = add(database, 2)
    assert "cannot be opened; see that its directory exists" in until_trouble(database)
    folder.mkdir()
    job.result(LIMIT)
    database.close()
    assert contacts(folder / "desk.db") == [1, 2]


def test_a_directory_that_leads_nowhere_for_a_while_is_named_and_is_over(tmp_path: Path) -> None:
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    database = Database(folder / "desk.db")
    database.open()
    add(database, 1).result(LIMIT)
    folder.rename(away)
    folder.write_text("in its place")
    job = add(database, 2)
    assert "cannot be looked at" in until_trouble(database)
    folder.unlink()
    away.rename(folder)
    job.result(LIMIT)
    database.close()
    assert contacts(folder / "desk.db") == [1, 2]


def test_a_deleted_file_that_cannot_be_written_anew_is_named_and_is_over(
    database: Database, path: Path
) -> None:
    add(database, 1).result(LIMIT)
    in_the_way = path.with_name(f"{path.name}.restored")
    in_the_way.mkdir()
    path.unlink()
    job = add(database, 2)
    assert "cannot be written" in until_trouble(database)
    in_the_way.rmdir()
    job.result(LIMIT)
    assert contacts(path) == [1, 2]


# Damaged, older, newer; already in use


def refused(path: Path, *, alone: bool = False) -> str:
    before = path.read_bytes()
    database = Database(path)
    with pytest.raises(DatabaseTrouble) as trouble:
        database.open(alone=alone)
    assert path.read_bytes() == before
    assert "\n" not in str(trouble.value)
    return str(trouble.value)


def filled(path: Path) -> None:
    database = Database(path)
    database.open()
    for number in range(200):
        add(database, number, "x" * 400)
    database.close()


def test_a_file_damaged_in_the_middle_is_refused_at_the_start(path: Path) -> None:
    filled(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9000] = b"\xee" * 9000
    path.write_bytes(content)
    assert f"{path} is damaged" in refused(path)


def test_a_file_cut_short_is_refused_at_the_start(path: Path) -> None:
    filled(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert f"{path} is damaged" in refused(path)


def test_a_file_that_is_something_else_is_refused_at_the_start(path: Path) -> None:
    path.write_bytes(b"Subject: minutes of the meeting\n" * 100)
    assert f"{path} is not a database of fsapp's" in refused(path)


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(path: Path) -> None:
    old = sqlite_utils.Database(sqlite3.connect(path))
    MIGRATIONS.apply(old, stop_before="0005_idempotency")
    insert = "INSERT INTO contacts (cm_id, name, number, organization_id) VALUES (7, 'n', '1', 1)"
    with old.atomic():
        old.execute(insert)
    old.close()
    database = Database(path)
    database.open()
    assert MIGRATIONS.pending(database.reader()) == []
    database.close()
    assert contacts(path) == [7]


def test_a_newer_schema_is_refused_and_left_as_it_is(path: Path) -> None:
    database = Database(path)
    database.open()
    row = {"migration_set": "fsapp", "name": "9999_tomorrow", "applied_at": "x"}
    database.submit(lambda db: db.table("_sqlite_migrations").insert(row)).result(LIMIT)
    database.close()
    why = f"{path} was written by a newer fsapp (9999_tomorrow); install that one"
    assert refused(path).startswith(why)


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(database: sqlite_utils.Database) -> None:
        database.execute("CREATE TABLE half (id)")
        raise sqlite3.OperationalError("no")

    first = Database(path)
    first.open()
    first.close()
    MIGRATIONS(name="9998_breaks")(fails)
    monkeypatch.setattr(MIGRATIONS, "_migrations", list(MIGRATIONS._migrations))
    try:
        with pytest.raises(DatabaseTrouble):
            Database(path).open()
    finally:
        monkeypatch.undo()
        MIGRATIONS._migrations.pop()
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert ("half",) not in tables


def test_a_lock_at_the_start_is_named(database: Database, path: Path) -> None:
    other = Other(HOLD, path)
    with pytest.raises(DatabaseTrouble, match="is locked by another process"):
        Database(path).open()
    other.lets_go()


def test_a_second_serve_on_the_same_file_is_refused_and_names_the_first(path: Path) -> None:
    first = Other(SERVE, path)
    why = refused(path, alone=True)
    assert why == (
        f"{path} is in use by another fsapp (process {first.process.pid}); "
        "stop that one, or name another file"
    )
    first.lets_go()


def test_a_link_to_the_file_is_the_same_file(path: Path) -> None:
    first = Other(SERVE, path)
    link = path.with_name("link.db")
    link.symlink_to(path)
    assert "is in use by another fsapp (process" in refused(link, alone=True)
    first.lets_go()


def test_a_serve_that_was_killed_keeps_nobody_away(path: Path) -> None:
    Other(SERVE, path).is_killed()
    database = Database(path)
    database.open(alone=True)
    database.close()


def test_who_does_not_serve_may_use_the_file_beside_it(path: Path) -> None:
    serving = Database(path)
    serving.open(alone=True)
    beside = Database(path)
    beside.open()
    add(beside, 1).result(LIMIT)
    beside.close()
    add(serving, 2).result(LIMIT)
    serving.close()
    assert contacts(path) == [1, 2]


def test_a_start_that_failed_leaves_no_lock(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    refused(path, alone=True)
    path.unlink()
    database = Database(path)
    database.open(alone=True)
    database.close()


# How it is told apart and said


def test_a_mistake_of_one_change_is_not_the_databases_trouble(database: Database) -> None:
    wrong = database.submit(lambda db: db.execute("SELECT * FROM nowhere"))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        wrong.result(LIMIT)
    assert database.writer.failure is None
    assert is_of_the_database(DatabaseTrouble("x"))
    assert not is_of_the_database(sqlite3.OperationalError("disk I/O error"))


def test_sqlites_own_words_are_kept(path: Path) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    sentence = f"{path} has no room left on its disk; make room (database or disk is full)"
    assert explain(error, path) == sentence


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_disk_error_of_a_file_that_may_not_be_written_is_that_files_rights(
    path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    read_only = path.with_name(path.name + suffix)
    for file in (path, read_only):
        file.touch()
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert "look at its disk" in explain(error, path)
    monkeypatch.setattr("os.access", lambda file, _mode: file != read_only)
    assert "is read-only; give fsapp's user the right" in explain(error, path)


@pytest.mark.parametrize(("setting", "level"), [("normal", 1), ("full", 2)])
def test_what_a_power_cut_may_cost_is_chosen(path: Path, setting: str, level: int) -> None:
    database = Database(path, setting)
    database.open()
    found = database.submit(lambda db: db.execute("PRAGMA synchronous").fetchone()[0])
    assert found.result(LIMIT) == level
    database.close()
