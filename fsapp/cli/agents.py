"""``fsapp agent …``: the agents and their tokens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fsapp.calls.agent import ROLES, Agent
from fsapp.calls.text import PHONE
from fsapp.cli.base import (
    BadUsage,
    Commands,
    agent_id,
    command,
    config_option,
    database,
    group,
    name,
    organization,
    say,
)
from fsapp.cli.table import json_option, print_list

if TYPE_CHECKING:
    from fsapp.store.agents import Agents

__all__ = ["add"]


def add(commands: Commands) -> None:
    agents = group(commands, "agent", "the agents and their tokens")
    new = command(agents, "add", "add an agent, print her token", _add)
    new.add_argument("agent_id", type=agent_id, metavar="AGENT_ID")
    new.add_argument("--name", type=name, required=True)
    new.add_argument("--phone", type=_phone, required=True, help="a dial string: user/1101")
    _organizations(new, "repeatable; default: 1")
    new.add_argument("--role", choices=ROLES, default="agent")
    change = command(agents, "set", "change what is given; her token stays", _set)
    change.add_argument("agent_id", type=agent_id, metavar="AGENT_ID")
    change.add_argument("--name", type=name)
    change.add_argument("--phone", type=_phone, help="a dial string: user/1101")
    _organizations(change, "repeatable; instead of all she has")
    change.add_argument("--role", choices=ROLES)
    listed = command(agents, "list", "list the agents", _list)
    json_option(listed)
    token = command(agents, "token", "print a new token; the old one is void", _token)
    token.add_argument("agent_id", type=agent_id, metavar="AGENT_ID")
    remove = command(agents, "remove", "remove an agent; her token is void", _remove)
    remove.add_argument("agent_id", type=agent_id, metavar="AGENT_ID")
    config_option(new, change, listed, token, remove)


def _organizations(parser: argparse.ArgumentParser, help_: str) -> None:
    parser.add_argument(
        "--organization", type=organization, action="append", metavar="N", help=help_
    )


def _add(options: argparse.Namespace) -> int:
    agent = Agent(
        id=options.agent_id,
        name=options.name,
        phone=options.phone,
        role=options.role,
        organizations=frozenset(options.organization or (1,)),
    )
    with _agents(options) as agents:
        say(agents.add(agent))
    return 0


def _set(options: argparse.Namespace) -> int:
    given = {
        "name": options.name,
        "phone": options.phone,
        "role": options.role,
        "organizations": options.organization and frozenset(options.organization),
    }
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise BadUsage("nothing to change: give --name, --phone, --organization or --role")
    with _agents(options) as agents:
        agents.change(options.agent_id, **changes)
    return 0


def _token(options: argparse.Namespace) -> int:
    with _agents(options) as agents:
        say(agents.reissue(options.agent_id))
    return 0


def _remove(options: argparse.Namespace) -> int:
    with _agents(options) as agents:
        agents.remove(options.agent_id)
    return 0


def _list(options: argparse.Namespace) -> int:
    with _agents(options) as agents:
        documents = [_document(agent) for agent in agents.all()]
    print_list(options, documents, map(_for_eyes, documents))
    return 0


@contextmanager
def _agents(options: argparse.Namespace) -> Iterator[Agents]:
    from fsapp.store.agents import Agents  # noqa: PLC0415 - see database()

    with database(options) as opened:
        yield Agents(opened)


def _document(agent: Agent) -> Mapping[str, object]:
    return {
        "id": agent.id,
        "name": agent.name,
        "phone": agent.phone,
        "role": agent.role,
        "organizations": sorted(agent.organizations),
        "paused": agent.paused,
        "pause_reason": agent.pause_reason,
    }


def _for_eyes(document: Mapping[str, object]) -> Mapping[str, object]:
    pause = f"paused {document['pause_reason'] or ''}".strip() if document["paused"] else ""
    kept = ("id", "name", "phone", "role", "organizations")
    return {**{key: document[key] for key in kept}, "pause": pause}


def _phone(text: str) -> str:
    if not PHONE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a dial string such as user/1101")
    return text
