"""Slow, silent and lying clients cost the others nothing. Real connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from fsapp.settings import Address, Http, Settings
from fsapp.web.app import build
from fsapp.web.intake import Connections
from fsapp.web.server import WebServer

from .serving import FORM, LIMIT, Holders, NoStreams, NotingDesk, exchange, parsed, request

GOOD = request("GET", "/call/list")
POST = request("POST", "/call/park", b"call_id=c-1", Content_Type=FORM)
SOON = 1.0
"""How long a good request may take beside bad ones, in seconds."""
Troubles = Callable[[], list[str]]


def unstarted(threads: int = 2, connections: int = 5000) -> WebServer:
    """It listens, and does not answer yet."""
    http = Http(listen=Address("127.0.0.1", 0), threads=threads, connections=connections)
    return WebServer(
        build(NotingDesk(), Holders(), replace(Settings(), http=http), NoStreams()), http
    )


@contextmanager
def serving(threads: int = 2, connections: int = 5000) -> Iterator[WebServer]:
    server = unstarted(threads, connections)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def clients(server: WebServer, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many connections on which this was sent, and nothing more."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(
                stack.enter_context(socket.create_connection(server.address, timeout=LIMIT))
            )
            opened[-1].sendall(sent)
        yield opened


def others_are_served(server: WebServer) -> None:
    for _ in range(5):
        began = time.monotonic()
        assert parsed(exchange(server.address, GOOD, half_close=False)).status == 200
        assert time.monotonic() - began < SOON


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"\r\n",
        GOOD[:-2],
        POST[:-1],
        b"POST /call/park HTTP/1.1\r\nContent-Length: 60000\r\n\r\n",
        b"POST /call/park HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000,
    ],
    ids=["nothing", "a byte", "a line", "a head", "a body", "no body", "a liar", "a flood"],
)
def test_a_hundred_that_do_not_finish_hold_up_nobody(sent: bytes) -> None:
    with serving(threads=2) as server, clients(server, 100, sent):
        others_are_served(server)


def test_two_thousand_idle_connections_leave_the_others_fast() -> None:
    with serving(threads=4) as server, clients(server, 2000, b""):
        others_are_served(server)


def test_one_connection_too_many_is_closed_and_the_others_stay() -> None:
    with serving(connections=3) as server, clients(server, 3, b"G") as kept:
        deadline = time.monotonic() + LIMIT
        while server._cheroot._connections._num_connections < 3:
            assert time.monotonic() < deadline
        with socket.create_connection(server.address, timeout=LIMIT) as late:
            assert late.recv(100) == b""
        kept[0].sendall(GOOD[1:])
        assert kept[0].recv(65536).startswith(b"HTTP/1.1 200 ")


def test_time_is_counted_from_the_first_byte_not_from_the_last(
    monkeypatch: pytest.MonkeyPatch, troubles: Troubles
) -> None:
    monkeypatch.setattr("fsapp.web.server._IDLE_SECONDS", 0.4)
    with serving() as server:
        connection = socket.create_connection(server.address, timeout=LIMIT)
        stop = threading.Event()

        def dribble() -> None:
            for byte in b"GET / HTTP/1.1\r\nA: " + b"x" * 1000:
                if stop.wait(0.05):
                    return
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    return

        dribbling = threading.Thread(target=dribble)
        dribbling.start()
        began = time.monotonic()
        answer = connection.recv(65536)
        stop.set()
        dribbling.join(LIMIT)
        connection.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 5.0
    assert troubles() == []


@pytest.mark.parametrize("sent", [GOOD, POST], ids=["head", "body"])
def test_a_request_byte_by_byte_is_a_request(sent: bytes) -> None:
    with (
        serving() as server,
        socket.create_connection(server.address, timeout=LIMIT) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in sent:
            connection.send(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_second_request_that_came_with_the_first_is_answered() -> None:
    kept = {"Connection": "keep-alive"}
    both = request("GET", "/agent", **kept) * 2
    with (
        serving() as server,
        socket.create_connection(server.address, timeout=LIMIT) as connection,
    ):
        connection.sendall(both + GOOD[:20])
        received = b""
        while received.count(b"HTTP/1.1 200 ") < 2:
            received += connection.recv(65536)
        connection.sendall(GOOD[20:])
        while received.count(b"HTTP/1.1 200 ") < 3:
            received += connection.recv(65536)


def test_whoever_asks_whether_to_go_on_is_told_once() -> None:
    head, body = POST.split(b"\r\n\r\n")
    with (
        serving() as server,
        socket.create_connection(server.address, timeout=LIMIT) as connection,
    ):
        connection.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_stopping_with_unfinished_requests_is_prompt() -> None:
    with serving() as server, clients(server, 50, b"GET"):
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 3.0


def test_who_comes_together_is_taken_in_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One client a round would make the last of a hundred wait for a hundred rounds."""
    rounds = []
    take = Connections._from_server_socket

    def counted(self: Connections, listening: socket.socket) -> object:
        rounds.append(1)
        return take(self, listening)

    monkeypatch.setattr(Connections, "_from_server_socket", counted)
    server = unstarted()
    with clients(server, 50, GOOD) as waiting:
        server.start()
        for client in waiting:
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
    server.stop()
    assert len(rounds) <= 3
