"""Could this database be used? Asked without changing anything in it.

The law of this file: no migration, no new file, no page written. ``Database.open`` does all three.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlite_utils

from fsapp.store.database import check
from fsapp.store.schema import MIGRATIONS
from fsapp.store.trouble import explain

__all__ = ["Inspection", "inspect"]

BUSY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """``trouble`` is a sentence (without its full stop) about why the file cannot be used;
    ``outdated``: it is of an older fsapp, and is brought up to date when fsapp starts."""

    trouble: str | None = None
    outdated: bool = False


def inspect(path: Path) -> Inspection:
    """Looks at the file at ``path``, which must exist. Raises nothing."""
    try:
        with closing(_connect(path)) as connection:
            database = sqlite_utils.Database(connection)
            check(database, path)
            _begin_and_take_back(connection)
            return Inspection(outdated=bool(list(MIGRATIONS.pending(database))))
    except sqlite3.Error as error:
        return Inspection(trouble=explain(error, path))


def _connect(path: Path) -> sqlite3.Connection:
    where = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(where, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _begin_and_take_back(connection: sqlite3.Connection) -> None:
    """Everything a change needs (lock, permission), and then none is made."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA user_version=0")
    connection.execute("ROLLBACK")
