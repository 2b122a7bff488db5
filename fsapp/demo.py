"""``fsapp demo``: the whole desk in one process, with a switch, phones and callers of its own.

Everything is real but the telephones: the lab switch hands calls to the outbound listener over
TCP, the phones of the two sample agents answer by themselves, callers arrive and give up.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from fsapp import shipped
from fsapp.calls.agent import Agent
from fsapp.calls.contact import Contact
from fsapp.lab.switch import Caller, LabSwitch
from fsapp.service import CannotStart, Service
from fsapp.settings import Address, Database, Metrics, Settings, load
from fsapp.store.organizations import Organization

__all__ = ["run"]

ORGANIZATIONS = (
    Organization(1, "Bakery Jensen", "Bakery Jensen, good morning"),
    Organization(2, "Dr. Holm", "Dr. Holm's practice, good morning"),
    Organization(3, "Nordlys", "Nordlys, welcome"),
)
AGENTS = tuple(
    Agent(name.lower(), name, phone, organizations=frozenset(one.id for one in ORGANIZATIONS))
    for name, phone in (("Anna", "user/1101"), ("Bente", "user/1102"))
)
CONTACTS = (
    Contact(1, "Mr. Jensen, baker", "1142", 1),
    Contact(2, "Dr. Vest", "1142", 2),
    Contact(3, "Surgery", "1143", 2),
    Contact(4, "Nordlys sales", "1143", 3),
)
CALLERS = ("Mrs. Lund", "Mr. Friis", "Haven Garage", "Clara Olsen", "Peter Berg", "Mrs. Madsen")
ANSWER_SECONDS = 1.0
PATIENCE_SECONDS = (60.0, 180.0)
"""A caller hangs up after a time in between, answered or not: nobody has to end demo calls."""

VERBS = """
  Open {url}/ in a browser and sign in with one of the tokens; ? lists the keys.
  The wallboard is at {url}/wallboard. The same over HTTP, as {name} (another window):

    export TOKEN={token}
    desk() {{ curl -s -H "Authorization: Bearer $TOKEN" "$@"; echo; }}

    desk "{url}/call/queue"                          # who is waiting
    desk "{url}/call/list"                           # every live call
    desk -X POST "{url}/call/pickup"                 # take the next one
    desk -X POST "{url}/call/park"                   # put it on hold
    desk -X POST "{url}/call/unpark?call_id=ID"      # take it back
    desk -X POST "{url}/call/park"                   # on hold again, to consult somebody
    desk -X POST "{url}/call/originate?extension=1142"   # dial; or ?cm_id=1
    desk -X POST "{url}/call/transfer?source=ID"     # the call on hold, with who answered
    desk -X POST "{url}/call/hangup"                 # end your current call, when you have one
    desk "{url}/call/state?call_id=ID"               # one call, also when it has ended
    desk "{url}/call/history?limit=10"               # ended calls; also &format=csv
    desk "{url}/call/ID/timeline"                    # who did what with a call, and when
    desk "{url}/call/statistics"                     # today's figures
    desk "{url}/contact?q=vest"                      # whom you may dial, as you type
    desk "{url}/organization/list"                   # for whom you answer
    desk "{url}/agent"                               # yourself
    desk "{url}/agent/list"                          # your colleagues
    desk -X POST "{url}/agent/state?state=paused&reason=lunch"
    desk -N "{url}/events"                           # what happens, live
    curl -s "{url}/metrics"                          # figures for Prometheus; here without a token
