"""A database of an older fsapp, brought up to date: first a backup, then all steps or none.

The law of this file: the backup is of what the steps are taken from. Nobody can write in between:
both happen while this process holds the right to write. Without a backup nothing is changed.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlite_utils import Database

from fsapp.store.backup import back_up
from fsapp.store.schema import MIGRATIONS
from fsapp.store.trouble import DatabaseTrouble

__all__ = ["bring_up_to_date"]

log = logging.getLogger(__name__)

UPGRADE_MILLISECONDS = 60_000
"""How long to wait for another process that does the same just now: a backup takes its time."""


def bring_up_to_date(database: Database, path: Path) -> None:
    """Begins a transaction in which the file at ``path``, open in ``database``, has every table.
    Raises :class:`DatabaseTrouble`, whose text is one sentence, or what SQLite raises."""
    if _missing(database):
        database.execute(f"PRAGMA busy_timeout={UPGRADE_MILLISECONDS}")
    database.execute("BEGIN IMMEDIATE")
    # Looked at again: another process may have done it meanwhile.
    missing = _missing(database)
    kept = _kept(path, missing[0]) if missing else None
    MIGRATIONS.apply(database)
    if kept is not None:
        log.info("%s is brought up to date (%s); before: %s", path, ", ".join(missing), kept)


def _missing(database: Database) -> list[str]:
    """The names of the steps that an older database lacks; none of one that is just being made."""
    if not MIGRATIONS.applied(database):
        return []
    return [migration.name for migration in MIGRATIONS.pending(database)]


def _kept(path: Path, first: str) -> Path:
    """The backup. One of an earlier attempt is replaced: it must not pile up copies that each
    attempt fails after."""
    target = path.with_name(f"{path.name}.before-{first}")
    try:
        back_up(path, target, replace=True)
    except DatabaseTrouble as error:
        raise DatabaseTrouble(
            f"{path} is of an older fsapp and is left as it is, because no backup of it could be "
            f"made before bringing it up to date: {error}"
        ) from error
    return target
