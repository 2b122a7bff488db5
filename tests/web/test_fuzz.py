"""Every route, and what is none, gets what no client should send; real HTTP, real server.

Whatever comes in, one well-formed answer goes out: a document with a status of the refusal table,
never 500, never a traceback; and only a request that is in order reaches the desk, once.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from fsapp.settings import Address, Http, Settings
from fsapp.web.app import build
from fsapp.web.guesses import SECONDS_EACH, Guesses
from fsapp.web.pages import FOLDER
from fsapp.web.routes import ROUTES, Parameter, Route
from fsapp.web.server import WebServer
from tests.switch.peer import wait_until

from .hearing import LIMIT, Hall, Word, hall
from .serving import (
    ANN,
    Holders,
    NoStreams,
    NotingDesk,
    Response,
    exchange,
    parsed,
    request,
)

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "150"))
HTTP_CODES = {200, 400, 401, 404, 405, 408, 411, 413, 414, 417, 431, 501, 503, 505}
"""What the web layer may answer by itself: the refusals, and what HTTP alone can be wrong with."""
ENDLESS = {"/events"}
"""Streams are answered for as long as they are wanted: only the head of the answer is read."""

STREAM = next(route for route in ROUTES if route.path == "/events")
ANSWERED = [route for route in ROUTES if route.path not in ENDLESS]
FILES = {file.name: file.read_bytes() for file in FOLDER.iterdir() if file.is_file()}

NASTY = st.sampled_from(
    (
        "", " ", "\0", "\x7f", "\r\nX-Injected: 1", "%00", "${system(id)}", "';DROP TABLE calls;--",
        "../../etc/passwd", "nobody", "1" * 70, "9" * 5000, "-1", "1e3", "NaN", "é", "\ud7ff",
        "\u2028", "💥", "{}", "[]", "null", "true", "a&call_id=b", "=", "&&", "+", "idle", "5900",
    )
)  # fmt: skip
TEXT = NASTY | st.text(max_size=40)
RAW = st.binary(max_size=60)
HEADER_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40)


def fitting(parameter: Parameter) -> st.SearchStrategy[str]:
    """Mostly values the parameter's row allows, so that something gets through."""
    if parameter.pattern.pattern in (".*", "[ -~]+"):
        return st.sampled_from(("lunch", "a b"))
    return st.from_regex(parameter.pattern, fullmatch=True).map(
        lambda text: text[: parameter.longest]
    )


@st.composite
def pairs(draw: st.DrawFn, route: Route) -> list[tuple[str, str]]:
    known = [p for p in route.parameters if p.header is None]
    chosen = draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
    found = [(p.name, draw(fitting(p) | TEXT)) for p in chosen]
    if draw(st.integers(0, 4)) == 0:
        found.append((draw(TEXT), draw(TEXT)))
    if draw(st.integers(0, 9)) == 0:
        found.append(("token", draw(st.sampled_from(("ann-token", "bob-token", "no")))))
    return found


HOSTILE = st.sampled_from(
    (
        "", ".", "..", "../..", "../../../etc/passwd", "%2e%2e", "%2e%2e/%2e%2e/app.py", "%2F",
        "..%2f..%2fapp.py", "%252e%252e%252f", "..%5c..%5capp.py", "..\\..\\app.py", "~root",
        "a%2Fb", "a/b", "a//b", "..;/x", "%00", "console.html%00.js", "console.html/", "%",
        "CONSOLE.HTML", "console%2ehtml", "%c0%ae%c0%ae/", "%ff", "%zz", "<call_id>", "?", "#", ";",
        "x" * 5000,
    )
)  # fmt: skip
"""What is put into a path as it is."""


def fitting_part(route: Route, name: str) -> st.SearchStrategy[str]:
    """What may stand in a path's angle brackets."""
    if name == "file":
        return st.sampled_from(sorted(FILES))
    return fitting(next(one for one in route.parameters if one.name == name))


@st.composite
def targets(draw: st.DrawFn, route: Route, *, fits: bool = False) -> tuple[str, bool]:
    """A path, what stands in brackets replaced, and whether it is the route's beyond doubt;
    always so with ``fits``."""
    parts, good = re.split(r"<(\w+)>", route.path), True
    for place in range(1, len(parts), 2):
        good = good and (fits or draw(st.booleans()))
        hostile = HOSTILE | TEXT.map(lambda text: quote(text, safe=""))
        parts[place] = draw(fitting_part(route, parts[place]) if good else hostile)
    return "".join(parts), good


def as_form(fields: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in fields).encode()


@st.composite
def bodies(draw: st.DrawFn, route: Route) -> tuple[bytes, str]:
    """A body and its Content-Type, which need not fit each other."""
    fields = draw(pairs(route))
    values = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.lists(TEXT)
    document = {name: draw(st.just(value) | values) for name, value in fields}
    body = draw(
        st.sampled_from((b"", as_form(fields), json.dumps(document).encode(), b"[" * 5000)) | RAW
    )
    kinds = ("application/json", "application/x-www-form-urlencoded", "text/plain", "", "a/b; c=")
    return body, draw(st.sampled_from(kinds) | HEADER_TEXT)


