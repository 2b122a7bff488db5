"""python-ESL behind the guard: it never waits, and large answers get through."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from fsapp.switch.wire import _FEW, BadFrame, Wire
from tests.switch.peer import LIMIT, Peer, nothing_left

GREETING = "Content-Type: command/reply\nReply-Text: +OK accepted\n\n"


@pytest.fixture
def ends() -> Iterator[tuple[Wire, Peer]]:
    """A wire with a large limit, and its peer."""
    with nothing_left():
        near, far = socket.socketpair()
        peer, wire = Peer.__new__(Peer), Wire(near, 20_000_000)
        peer.sock, peer._bytes = far, b""
        yield wire, peer
        peer.close()
        wire.release()


def begin(wire: Wire, peer: Peer) -> None:
    peer.send(GREETING)
    wire.begin(wire.greeted(time.monotonic() + LIMIT))


def test_an_answer_larger_than_any_buffer_gets_through(ends: tuple[Wire, Peer]) -> None:
    wire, peer = ends
    begin(wire, peer)
    text = "x" * 10_000_000
    sender = threading.Thread(target=peer.api, args=(text,))
    sender.start()
    event = next(wire.events())
    sender.join(LIMIT)
    assert event.getBody() == text


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_nothing_is_waited_for_behind_what_has_come(ends: tuple[Wire, Peer], more: int) -> None:
    """Whether it is as long as what is asked for first, or differs from it by a byte."""
    wire, peer = ends
    begin(wire, peer)
    head = "Content-Type: api/response\nContent-Length: {}\n\n"
    body = "x" * (_FEW + more - len(head.format(100)))
    whole = head.format(len(body)) + body
    assert len(whole) == _FEW + more
    peer.send(whole)
    late = threading.Timer(LIMIT, lambda: peer.api("late"))
    late.start()
    assert next(wire.events()).getBody() == body
    assert late.is_alive()
    late.cancel()
    late.join(LIMIT)


def test_the_greeting_is_the_info(ends: tuple[Wire, Peer]) -> None:
    wire, peer = ends
    begin(wire, peer)
    assert wire.info().getHeader("Reply-Text") == "+OK accepted"


def test_what_comes_with_the_greeting_is_not_lost(ends: tuple[Wire, Peer]) -> None:
    wire, peer = ends
    peer.send(f"{GREETING}Content-Type: api/response\nContent-Length: 2\n\nhi")
    wire.begin(wire.greeted(time.monotonic() + LIMIT))
    assert next(wire.events()).getBody() == "hi"


def test_a_greeting_that_python_esl_would_wait_behind_is_none(ends: tuple[Wire, Peer]) -> None:
    wire, peer = ends
    peer.send("Content-Type: text/event-plain\nContent-Length: 2\n\n\n\n")
    with pytest.raises(BadFrame):
        wire.begin(wire.greeted(time.monotonic() + LIMIT))


def test_python_esl_never_says_anything_to_the_peer(ends: tuple[Wire, Peer]) -> None:
    wire, peer = ends
    begin(wire, peer)
    wire.send("api status\n\n")
    assert peer.read() == "api status"


def test_the_end_of_the_peer_is_the_end_of_the_events(ends: tuple[Wire, Peer]) -> None:
    wire, peer = ends
    begin(wire, peer)
    peer.close()
    assert list(wire.events()) == []


def test_a_write_to_a_peer_that_is_gone_says_so(ends: tuple[Wire, Peer]) -> None:
    wire, peer = ends
    begin(wire, peer)
    peer.close()
    assert not wire.send("api status\n\n")
