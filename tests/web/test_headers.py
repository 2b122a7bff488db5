"""What every answer carries, whatever it is."""

import pytest

from fsapp.web import headers
from fsapp.web.server import WebServer

from .conftest import Ask
from .serving import FORM, exchange, parsed, request

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Content-Type": "application/json",
}


@pytest.mark.parametrize(
    "sent",
    [
        request("GET", "/call/list"),
        request("GET", "/healthz", token=None),
        request("GET", "/call/list", token=None),
        request("GET", "/nowhere"),
        request("DELETE", "/call/list"),
        request("POST", "/call/park", b"foo=1", Content_Type=FORM),
        request("POST", "/call/park", b"x" * 70000),
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * 20000 + b"\r\n\r\n",
    ],
    ids=["200", "open", "401", "404", "405", "400", "413", "no HTTP", "431"],
)
def test_every_answer_has_them(server: WebServer, sent: bytes) -> None:
    response = parsed(exchange(server.address, sent))
    assert {name: response.headers.get(name) for name in EVERYWHERE} == EVERYWHERE


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_answer_lets_another_origin_read_it(ask: Ask, method: str) -> None:
    """A page elsewhere may send a request, with a token it cannot have; it never sees an answer."""
    response = ask(
        method, "/call/list", Origin="https://evil.example", Access_Control_Request_Method="GET"
    )
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_a_page_runs_nothing_but_what_comes_from_here() -> None:
    policy = headers.page("text/html")["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy


def test_an_event_stream_is_neither_kept_nor_held_back() -> None:
    stream = headers.stream()
    assert stream["Content-Type"] == "text/event-stream"
    assert (stream["Cache-Control"], stream["X-Accel-Buffering"]) == ("no-store", "no")
