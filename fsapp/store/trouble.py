"""What is wrong with the database, in a sentence that says what to do about it.

The law of this file: an error of the disk, a lock or the file is told apart from a mistake of one
change by SQLite's own code, never by the words of a message. A disk error of a file that may not be
written is that file's rights.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

__all__ = ["DatabaseTrouble", "explain", "is_of_the_database"]

_PRIMARY = 0xFF
_SENTENCES = {
    sqlite3.SQLITE_BUSY: "is locked by another process; end that one, or wait until it is done",
    sqlite3.SQLITE_LOCKED: "is locked by another process; end that one, or wait until it is done",
    sqlite3.SQLITE_PERM: "may not be used; give fsapp's user the right to write it",
    sqlite3.SQLITE_AUTH: "may not be used; give fsapp's user the right to write it",
    sqlite3.SQLITE_READONLY: (
        "is read-only; give fsapp's user the right to write the file and its directory"
    ),
    sqlite3.SQLITE_FULL: "has no room left on its disk; make room",
    sqlite3.SQLITE_IOERR: "cannot be read or written; look at its disk",
    sqlite3.SQLITE_NOMEM: "gets no memory; give the machine more",
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened; see that its directory exists and that fsapp's user may write there"
    ),
    sqlite3.SQLITE_PROTOCOL: "is locked by another process; end that one, or wait until it is done",
    sqlite3.SQLITE_CORRUPT: "is damaged; stop fsapp, restore a backup or move the file away, start",
    sqlite3.SQLITE_NOTADB: "is not a database of fsapp's; name another file, or move this one away",
}


class DatabaseTrouble(sqlite3.OperationalError):
    """The file cannot be used now; the text is a sentence that names it."""


def is_of_the_database(error: sqlite3.Error) -> bool:
    """Whether the disk, a lock or the file is the trouble, and not the one change that met it."""
    return isinstance(error, DatabaseTrouble) or _code(error) in _SENTENCES


def explain(error: sqlite3.Error, path: Path) -> str:
    """The sentence for ``error``, with SQLite's own words in brackets."""
    if isinstance(error, DatabaseTrouble):
        return str(error)
    code = _code(error)
    if code == sqlite3.SQLITE_IOERR and _may_not_be_written(path):
        code = sqlite3.SQLITE_READONLY
    what = _SENTENCES.get(code, "cannot be used")
    return f"{path} {what} ({error})"


def _may_not_be_written(path: Path) -> bool:
    """Whether the file, or one that SQLite keeps beside it, is read-only to this process."""
    files = (path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))
    return any(file.exists() and not os.access(file, os.W_OK) for file in files)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 when the error did not come from SQLite itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & _PRIMARY
