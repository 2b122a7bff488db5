"""``fsapp organization …``: what organizations are called."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from fsapp.cli.base import (
    Commands,
    command,
    config_option,
    database,
    group,
    name,
    organization,
    short_text,
)
from fsapp.cli.table import json_option, print_list

if TYPE_CHECKING:
    from fsapp.store.organizations import Organizations

__all__ = ["add"]

LONGEST_GREETING = 200


def add(commands: Commands) -> None:
    organizations = group(commands, "organization", "what organizations are called")
    set_ = command(organizations, "set", "name an organization", _set)
    set_.add_argument("number", type=organization, metavar="NUMBER")
    set_.add_argument("--name", type=name, required=True)
    set_.add_argument(
        "--greeting", type=short_text(LONGEST_GREETING), default="", help="what an agent says first"
    )
    listed = command(organizations, "list", "list the organizations that have a name", _list)
    json_option(listed)
    remove = command(organizations, "remove", "forget its name", _remove)
    remove.add_argument("number", type=organization, metavar="NUMBER")
    config_option(set_, listed, remove)


def _set(options: argparse.Namespace) -> int:
    from fsapp.store.organizations import Organization  # noqa: PLC0415 - see database()

    named = Organization(options.number, options.name, options.greeting)
    with _organizations(options) as organizations:
        organizations.set(named)
    return 0


def _remove(options: argparse.Namespace) -> int:
    with _organizations(options) as organizations:
        organizations.remove(options.number)
    return 0


def _list(options: argparse.Namespace) -> int:
    with _organizations(options) as organizations:
        documents = [asdict(one) for one in organizations.all()]
    print_list(options, documents, documents)
    return 0


@contextmanager
def _organizations(options: argparse.Namespace) -> Iterator[Organizations]:
    from fsapp.store.organizations import Organizations  # noqa: PLC0415 - see database()

    with database(options) as opened:
        yield Organizations(opened)
