"""A copy of the database while it is in use.

The law of this file: the copy is of one moment, and stands under its name only once it is whole,
checked and on the disk; nothing is overwritten unless that was asked for. SQLite's own backup reads
in one transaction: in WAL mode it holds up no writer, and no writer makes it begin again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlite_utils

from fsapp.store.schema import MIGRATIONS
from fsapp.store.trouble import DatabaseTrouble, explain

__all__ = ["Made", "back_up"]

BUSY_SECONDS = 10.0
_BESIDE = ("", "-wal", "-shm", ".lock", ".restored")
"""What belongs to a database: none of it is ever the place for a copy."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is in a copy: its size, and how many calls and agents are on record in it."""

    bytes: int
    calls: int
    agents: int


def back_up(source: Path, target: Path, *, replace: bool) -> Made:
    """Copies the database at ``source`` to ``target``. Raises :class:`DatabaseTrouble`, whose text
    is one sentence; then there is no copy, and what was at ``target`` still is."""
    _check_places(source, target, replace)
    with _part(target) as part:
        _copy(source, part, target)
        made = _checked(source, part)
        _put(part, target, replace)
    return made


def _check_places(source: Path, target: Path, replace: bool) -> None:
    if not source.is_file():
        raise DatabaseTrouble(f"{source} is not there: nothing to copy")
    own = {source.resolve().with_name(source.resolve().name + suffix) for suffix in _BESIDE}
    if target.resolve() in own:
        raise DatabaseTrouble(f"{target} belongs to the database itself: name another file")
    if target.is_dir():
        raise DatabaseTrouble(f"{target} is a directory: name a file")
    if target.exists() and not replace:
        raise _taken(target)


def _taken(target: Path) -> DatabaseTrouble:
    return DatabaseTrouble(f"{target} is there already; --force replaces it")


@contextlib.contextmanager
def _part(target: Path) -> Iterator[Path]:
    """An empty file beside the target, readable for its owner alone; gone in the end."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with _about(target):
        # Numbers and names of callers are in it.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                part.with_name(part.name + suffix).unlink()


def _copy(source: Path, part: Path, target: Path) -> None:
    with (
        contextlib.closing(_opened(source)) as reading,
        _about(target),
        contextlib.closing(sqlite3.connect(part)) as writing,
    ):
        reading.backup(writing)
        # One file: what is copied says that it has a WAL.
        writing.execute("PRAGMA journal_mode=DELETE")


def _opened(source: Path) -> sqlite3.Connection:
    # Not created, should it have gone meanwhile; written to only if it needs recovery.
    address = f"{source.absolute().as_uri()}?mode=rw"
    with _about(source):
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)
        try:
            if not list(MIGRATIONS.applied(sqlite_utils.Database(connection))):
                raise DatabaseTrouble(f"{source} is no database of fsapp's")
        except BaseException:
            connection.close()
            raise
        return connection


def _checked(source: Path, part: Path) -> Made:
    with contextlib.closing(sqlite3.connect(part)) as copy:
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            what = " ".join(found.split())
            raise DatabaseTrouble(f"{source} is damaged, and so would be its copy ({what})")
        calls = _count(copy, "calls")
        agents = _count(copy, "agents", "WHERE removed_at IS NULL")
        return Made(part.stat().st_size, calls, agents)


def _count(copy: sqlite3.Connection, table: str, where: str = "") -> int:
    """0 without the table: the database may be of an older fsapp."""
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if copy.execute(known, (table,)).fetchone() is None:
        return 0
    return int(copy.execute(f"SELECT count(*) FROM {table} {where}").fetchone()[0])


def _put(part: Path, target: Path, replace: bool) -> None:
    with _about(target):
        _flush(part)
        if replace:
            part.replace(target)
        else:
            _put_beside(part, target)
        _flush(target.parent)


def _put_beside(part: Path, target: Path) -> None:
    """Unlike a rename, it fails if somebody has put a file there meanwhile."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:
        # Not every file system has hard links.
        if target.exists():
            raise _taken(target) from None
        part.rename(target)


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    """What goes wrong with this file becomes a sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseTrouble(explain(error, path)) from error
    except OSError as error:
        raise DatabaseTrouble(f"{path} cannot be written: {error.strerror}") from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
