"""Organizations' names and greetings: what a receptionist says when she answers for one.

The law of this file: an organization exists because calls and agents name its number; what stands
here is only how it is spoken of, and nothing may fail because it is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlite_utils

from fsapp.store.database import Database

__all__ = ["Organization", "Organizations", "UnknownOrganization"]

_WAIT_SECONDS = 10.0
_WRITE = (
    "INSERT INTO organizations (id, name, greeting) VALUES (:id, :name, :greeting) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, greeting = excluded.greeting"
)


class UnknownOrganization(Exception):
    """Nothing is written of an organization of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"organization {number} has no name")


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization: ``greeting`` is the line an agent says first, or empty."""

    id: int
    name: str
    greeting: str = ""


class Organizations:
    """The organizations of one database. Reads use the calling thread's own connection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, *organizations: Organization) -> None:
        """Writes them, replacing what was known of the same numbers."""
        rows = [asdict(organization) for organization in organizations]

        def write(database: sqlite_utils.Database) -> None:
            for row in rows:
                database.execute(_WRITE, row)

        self._database.submit(write).result(_WAIT_SECONDS)

    def remove(self, number: int) -> None:
        """Forgets its name. Raises :class:`UnknownOrganization`."""

        def write(database: sqlite_utils.Database) -> None:
            query = "DELETE FROM organizations WHERE id = ?"
            if database.execute(query, [number]).rowcount != 1:
                raise UnknownOrganization(number)

        self._database.submit(write).result(_WAIT_SECONDS)

    def all(self) -> list[Organization]:
        """Every organization that has a name, by number."""
        query = "SELECT id, name, greeting FROM organizations ORDER BY id"
        return [Organization(**row) for row in self._database.query(query)]

    def named(self, numbers: Iterable[int]) -> dict[int, Organization]:
        """Those of ``numbers`` that have a name."""
        wanted = frozenset(numbers)
        return {one.id: one for one in self.all() if one.id in wanted}
