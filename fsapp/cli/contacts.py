"""``fsapp contact …``: the contact methods, which agents dial by ``cm_id`` or name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fsapp.calls.contact import LONGEST_NAME, Contact
from fsapp.calls.text import NUMBER
from fsapp.cli.base import (
    Commands,
    command,
    config_option,
    database,
    group,
    organization,
    say,
    short_text,
)
from fsapp.cli.table import json_option, print_list

if TYPE_CHECKING:
    from fsapp.store.contacts import Contacts

__all__ = ["add"]

_CM_ID = re.compile(r"[0-9]{1,18}")


def add(commands: Commands) -> None:
    contacts = group(commands, "contact", "the contact methods (cm_id)")
    load = command(
        contacts,
        "import",
        "import a CSV file; the same cm_id is replaced",
        _import,
        "UTF-8; the first line names the columns cm_id, name, number and organization_id, in any "
        "order. A bad row is named, and nothing is imported.",
    )
    load.add_argument("file", type=Path, metavar="FILE.csv")
    set_ = command(contacts, "set", "add one, or replace it", _set)
    set_.add_argument("cm_id", type=_cm_id, metavar="CM_ID")
    set_.add_argument("--name", type=short_text(LONGEST_NAME), required=True)
    set_.add_argument("--number", type=_number, required=True)
    set_.add_argument(
        "--organization", type=organization, default=1, metavar="N", help="default: 1"
    )
    listed = command(contacts, "list", "list them", _list)
    listed.add_argument("--organization", type=organization, metavar="N", help="default: all")
    json_option(listed)
    remove = command(contacts, "remove", "remove one", _remove)
    remove.add_argument("cm_id", type=_cm_id, metavar="CM_ID")
    config_option(load, set_, listed, remove)


def _import(options: argparse.Namespace) -> int:
    with _contacts(options) as contacts:
        count = contacts.import_csv(options.file)
    say(f"{count} contact method{'' if count == 1 else 's'} imported")
    return 0


def _set(options: argparse.Namespace) -> int:
    contact = Contact(options.cm_id, options.name, options.number, options.organization)
    with _contacts(options) as contacts:
        contacts.load([contact])
    return 0


def _list(options: argparse.Namespace) -> int:
    with _contacts(options) as contacts:
        documents = [asdict(contact) for contact in contacts.all(options.organization)]
    print_list(options, documents, documents)
    return 0


def _remove(options: argparse.Namespace) -> int:
    with _contacts(options) as contacts:
        contacts.remove(options.cm_id)
    return 0


@contextmanager
def _contacts(options: argparse.Namespace) -> Iterator[Contacts]:
    from fsapp.store.contacts import Contacts  # noqa: PLC0415 - see database()

    with database(options) as opened:
        yield Contacts(opened)


def _cm_id(text: str) -> int:
    if not _CM_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at most 18 digits")
    return int(text)


def _number(text: str) -> str:
    if not NUMBER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 32 digits, *, # or +")
    return text
