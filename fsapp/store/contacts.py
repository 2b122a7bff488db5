"""Contact methods: a ``cm_id`` stands for a number of one organization.

The law of this file: a number gets in only if an agent could dial it herself (protocol §4,
``extension``), because it goes into the same dial string. A file is imported whole or not at all.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import sqlite_utils

from fsapp.calls.contact import LONGEST_NAME, Contact
from fsapp.calls.text import NUMBER, has_control
from fsapp.store.database import Database

__all__ = ["BadContacts", "Contacts", "UnknownContact"]

COLUMNS = ("cm_id", "name", "number", "organization_id")
_WHOLE = re.compile(r"[0-9]{1,18}")
_WORD = re.compile(r"\w+")
_WAIT_SECONDS = 30.0
_WRITE = (
    "INSERT INTO contacts (cm_id, name, number, organization_id) "
    "VALUES (:cm_id, :name, :number, :organization_id) "
    "ON CONFLICT (cm_id) DO UPDATE SET name = excluded.name, number = excluded.number, "
    "organization_id = excluded.organization_id"
)


class BadContacts(Exception):
    """Why a file is not imported: one sentence with the line's number."""


class UnknownContact(Exception):
    """There is no contact method of this ``cm_id``."""

    def __init__(self, cm_id: int) -> None:
        super().__init__(f"contact {cm_id} does not exist")


class Contacts:
    """The contact methods of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, contacts: Iterable[Contact]) -> int:
        """Writes all of them in one transaction, replacing those of the same ``cm_id``;
        answers how many."""
        rows = [asdict(contact) for contact in contacts]

        def write(database: sqlite_utils.Database) -> int:
            for row in rows:
                database.execute(_WRITE, row)
            return len(rows)

        return self._database.submit(write).result(_WAIT_SECONDS)

    def import_csv(self, path: Path) -> int:
        """Loads a UTF-8 CSV file whose first line names the columns cm_id, name, number and
        organization_id in any order. Raises :class:`BadContacts`; then nothing is imported."""
        try:
            # A byte order mark is what spreadsheets write first.
            with path.open(encoding="utf-8-sig", newline="") as file:
                contacts = list(_contacts(csv.DictReader(file, strict=True)))
        except OSError as error:
            raise BadContacts(f"{path}: cannot be read: {error.strerror}") from error
        except BadContacts as error:
            raise BadContacts(f"{path}: {error}") from error
        return self.load(contacts)

    def search(
        self, text: str, organizations: Sequence[int], limit: int, first: int | None = None
    ) -> list[Contact]:
        """At most ``limit`` contact methods of ``organizations`` in which each word of ``text``
        begins a word of the name or the number; accents and case do not matter. Those of the
        organization ``first`` come first, then by name."""
        words = " ".join(f'"{word}"*' for word in _WORD.findall(text))
        if not words:
            return []
        served = ", ".join("?" for _ in organizations)
        query = (
            f"SELECT {', '.join(f'contacts.{column}' for column in COLUMNS)} FROM contact_words "
            "JOIN contacts ON contacts.cm_id = contact_words.rowid "
            f"WHERE contact_words MATCH ? AND organization_id IN ({served}) "
            "ORDER BY organization_id = ? DESC, contacts.name, contacts.cm_id LIMIT ?"
        )
        values = [words, *organizations, -1 if first is None else first, limit]
        return [Contact(**row) for row in self._database.query(query, values)]

    def remove(self, cm_id: int) -> None:
        """Removes it. Raises :class:`UnknownContact`."""

        def write(database: sqlite_utils.Database) -> None:
            query = "DELETE FROM contacts WHERE cm_id = ?"
            if database.execute(query, [cm_id]).rowcount != 1:
                raise UnknownContact(cm_id)

        self._database.submit(write).result(_WAIT_SECONDS)

    def all(self, organization_id: int | None = None) -> list[Contact]:
        """Every contact method, or those of one organization, by ``cm_id``."""
        query = (
            f"SELECT {', '.join(COLUMNS)} FROM contacts "
            "WHERE organization_id = :chosen OR :chosen IS NULL ORDER BY cm_id"
        )
        rows = self._database.query(query, {"chosen": organization_id})
        return [Contact(**row) for row in rows]

    def get(self, cm_id: int) -> Contact | None:
        query = f"SELECT {', '.join(COLUMNS)} FROM contacts WHERE cm_id = ?"
        rows = self._database.query(query, [cm_id])
        return Contact(**rows[0]) if rows else None


def _contacts(reader: csv.DictReader[str]) -> Iterator[Contact]:
    """The rows of a file, each checked."""
    seen: set[int] = set()
    try:
        if sorted(reader.fieldnames or ()) != sorted(COLUMNS):
            raise ValueError(f"the columns must be {', '.join(COLUMNS)}")
        for row in reader:
            contact = _contact(row)
            if contact.cm_id in seen:
                raise ValueError(f"cm_id {contact.cm_id} is there twice")
            seen.add(contact.cm_id)
            yield contact
    except UnicodeDecodeError as error:
        raise BadContacts("is not UTF-8") from error
    except (ValueError, csv.Error) as error:
        raise BadContacts(f"line {max(reader.reader.line_num, 1)}: {error}") from error


def _contact(row: Mapping[str | None, object]) -> Contact:
    # DictReader puts what is too much under None, and None where something is missing.
    if None in row or None in row.values():
        raise ValueError(f"there must be {len(COLUMNS)} values")
    cells = {str(name): str(value).strip() for name, value in row.items()}
    if not NUMBER.fullmatch(cells["number"]):
        raise ValueError("number must be 1 to 32 digits, *, # or +")
    if len(cells["name"]) > LONGEST_NAME or has_control(cells["name"]):
        raise ValueError(f"name must be at most {LONGEST_NAME} printable characters")
    return Contact(
        cm_id=_whole(cells, "cm_id"),
        name=cells["name"],
        number=cells["number"],
        organization_id=_whole(cells, "organization_id"),
    )


def _whole(cells: Mapping[str, str], column: str) -> int:
    if not _WHOLE.fullmatch(cells[column]):
        raise ValueError(f"{column} must be a whole number")
    return int(cells[column])
