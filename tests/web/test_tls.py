"""HTTPS, with the certificates that lie beside this file and guard nothing."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fsapp.settings import Address, Http, Settings, SettingsError
from fsapp.web.app import build
from fsapp.web.server import WebServer
from fsapp.web.tls import context

from .serving import (
    FORM,
    LIMIT,
    Holders,
    NoStreams,
    NotingDesk,
    Response,
    exchange,
    parsed,
    request,
)

FILES = Path(__file__).parent / "tls"
Troubles = Callable[[], list[str]]


def settings(certificate: str = "one.pem", key: str = "one.key") -> Http:
    return Http(
        listen=Address("127.0.0.1", 0),
        threads=2,
        tls_certificate=FILES / certificate,
        tls_key=FILES / key,
    )


@pytest.fixture
def server() -> Iterator[WebServer]:
    http = settings()
    application = build(NotingDesk(), Holders(), replace(Settings(), http=http), NoStreams())
    server = WebServer(application, http, context(http))
    server.start()
    yield server
    server.stop()


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(FILES / "one.pem"))


def encrypted(server: WebServer, made: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    plain = socket.create_connection(server.address, timeout=LIMIT)
    try:
        return (made or trusting()).wrap_socket(plain, server_hostname="localhost")
    except OSError:
        plain.close()
        raise


def ask(connection: ssl.SSLSocket, sent: bytes) -> Response:
    connection.sendall(sent)
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return parsed(received)


def test_requests_are_answered_encrypted(server: WebServer) -> None:
    with encrypted(server) as connection:
        response = ask(connection, request("GET", "/agent"))
    assert response.status == 200
    assert response.document["verb"] == "agent"


def test_a_body_in_many_records_arrives_whole(server: WebServer) -> None:
    sent = request("POST", "/call/park", b"call_id=" + b"x" * 60_000, Content_Type=FORM)
    with encrypted(server) as connection:
        for start in range(0, len(sent), 7_001):
            connection.sendall(sent[start : start + 7_001])
        assert "call_id is longer" in ask(connection, b"").document["description"]


def test_one_connection_serves_several_requests(server: WebServer) -> None:
    with encrypted(server) as connection:
        for _ in range(3):
            connection.sendall(request("GET", "/agent", Connection="keep-alive"))
            received = b""
            while not received.endswith(b"}}"):
                received += connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_nothing_older_than_tls_1_2_is_spoken(server: WebServer) -> None:
    old, new = trusting(), trusting()
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError, match=r"PROTOCOL_VERSION|alert"):
        encrypted(server, old)
    new.maximum_version = ssl.TLSVersion.TLSv1_2
    with encrypted(server, new) as connection:
        assert connection.version() == "TLSv1.2"


def test_plain_http_is_told_so_at_once(server: WebServer, troubles: Troubles) -> None:
    began = time.monotonic()
    answer = parsed(exchange(server.address, request("GET", "/agent"), half_close=False))
    assert time.monotonic() - began < 2.0
    assert answer.status == 400
    assert answer.document["description"] == "This port speaks HTTPS only."
    assert troubles() == []


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"], ids=repr)
def test_hand_shakes_that_do_not_finish_hold_up_nobody(server: WebServer, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            opened = stack.enter_context(socket.create_connection(server.address, timeout=LIMIT))
            opened.sendall(sent)
        began = time.monotonic()
        with encrypted(server) as connection:
            assert ask(connection, request("GET", "/agent")).status == 200
        assert time.monotonic() - began < 2.0


def test_garbage_for_a_hand_shake_ends_that_connection_alone(
    server: WebServer, troubles: Troubles
) -> None:
    assert b"HTTP" not in exchange(server.address, b"\x00\xff" * 500, half_close=False)
    with encrypted(server) as connection:
        assert ask(connection, request("GET", "/agent")).status == 200
    assert troubles() == []


def test_without_files_there_is_no_tls() -> None:
    assert context(Http()) is None


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        ("one.pem", "other.key", "does not belong to http.tls_certificate"),
        ("none.pem", "one.key", "http.tls_certificate .*: cannot be read: No such file"),
        ("one.pem", "none.key", "http.tls_key .*: cannot be read: No such file"),
        ("one.pem", ".", "cannot be read: Is a directory"),
        ("one.key", "one.pem", "both PEM"),
        ("../test_tls.py", "one.key", "both PEM"),
        ("one.pem", "encrypted.key", "must not be encrypted"),
    ],
)
def test_files_that_are_no_pair_are_one_clear_line(certificate: str, key: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as refusal:
        context(settings(certificate, key))
    assert str(refusal.value).isprintable()
