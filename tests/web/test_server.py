"""The real server under bad, slow and many clients."""

import errno
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from cheroot.connections import ConnectionManager
from cheroot.makefile import StreamWriter
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fsapp.calls.agent import Agent
from fsapp.settings import Address, Http, Settings
from fsapp.web.app import build
from fsapp.web.server import WebServer

from .conftest import Ask
from .serving import FORM, JSON, LIMIT, Holders, NoStreams, NotingDesk, exchange, parsed, request

Troubles = Callable[[], list[str]]


@contextmanager
def serving(desk: NotingDesk, threads: int) -> Iterator[WebServer]:
    """A server of its own around ``desk``."""
    http = Http(listen=Address("127.0.0.1", 0), threads=threads)
    server = WebServer(build(desk, Holders(), replace(Settings(), http=http), NoStreams()), http)
    server.start()
    try:
        yield server
    finally:
        server.stop()


GOOD = request("GET", "/call/list")

ANY_BYTES = hypothesis_settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

MALFORMED = [
    (b"nonsense\r\n\r\n", 400),
    (b"GET /call/list\r\n\r\n", 400),
    (b"GET /call/list HTTP/x\r\n\r\n", 400),
    (b"GET /call/list HTTP/2.0\r\n\r\n", 505),
    (b"get /call/list HTTP/1.1\r\n\r\n", 400),
    (b"G\xffT /call/list HTTP/1.1\r\n\r\n", 400),
    (b"GE(T /call/list HTTP/1.1\r\n\r\n", 400),
    (b"GET //[ HTTP/1.1\r\n\r\n", 400),
    (b"GET http://[::1/call/list HTTP/1.1\r\n\r\n", 400),
    (b"GET /call\t/list HTTP/1.1\r\n\r\n", 400),
    (b"GET /call/\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
    (b"GET /call/\x00 HTTP/1.1\r\n\r\n", 400),
    (b"GET /call/list#x HTTP/1.1\r\n\r\n", 400),
    (b"GET /call/list HTTP/1.1\n\n", 400),
    (b"CONNECT x:1 HTTP/1.1\r\n\r\n", 405),
    (b"OPTIONS * HTTP/1.1\r\n\r\n", 401),
    (b"GET / HTTP/1.1\r\n folded: first\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: b\x00\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: b", 400),
    (b"GET / HTTP/1.1\r\nAuthorization: a\r\nauthorization: a\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET /" + b"x" * 20000, 414),
    (b"GET / HTTP/1.1\r\nA: " + b"x" * 20000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000 + b"\r\n", 431),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_is_written_in_one_piece(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    write, written = StreamWriter.write, list[bytes]()

    def noted(self: StreamWriter, data: bytes) -> int:
        written.append(bytes(data))
        return int(write(self, data))

    monkeypatch.setattr(StreamWriter, "write", noted)
    answer = exchange(server.address, request(method, "/call/list"))
    assert written == [answer]
    assert answer.endswith(b"}" if method == "GET" else b"\r\n\r\n")


@pytest.mark.parametrize(("sent", "status"), MALFORMED, ids=lambda value: repr(value)[:60])
def test_what_is_not_http_is_refused_with_a_json_document(
    server: WebServer, desk: NotingDesk, troubles: Troubles, sent: bytes, status: int
) -> None:
    response = parsed(exchange(server.address, sent))
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.document) == {"status", "description", "error"}
    assert desk.asked == []
    assert troubles() == []


def test_a_header_with_an_underscore_is_not_the_one_with_a_hyphen(
    server: WebServer, desk: NotingDesk
) -> None:
    lines = "POST /call/park HTTP/1.1\r\nContent_Length: 20\r\nContent-Length: 0\r\n"
    sent = (
        lines + "Authorization: Bearer ann-token\r\nIdempotency_Key: x\r\nConnection: close\r\n\r\n"
    )
    assert parsed(exchange(server.address, sent.encode(), half_close=False)).status == 200
    assert desk.asked == [("ann", "call/park", {})]


def test_several_requests_on_one_connection_are_answered_in_turn(
    server: WebServer, desk: NotingDesk
) -> None:
    kept = {"Connection": "keep-alive"}
    sent = request("POST", "/call/park", b"call_id=c-1", Content_Type=FORM, **kept)
    sent += request("GET", "/nowhere", b"x" * 100, **kept)
    sent += request("GET", "/agent", token="bob-token")
    received = exchange(server.address, sent, half_close=False)
    statuses = [part.split(b" ", 1)[0] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200"]
    assert [asked[:2] for asked in desk.asked] == [("ann", "call/park"), ("bob", "agent")]


def test_what_follows_a_refused_body_is_not_taken_for_a_request(
    server: WebServer, desk: NotingDesk
) -> None:
    smuggled = request("POST", "/call/hangup").ljust(70000, b"x")
    kept = {"Connection": "keep-alive"}
    sent = request("POST", "/call/park", smuggled, **kept) + GOOD
    assert parsed(exchange(server.address, sent)).status == 413
    chunked = b"POST /call/park HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GOOD
    assert parsed(exchange(server.address, chunked)).status == 411
    assert desk.asked == []


def test_a_client_that_sends_too_much_still_gets_her_answer(
    server: WebServer, troubles: Troubles
) -> None:
    for _ in range(20):
        sent = request("POST", "/call/park", b"x" * 900_000)
        assert parsed(exchange(server.address, sent)).status == 413
    assert troubles() == []


def test_a_body_that_ends_early_is_refused(server: WebServer, desk: NotingDesk) -> None:
    sent = request("POST", "/call/park", b"call_id=", Content_Length="20", Content_Type=FORM)
    response = parsed(exchange(server.address, sent))
    assert response.status == 400
    assert response.document["description"] == "The body is shorter than its Content-Length."
    assert desk.asked == []


def test_what_never_arrives_is_not_waited_for_for_ever(
    desk: NotingDesk, monkeypatch: pytest.MonkeyPatch, troubles: Troubles
) -> None:
    monkeypatch.setattr("fsapp.web.server._IDLE_SECONDS", 0.2)
    with serving(desk, threads=2) as server:
        short = request("POST", "/call/park", b"x", Content_Length="20", Content_Type=FORM)
        response = parsed(exchange(server.address, short, half_close=False))
        assert response.document["description"] == "The body did not arrive in time."
        half = parsed(exchange(server.address, GOOD[:-2], half_close=False))
        assert (half.status, half.document["error"]) == (408, "request-timeout")
        assert exchange(server.address, b"", half_close=False) == b""
    assert troubles() == []


def test_a_hundred_requests_that_wait_leave_the_others_fast(desk: NotingDesk) -> None:
    waiting = threading.Semaphore(0)
    phones = threading.Event()

    def behaviour(agent: Agent, verb: str, _: Mapping[str, str]) -> dict[str, object]:
        if verb == "call/pickup":
            waiting.release()
            assert phones.wait(LIMIT)
        return {"status": "success", "agent": agent.id}

    desk.behaviour = behaviour
    with serving(desk, threads=104) as server, ThreadPoolExecutor(100) as pool:
        pickups = [
            pool.submit(exchange, server.address, request("POST", "/call/pickup"))
            for _ in range(100)
        ]
        try:
            assert all(waiting.acquire(timeout=LIMIT) for _ in range(100))
            for _ in range(50):
                with socket.create_connection(server.address, timeout=1.0) as connection:
                    connection.sendall(GOOD)
                    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            assert not any(pickup.done() for pickup in pickups)
        finally:
            phones.set()
        assert {parsed(pickup.result(LIMIT)).status for pickup in pickups} == {200}


def test_silent_connections_occupy_no_thread(desk: NotingDesk) -> None:
    with serving(desk, threads=2) as server:
        silent = [socket.create_connection(server.address, timeout=LIMIT) for _ in range(2)]
        try:
            with socket.create_connection(server.address, timeout=2.0) as connection:
                connection.sendall(GOOD)
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        finally:
            for connection in silent:
                connection.close()


def test_a_client_that_vanishes_leaves_no_trace(
    server: WebServer, ask: Ask, troubles: Troubles
) -> None:
    for sent in (b"", b"GET /call", GOOD, request("POST", "/call/park", b"x" * 70000)):
        for _ in range(5):
            connection = socket.create_connection(server.address, timeout=LIMIT)
            # Closing resets the connection instead of ending it.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(sent)
            connection.close()
    for _ in range(10):
        assert ask("GET", "/call/list").status == 200
    assert troubles() == []


def test_many_at_once_each_get_their_own_answer(desk: NotingDesk) -> None:
    def behaviour(agent: Agent, _: str, parameters: Mapping[str, str]) -> dict[str, object]:
        return {"agent": agent.id, "call_id": parameters["call_id"]}

    def one(number: int) -> tuple[object, object]:
        token = ("ann-token", "bob-token")[number % 2]
        sent = request("GET", f"/call/state?call_id=c-{number}", token=token)
        document = parsed(exchange(server.address, sent)).document
        return document["agent"], document["call_id"]

    desk.behaviour = behaviour
    with serving(desk, threads=8) as server, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(400)))
    assert answers == [(("ann", "bob")[number % 2], f"c-{number}") for number in range(400)]


def test_running_out_of_descriptors_ends_nothing(
    server: WebServer, ask: Ask, monkeypatch: pytest.MonkeyPatch, troubles: Troubles
) -> None:
    accept = ConnectionManager._from_server_socket
    failures = iter([OSError(errno.EMFILE, "Too many open files")] * 2)

    def fails_twice(self: ConnectionManager, listener: socket.socket) -> object:
        for failure in failures:
            raise failure
        return accept(self, listener)

    monkeypatch.setattr(ConnectionManager, "_from_server_socket", fails_twice)
    assert ask("GET", "/call/list").status == 200
    assert len(troubles()) == 2


def test_a_taken_port_is_an_error_before_anything_starts(server: WebServer) -> None:
    application = build(NotingDesk(), Holders(), Settings(), NoStreams())
    with pytest.raises(OSError, match="Address already in use"):
        WebServer(application, Http(listen=server.address))


def test_stop_is_prompt_and_final(desk: NotingDesk) -> None:
    sent = request("GET", "/call/list", Connection="keep-alive")
    with ExitStack() as stack:
        with serving(desk, threads=2) as server:
            idle = stack.enter_context(socket.create_connection(server.address, timeout=LIMIT))
            idle.sendall(sent)
            received = idle.recv(65536)
        # The server is gone; what is left of the answer comes, then the end.
        while chunk := idle.recv(65536):
            received += chunk
    assert parsed(received).status == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address, timeout=LIMIT)
    server.stop()


