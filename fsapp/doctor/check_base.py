"""The ground: settings, database, FreeSWITCH's Event Socket. Without it nothing else is asked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fsapp.calls.agent import Agent
from fsapp.doctor.finding import Finding, good, problem, warning
from fsapp.doctor.freeswitch import FreeSwitch
from fsapp.settings import Settings
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from fsapp.store.inspection import inspect
from fsapp.switch.login import LoginRefused
from fsapp.switch.wire import BadFrame

__all__ = ["connect", "roster"]


def roster(settings: Settings) -> tuple[tuple[Agent, ...] | None, Finding]:
    """The agents on record, ``None`` when they cannot be read; and whether the database can be
    used."""
    path = settings.database.path
    if not path.is_file():
        mend = "add the first agent (fsapp agent add) where fsapp runs, or correct database.path"
        return None, problem("database", f"{path.absolute()} does not exist.", mend)
    found = inspect(path)
    if found.trouble is not None:
        what, _, mend = found.trouble.partition("; ")
        return None, problem("database", f"{what}.", mend or "see who may write it")
    agents = _agents(path)
    if found.outdated:
        mend = "fsapp keeps a copy of it and brings it up to date when it starts (docs/upgrade.md)"
        return agents, warning("database", f"{path} was written by an older fsapp.", mend)
    return agents, good("database", f"{path} can be read and written.")


def _agents(path: Path) -> tuple[Agent, ...] | None:
    try:
        with closing(Database(path)) as database:
            return tuple(Agents(database).all())
    except sqlite3.Error:  # of an older fsapp: what a table lacks comes when fsapp starts
        return None


def connect(settings: Settings) -> tuple[FreeSwitch | None, Finding]:
    """The connection to FreeSWITCH, if there is one to be had."""
    host, port = settings.control.address
    where = f"FreeSWITCH's Event Socket at {settings.control.address}"
    limit = settings.switch.timeout
    try:
        switch = FreeSwitch.connect(host, port, settings.control.password, limit)
    except LoginRefused as refusal:
        what, _, mend = str(refusal).partition(": ")
        return None, problem("event-socket", f"{where} {what}.", mend)
    except (OSError, BadFrame) as error:
        mend = "start FreeSWITCH with mod_event_socket, or correct control.address"
        return None, problem("event-socket", f"{where} does not answer: {error}.", mend)
    return switch, good("event-socket", f"{where} answers and takes the password.")
