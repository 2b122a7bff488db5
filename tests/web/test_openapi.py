"""``GET /openapi.json``: valid, whole, and made of what routes, checks, answers and refuses."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any, get_type_hints

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from fsapp.calls import document_types as documents
from fsapp.calls import guard, refusals
from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.guard import Situation, Subject
from fsapp.calls.refusals import Refusal
from fsapp.calls.table import EVENTS
from fsapp.desk.desk import Desk
from fsapp.desk.directory import Directory
from fsapp.desk.reports import Reports
from fsapp.web.answers import OWN
from fsapp.web.openapi import description
from fsapp.web.routes import ROUTES, Route
from fsapp.web.schemas import Schemas, example_of, kind_of
from tests.described import Description

from .conftest import Ask

OPERATIONS = [(route, method) for route in ROUTES for method in route.methods]
EVERY = pytest.mark.parametrize(
    ("route", "method"), OPERATIONS, ids=[f"{method} {route.path}" for route, method in OPERATIONS]
)
TYPES = [
    kind
    for kind in (getattr(documents, name) for name in documents.__all__)
    if hasattr(kind, "__required_keys__")
]


@pytest.fixture(scope="module")
def described() -> Description:
    return Description(description())


def described_path(route: Route) -> str:
    return route.path.replace("<", "{").replace(">", "}")


def operation(route: Route, method: str) -> dict[str, Any]:
    found: dict[str, Any] = description()["paths"][described_path(route)][method.lower()]
    return found


def test_it_is_valid_openapi_3_1() -> None:
    assert description()["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(description()).iter_errors()) == []  # type: ignore[arg-type]


def test_anybody_may_read_it(ask: Ask) -> None:
    answer = ask("GET", "/openapi.json", token=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.document == json.loads(json.dumps(description()))


def test_it_has_every_request_and_no_other() -> None:
    found = {(path, method) for path, item in description()["paths"].items() for method in item}
    assert found == {(described_path(route), method.lower()) for route, method in OPERATIONS}


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation(route, method)["operationId"] for route, method in OPERATIONS]
    assert len(set(names)) == len(names)


@EVERY
def test_a_request_has_every_parameter_in_its_place(route: Route, method: str) -> None:
    node = operation(route, method)
    places = {(one["in"], one["name"]) for one in node["parameters"]}
    contents = node.get("requestBody", {}).get("content", {})
    bodies = [set(content["schema"]["properties"]) for content in contents.values()]
    for parameter in route.parameters:
        if parameter.header is not None:
            assert ("header", parameter.header) in places
        elif f"<{parameter.name}>" in route.path:
            assert ("path", parameter.name) in places
        elif method == "GET":
            assert ("query", parameter.name) in places
        else:
            assert len(bodies) == 2
            assert all(parameter.name in body for body in bodies)
    assert len(places) + len(set().union(*bodies)) == len(route.parameters)


@EVERY
def test_only_open_requests_need_no_token(route: Route, method: str) -> None:
    node = operation(route, method)
    assert (node.get("security") == []) == route.open
    assert ({} in node.get("security", [])) == route.scraped
    assert ("401" in node["responses"]) != route.open


@EVERY
def test_an_example_is_what_its_schema_says(
    route: Route, method: str, described: Description
) -> None:
    for media, content in operation(route, method)["responses"]["200"]["content"].items():
        if "example" in content:
            assert described.document_fault(content["schema"], content["example"]) is None, media
        else:
            assert route.answer is None


@pytest.mark.parametrize("name", list(description()["components"]["responses"]))
def test_the_example_of_a_refusal_is_one(name: str, described: Description) -> None:
    content = description()["components"]["responses"][name]["content"]["application/json"]
    for example in content["examples"].values():
        assert described.document_fault(content["schema"], example["value"]) is None


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_document_is_described_by_an_example(kind: type) -> None:
    assert kind.__doc__
    schemas = Schemas()
    reference = schemas.of(kind)
    whole = Description({"paths": {}, "components": {"schemas": schemas.named}})
    assert whole.document_fault(reference, example_of(kind)) is None


def test_every_call_object_that_is_answered_has_what_she_can_do() -> None:
    """The law of desk/shown.py; the short ones of a transfer are no call objects."""
    schemas = description()["components"]["schemas"]
    calls = [name for name, node in schemas.items() if "arrival_time" in node.get("properties", {})]
    assert calls
    assert [name for name in calls if "can" not in schemas[name]["required"]] == []


def test_a_document_with_a_key_too_much_or_too_few_is_noticed(described: Description) -> None:
    answer = example_of(documents.CallAnswer)
    schema = {"$ref": "#/components/schemas/CallAnswer"}
    assert described.document_fault(schema, answer) is None
    more = {**answer, "call": {**answer["call"], "more": 1}}
    assert "more" in (described.document_fault(schema, more) or "")
    del answer["call"]["can"]
    assert "can" in (described.document_fault(schema, answer) or "")


# What may be refused.


BUILDERS: list[Callable[..., Refusal]] = [
    getattr(refusals, name) for name in refusals.__all__ if name != "Refusal"
]


def test_every_refusal_is_described_somewhere() -> None:
    found = {
        error
        for response in description()["components"]["responses"].values()
        for error in response["content"]["application/json"]["examples"]
    }
    of_the_table = {kind_of(build).error for build in BUILDERS}
    assert found == of_the_table | {error for _, error in OWN.values()}


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_a_refusal_is_described_as_it_is_made(
    build: Callable[..., Refusal], described: Description
) -> None:
    kind = kind_of(build)
    required = [
        name
        for name, one in inspect.signature(build).parameters.items()
        if one.default is one.empty
    ]
    arguments = {name: {"switch": "gone"} if name == "missing" else "x" for name in required}
    if "call" in kind.shows:
        arguments["call"] = example_of(documents.ShownCallDocument)
    refusal = build(**arguments)
    schema = {"$ref": f"#/components/schemas/{kind.name}"}
    assert described.document_fault(schema, refusal.document()) is None
    assert set(refusal.headers) <= set(kind.headers)


def test_the_example_of_a_504_is_what_a_504_says() -> None:
    """As tests/desk/test_switch_silent.py sees it said."""
    assert kind_of(refusals.dependency_timeout).says == "FreeSWITCH did not answer in time"


ANNA = Agent("anna", "Anna", "user/1101")
CALL = Call("c1", State.QUEUED, True, "5900", "1001", 1, 1.0)
QUESTIONS: dict[str, Callable[[Agent, Subject, Situation], None]] = {
    "pickup": guard.may_pick_up,
    "unpark": guard.may_unpark,
    "park": guard.may_park,
    "hangup": guard.may_hang_up,
    "transfer": guard.may_transfer,
}


def subjects() -> Iterator[Subject]:
    owners, verbs = (None, "anna", "bente"), (None, "call/hangup", "call/park")
    for state, owner, locked, inbound, verb in product(State, owners, (0, 1), (0, 1), verbs):
        call = replace(
            CALL, state=state, assigned_to=owner, locked=bool(locked), inbound=bool(inbound)
        )
        for ending in (False, True):
            yield Subject(call, verb, ending)


def situations() -> Iterator[Situation]:
    yield Situation()
    yield Situation(lost_destination=True)
    yield Situation(engaged="c3")
    for state, inbound, verb in product(State, (False, True), (None, "call/park")):
        other = replace(CALL, id="c2", state=state, assigned_to="anna", inbound=inbound)
        yield Situation(Subject(other, verb))
        yield Situation(Subject(other, verb, ending=True))


def told(ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except Refusal as refusal:
        return refusal.error
    return None


@pytest.mark.parametrize("verb", list(QUESTIONS))
def test_a_verb_is_described_with_exactly_what_the_guard_refuses(
    verb: str, described: Description
) -> None:
    """Every state, owner and situation of the agent, against the route's row."""
    of_guard = {
        error
        for subject, situation in product(subjects(), situations())
        if (error := told(lambda: QUESTIONS[verb](ANNA, subject, situation)))  # noqa: B023
    }
    assert of_guard
    if verb == "pickup":
        of_guard.add("agent-paused")
    guarded = {"call-owned", "agent-busy", "agent-paused", "call-locked", "wrong-state"}
    known = {error for _, error in described.refusals("POST", f"/call/{verb}")}
    assert known & (guarded | {"bridge-failed"}) == of_guard


