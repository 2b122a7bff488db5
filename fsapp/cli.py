"""The command line (protocol §1): ``fsapp serve | demo | agent … | organization … | contact …``.

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

from fsapp import cli_history
from fsapp.calls.agent import AGENT_ID, ROLES, Agent
from fsapp.calls.text import PHONE, has_control
from fsapp.settings import SettingsError, load
from fsapp.store.agents import AgentExists, Agents, UnknownAgent
from fsapp.store.contacts import BadContacts, Contacts
from fsapp.store.database import Database
from fsapp.store.organizations import Organization, Organizations, UnknownOrganization
from fsapp.store.trouble import DatabaseTrouble

__all__ = ["main", "parser"]

_REFUSED = 1
_USAGE = 2
_LONGEST_NAME = 100
_LONGEST_GREETING = 200
_WHOLE = re.compile(r"[0-9]{1,9}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; answers the exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except SettingsError as error:
        return _complain(error, _USAGE)
    except _Refused as error:
        return _complain(error, _REFUSED)
    return status


class _Refused(Exception):
    """Why a command is not carried out."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(_complain(f"{message} (see {self.prog} --help)", _USAGE))


def _complain(what: object, status: int) -> int:
    text = "".join(letter if letter.isprintable() else "?" for letter in str(what))
    sys.stderr.write(f"fsapp: {text}\n")
    return status