@st.composite
def requests(draw: st.DrawFn, route: Route) -> tuple[bytes, Route | None]:
    """A whole request as bytes, for the route or nearly, and the route if it is beyond doubt."""
    path, known = draw(targets(route))
    if draw(st.integers(0, 9)) == 0:
        path, known = draw(st.sampled_from((path + "/", path.upper(), "/" + path, "/x"))), False
    elif draw(st.integers(0, 9)) == 0:
        path, known = "/" + quote(draw(TEXT)), False
    methods = st.sampled_from(("PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", "Ä"))
    method = draw(st.sampled_from(route.methods) | st.sampled_from(route.methods) | methods)
    query = as_form(draw(pairs(route))).decode()
    body, kind = draw(bodies(route)) if draw(st.booleans()) else (b"", "")
    lines = [f"{method} {path}{'?' + query if query else ''} HTTP/1.1", "Host: x"]
    lines += [f"Authorization: {draw(credentials())}", "Connection: close"]
    if body or method == "POST" or draw(st.integers(0, 9)) == 0:
        lines.append(f"Content-Length: {draw(lengths(len(body)))}")
    if kind:
        lines.append(f"Content-Type: {kind}")
    for _ in range(draw(st.integers(0, 2))):
        lines.append(f"{draw(names())}: {draw(HEADER_TEXT)}")
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass")
    return head + body, route if known else None


@st.composite
def stream_requests(draw: st.DrawFn) -> bytes:
    """A request for the event stream, as bytes."""
    methods = st.sampled_from(("POST", "PUT", "HEAD", "DELETE", "OPTIONS", "get"))
    method = draw(st.just("GET") | st.just("GET") | st.just("GET") | methods)
    query = as_form(draw(st.just([]) | st.just([]) | pairs(STREAM))).decode()
    lines = [f"{method} /events{'?' + query if query else ''} HTTP/1.1", "Host: x"]
    lines.append(f"Authorization: {draw(credentials())}")
    right = st.integers(0, 9).map(str)
    wrong = st.sampled_from(("-2", "9" * 30, "1_0", "0x1", "1.0", "+1")) | HEADER_TEXT
    for _ in range(draw(st.sampled_from((0, 1, 1, 2)))):
        lines.append(f"Last-Event-ID: {draw(right | right | wrong)}")
    if draw(st.integers(0, 4)) == 0:
        lines.append(f"{draw(names())}: {draw(HEADER_TEXT)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass")


def credentials() -> st.SearchStrategy[str]:
    good = st.sampled_from(("Bearer ann-token", "bearer  bob-token"))
    return good | good | good | st.sampled_from(("", "Bearer", "Basic eA==", "Bearer no"))


def lengths(true: int) -> st.SearchStrategy[str]:
    right = st.just(str(true))
    return right | right | right | st.sampled_from(("-1", "1_0", "0x5", "", "70000", "9" * 30))


def names() -> st.SearchStrategy[str]:
    known = (
        "Idempotency-Key",
        "Accept",
        "Expect",
        "Transfer-Encoding",
        "Cookie",
        "X-Forwarded-For",
    )
    more = ("Host", "Content-Length", "Last-Event-ID", "Range", "Upgrade", "Content-Encoding")
    return st.sampled_from(known + more)


def answered(server: WebServer, sent: bytes) -> bytes:
    """Everything that comes back; the client ends its half, so that nobody waits for more."""
    try:
        return exchange(server.address, sent)
    except (ConnectionResetError, BrokenPipeError):
        return b""


def head_of(address: Address, sent: bytes) -> tuple[int, str]:
    """Status and head of the answer; what comes behind it is left. 0: closed without a word."""
    received = b""
    with socket.create_connection(address, timeout=LIMIT) as connection, suppress(ConnectionError):
        connection.sendall(sent)
        while b"\r\n\r\n" not in received and (chunk := connection.recv(65536)):
            received += chunk
    head = received.partition(b"\r\n\r\n")[0].decode("latin-1")
    return int(head.split()[1]) if head else 0, head


def check(raw: bytes, desk: NotingDesk) -> Response | None:
    """The answer, of which all is true that is true of every answer."""
    if not raw:
        return None
    answer = parsed(raw)
    assert answer.status in HTTP_CODES, raw[:400]
    assert b"Traceback" not in raw
    assert "X-Injected" not in answer.headers
    if answer.status == 200:
        return answer
    assert desk.asked == [], "a refused request reached the desk"
    if answer.body:
        document = answer.document
        assert {"status", "description", "error"} <= document.keys(), document
    return answer


class Reached:
    """Figures that only note which routes were asked."""

    def __init__(self) -> None:
        self.routes: list[str] = []

    def answered(self, route: str, *_: object) -> None:
        self.routes.append(route)

    def exposition(self) -> bytes:
        return b""


def forgiving() -> Guesses:
    """Time passes so fast that no wrong token is one too many: each gets its answer, at once."""
    return Guesses(count(0.0, SECONDS_EACH).__next__)


