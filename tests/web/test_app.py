"""From a request to the desk and back: order of checks, verbs, refusals, errors."""

import json
from collections.abc import Callable

import pytest

from fsapp.calls.document_types import ShownCallDocument
from fsapp.calls.refusals import call_owned, phone_unavailable
from fsapp.logs import FORMATS
from fsapp.web.routes import ROUTES, Route
from fsapp.web.schemas import example_of

from .conftest import Ask
from .serving import FORM, JSON, NotingDesk

Troubles = Callable[[], list[str]]
DESK_ROUTES = [route for route in ROUTES if route.verb not in (None, "events")]
GOOD = {
    "/call/state": "call_id=c-1",
    "/call/history": "since=1&until=2.5&agent=ann&organization=1&direction=inbound"
    "&outcome=abandoned&number=204&limit=1000&cursor=1700000000.25~c-1",
    "/call/unpark": "call_id=c-1",
    "/call/originate": "extension=1142",
    "/call/transfer": "source=c-1",
    "/agent/state": "state=paused&reason=lunch",
    "/contact": "q=vest&limit=5&organization_id=2",
}


def by_path(route: Route) -> str:
    return route.path


@pytest.mark.parametrize("route", DESK_ROUTES, ids=by_path)
def test_every_verb_reaches_the_desk_by_each_of_its_methods(
    ask: Ask, desk: NotingDesk, route: Route
) -> None:
    query, path = GOOD.get(route.path, ""), route.path.replace("<call_id>", "c-1")
    expected = dict(pair.split("=") for pair in query.split("&") if pair)
    expected.update({"call_id": "c-1"} if path != route.path else {})
    for method in route.methods:
        response = ask(method, f"{path}?{query}")
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        assert desk.asked[-1] == ("ann", route.verb, expected)
        assert response.document["parameters"] == expected


@pytest.mark.parametrize("route", ROUTES, ids=by_path)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "BREW"])
def test_a_wrong_method_is_405_with_allow(
    ask: Ask, desk: NotingDesk, route: Route, method: str
) -> None:
    if method in route.methods or route.scraped:
        return  # Ann may not even ask: test_scrapers.py
    path = route.path.replace("<call_id>", "c-1").replace("<file>", "console.js")
    response = ask(method, path)
    assert response.status == 405
    assert response.headers["Allow"] == ", ".join(route.methods)
    assert desk.asked == []
    assert response.body == b"" if method == "HEAD" else response.document["error"]


@pytest.mark.parametrize(
    "path", ["/call", "/call/", "/call/list/", "/call//list", "/calls", "/call/%6cist2", "/%00"]
)
def test_an_unknown_path_is_404(ask: Ask, path: str) -> None:
    response = ask("GET", path)
    assert (response.status, response.document["error"]) == (404, "route-not-found")


