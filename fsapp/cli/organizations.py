"""``fsapp organization …``: what organizations are called."""

from __future__ import annotations

import argparse
from dataclasses import asdict

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
from fsapp.store.organizations import Organization, Organizations

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
    with database(options) as opened:
        named = Organization(options.number, options.name, options.greeting)
        Organizations(opened).set(named)
    return 0


def _remove(options: argparse.Namespace) -> int:
    with database(options) as opened:
        Organizations(opened).remove(options.number)
    return 0


def _list(options: argparse.Namespace) -> int:
    with database(options) as opened:
        documents = [asdict(one) for one in Organizations(opened).all()]
    print_list(options, documents, documents)
    return 0
