"""What the commands share: how they are declared, refused, and reach the database.

The law of this file: whatever is wrong is one line on stderr. Exit status 2: the command line or
the settings are wrong, nothing was started. Exit status 1: what was asked is refused, nothing was
changed.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from fsapp.calls.agent import AGENT_ID
from fsapp.calls.text import CALL_ID, has_control
from fsapp.settings import load

if TYPE_CHECKING:
    from fsapp.store.database import Database

__all__ = [
    "REFUSED",
    "USAGE",
    "BadUsage",
    "Commands",
    "Parser",
    "Refused",
    "agent_id",
    "call_id",
    "command",
    "complain",
    "config_option",
    "database",
    "group",
    "name",
    "organization",
    "say",
    "short_text",
]

REFUSED = 1
USAGE = 2
LONGEST_NAME = 100
_WHOLE = re.compile(r"[0-9]{1,9}")

Run = Callable[[argparse.Namespace], int]


class Refused(Exception):
    """Why a command is not carried out."""


class BadUsage(Exception):
    """What is missing on the command line, or in the environment."""


class Parser(argparse.ArgumentParser):
    """argparse's, but for its complaints."""

    def error(self, message: str) -> NoReturn:
        self.exit(complain(f"{message} (see {self.prog} --help)", USAGE))


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""argparse has no public name for it."""


def complain(what: object, status: int) -> int:
    """One line on stderr; answers ``status``."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(what))
    sys.stderr.write(f"fsapp: {text}\n")
    return status


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def command(commands: Commands, name_: str, help_: str, run: Run, more: str = "") -> Parser:
    """A command that runs ``run``; ``more`` stands at the end of its help."""
    made = commands.add_parser(
        name_,
        help=help_,
        description=f"{help_[0].upper()}{help_[1:]}.",
        epilog=more or None,
        allow_abbrev=False,
    )
    # What argparse does not know itself it leaves to the outermost command, which knows no help.
    made.set_defaults(run=run, prog=made.prog)
    return made


def group(commands: Commands, name_: str, help_: str) -> Commands:
    """A command that has commands of its own."""
    made = commands.add_parser(
        name_, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", allow_abbrev=False
    )
    return made.add_subparsers(title="commands", required=True, metavar="COMMAND")


def config_option(*commands: Parser) -> None:
    for one in commands:
        one.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="settings; default: conf/fsapp.toml, if there is one",
        )


@contextmanager
def database(options: argparse.Namespace) -> Iterator[Database]:
    """The settings' database, open; what goes wrong with it becomes a refusal."""
    # Imported here: commands that need no database do without sqlite-utils.
    from fsapp.store.database import Database  # noqa: PLC0415
    from fsapp.store.trouble import DatabaseTrouble  # noqa: PLC0415

    path = load(options.config, os.environ).database.path
    try:
        with closing(Database(path)) as opened:
            opened.open()
            yield opened
    except _refusals() as error:
        raise Refused(str(error)) from error
    except DatabaseTrouble as error:
        raise Refused(f"database.path {error}") from error
    except sqlite3.Error as error:
        raise Refused(f"{path}: {error}") from error
    except TimeoutError as error:
        raise Refused(f"{path}: cannot be written in time") from error


def _refusals() -> tuple[type[Exception], ...]:
    """What the database's records say no with; each has its sentence."""
    from fsapp.store.agents import AgentExists, UnknownAgent  # noqa: PLC0415
    from fsapp.store.contacts import BadContacts, UnknownContact  # noqa: PLC0415
    from fsapp.store.organizations import UnknownOrganization  # noqa: PLC0415

    return AgentExists, UnknownAgent, UnknownOrganization, UnknownContact, BadContacts


def agent_id(text: str) -> str:
    if not AGENT_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 64 letters, digits, _, ., @ or -")
    return text


def call_id(text: str) -> str:
    if not CALL_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no call's id")
    return text


def name(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_NAME or has_control(text):
        raise argparse.ArgumentTypeError(f"must be 1 to {LONGEST_NAME} printable characters")
    return text


def short_text(longest: int) -> Callable[[str], str]:
    """Printable text of at most so many characters, which may be empty."""

    def parse(text: str) -> str:
        if len(text) > longest or has_control(text):
            raise argparse.ArgumentTypeError(f"must be at most {longest} printable characters")
        return text

    return parse


def organization(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