"""


@dataclass
class _Trickle:
    """Callers who come at a steady pace and hang up when their patience is over."""

    switch: LabSwitch
    per_minute: float
    present: list[tuple[float, Caller]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2045550101))

    def run(self, stopped: threading.Event, deadline: float) -> None:
        """Until ``stopped`` or the monotonic ``deadline``."""
        next_call = time.monotonic()
        while time.monotonic() < deadline and not stopped.is_set():
            if time.monotonic() >= next_call:
                self._call()
                next_call += 60.0 / self.per_minute
            self._give_up()
            wait = min(next_call, deadline) - time.monotonic()
            stopped.wait(min(1.0, max(0.0, wait)))

    def _call(self) -> None:
        number, name = str(next(self.numbers)), random.choice(CALLERS)
        patience = random.uniform(*PATIENCE_SECONDS)
        organization = {"organization_id": str(random.choice(ORGANIZATIONS).id)}
        caller = self.switch.place_call("5900", number, name, organization)
        self.present.append((time.monotonic() + patience, caller))

    def _give_up(self) -> None:
        now = time.monotonic()
        for until, caller in self.present:
            if until <= now:
                caller.hang_up()
        self.present = [item for item in self.present if item[0] > now]


def run(duration: float | None, calls_per_minute: float) -> int:
    """Runs until Ctrl-C, or for ``duration`` seconds; the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with tempfile.TemporaryDirectory(prefix="fsapp-demo-") as folder:
        try:
            # The environment alone: an administrator's conf/fsapp.toml is not the demo's.
            given = load(Path(os.devnull), os.environ)
            settings = replace(given, database=Database(path=Path(folder) / "fsapp.db"))
            if given.metrics == Metrics():
                settings = replace(settings, metrics=Metrics(allow=given.outbound.allow))
            settings = _beside_others(settings)
            with _desk(settings) as (switch, service):
                _introduce(service)
                deadline = time.monotonic() + (float("inf") if duration is None else duration)
                _Trickle(switch, calls_per_minute).run(stopped, deadline)
        except (CannotStart, OSError, sqlite3.Error) as error:
            _say(f"fsapp: cannot start: {error}", file=sys.stderr)
            return 1
    _say("The demo is over.")
    return 0


def _beside_others(settings: Settings) -> Settings:
    """Where nobody has chosen an address and the usual one is taken, by a FreeSWITCH or another
    demo, a free port takes its place."""
    usual = Settings()
    http, outbound, control = settings.http, settings.outbound, settings.control
    if http.listen == usual.http.listen:
        http = replace(http, listen=_free(http.listen))
    if outbound == usual.outbound:
        listen = _free(outbound.listen)
        outbound = replace(outbound, listen=listen, advertise=listen)
    if control.address == usual.control.address:
        control = replace(control, address=_free(control.address))
    return replace(settings, http=http, outbound=outbound, control=control)


def _free(address: Address) -> Address:
    for port in (address.port, 0):
        with contextlib.suppress(OSError), socket.create_server((address.host, port)) as probe:
            return Address(address.host, probe.getsockname()[1])
    return address


@contextlib.contextmanager
def _desk(settings: Settings) -> Iterator[tuple[LabSwitch, Service]]:
    """The lab switch and the app, started and stopped in the order that keeps callers safe."""
    switch = LabSwitch(
        str(settings.outbound.advertise),
        str(settings.control.address),
        settings.control.password,
        [shipped.dialplan()],
        streams=["moh"],
    )
    service = Service(settings)
    with switch:
        for contact in ("1101", "1102", "1142", "1143"):
            switch.phone(contact).answers(after=ANSWER_SECONDS)
        service.start()
        try:
            yield switch, service
        finally:
            service.stop()


def _introduce(service: Service) -> None:
    service.organizations.set(*ORGANIZATIONS)
    service.contacts.load(CONTACTS)
    url = f"http://{service.address}"
    tokens = {agent: service.agents.add(agent) for agent in AGENTS}
    service.metrics.learn()
    _say(f"\nfsapp is running. Console: {url}/\n")
    for agent, token in tokens.items():
        _say(f"  {agent.name:6} ({agent.id}, phone {agent.phone})  token {token}")
    first = AGENTS[0]
    _say(VERBS.format(name=first.name, token=tokens[first], url=url))
    _say("Callers arrive by themselves. Ctrl-C ends the demo.\n")


def _say(text: str, file: TextIO | None = None) -> None:
    print(text, file=file or sys.stdout, flush=True)
