"""Connections are kept, every wait has a limit, and what is asked twice does no harm."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fsapp.client import Client, Refused, Unreachable, trusting
from fsapp.web.server import WebServer
from tests.descriptors import many_allowed, raised
from tests.web.test_tls import FILES, server  # noqa: F401 - a fixture

from .peer import Line, peer

CALLS = {"status": "success", "calls": []}
CALL = {"status": "success", "call": {"id": "c-1"}}
SOON = 5.0


def test_one_connection_serves_request_after_request() -> None:
    def talk(line: Line) -> None:
        while True:
            line.hears()
            line.answers(CALLS)

    with peer(talk) as there, Client(there.url, "t") as client:
        for _ in range(3):
            assert client.calls() == []
        assert there.connections == 1
        assert all("Authorization: Bearer t" in request for request in there.heard)


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    def talk(line: Line) -> None:
        line.hears()
        line.answers(CALL)

    with peer(talk) as there, Client(there.url) as client:
        for _ in range(3):
            client.pickup()
            there._threads[-1].join(SOON)
        assert there.connections == len(there.heard) == 3


def test_a_connection_is_kept_on_a_descriptor_above_those_of_select(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def talk(line: Line) -> None:
        while True:
            line.hears()
            line.answers(CALLS)

    def connect(*given: Any, **named: Any) -> socket.socket:
        return raised(connects(*given, **named))

    connects = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", connect)
    with many_allowed(), peer(talk) as there, Client(there.url) as client:
        assert client.calls() == client.calls() == []
        assert there.connections == 1


def closes_on_the_second(line: Line) -> None:
    """The request that crosses the server's closing the idle connection."""
    line.hears()
    line.answers(CALL)
    line.hears()


def answers(line: Line) -> None:
    line.hears()
    line.answers(CALL)


def test_a_question_that_crossed_the_end_of_its_connection_is_asked_again() -> None:
    with peer(closes_on_the_second, answers) as there, Client(there.url) as client:
        client.call("c-1")
        assert client.call("c-1")["id"] == "c-1"
        assert (there.connections, len(there.heard)) == (2, 3)


def test_a_command_is_not_given_twice() -> None:
    with peer(closes_on_the_second, answers) as there, Client(there.url) as client:
        client.pickup()
        with pytest.raises(Unreachable) as caught:
            client.pickup()
        assert caught.value.sent
        assert (there.connections, len(there.heard)) == (1, 2)


def test_dialling_is_asked_for_again_with_the_same_key() -> None:
    with peer(closes_on_the_second, answers) as there, Client(there.url) as client:
        client.originate("1142")
        client.originate("1142")
        keys = [
            line
            for request in there.heard
            for line in request.split("\r\n")
            if line.startswith("Idempotency-Key")
        ]
        assert len(keys) == 3
        assert keys[0] != keys[1] == keys[2]


def test_who_is_not_there_has_carried_nothing_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{port}: Connection refused") as caught:
        Client(f"http://127.0.0.1:{port}").pickup()
    assert not caught.value.sent


def within(limit: float, client: Client) -> Unreachable:
    """What is raised when asked, which must not take longer."""
    began = time.monotonic()
    with pytest.raises(Unreachable, match="no answer in time") as caught:
        client.calls()
    assert time.monotonic() - began < limit
    return caught.value


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    gone = threading.Event()

    def talk(line: Line) -> None:
        line.hears()
        gone.wait(SOON)

    with peer(talk) as there, Client(there.url, timeout=0.2) as client:
        assert within(SOON, client).sent
        gone.set()


