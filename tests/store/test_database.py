"""Opening the file: migrations, WAL, a connection for each thread."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp.store.database import READER_KIB, Database
from fsapp.store.schema import MIGRATIONS
from fsapp.store.writer import WriterStopped

TABLES = {"calls", "events", "agents", "contacts", "idempotency"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    database.open()
    yield database
    database.close()


def schema(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL"))
    finally:
        connection.close()


def test_an_empty_file_gets_every_table(database: Database, path: Path) -> None:
    assert {name for name, _ in schema(path)} >= TABLES


def test_a_new_file_and_what_stands_beside_it_are_for_its_owner_alone(
    database: Database, path: Path
) -> None:
    database.probe().result(10)
    modes = {file.name: stat.filemode(file.stat().st_mode) for file in path.parent.glob("desk.db*")}
    assert modes == dict.fromkeys(("desk.db", "desk.db-wal", "desk.db-shm"), "-rw-------")


def test_whom_the_administrator_lets_read_it_may_go_on(path: Path) -> None:
    for _ in range(2):
        database = Database(path)
        database.open()
        database.close()
        path.chmod(0o640)
    assert stat.filemode(path.stat().st_mode) == "-rw-r-----"


def test_opening_again_changes_nothing(path: Path) -> None:
    for _ in range(2):
        database = Database(path)
        database.open()
        database.close()
        first = schema(path)
    database = Database(path)
    database.open()
    database.submit(lambda db: db.table("contacts").insert({
        "cm_id": 1, "name": "n", "number": "1", "organization_id": 1,
    })).result(10)  # fmt: skip
    database.close()
    database = Database(path)
    database.open()
    assert database.reader().table("contacts").count == 1
    database.close()
    assert schema(path) == first


def test_every_migration_is_remembered_as_applied(database: Database) -> None:
    applied = {name for (name,) in database.reader().execute("SELECT name FROM _sqlite_migrations")}
    assert applied == {migration.name for migration in MIGRATIONS.applied(database.reader())}
    assert MIGRATIONS.pending(database.reader()) == []


def test_a_reading_thread_keeps_little_of_the_file(database: Database) -> None:
    [(size,)] = database.reader().execute("PRAGMA cache_size").fetchall()
    assert size == -READER_KIB


def test_the_file_is_in_wal_mode(database: Database, path: Path) -> None:
    assert database.reader().execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_reader_is_not_held_up_by_a_writer(database: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert database.reader().table("calls").count == 0
    other.close()


def test_each_thread_has_one_reader_of_its_own(database: Database) -> None:
    mine, others = database.reader(), []
    thread = threading.Thread(target=lambda: others.extend([database.reader(), database.reader()]))
    thread.start()
    thread.join()
    assert database.reader() is mine
    assert others[0] is others[1] is not mine


def test_close_closes_the_readers_of_every_thread(path: Path) -> None:
    database = Database(path)
    database.open()
    readers = [database.reader()]
    thread = threading.Thread(target=lambda: readers.append(database.reader()))
    thread.start()
    thread.join()
    database.close()
    for reader in readers:
        with pytest.raises(sqlite3.ProgrammingError):
            reader.execute("SELECT 1")


def test_a_closed_database_takes_no_change(path: Path) -> None:
    database = Database(path)
    database.open()
    database.close()
    with pytest.raises(WriterStopped):
        database.submit(lambda db: db.execute("SELECT 1")).result(0)


def test_a_closed_database_leaves_no_files_open(path: Path) -> None:
    database = Database(path)
    database.open()
    database.reader().table("calls").count  # noqa: B018 - opens the file
    database.close()
    assert not path.with_name("desk.db-wal").exists()


def test_a_file_that_is_no_database_is_said_so(path: Path) -> None:
    path.write_bytes(b"this is no database, however long it may be" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        Database(path).open()


def test_a_directory_that_does_not_exist_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Database(tmp_path / "nowhere" / "desk.db").open()
