"""A copy of the database while it is in use: of one moment, whole, checked, and nothing lost."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.store import backup
from fsapp.store.agents import Agents
from fsapp.store.backup import back_up
from fsapp.store.calls import Calls, Event
from fsapp.store.database import Database
from fsapp.store.trouble import DatabaseTrouble


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "fsapp.db")
    database.open(alone=True)
    yield database
    database.close()


def offered(number: int) -> tuple[Call, list[Event]]:
    call = Call(f"c-{number}", State.CREATED, True, "5900", "204", 1, float(number))
    return call, [Event("call_offer", call.arrival, call.document(), 1, call.id)]


def counts(path: Path) -> tuple[int, int]:
    """Rows of calls and of events in a file."""
    with closing(sqlite3.connect(path)) as copy:
        return (
            copy.execute("SELECT count(*) FROM calls").fetchone()[0],
            copy.execute("SELECT count(*) FROM events").fetchone()[0],
        )


def left(path: Path) -> list[str]:
    return sorted(file.name for file in path.iterdir() if not file.name.startswith("fsapp.db"))


def test_a_copy_made_while_it_is_written_to_is_of_one_moment(
    database: Database, tmp_path: Path
) -> None:
    """A writer goes on and on; each copy has as many calls as events, and each one more."""
    calls, over = Calls(database, "node"), threading.Event()
    for number in range(2000):
        calls.record(*offered(number))
    calls.record(*offered(2000)).result(10)
    written = [2001]

    def work() -> None:
        while not over.is_set():
            calls.record(*offered(written[0])).result(10)
            written[0] += 1

    writer = threading.Thread(target=work)
    writer.start()
    try:
        made = []
        for number in range(5):
            before = written[0]
            made.append(back_up(database.path, tmp_path / f"copy{number}", replace=False))
            found = counts(tmp_path / f"copy{number}")
            assert found[0] == found[1] == made[-1].calls
            assert before <= found[0]
    finally:
        over.set()
        writer.join()
    assert written[0] > 2001


def test_a_copy_is_a_database_like_the_other(database: Database, tmp_path: Path) -> None:
    token = Agents(database).add(Agent("ann", "Ann", "user/1101"))
    made = back_up(database.path, tmp_path / "copy.db", replace=False)
    assert (made.calls, made.agents) == (0, 1)
    assert made.bytes == (tmp_path / "copy.db").stat().st_size
    assert left(tmp_path) == ["copy.db"]
    copy = Database(tmp_path / "copy.db")
    copy.open(alone=True)
    found = Agents(copy).by_token(token)
    copy.close()
    assert found is not None
    assert found.id == "ann"


def test_it_is_for_its_owner_alone(database: Database, tmp_path: Path) -> None:
    back_up(database.path, tmp_path / "copy.db", replace=False)
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_nothing_is_overwritten_unless_asked_for(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious", encoding="utf-8")
    with pytest.raises(DatabaseTrouble, match="is there already; --force replaces it"):
        back_up(database.path, target, replace=False)
    assert target.read_text("utf-8") == "precious"
    back_up(database.path, target, replace=True)
    assert counts(target) == (0, 0)
    assert left(tmp_path) == ["copy.db"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    links: bool, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, honest = tmp_path / "copy.db", backup._checked

    def checked(source: Path, part: Path) -> backup.Made:
        target.write_text("precious", encoding="utf-8")
        return honest(source, part)

    def has_none(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(backup, "_checked", checked)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", has_none)
    with pytest.raises(DatabaseTrouble, match="is there already"):
        back_up(database.path, target, replace=False)
    assert target.read_text("utf-8") == "precious"
    assert left(tmp_path) == ["copy.db"]


def test_without_hard_links_it_is_put_there_all_the_same(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_none(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", has_none)
    back_up(database.path, tmp_path / "copy.db", replace=False)
    assert left(tmp_path) == ["copy.db"]


@pytest.mark.parametrize("name", ["fsapp.db", "fsapp.db-wal", "fsapp.db-shm", "fsapp.db.lock"])
def test_the_database_itself_is_never_the_place(
    name: str, database: Database, tmp_path: Path
) -> None:
    with pytest.raises(DatabaseTrouble, match="belongs to the database itself"):
        back_up(database.path, tmp_path / name, replace=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / name)
    with pytest.raises(DatabaseTrouble, match="belongs to the database itself"):
        back_up(database.path, link, replace=True)


def test_what_is_damaged_is_not_taken_for_a_backup(database: Database, tmp_path: Path) -> None:
    """A page of an index is spoilt: SQLite copies it like any other."""
    calls = Calls(database, "node")
    for number in range(2000):
        calls.record(*offered(number))
    calls.record(*offered(2000)).result(10)
    path = database.path
    database.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\x55" * 4096
    path.write_bytes(content)
    target = tmp_path / "copy.db"
    target.write_text("the last good one", encoding="utf-8")
    with pytest.raises(DatabaseTrouble, match="damaged"):
        back_up(path, target, replace=True)
    assert target.read_text("utf-8") == "the last good one"
    assert left(tmp_path) == ["copy.db"]


def test_a_source_that_is_none_is_named(tmp_path: Path) -> None:
    for name, content, why in (
        ("missing.db", None, "is not there: nothing to copy"),
        ("text.db", b"no database at all " * 100, "is not a database"),
        ("empty.db", b"", "is no database of fsapp's"),
    ):
        source = tmp_path / name
        if content is not None:
            source.write_bytes(content)
        with pytest.raises(DatabaseTrouble, match=why):
            back_up(source, tmp_path / "copy.db", replace=False)
        assert not (tmp_path / "copy.db").exists()


def test_a_place_that_is_none_is_named(database: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseTrouble, match="is a directory"):
        back_up(database.path, tmp_path, replace=True)
    with pytest.raises(DatabaseTrouble, match="cannot be written: No such file or directory"):
        back_up(database.path, tmp_path / "nowhere" / "copy.db", replace=False)