def test_stop_lets_a_request_end_but_does_not_wait_for_ever(desk: NotingDesk) -> None:
    started, phone, stopped = threading.Event(), threading.Event(), threading.Event()

    def behaviour(*_: object) -> dict[str, object]:
        started.set()
        assert phone.wait(LIMIT)
        return {"status": "success"}

    desk.behaviour = behaviour
    with ThreadPoolExecutor(2) as pool:
        with serving(desk, threads=2) as server:
            answer = pool.submit(exchange, server.address, request("POST", "/call/pickup"))
            assert started.wait(LIMIT)
            stopping = pool.submit(server.stop, limit=LIMIT)
            stopping.add_done_callback(lambda _: stopped.set())
            phone.set()
            assert parsed(answer.result(LIMIT)).status == 200
            assert stopped.wait(LIMIT)
        started.clear()
        phone.clear()
        with serving(desk, threads=2) as server:
            answer = pool.submit(exchange, server.address, request("POST", "/call/pickup"))
            assert started.wait(LIMIT)
            server.stop(limit=0.1)
            assert not answer.done()
            phone.set()
            assert parsed(answer.result(LIMIT)).status == 200


REQUESTS = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["/agent/state", "/call/originate", "/call/transfer", "/", "/x"]),
        "query": st.binary(max_size=200),
        "kind": st.sampled_from([FORM, JSON, "text/plain"]),
        "header": st.binary(max_size=200),
        "body": st.binary(max_size=200),
    }
)