# What is answered.


def makers() -> dict[str, Callable[..., object]]:
    """What makes each verb's document."""
    made: dict[str, Callable[..., object]] = {
        "call/history": Reports.history,
        "call/timeline": Reports.timeline,
        "call/statistics": Reports.statistics,
        "contact": Directory.matches,
        "organization/list": Directory.organizations,
    }
    for route in ROUTES:
        if route.verb not in {None, "events", *made}:
            made[str(route.verb)] = getattr(Desk, f"_{route.verb}".replace("/", "_"))
    return made


@pytest.mark.parametrize(("verb", "make"), list(makers().items()), ids=list(makers()))
def test_a_verbs_document_is_of_the_type_that_is_described(
    verb: str, make: Callable[..., object]
) -> None:
    """mypy sees that what is made has the type; this, that it is the type of the route's row."""
    (answer,) = {route.answer for route in ROUTES if route.verb == verb}
    assert get_type_hints(make)["return"] is answer


def test_every_event_is_described() -> None:
    assert set(description()["x-events"]) == {*EVENTS, "calls", "reset"}


def test_the_columns_of_csv_are_described(described: Description) -> None:
    for route in ROUTES:
        if route.sheet is not None:
            node = described.operation("GET", route.path.replace("<call_id>", "c-1"))
            assert node is not None
            said = node["responses"]["200"]
            assert ", ".join(route.sheet.columns) in said["description"]
            assert "text/csv" in said["content"]
