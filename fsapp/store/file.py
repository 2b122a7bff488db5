"""The database's file: one ``serve`` a file, and what happens when it goes away under the app.

The law of this file: nobody but SQLite ever opens the database itself here. Closing any other
descriptor of it would drop SQLite's locks (POSIX), so the lock is a file of its own beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from pathlib import Path

from fsapp.store.trouble import DatabaseTrouble

__all__ = ["DatabaseFile"]

log = logging.getLogger(__name__)

Identity = tuple[int, int]


class DatabaseFile:
    """The file at ``path`` and those that SQLite and fsapp keep beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self._known: dict[Path, Identity] = {}

    @property
    def wal(self) -> Path:
        """What has been committed and not yet moved into the file."""
        return _beside(self.path, "-wal")

    def lock(self) -> None:
        """Keeps other ``serve`` processes away until :meth:`unlock` or the end of this process.

        Raises :class:`DatabaseTrouble`.
        """
        # Under its real name: a link must not lead round the lock.
        name = _beside(self.path.resolve(), ".lock")
        try:
            self._lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DatabaseTrouble(f"{name} cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._lock, 20).decode("ascii", "replace").strip()
            self.unlock()
            raise DatabaseTrouble(
                f"{self.path} is in use by another fsapp (process {owner or 'unknown'}); "
                "stop that one, or name another file"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def create(self) -> None:
        """An empty file at the path, if there is none: callers' numbers are for its owner alone.
        SQLite gives those beside it the same rights. What the directory says against it SQLite
        will say, too."""
        _create(self.path)

    def unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def is_there(self) -> bool:
        """Whether path and WAL still lead to what SQLite has open; ``False`` when one was deleted.

        Raises :class:`DatabaseTrouble` when there is another file in their place.
        """
        for path, known in self._known.items():
            now = _identity(path)
            if now is None:
                return False
            if now != known:
                raise DatabaseTrouble(f"{path} was replaced while fsapp runs; restart fsapp")
        return True

    def remember(self) -> None:
        """What path and WAL lead to now is what SQLite has open."""
        found = {path: _identity(path) for path in (self.path, self.wal)}
        self._known = {path: identity for path, identity in found.items() if identity is not None}

    def put_back(self, old: sqlite3.Connection) -> None:
        """Writes all that ``old``, whose file was deleted, still holds to the path again.

        SQLite reads on from a deleted file as long as it is open. Raises ``sqlite3.Error``.
        """
        try:
            self._write_anew(old)
        except OSError as error:
            raise DatabaseTrouble(f"{self.path} cannot be written: {error.strerror}") from error
        log.warning("%s was deleted while fsapp runs; it has been written anew", self.path)

    def _write_anew(self, old: sqlite3.Connection) -> None:
        copy = _beside(self.path, ".restored")
        with contextlib.suppress(FileNotFoundError):
            copy.unlink()
        _create(copy)
        target = sqlite3.connect(copy)
        try:
            old.backup(target)
        finally:
            target.close()
        for path in (self.wal, _beside(self.path, "-shm")):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        copy.replace(self.path)


def _create(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _identity(path: Path) -> Identity | None:
    """Where it leads to, ``None`` when it is not there. A disk that does not answer, or a directory
    that may not be entered, is no file that was deleted."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatabaseTrouble(f"{path} cannot be looked at: {error.strerror}") from error
    return found.st_dev, found.st_ino
