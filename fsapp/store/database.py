"""Opens the SQLite file: WAL, one connection a thread, one writer.

sqlite-utils' rule since 4.0: one connection per thread, never one connection for two.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import sqlite_utils

from fsapp.store.schema import MIGRATIONS
from fsapp.store.writer import Writer, WriterStopped

__all__ = ["Database"]

T = TypeVar("T")

BUSY_MILLISECONDS = 2000
"""How long SQLite itself waits for another process's lock before it says so."""


class Database:
    """The file at ``path``; brought to the newest schema when opened."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._threads = threading.local()
        self._readers: list[sqlite_utils.Database] = []
        self._readers_lock = threading.Lock()
        self.writer = Writer(self._connect)

    def open(self) -> None:
        """Creates or migrates the file and starts the writer. Raises ``sqlite3.Error``."""
        database = self._connect()
        try:
            database.enable_wal()
            MIGRATIONS.apply(database)
        finally:
            database.close()
        self.writer.start()

    def close(self) -> None:
        """Commits what is waiting, stops the writer, closes every thread's connection."""
        self.writer.stop()
        with self._readers_lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self._threads = threading.local()

    def reader(self) -> sqlite_utils.Database:
        """This thread's own connection, for reading."""
        database: sqlite_utils.Database | None = getattr(self._threads, "database", None)
        if database is None:
            database = self._connect()
            self._threads.database = database
            with self._readers_lock:
                self._readers.append(database)
        return database

    def submit(self, run: Callable[[sqlite_utils.Database], T]) -> Future[T]:
        """Hands a change to the writer; see :meth:`Writer.submit`."""
        return self.writer.submit(run)

    def why_not_writable(self, limit: float) -> str | None:
        """Why a change could not be written now, in a few words; ``None`` when it could.

        Tries one that needs all a real one needs (lock, permission) and changes nothing; waits at
        most ``limit`` seconds.
        """
        tried = self.submit(lambda database: database.execute("DELETE FROM idempotency WHERE 0"))
        try:
            tried.result(limit)
        except (TimeoutError, sqlite3.Error, WriterStopped) as error:
            return self.writer.failure or str(error) or "it takes too long"
        return None

    def _connect(self) -> sqlite_utils.Database:
        # check_same_thread=False only so that close() may close the other threads' connections.
        connection = sqlite3.connect(self.path, check_same_thread=False)
        database = sqlite_utils.Database(connection)
        database.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        # WAL with NORMAL survives a crash of the process without loss; a power cut may cost
        # the last commits but never the file.
        database.execute("PRAGMA synchronous=NORMAL")
        return database
