"""Guessing tokens is rationed by address, and never at the expense of who has a right one."""

from __future__ import annotations

import logging
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest

from fsapp.settings import Address, Http, Settings
from fsapp.web import guesses as guesses_module
from fsapp.web.app import build
from fsapp.web.guesses import FREE, LONGEST_SECONDS, NEVER, SECONDS_EACH, Guesses
from fsapp.web.server import WebServer

from .serving import FORM, Holders, NoStreams, NotingDesk, Response, exchange, parsed, request

WAITING = int(LONGEST_SECONDS / SECONDS_EACH)
"""How many answers of an address may be late at a time."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> Guesses:
    return Guesses(clock)


def exhaust(guesses: Guesses, host: str) -> None:
    assert [guesses.wrong(host) for _ in range(FREE)] == [0] * FREE


def test_the_first_wrong_tokens_are_free_and_the_next_are_not(guesses: Guesses) -> None:
    exhaust(guesses, "192.0.2.1")
    assert guesses.wrong("192.0.2.1") == SECONDS_EACH


def fill_the_line(guesses: Guesses, host: str) -> None:
    exhaust(guesses, host)
    turns = [SECONDS_EACH * (number + 1) for number in range(WAITING)]
    assert [guesses.wrong(host) for _ in range(WAITING)] == turns


def test_each_waits_for_its_turn_and_who_would_wait_too_long_is_not_answered(
    guesses: Guesses,
) -> None:
    fill_the_line(guesses, "192.0.2.1")
    assert guesses.wrong("192.0.2.1") == NEVER


def test_going_on_does_not_make_it_worse_and_waiting_helps(guesses: Guesses, clock: Clock) -> None:
    fill_the_line(guesses, "192.0.2.1")
    assert {guesses.wrong("192.0.2.1") for _ in range(100)} == {NEVER}
    clock.now += SECONDS_EACH
    assert [guesses.wrong("192.0.2.1") for _ in range(2)] == [LONGEST_SECONDS, NEVER]
    clock.now += LONGEST_SECONDS + SECONDS_EACH
    assert [guesses.wrong("192.0.2.1") for _ in range(2)] == [0, SECONDS_EACH]


def test_after_a_while_everything_is_forgiven(guesses: Guesses, clock: Clock) -> None:
    fill_the_line(guesses, "192.0.2.1")
    clock.now += LONGEST_SECONDS + FREE * SECONDS_EACH
    exhaust(guesses, "192.0.2.1")


def test_thousands_at_once_and_all_the_time_are_answered_one_in_three_seconds(
    guesses: Guesses, clock: Clock
) -> None:
    """Whatever the times between them, five minutes long."""
    chance, began, due = random.Random(7), clock.now, []
    for _ in range(5000):
        guesses.wrong("192.0.2.1")
    while clock.now < began + 300.0:
        due.append(clock.now + guesses.wrong("192.0.2.1"))
        clock.now += chance.uniform(0.0, 0.2)
    answered = sorted(at for at in due if at != NEVER)
    assert all(after - at > SECONDS_EACH - 0.01 for at, after in pairwise(answered))
    assert len(answered) > 80


def test_another_address_is_not_meant(guesses: Guesses) -> None:
    exhaust(guesses, "192.0.2.1")
    assert guesses.wrong("192.0.2.2") == 0


def test_a_subscribers_ipv6_addresses_are_one(guesses: Guesses) -> None:
    exhaust(guesses, "2001:db8::1")
    assert guesses.wrong("2001:db8::2:3:4:5") > 0
    assert guesses.wrong("2001:db8:0:1::1") == 0


def test_an_ipv4_address_is_the_same_in_either_notation(guesses: Guesses) -> None:
    exhaust(guesses, "192.0.2.1")
    assert guesses.wrong("::ffff:192.0.2.1") > 0


def test_memory_is_bounded_and_the_oldest_is_forgotten(
    guesses: Guesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses_module, "MOST_ADDRESSES", 3)
    exhaust(guesses, "192.0.2.1")
    for number in range(2, 5):
        guesses.wrong(f"192.0.2.{number}")
    assert len(guesses._accounts) == 3
    assert guesses.wrong("192.0.2.1") == 0


def test_it_is_logged_once(guesses: Guesses, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(FREE + 50):
        guesses.wrong("192.0.2.1")
    assert len(caplog.records) == 1


@pytest.fixture
def server(clock: Clock) -> Iterator[WebServer]:
    http = Http(listen=Address("127.0.0.1", 0), threads=2)
    settings = replace(Settings(), http=http)
    server = WebServer(build(NotingDesk(), Holders(), settings, NoStreams(), Guesses(clock)), http)
    server.start()
    yield server
    server.stop()


def guess(server: WebServer, number: int = 0) -> Response:
    sent = request("GET", "/agent", token=f"guess-{number}")
    return parsed(exchange(server.address, sent, half_close=False))


def within_a_second(server: WebServer, number: int) -> bytes | None:
    """What is heard until then: an answer, nothing and the end, or ``None``, nothing at all."""
    with socket.create_connection(server.address, timeout=1.0) as connection:
        connection.sendall(request("GET", "/agent", token=f"guess-{number}"))
        try:
            return connection.recv(65536)
        except TimeoutError:
            return None


def test_over_http_a_guess_too_many_is_answered_late_and_alone(server: WebServer) -> None:
    assert [guess(server, number).status for number in range(FREE)] == [401] * FREE
    began = time.monotonic()
    refused = guess(server)
    assert time.monotonic() - began >= SECONDS_EACH
    assert refused.status == 401
    assert refused.document["error"] == "not-authorized"
    assert refused.headers["Retry-After"] == "3"
    assert refused.headers["Connection"] == "close"


def test_of_fifty_guesses_at_once_those_that_are_free_are_answered_within_a_second(
    server: WebServer,
) -> None:
    with ThreadPoolExecutor(50) as pool:
        heard = list(pool.map(lambda number: within_a_second(server, number), range(50)))
    assert sum(one is not None and one.startswith(b"HTTP/1.1 401 ") for one in heard) == FREE
    assert heard.count(None) == WAITING
    assert heard.count(b"") == 50 - FREE - WAITING


def test_beside_a_hundred_guesses_right_tokens_are_served_at_once(server: WebServer) -> None:
    """Two threads: the guesses occupy none while they wait for their answers."""
    with ThreadPoolExecutor(100) as pool:
        guessing = pool.map(lambda number: within_a_second(server, number), range(100))
        for _ in range(10):
            began = time.monotonic()
            good = parsed(exchange(server.address, request("GET", "/agent"), half_close=False))
            assert good.status == 200
            assert time.monotonic() - began < 1.0
        assert list(guessing).count(None) == WAITING


def test_many_tokens_in_one_request_are_none(server: WebServer) -> None:
    """Or a body would be a thousand guesses that count as one."""
    body = "&".join(f"token={token}" for token in ("a", "b", "ann-token")).encode()
    sent = request("POST", "/call/park", body, token=None, Content_Type=FORM)
    assert parsed(exchange(server.address, sent, half_close=False)).status == 401


def test_no_token_at_all_is_no_guess(server: WebServer) -> None:
    for token in (None, ""):
        sent = request("GET", "/agent", token=token)
        for _ in range(FREE + 5):
            answer = parsed(exchange(server.address, sent, half_close=False))
            assert (answer.status, answer.headers.get("Retry-After")) == (401, None)