@given(parts=REQUESTS)
@ANY_BYTES
def test_any_bytes_get_an_answer_that_is_no_error(
    server: WebServer, troubles: Troubles, parts: dict[str, Any]
) -> None:
    head = f"Authorization: Bearer ann-token\r\nContent-Type: {parts['kind']}\r\n"
    length = f"Connection: close\r\nContent-Length: {len(parts['body'])}\r\n"
    first = b"POST %s?%s HTTP/1.1\r\n" % (parts["path"].encode(), parts["query"])
    key = b"Idempotency-Key: %s\r\n\r\n" % parts["header"]
    sent = first + head.encode() + length.encode() + key + parts["body"]
    received = exchange(server.address, sent)
    responses = [b"HTTP/1.1 " + part for part in received.split(b"HTTP/1.1 ")[1:]]
    assert responses
    for response in map(parsed, responses):
        assert response.status in {200, 400, 401, 404, 405, 408, 411, 501, 505}
        assert isinstance(response.document, dict)
    assert troubles() == []


@given(sent=st.binary(max_size=400))
@ANY_BYTES
def test_any_bytes_instead_of_a_request_are_refused(
    server: WebServer, troubles: Troubles, sent: bytes
) -> None:
    received = exchange(server.address, sent)
    assert not received or parsed(received).status in {400, 505}
    assert troubles() == []
