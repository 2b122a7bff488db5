"""Whether a database could be used is found out without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fsapp.store import inspection
from fsapp.store.database import Database
from fsapp.store.inspection import Inspection, inspect

NEWER = "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('fsapp', ?, '')"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    database = Database(tmp_path / "desk.db")
    database.open()
    database.close()
    return tmp_path / "desk.db"


def execute(path: Path, sql: str, *values: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, values)
        connection.commit()


def test_a_database_of_ours_has_no_trouble(path: Path) -> None:
    assert inspect(path) == Inspection()


def test_one_in_use_by_fsapp_has_no_trouble(path: Path) -> None:
    with closing(Database(path)) as database:
        database.open(alone=True)
        assert inspect(path) == Inspection()


def test_an_older_one_is_told_and_left_alone(path: Path) -> None:
    last = "(SELECT max(rowid) FROM _sqlite_migrations)"
    execute(path, f"DELETE FROM _sqlite_migrations WHERE rowid = {last}")
    before = path.read_bytes()
    assert inspect(path) == Inspection(outdated=True)
    assert path.read_bytes() == before


def test_a_newer_one_is_trouble(path: Path) -> None:
    execute(path, NEWER, "9999_of_the_future")
    assert "was written by a newer fsapp (9999_of_the_future)" in str(inspect(path).trouble)


def test_a_locked_one_is_trouble(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "is locked by another process" in str(inspect(path).trouble)
        other.rollback()


def test_another_kind_of_file_is_trouble(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Anna, " * 200, encoding="utf-8")
    assert "is not a database of fsapp's" in str(inspect(tmp_path / "letter").trouble)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter"]