def parser() -> argparse.ArgumentParser:
    """The whole command line; what is wrong with one is one line on stderr, exit status 2."""
    top = _Parser(prog="fsapp", description="The call desk for FreeSWITCH.", allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    serve = _command(commands, "serve", "run beside FreeSWITCH", _serve)
    demo = _command(commands, "demo", "run with the lab switch and sample agents", _demo)
    demo.add_argument("--duration", type=_positive, metavar="S", help="stop after S seconds")
    demo.add_argument(
        "--calls-per-minute", type=_positive, default=6.0, metavar="N", help="default: 6"
    )
    past = _command(commands, "history", "print ended calls, or one call's timeline", _history)
    cli_history.add_arguments(past)
    doctor = _command(commands, "doctor", "check a deployment, say what to mend", _doctor)
    doctor.add_argument("--json", action="store_true", help="one JSON document")
    doctor.add_argument("--no-call", action="store_true", help="make no test call")
    ring = "ring every agent's phone: is it answered?"
    doctor.add_argument("--ring-phones", action="store_true", help=ring)
    stored = [
        serve,
        past,
        doctor,
        *_agent_commands(commands),
        *_organization_commands(commands),
        *_contact_commands(commands),
    ]
    for command in stored:
        command.add_argument("--config", type=Path, metavar="FILE", help="conf/fsapp.toml")
    return top


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _command(
    commands: _Commands[_Parser], name: str, help_: str, run: Callable[[argparse.Namespace], int]
) -> _Parser:
    command = commands.add_parser(name, help=help_, description=help_, allow_abbrev=False)
    command.set_defaults(run=run)
    return command


def _group(commands: _Commands[_Parser], name: str, help_: str) -> _Commands[_Parser]:
    group = commands.add_parser(name, help=help_, description=help_, allow_abbrev=False)
    return group.add_subparsers(required=True, metavar="COMMAND")


def _agent_commands(commands: _Commands[_Parser]) -> Iterator[_Parser]:
    group = _group(commands, "agent", "the agents and their tokens")
    add = _command(group, "add", "add an agent, print her token", _agent_add)
    add.add_argument("agent_id", type=_agent_id)
    add.add_argument("--name", type=_name, required=True)
    add.add_argument("--phone", type=_phone, required=True, help="a dial string: user/1101")
    add.add_argument(
        "--organization", type=_organization, action="append", help="repeatable; default: 1"
    )
    add.add_argument("--role", choices=ROLES, default="agent")
    token = _command(group, "token", "print a new token; the old one is void", _agent_token)
    token.add_argument("agent_id", type=_agent_id)
    remove = _command(group, "remove", "remove an agent", _agent_remove)
    remove.add_argument("agent_id", type=_agent_id)
    yield from (add, token, remove, _command(group, "list", "list the agents", _agent_list))


def _organization_commands(commands: _Commands[_Parser]) -> Iterator[_Parser]:
    group = _group(commands, "organization", "what organizations are called")
    set_ = _command(group, "set", "name an organization", _organization_set)
    set_.add_argument("number", type=_organization, metavar="NUMBER")
    set_.add_argument("--name", type=_name, required=True)
    set_.add_argument("--greeting", type=_greeting, default="", help="what an agent says first")
    remove = _command(group, "remove", "forget its name", _organization_remove)
    remove.add_argument("number", type=_organization, metavar="NUMBER")
    yield from (set_, remove)
    yield _command(group, "list", "list the organizations that have a name", _organization_list)


def _contact_commands(commands: _Commands[_Parser]) -> Iterator[_Parser]:
    group = _group(commands, "contact", "the contact methods (cm_id)")
    load_ = _command(group, "import", "import a CSV file", _contact_import)
    load_.add_argument("file", type=Path, metavar="FILE.csv")
    yield load_


def _serve(options: argparse.Namespace) -> int:
    settings = load(options.config, os.environ)
    # Imported here: the other commands need neither python-ESL nor the web server.
    from fsapp.service import serve  # noqa: PLC0415

    return serve(settings)


def _doctor(options: argparse.Namespace) -> int:
    from fsapp.cli_doctor import run  # noqa: PLC0415 - as above

    return run(options)


def _demo(options: argparse.Namespace) -> int:
    from fsapp.demo import run  # noqa: PLC0415 - as above

    return run(duration=options.duration, calls_per_minute=options.calls_per_minute)


def _history(options: argparse.Namespace) -> int:
    return cli_history.run(options, _database)


def _agent_add(options: argparse.Namespace) -> int:
    agent = Agent(
        id=options.agent_id,
        name=options.name,
        phone=options.phone,
        role=options.role,
        organizations=frozenset(options.organization or (1,)),
    )
    with _database(options) as database:
        _say(Agents(database).add(agent))
    return 0


def _agent_token(options: argparse.Namespace) -> int:
    with _database(options) as database:
        _say(Agents(database).reissue(options.agent_id))
    return 0


def _agent_remove(options: argparse.Namespace) -> int:
    with _database(options) as database:
        Agents(database).remove(options.agent_id)
    return 0


def _agent_list(options: argparse.Namespace) -> int:
    with _database(options) as database:
        for agent in Agents(database).all():
            organizations = ",".join(str(number) for number in sorted(agent.organizations))
            paused = "paused" if agent.paused else ""
            cells = (agent.id, agent.name, agent.phone, agent.role, organizations, paused)
            _say("\t".join(cells).rstrip())
    return 0


def _organization_set(options: argparse.Namespace) -> int:
    with _database(options) as database:
        named = Organization(options.number, options.name, options.greeting)
        Organizations(database).set(named)
    return 0


def _organization_remove(options: argparse.Namespace) -> int:
    with _database(options) as database:
        Organizations(database).remove(options.number)
    return 0


def _organization_list(options: argparse.Namespace) -> int:
    with _database(options) as database:
        for one in Organizations(database).all():
            _say("\t".join((str(one.id), one.name, one.greeting)).rstrip())
    return 0


def _contact_import(options: argparse.Namespace) -> int:
    with _database(options) as database:
        count = Contacts(database).import_csv(options.file)
    _say(f"{count} contact methods imported")
    return 0


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[Database]:
    """The settings' database, open; what goes wrong with it becomes a refusal."""
    path = load(options.config, os.environ).database.path
    try:
        with closing(Database(path)) as database:
            database.open()
            yield database
    except (AgentExists, UnknownAgent, UnknownOrganization, BadContacts) as error:
        raise _Refused(str(error)) from error
    except DatabaseTrouble as error:
        raise _Refused(f"database.path {error}") from error
    except sqlite3.Error as error:
        raise _Refused(f"{path}: {error}") from error
    except TimeoutError as error:
        raise _Refused(f"{path}: cannot be written in time") from error


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _agent_id(text: str) -> str:
    if not AGENT_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 64 letters, digits, _, ., @ or -")
    return text


def _name(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_NAME or has_control(text):
        raise argparse.ArgumentTypeError(f"must be 1 to {_LONGEST_NAME} printable characters")
    return text


def _greeting(text: str) -> str:
    if len(text) > _LONGEST_GREETING or has_control(text):
        raise argparse.ArgumentTypeError(
            f"must be at most {_LONGEST_GREETING} printable characters"
        )
    return text


def _phone(text: str) -> str:
    if not PHONE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a dial string such as user/1101")
    return text


def _organization(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number
