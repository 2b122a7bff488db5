"""Opens the SQLite file: WAL, one connection a thread, one writer.

sqlite-utils' rule since 4.0: one connection per thread, never one connection for two.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlite_utils

from fsapp.store.file import DatabaseFile
from fsapp.store.schema import MIGRATIONS
from fsapp.store.trouble import DatabaseTrouble, explain
from fsapp.store.upgrade import bring_up_to_date
from fsapp.store.writer import Writer, WriterStopped, Written

__all__ = ["Database", "check"]

T = TypeVar("T")

BUSY_MILLISECONDS = 2000
"""How long SQLite itself waits for another process's lock before it says so."""

ANEW_SECONDS = 2.0
"""How long a reader waits for a deleted file to be written anew."""

READER_KIB = 256
"""Pages that each reading thread keeps; SQLite would keep 2 MiB, and 200 threads read. What is not
kept is in the system's cache, a microsecond or two a page."""

SYNCHRONOUS = {"normal": "NORMAL", "full": "FULL"}
"""What ``database.synchronous`` means to SQLite; docs/operations.md says what it costs."""


class Database:
    """The file at ``path``; brought to the newest schema when opened."""

    def __init__(self, path: Path | str, synchronous: str = "normal") -> None:
        self.path = Path(path)
        self._file = DatabaseFile(self.path)
        self._synchronous = SYNCHRONOUS[synchronous]
        self._threads = threading.local()
        self._readers: list[sqlite_utils.Database] = []
        self._readers_lock = threading.Lock()
        self._generation = 0
        """How often the file was written anew; a connection of an earlier one is of no use."""
        self.writer = Writer(self._connect_writer, path=self.path, ready=self._ready)

    def open(self, *, alone: bool = False) -> None:
        """Creates or migrates the file, an older one after a backup, and starts the writer.
        ``alone``: refuses a second process that opens it so. Raises :class:`DatabaseTrouble`, whose
        text is one sentence."""
        if alone:
            self._file.lock()
        try:
            self._prepare(must_write=alone)
        except BaseException as error:
            self._file.unlock()
            if isinstance(error, sqlite3.Error):
                raise DatabaseTrouble(explain(error, self.path)) from error
            raise
        self.writer.start()

    def _prepare(self, *, must_write: bool) -> None:
        self._file.create()
        database = self._connect(create=True)
        try:
            check(database, self.path)
            bring_up_to_date(database, self.path)
            if must_write:
                # SQLite opens a file that may not be written without a word.
                _touch(database)
            database.commit()
            database.enable_wal()
        finally:
            database.close()

    def close(self) -> None:
        """Commits what is waiting, stops the writer, closes every thread's connection."""
        self.writer.stop()
        with self._readers_lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self._threads = threading.local()
        self._file.unlock()

    def reader(self) -> sqlite_utils.Database:
        """This thread's own connection, for reading."""
        mine = self._threads
        database: sqlite_utils.Database | None = getattr(mine, "database", None)
        if database is None or mine.generation != self._generation:
            database = self._connect_reader()
            mine.database, mine.generation = database, self._generation
            with self._readers_lock:
                self._readers.append(database)
        return database

    def _connect_reader(self) -> sqlite_utils.Database:
        database = self._connect_again()
        database.execute(f"PRAGMA cache_size=-{READER_KIB}")
        return database

    def _connect_again(self) -> sqlite_utils.Database:
        try:
            return self._connect()
        except sqlite3.Error:
            if self.path.exists():
                raise
        # Deleted: the writer, which still has it open, writes it anew with its next change.
        with suppress(TimeoutError, sqlite3.Error, WriterStopped):
            self.probe().result(ANEW_SECONDS)
        return self._connect()

    def query(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """All rows of a query, read on this thread's own connection. Raises
        :class:`DatabaseTrouble`, whose text is one sentence."""
        with self._explained():
            return fetched(self.reader(), sql, values)

    def submit(self, run: Callable[[sqlite_utils.Database], T]) -> Written[T]:
        """Hands a change to the writer; see :meth:`Writer.submit`."""
        return self.writer.submit(run)

    def probe(self) -> Written[None]:
        """A change that needs all a real one needs (lock, permission, room) and changes nothing:
        it writes a page. On record when all that was handed in before is."""
        return self.submit(_touch)

    def why_not_writable(self, limit: float) -> str | None:
        """Why a change could not be written now, in a sentence; ``None`` when it could. Waits at
        most ``limit`` seconds."""
        try:
            self.probe().result(limit)
        except (TimeoutError, sqlite3.Error, WriterStopped) as error:
            return self.writer.failure or str(error) or f"{self.path} takes no change in time"
        return None

    def _ready(self, database: sqlite_utils.Database) -> sqlite_utils.Database:
        """The writer's connection to the file at the path, which may have been deleted."""
        if self._file.is_there():
            return database
        assert isinstance(database.conn, sqlite3.Connection)
        self._file.put_back(database.conn)
        with self._readers_lock:
            # Not closed yet: closing the last connection to a deleted file would delete the WAL
            # of its successor, which has the same name.
            self._readers.append(database)
        self._generation += 1
        return self._connect_writer()

    def _connect_writer(self) -> sqlite_utils.Database:
        database = self._connect()
        # Reading makes SQLite open its WAL.
        database.execute("SELECT 1 FROM sqlite_master").fetchone()
        self._file.remember()
        return database

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DatabaseTrouble(explain(error, self.path)) from error

    def _connect(self, *, create: bool = False) -> sqlite_utils.Database:
        # Only open() creates the file: a reader must not take an empty new one for ours.
        where = f"{self.path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        # check_same_thread=False only so that close() may close the other threads' connections.
        connection = sqlite3.connect(where, uri=True, check_same_thread=False)
        database = sqlite_utils.Database(connection)
        database.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        database.execute(f"PRAGMA synchronous={self._synchronous}")
        return database


def fetched(
    database: sqlite_utils.Database, sql: str, values: Sequence[Any] | dict[str, Any] = ()
) -> list[dict[str, Any]]:
    """All rows of a SELECT. All at once: a statement left half read would hold its snapshot of the
    file open. sqlite-utils' own query() puts a savepoint around each, which costs three times as
    much, to undo a statement that writes."""
    cursor = database.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _touch(database: sqlite_utils.Database) -> None:
    database.execute("PRAGMA user_version=0")


def check(database: sqlite_utils.Database, path: Path) -> None:
    """Refuses a damaged file, and one of a newer fsapp, with :class:`DatabaseTrouble`."""
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        what = " ".join(found.split())
        raise DatabaseTrouble(
            f"{path} is damaged ({what}); restore a backup, or move the file away and start anew"
        )
    with closing(sqlite_utils.Database(memory=True)) as none_yet:
        ours = {migration.name for migration in MIGRATIONS.pending(none_yet)}
    newer = sorted({done.name for done in MIGRATIONS.applied(database)} - ours)
    if newer:
        raise DatabaseTrouble(
            f"{path} was written by a newer fsapp ({newer[-1]}); install that one, or restore the "
            "backup from before"
        )
