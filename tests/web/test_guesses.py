"""Guessing tokens is slowed by address, and never at the expense of who has a right one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from fsapp.settings import Address, Http, Settings
from fsapp.web import guesses as guesses_module
from fsapp.web.app import build
from fsapp.web.guesses import FREE, SECONDS_EACH, Guesses
from fsapp.web.server import WebServer
from fsapp.web.strict_http import HOLD_SECONDS

from .serving import LIMIT, Holders, NoStreams, NotingDesk, Response, exchange, parsed, request


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


def test_going_on_does_not_make_it_worse_and_waiting_helps(guesses: Guesses, clock: Clock) -> None:
    exhaust(guesses, "192.0.2.1")
    assert [guesses.wrong("192.0.2.1") for _ in range(100)] == [SECONDS_EACH] * 100
    clock.now += SECONDS_EACH
    assert guesses.wrong("192.0.2.1") == 0
    assert guesses.wrong("192.0.2.1") == SECONDS_EACH


def test_after_a_while_everything_is_forgiven(guesses: Guesses, clock: Clock) -> None:
    exhaust(guesses, "192.0.2.1")
    clock.now += FREE * SECONDS_EACH
    exhaust(guesses, "192.0.2.1")


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


def test_over_http_a_guess_too_many_is_answered_late_and_alone(server: WebServer) -> None:
    assert [guess(server, number).status for number in range(FREE)] == [401] * FREE
    began = time.monotonic()
    refused = guess(server)
    assert time.monotonic() - began >= HOLD_SECONDS
    assert refused.status == 401
    assert refused.document["error"] == "not-authorized"
    assert refused.headers["Retry-After"] == "3"
    assert refused.headers["Connection"] == "close"


def test_beside_a_hundred_guesses_right_tokens_are_served_at_once(server: WebServer) -> None:
    """Two threads: the guesses occupy none while they wait for their answers."""
    for number in range(FREE):
        guess(server, number)
    with ThreadPoolExecutor(100) as pool:
        guessing = [pool.submit(guess, server, number) for number in range(100)]
        for _ in range(10):
            began = time.monotonic()
            good = parsed(exchange(server.address, request("GET", "/agent"), half_close=False))
            assert good.status == 200
            assert time.monotonic() - began < HOLD_SECONDS
        assert {one.result(LIMIT).status for one in guessing} == {401}


def test_no_token_at_all_is_no_guess(server: WebServer) -> None:
    for token in (None, ""):
        sent = request("GET", "/agent", token=token)
        for _ in range(FREE + 5):
            answer = parsed(exchange(server.address, sent, half_close=False))
            assert (answer.status, answer.headers.get("Retry-After")) == (401, None)
