"""The ground: settings, database, FreeSWITCH's Event Socket. Without it nothing else is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

from fsapp.calls.agent import Agent
from fsapp.doctor.finding import Finding, good, problem, warning
from fsapp.doctor.freeswitch import FreeSwitch
from fsapp.settings import Settings
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from fsapp.switch.login import LoginRefused
from fsapp.switch.wire import BadFrame

__all__ = ["connect", "password", "roster"]

KNOWN_PASSWORD = "ClueCon"
WRITE_SECONDS = 2.0


def roster(settings: Settings) -> tuple[tuple[Agent, ...], Finding]:
    """The agents on record, and whether the database can be used."""
    path = Path(settings.database.path)
    if not path.is_file():
        mend = "add the first agent (fsapp agent add), or correct database.path"
        return (), problem("database", f"{path.absolute()} does not exist.", mend)
    try:
        with closing(Database(path)) as database:
            database.open()
            why = database.why_not_writable(WRITE_SECONDS)
            agents = tuple(Agents(database).all())
    except sqlite3.Error as error:
        return (), problem("database", f"{path} cannot be used: {error}.", "see who may write it")
    if why is not None:
        mend = "make the file and its folder writable for fsapp's user"
        return agents, problem("database", f"{path} cannot be written: {why}.", mend)
    return agents, good("database", f"{path} can be read and written.")


def connect(settings: Settings) -> tuple[FreeSwitch | None, Finding]:
    """The connection to FreeSWITCH, if there is one to be had."""
    host, port = settings.control.address
    where = f"FreeSWITCH's Event Socket at {settings.control.address}"
    limit = settings.switch.timeout
    try:
        switch = FreeSwitch.connect(host, port, settings.control.password, limit)
    except LoginRefused as refusal:
        return None, problem(
            "event-socket", f"{where} {refusal}.", "see conf/event_socket.conf.xml"
        )
    except (OSError, BadFrame) as error:
        mend = "start FreeSWITCH with mod_event_socket, or correct control.address"
        return None, problem("event-socket", f"{where} does not answer: {error}.", mend)
    return switch, good("event-socket", f"{where} answers and takes the password.")


def password(settings: Settings) -> Iterator[Finding]:
    """Everybody knows FreeSWITCH's default password; whoever gets in runs programs there."""
    if settings.control.password != KNOWN_PASSWORD:
        yield good("password", "The control password is one of your own.")
        return
    mend = "change it in event_socket.conf.xml and control.password"
    what = "The control password is FreeSWITCH's default, which everybody knows"
    if _is_loopback(settings.control.address.host):
        yield warning("password", f"{what}; users of this machine can get in.", mend)
    else:
        yield problem("password", f"{what}, and it is reached over the network.", mend)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
