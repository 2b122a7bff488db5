"""Each request of the protocol as a method: asked as described, answered with what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from fsapp.calls.refusals import call_owned
from fsapp.client import Client, Refused
from fsapp.settings import Address, Http, Settings
from fsapp.web.app import build
from fsapp.web.routes import ROUTES
from fsapp.web.schemas import example_of
from fsapp.web.server import WebServer
from tests.web.serving import Holders, NoStreams, NotingDesk

ANSWERS = {route.verb: example_of(route.answer) for route in ROUTES if route.answer and route.verb}
"""What the description gives as an example of each verb's answer."""


def answers(_agent: object, verb: str, _parameters: Mapping[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = ANSWERS[verb]
    return answer


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[NotingDesk, WebServer]]:
    desk = NotingDesk(behaviour=answers)
    http = Http(listen=Address("127.0.0.1", 0), threads=2)
    server = WebServer(build(desk, Holders(), replace(Settings(), http=http), NoStreams()), http)
    server.start()
    yield desk, server
    server.stop()


@pytest.fixture
def desk(_served: tuple[NotingDesk, WebServer]) -> NotingDesk:
    desk = _served[0]
    desk.asked, desk.missing, desk.behaviour = [], {}, answers
    return desk


@pytest.fixture
def client(_served: tuple[NotingDesk, WebServer]) -> Iterator[Client]:
    with Client(f"http://{_served[1].address}", "ann-token") as client:
        yield client


Case = tuple[str, Callable[[Client], object], dict[str, str], str]
"""The verb, how it is asked for, its parameters, and which key of the document is answered."""

CASES: list[Case] = [
    ("call/list", Client.calls, {}, "calls"),
    ("call/queue", Client.queue, {}, "calls"),
    ("call/state", lambda c: c.call("c-1"), {"call_id": "c-1"}, "call"),
    ("call/pickup", Client.pickup, {}, "call"),
    ("call/pickup", lambda c: c.pickup("c-1"), {"call_id": "c-1"}, "call"),
    ("call/park", Client.park, {}, "call"),
    ("call/park", lambda c: c.park("c-1"), {"call_id": "c-1"}, "call"),
    ("call/unpark", lambda c: c.unpark("c-1"), {"call_id": "c-1"}, "call"),
    ("call/hangup", Client.hangup, {}, "call"),
    ("call/hangup", lambda c: c.hangup("c-1"), {"call_id": "c-1"}, "call"),
    (
        "call/originate",
        lambda c: c.originate("0*#+1", key="k"),
        {"extension": "0*#+1", "idempotency_key": "k"},
        "call",
    ),
    (
        "call/originate",
        lambda c: c.originate(cm_id=42, key="k"),
        {"cm_id": "42", "idempotency_key": "k"},
        "call",
    ),
    ("call/transfer", lambda c: c.transfer("c-1"), {"source": "c-1"}, ""),
    ("call/history", Client.history, {}, ""),
    (
        "call/history",
        lambda c: c.history("1.5~c-1", since=1.25, until=2, agent="ann", direction="inbound"),
        {
            "cursor": "1.5~c-1",
            "since": "1.250000",
            "until": "2",
            "agent": "ann",
            "direction": "inbound",
        },
        "",
    ),
    ("call/timeline", lambda c: c.timeline("c-1"), {"call_id": "c-1"}, ""),
    ("call/statistics", Client.statistics, {}, "statistics"),
    ("agent", Client.agent, {}, "agent"),
    ("agent/list", Client.agents, {}, "agents"),
    ("agent/state", Client.resume, {"state": "idle"}, "agent"),
    ("agent/state", Client.pause, {"state": "paused"}, "agent"),
    (
        "agent/state",
        lambda c: c.pause("Mittag & Käse"),
        {"state": "paused", "reason": "Mittag & Käse"},
        "agent",
    ),
    ("contact", lambda c: c.contacts("vé st"), {"q": "vé st"}, "contacts"),
    (
        "contact",
        lambda c: c.contacts("v", limit=3, organization_id=7),
        {"q": "v", "limit": "3", "organization_id": "7"},
        "contacts",
    ),
    ("organization/list", Client.organizations, {}, "organizations"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_request_is_asked_as_described_and_its_document_is_the_answer(
    case: Case, client: Client, desk: NotingDesk
) -> None:
    verb, ask, parameters, key = case
    answer = ask(client)
    assert desk.asked == [("ann", verb, parameters)]
    assert answer == (ANSWERS[verb][key] if key else ANSWERS[verb])


def test_every_verb_has_its_method() -> None:
    verbs = {route.verb for route in ROUTES if route.verb is not None}
    assert {verb for verb, *_ in CASES} == verbs - {"events"}


def test_dialling_takes_a_new_key_each_time(client: Client, desk: NotingDesk) -> None:
    for _ in range(2):
        client.originate("1142")
    keys = [parameters["idempotency_key"] for *_, parameters in desk.asked]
    assert len(set(keys)) == 2


def test_the_whole_history_is_read_page_by_page(client: Client, desk: NotingDesk) -> None:
    entry = ANSWERS["call/history"]["calls"][0]

    def pages(_agent: object, _verb: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        number = int(parameters.get("cursor", "0.0~x").partition(".")[0])
        calls = [{**entry, "id": f"c-{number}"}]
        return {
            "status": "success",
            "calls": calls,
            "next": f"{number + 1}.0~x"[: 5 * (number < 2)] or None,
        }

    desk.behaviour = pages
    assert [call["id"] for call in client.every_ended_call(limit=1)] == ["c-0", "c-1", "c-2"]
    assert {parameters["limit"] for *_, parameters in desk.asked} == {"1"}


def test_a_refusal_is_raised(client: Client, desk: NotingDesk) -> None:
    def refuses(*_: object) -> dict[str, object]:
        raise call_owned("c-1", "bente")

    desk.behaviour = refuses
    with pytest.raises(Refused) as caught:
        client.park("c-1")
    assert (caught.value.http, caught.value.error) == (403, "call-owned")


def test_without_a_token_nothing_is_answered(client: Client) -> None:
    with Client(client.url) as nobody, pytest.raises(Refused, match="A valid token is required"):
        nobody.agent()


def test_what_is_missing_is_told_in_sentences(client: Client, desk: NotingDesk) -> None:
    assert client.missing() == {}
    desk.missing = {"switch": "FreeSWITCH is not connected"}
    assert client.missing() == {"switch": "FreeSWITCH is not connected"}
