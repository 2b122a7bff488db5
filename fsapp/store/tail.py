"""The event log, read in order (protocol §6)."""

from __future__ import annotations

from dataclasses import dataclass

from fsapp.store.database import Database, fetched

__all__ = ["Tail", "Told"]

_READ = (
    "SELECT number, name, timestamp, organization_id, call_id, document FROM events "
    "WHERE number > ? AND number <= ? ORDER BY number LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it was written: ``document`` is the JSON text of the object after the change.

    An event that concerns no call has neither ``organization_id`` nor ``call_id``.
    """

    number: int
    name: str
    timestamp: float
    organization_id: int | None
    call_id: str | None
    document: str


class Tail:
    """Reads with the calling thread's own connection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, after: int, newest: int, limit: int) -> list[Told]:
        """At most ``limit`` events with numbers above ``after`` and up to ``newest``, in order."""
        rows = fetched(self._database.reader(), _READ, [after, newest, limit])
        return [Told(**row) for row in rows]

    def newest(self) -> int:
        """The number given last, whether or not its event is still kept; 0 before the first."""
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = 'events'") or 0

    def oldest(self) -> int:
        """The first number from which on nothing has been removed yet.

        Not the lowest one that is kept: events of a live call outlast younger ones of others.
        """
        return (self._number("SELECT highest FROM removed_events") or 0) + 1

    def version(self) -> int:
        """Changes whenever anybody else, in this process or another, has written the file."""
        return self._number("PRAGMA data_version") or 0

    def _number(self, query: str) -> int | None:
        # All rows at once: a statement left half read would hold its snapshot of the file open.
        rows = self._database.reader().execute(query).fetchall()
        return None if not rows or rows[0][0] is None else int(rows[0][0])