def test_an_answer_that_never_ends_is_not_waited_for() -> None:
    gone = threading.Event()

    def talk(line: Line) -> None:
        line.hears()
        line.says("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not gone.wait(0.02):
            line.says(" ")

    with peer(talk) as there, Client(there.url, timeout=0.3) as client:
        within(SOON, client)
        gone.set()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("nonsense\r\n\r\n", "no proper HTTP"),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>", "502, but not by fsapp"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "200, but not by fsapp"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "200, but not by fsapp"),
        ('HTTP/1.1 404 No\r\nContent-Length: 7\r\n\r\n{"a":1}', "404, but not by fsapp"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "closed|no proper HTTP"),
        ("", "closed before there was an answer"),
    ],
)
def test_what_is_no_answer_of_fsapps_is_said_in_a_sentence(said: str, why: str) -> None:
    def talk(line: Line) -> None:
        line.hears()
        line.says(said)

    with peer(talk) as there, Client(there.url) as client:
        with pytest.raises(Unreachable, match=why) as caught:
            client.calls()
        assert "\n" not in str(caught.value)


def test_a_refusal_has_all_that_was_said() -> None:
    document = {
        "status": "forbidden",
        "error": "call-owned",
        "description": "Call|c-1 belongs to bente",
        "call": {"id": "c-1"},
    }

    def talk(line: Line) -> None:
        line.hears()
        line.answers(document, "403 Forbidden", more="Retry-After: 5\r\n")

    with peer(talk) as there, Client(there.url) as client:
        with pytest.raises(Refused, match=r"403 forbidden: Call\|c-1 belongs to bente") as caught:
            client.hangup("c-1")
        refusal = caught.value
        assert (refusal.http, refusal.status, refusal.error) == (403, "forbidden", "call-owned")
        assert refusal.call == {"id": "c-1"}
        assert refusal.retry_after == 5.0


def test_behind_a_proxy_there_may_be_a_path_in_front() -> None:
    def talk(line: Line) -> None:
        line.hears()
        line.answers(CALLS)

    with peer(talk) as there, Client(f"{there.url}/desk/") as client:
        client.queue()
        assert there.heard[0].startswith("GET /desk/call/queue HTTP/1.1")


@pytest.mark.parametrize("url", ["", "desk.example:4242", "ftp://x", "http://", "//x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not http://host:port"):
        Client(url)


@pytest.mark.parametrize("token", ["a\nb", "é", "\x7f"])
def test_what_can_be_no_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="a token is printable ASCII"):
        Client("http://x", token)


# TLS.


def url(server: WebServer, host: str = "127.0.0.1") -> str:  # noqa: F811 - the fixture
    return f"https://{host}:{server.address.port}"


def test_the_servers_own_certificate_is_trusted_whatever_its_name(
    server: WebServer,  # noqa: F811 - the fixture
) -> None:
    with Client(url(server), "ann-token", context=trusting(FILES / "one.pem")) as client:
        assert client.ask("GET", "/agent")["verb"] == "agent"


def test_another_certificate_is_not(server: WebServer) -> None:  # noqa: F811 - the fixture
    other = trusting(FILES / "other.pem")
    with (
        Client(url(server), "ann-token", context=other) as client,
        pytest.raises(Unreachable, match="its certificate is not trusted") as caught,
    ):
        client.agent()
    assert not caught.value.sent


def test_what_is_behind_the_certificate_in_its_file_vouches_for_nobody(
    server: WebServer,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    """A chain's authority would let anybody in to whom it has ever given a certificate."""
    both = tmp_path / "chain.pem"
    both.write_text((FILES / "other.pem").read_text() + (FILES / "one.pem").read_text())
    with (
        Client(url(server), "ann-token", context=trusting(both)) as client,
        pytest.raises(Unreachable, match="not trusted"),
    ):
        client.agent()


def test_without_being_told_only_what_the_system_trusts_is(
    server: WebServer,  # noqa: F811 - the fixture
) -> None:
    with Client(url(server), "ann-token") as client, pytest.raises(Unreachable, match="not trust"):
        client.agent()


def test_a_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    for file in (FILES / "one.key", tmp_path / "missing"):
        with pytest.raises((OSError, ssl.SSLError)):
            trusting(file)


def test_https_to_a_server_that_speaks_none_is_a_sentence() -> None:
    def talk(line: Line) -> None:
        line.socket.recv(1000)
        line.says("HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        peer(talk) as there,
        Client(there.url.replace("http", "https")) as client,
        pytest.raises(Unreachable, match="no TLS"),
    ):
        client.agent()
