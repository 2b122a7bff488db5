"""A web server whose desk has what the test says, for commands that ask a running fsapp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from fsapp.calls.document_types import (
    AgentDocument,
    OrganizationDocument,
    ShownCallDocument,
)
from fsapp.settings import Address, Http, Settings
from fsapp.web import tls
from fsapp.web.app import build
from fsapp.web.schemas import example_of
from fsapp.web.server import WebServer
from tests.web.serving import Holders, NoStreams, NotingDesk

NOW = 1_700_000_000


def call(id_: str, **keys: Any) -> ShownCallDocument:
    made: ShownCallDocument = {
        **example_of(ShownCallDocument),
        "id": id_,
        "arrival_time": str(NOW - 42),
        **keys,
    }
    return made


def agent(id_: str, **keys: Any) -> AgentDocument:
    made: AgentDocument = {
        **example_of(AgentDocument),
        "id": id_,
        "name": id_.title(),
        "state_since": str(NOW - 5),
        **keys,
    }
    return made


def organization(id_: int, name: str | None, **keys: Any) -> OrganizationDocument:
    made: OrganizationDocument = {
        **example_of(OrganizationDocument),
        "id": id_,
        "name": name,
        **keys,
    }
    return made


@dataclass
class Desk:
    """What is, as the lists say it."""

    calls: list[ShownCallDocument] = field(default_factory=list)
    agents: list[AgentDocument] = field(default_factory=lambda: [agent("ann")])
    organizations: list[OrganizationDocument] = field(
        default_factory=lambda: [organization(1, "Bakery Jensen"), organization(2, None)]
    )

    def answer(self, _agent: object, verb: str, _parameters: Mapping[str, str]) -> dict[str, Any]:
        queued = [call for call in self.calls if call["state"] == "queued"]
        found: dict[str, Any] = {
            "call/list": {"calls": self.calls},
            "call/queue": {"calls": sorted(queued, key=lambda one: one["position"] or 0)},
            "agent": {"agent": self.agents[0]},
            "agent/list": {"agents": self.agents},
            "organization/list": {"organizations": self.organizations},
        }
        return {"status": "success", **found[verb]}


@contextmanager
def served(desk: Desk, http: Http | None = None) -> Iterator[WebServer]:
    """The desk behind HTTP, or HTTPS when the settings have a certificate."""
    http = http or Http(listen=Address("127.0.0.1", 0), threads=2)
    noting = NotingDesk(behaviour=desk.answer)
    known = replace(Settings(), http=http)
    server = WebServer(build(noting, Holders(), known, NoStreams()), http, tls.context(http))
    server.start()
    try:
        yield server
    finally:
        server.stop()