@pytest.fixture(scope="module")
def reached() -> Reached:
    return Reached()


@pytest.fixture(scope="module")
def server(_desk: NotingDesk, http: Http, reached: Reached) -> Iterator[WebServer]:
    known = replace(Settings(), http=http)
    application = build(_desk, Holders(), known, NoStreams(), forgiving(), figures=reached)
    server = WebServer(application, http)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fresh(desk: NotingDesk) -> Callable[[], NotingDesk]:
    """The desk with nothing noted."""

    def emptied() -> NotingDesk:
        desk.asked = []
        return desk

    return emptied


@pytest.mark.parametrize("route", ANSWERED, ids=lambda route: route.path)
@settings(
    max_examples=EXAMPLES // 10,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_comes_in_one_document_goes_out(
    server: WebServer,
    fresh: Callable[[], NotingDesk],
    troubles: Callable[[], list[str]],
    *,
    reached: Reached,
    route: Route,
    data: st.DataObject,
) -> None:
    sent, known = data.draw(requests(route))
    desk = fresh()
    reached.routes.clear()
    answer = check(answered(server, sent), desk)
    for path in reached.routes:
        event(f"reached {path}")
    assert len(desk.asked) <= 1
    if answer is not None and answer.status == 200 and known is not None and known.verb is not None:
        assert [verb for _, verb, _ in desk.asked] == [known.verb]
    assert troubles() == []


@pytest.mark.parametrize("route", ANSWERED, ids=lambda route: route.path)
@settings(
    max_examples=5,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_what_is_drawn_for_a_route_reaches_it(
    server: WebServer, reached: Reached, route: Route, data: st.DataObject
) -> None:
    path, _ = data.draw(targets(route, fits=True))
    assert arrives(server, reached, route.methods[0], path) == route.path


def arrives(server: WebServer, reached: Reached, method: str, path: str) -> str:
    """The route at which a request with an agent's token arrives."""
    reached.routes.clear()
    answer = parsed(answered(server, request(method, path)))
    assert answer.status in {200, 400, 401, 503}, answer
    (route,) = reached.routes
    return route


def test_a_route_that_is_not_reached_is_noticed(server: WebServer, reached: Reached) -> None:
    with pytest.raises(AssertionError):
        arrives(server, reached, "GET", "/call/<call_id>/timeline")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(part=HOSTILE | TEXT.map(quote))
def test_no_path_leads_to_a_file_that_is_not_the_consoles(server: WebServer, part: str) -> None:
    raw = answered(server, f"GET /console/{part} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = raw.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200 "):
        assert body in FILES.values()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sent=st.binary(max_size=400)
    | st.builds(lambda a, b: b"GET /agent HTTP/1.1\r\n" + a + b"\r\n" + b, RAW, RAW)
    | st.builds(lambda a: b"POST /call/park HTTP/1.1\r\nHost: x\r\n" + a, RAW)
)
def test_bytes_that_are_no_request_harm_nobody(
    server: WebServer,
    fresh: Callable[[], NotingDesk],
    troubles: Callable[[], list[str]],
    sent: bytes,
) -> None:
    desk = fresh()
    answered(server, sent)
    assert desk.asked == []
    assert troubles() == []
    good = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert parsed(exchange(server.address, good, half_close=False)).status == 200


@pytest.fixture(scope="module")
def stage() -> Iterator[Hall]:
    with hall(guesses=forgiving()) as made:
        made.feed.say(*(Word(number) for number in range(1, 6)))
        yield made


def opens_or_refuses(stage: Hall, sent: bytes) -> int:
    """A stream for who may have one, a document for everybody else; nothing stays open. The
    status of the answer."""
    status, head = head_of(stage.server.address, sent)
    assert status in HTTP_CODES | {0}, head
    assert "X-Injected" not in head
    opened = "Content-Type: text/event-stream" in head
    assert opened == (status == 200), head
    if opened:
        assert sent.startswith(b"GET "), head
        assert b"ann-token" in sent or b"bob-token" in sent, head
    wait_until(lambda: stage.streams.open == 0, "a stream that was left is open for ever")
    return status


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=stream_requests())
def test_whoever_asks_for_events_gets_a_stream_or_one_document(
    stage: Hall, troubles: Callable[[], list[str]], sent: bytes
) -> None:
    event(f"answered {opens_or_refuses(stage, sent)}")
    assert troubles() == []


def test_a_stream_for_a_wrong_token_is_noticed(
    stage: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.holders, "by_token", lambda _token: ANN)
    with pytest.raises(AssertionError):
        opens_or_refuses(stage, request("GET", "/events", token="no"))


def test_an_answer_500_is_noticed(
    server: WebServer, fresh: Callable[[], NotingDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk falls over: the fuzz's own check must not let that pass."""

    def falls_over(*_: object) -> dict[str, object]:
        raise RuntimeError("a mistake")

    desk = fresh()
    monkeypatch.setattr(desk, "behaviour", falls_over)
    with pytest.raises(AssertionError):
        check(answered(server, request("GET", "/agent")), desk)