def test_an_unknown_path_is_not_repeated(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody's token may stand in it."""
    caplog.set_level(0)
    assert b"s3cret" not in ask("GET", "/x/s3cret").body
    assert "s3cret" not in caplog.text


def test_a_path_with_invalid_utf_8_is_404_and_not_the_path_without_it(
    ask: Ask, desk: NotingDesk
) -> None:
    assert ask("GET", "/call/%ffqueue").status == 404
    assert desk.asked == []


def test_401_comes_before_404_405_and_400(ask: Ask, desk: NotingDesk) -> None:
    for method, target in (
        ("GET", "/nowhere"),
        ("PUT", "/call/list"),
        ("GET", "/call/list?unknown=1"),
        ("GET", "/call/list?x=%ff"),
        ("GET", "/call/list"),
    ):
        for token in (None, "wrong", ""):
            response = ask(method, target, token=token)
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert response.document == {
                "status": "not authorized",
                "description": "A valid token is required.",
                "error": "not-authorized",
            }
    assert ask("POST", "/call/park", b"{", token=None, Content_Type=JSON).status == 401
    assert ask("POST", "/call/park", b"a=" + b"x" * 70000, token=None).status == 401
    assert desk.asked == []


def test_404_and_405_come_before_400(ask: Ask) -> None:
    assert ask("GET", "/nowhere?x=%ff").status == 404
    assert ask("PUT", "/call/list?unknown=1").status == 405
    assert ask("PUT", "/call/list", b"x" * 70000).status == 405


def test_the_desks_refusal_is_the_answer(ask: Ask, desk: NotingDesk) -> None:
    call = {**example_of(ShownCallDocument), "id": "c-1", "caller_name": "Zoë \ud800"}

    def refuses(*_: object) -> dict[str, object]:
        raise call_owned("c-1", "bob", call)

    desk.behaviour = refuses
    response = ask("POST", "/call/park?call_id=c-1")
    assert response.status == 403
    assert response.document == {
        "status": "forbidden",
        "description": "Call|c-1 belongs to bob",
        "error": "call-owned",
        "call": {**call, "caller_name": "Zoë ?"},
    }
    assert "Zoë".encode() in response.body


def test_a_refusal_keeps_the_words_of_the_desk(ask: Ask, desk: NotingDesk) -> None:
    def refuses(*_: object) -> dict[str, object]:
        raise phone_unavailable("user/1101", "USER_BUSY")

    desk.behaviour = refuses
    response = ask("POST", "/call/pickup")
    assert (response.status, response.document["description"]) == (409, "user/1101: USER_BUSY")


@pytest.mark.parametrize("result", [ZeroDivisionError("secret"), {"status": {"a set"}}])
def test_an_error_is_an_incident_in_answer_and_log_and_never_a_traceback(
    ask: Ask, desk: NotingDesk, caplog: pytest.LogCaptureFixture, result: object
) -> None:
    def fails(*_: object) -> dict[str, object]:
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[return-value]

    desk.behaviour = fails
    response = ask("GET", "/call/list?token=ann-token")
    assert response.status == 500
    assert response.document["status"] == "unhandled exception"
    assert b"secret" not in response.body
    assert b"Traceback" not in response.body
    incident = response.document["description"].split()[1].rstrip(";")
    (record,) = [record for record in caplog.records if incident in record.getMessage()]
    assert record.exc_info
    for form in FORMATS.values():
        assert "ann-token" not in form().format(record)
    desk.behaviour = None
    assert ask("GET", "/call/list").status == 200


def test_an_incident_names_who_asked_and_about_which_call(
    ask: Ask, desk: NotingDesk, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> dict[str, object]:
        raise ZeroDivisionError

    desk.behaviour = fails
    assert ask("POST", "/call/pickup?call_id=c-1").status == 500
    (record,) = [one for one in caplog.records if one.name == "fsapp.web.answers"]
    found = json.loads(FORMATS["json"]().format(record))
    assert (found["agent"], found["call"]) == ("ann", "c-1")
    assert found["exception"].endswith("ZeroDivisionError")


def test_an_incident_names_the_route_and_not_the_path(
    ask: Ask, desk: NotingDesk, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> dict[str, object]:
        raise ZeroDivisionError

    desk.behaviour = fails
    assert ask("GET", "/call/s3cret/timeline").status == 500
    (record,) = [one for one in caplog.records if one.name == "fsapp.web.answers"]
    assert record.getMessage().endswith(" in GET /call/<call_id>/timeline")


def test_bottles_own_errors_are_json_documents_too(ask: Ask, desk: NotingDesk) -> None:
    def aborts(*_: object) -> dict[str, object]:
        import bottle

        raise bottle.HTTPError(503, "down")

    desk.behaviour = aborts
    response = ask("GET", "/call/list")
    assert (response.status, response.document["status"]) == (503, "unavailable")


def test_no_answer_names_the_software(ask: Ask) -> None:
    for target in ("/call/list", "/nowhere", "/"):
        headers = ask("GET", target).headers
        assert headers["Server"] == "fsapp"
        assert headers["Cache-Control"] == ("no-cache" if target == "/" else "no-store")


def test_health_needs_no_token(ask: Ask, desk: NotingDesk) -> None:
    for token in (None, "wrong", "ann-token"):
        assert ask("GET", "/healthz", token=token).document == {"status": "success"}
        assert ask("GET", "/readyz", token=token).document == {"status": "success"}
        assert ask("GET", "/", token=token).status == 200
    assert ask("GET", "/healthz?unknown=1", token=None).status == 400
    assert desk.asked == []


def test_not_ready_is_503_naming_what_is_missing(ask: Ask, desk: NotingDesk) -> None:
    desk.missing = {
        "switch": "FreeSWITCH does not answer at 127.0.0.1:8021",
        "database": "disk full",
    }
    response = ask("GET", "/readyz", token=None)
    assert response.status == 503
    assert response.document == {
        "status": "unavailable",
        "description": "FreeSWITCH does not answer at 127.0.0.1:8021; disk full",
        "error": "unavailable",
        "missing": desk.missing,
    }
    assert ask("GET", "/healthz", token=None).status == 200


def test_parameters_are_the_same_from_query_form_and_json(ask: Ask, desk: NotingDesk) -> None:
    ask("POST", "/agent/state?state=paused&reason=caf%C3%A9+noir")
    ask("POST", "/agent/state", b"state=paused&reason=caf%C3%A9+noir", Content_Type=FORM)
    ask(
        "POST",
        "/agent/state?state=paused",
        '{"reason": "café noir"}'.encode(),
        Content_Type="Application/JSON; charset=utf-8",
    )
    expected = ("ann", "agent/state", {"state": "paused", "reason": "café noir"})
    assert desk.asked == [expected] * 3


def test_the_idempotency_key_is_read_from_its_header(ask: Ask, desk: NotingDesk) -> None:
    key = "0815 / ~{!}"
    assert ask("POST", "/call/originate?cm_id=12", Idempotency_Key=key).status == 200
    assert desk.asked == [("ann", "call/originate", {"cm_id": "12", "idempotency_key": key})]


@pytest.mark.parametrize("key", ["x" * 201, "é", "", "\x7f"])
def test_a_bad_idempotency_key_is_400(ask: Ask, desk: NotingDesk, key: str) -> None:
    assert ask("POST", "/call/originate?cm_id=12", Idempotency_Key=key).status == 400
    assert desk.asked == []


def test_a_body_over_the_limit_is_413_without_being_read(
    ask: Ask, desk: NotingDesk, troubles: Troubles
) -> None:
    at_limit = b"call_id=" + b"x" * (65536 - 8)
    assert ask("POST", "/call/park", at_limit, Content_Type=FORM).status == 400
    response = ask("POST", "/call/park", at_limit + b"x", Content_Type=FORM)
    assert (response.status, response.document["error"]) == (413, "body-too-large")
    assert response.headers["Connection"] == "close"
    # Announced, never sent: the answer does not wait for it.
    response = ask("POST", "/call/park", Content_Length="99999999999")
    assert response.status == 413
    assert desk.asked == []
    assert troubles() == []
