"""The event stream: it comes back by itself, tells nothing twice, and misses nothing in silence."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from fsapp.client import Client, Event, Events, Refused, Unreachable
from tests.web.hearing import Hall, Word, hall

from .peer import LIMIT, Line, Peer, Talk, peer

UNAUTHORIZED = {
    "status": "not authorized",
    "error": "not-authorized",
    "description": "A valid token is required.",
}
FULL = {
    "status": "unavailable",
    "error": "too-many-streams",
    "description": "There are 1000 event streams open already.",
}


def words(*numbers: int) -> str:
    return "".join(f'id: {number}\nevent: word\ndata: {{"n":{number}}}\n\n' for number in numbers)


def says(*numbers: int) -> Talk:
    """A stream that tells of these and ends."""

    def talk(line: Line) -> None:
        line.hears()
        line.streams()
        line.says(words(*numbers))

    return talk


def stays(line: Line) -> None:
    """A stream that goes on and has nothing to say."""
    line.hears()
    line.streams()
    line.socket.settimeout(LIMIT)
    line.socket.recv(1)


def first(events: Events, count: int) -> list[Event]:
    return list(islice(events, count))


def asked_after(there: Peer) -> list[str | None]:
    """The ``Last-Event-ID`` of each request."""
    found: list[str | None] = []
    for request in there.heard:
        lines = dict(line.partition(": ")[::2] for line in request.split("\r\n"))
        found.append(lines.get("Last-Event-ID"))
    return found


def test_what_is_told_is_heard_in_order() -> None:
    def talk(line: Line) -> None:
        line.hears()
        line.streams()
        line.says(": a comment\n\n:\n\nid: 7\n\nevent: calls\ndata: {}\n\n" + words(8))
        line.says("event: two\ndata: [1,\ndata: 2]\r\n\r\nid: 9\nevent: none\n\n")
        line.says('event: umlaut\ndata: "Zoë"\n\n')
        line.socket.recv(1)

    with peer(talk) as there, Client(there.url).events() as events:
        assert first(events, 4) == [
            Event("calls", None, {}),
            Event("word", 8, {"n": 8}),
            Event("two", None, [1, 2]),
            Event("umlaut", None, "Zoë"),
        ]
        assert events.last == 9
        assert events.connected


def test_a_stream_that_ends_goes_on_where_it_ended() -> None:
    with peer(says(1, 2), says(3), stays) as there:
        with Client(there.url).events() as events:
            assert [event.number for event in first(events, 3)] == [1, 2, 3]
        assert asked_after(there)[:2] == [None, "2"]


def test_a_number_without_an_event_counts_too() -> None:
    """The server's first word says from where on to come back."""

    def opens(line: Line) -> None:
        line.hears()
        line.streams()
        line.says("id: 41\n\n")

    with peer(opens, says(42), stays) as there, Client(there.url).events() as events:
        assert next(events).number == 42
        assert asked_after(there)[:2] == [None, "41"]


def test_who_says_from_where_on_is_told_from_there() -> None:
    with peer(says(8), stays) as there, Client(there.url).events(after=7) as events:
        next(events)
        assert asked_after(there) == ["7"]


def test_if_nothing_says_what_was_missed_the_lists_must_be_read_again() -> None:
    def forgets(line: Line) -> None:
        line.hears()
        line.streams()
        line.says("event: calls\ndata: {}\n\n")

    with peer(forgets, says(5), stays) as there, Client(there.url).events() as events:
        assert [event.name for event in first(events, 3)] == ["calls", "reset", "word"]


def test_a_broken_event_breaks_the_connection_not_the_client() -> None:
    def breaks(line: Line) -> None:
        line.hears()
        line.streams()
        line.says(words(1) + "id: 2\nevent: word\ndata: {not json\n\n")

    with peer(breaks, says(2), stays) as there, Client(there.url).events() as events:
        assert [event.number for event in first(events, 2)] == [1, 2]


def test_a_stream_that_is_silent_for_too_long_is_opened_again() -> None:
    def falls_silent(line: Line) -> None:
        line.hears()
        line.streams()
        line.says(words(1))
        line.socket.recv(1)

    with peer(falls_silent, says(2), stays) as there:
        with Client(there.url).events(silence=0.2) as events:
            assert [event.number for event in first(events, 2)] == [1, 2]
        assert asked_after(there)[:2] == [None, "1"]


def test_who_may_not_listen_is_told_so() -> None:
    def refuses(line: Line) -> None:
        line.hears()
        line.answers(UNAUTHORIZED, "401 Unauthorized")

    with (
        peer(refuses) as there,
        Client(there.url).events() as events,
        pytest.raises(Refused, match="A valid token is required"),
    ):
        next(events)


def test_a_server_without_a_place_is_asked_again() -> None:
    def full(line: Line) -> None:
        line.hears()
        line.answers(FULL, "503 Service Unavailable")

    with peer(says(1), full, says(2), stays) as there, Client(there.url).events() as events:
        assert [event.number for event in first(events, 2)] == [1, 2]


def test_patience_has_an_end() -> None:
    with peer(says(1)) as there:
        events = Client(there.url, timeout=1.0).events(patience=0.2)
        next(events)
    with pytest.raises(Unreachable, match="Connection refused"):
        next(events)
    assert events.trouble is not None


def test_a_token_that_becomes_void_ends_it() -> None:
    def refuses(line: Line) -> None:
        line.hears()
        line.answers(UNAUTHORIZED, "401 Unauthorized")

    with peer(says(1), refuses) as there, Client(there.url).events() as events:
        next(events)
        with pytest.raises(Refused):
            next(events)
        assert not events.connected


def test_another_thread_may_end_it() -> None:
    with peer(stays) as there:
        events = Client(there.url).events()
        heard: list[Event] = []
        listening = threading.Thread(target=lambda: heard.extend(events), daemon=True)
        listening.start()
        deadline = time.monotonic() + LIMIT
        while not events.connected and time.monotonic() < deadline:
            time.sleep(0.005)
        events.close()
        listening.join(LIMIT)
        assert not listening.is_alive()
        assert heard == []


# With the real server.


@pytest.fixture
def served() -> Iterator[Hall]:
    with hall() as made:
        yield made


def test_a_thousand_events_through_connections_that_break(served: Hall) -> None:
    """The server cuts every stream again and again while it goes on telling."""
    with Client(f"http://{served.server.address}", "ann-token").events() as events:
        events._retry = 0.001
        heard: list[int] = []
        assert next(events).name == "calls"
        events_of = (event for event in events if event.name == "word")
        for number in range(1, 1001):
            served.feed.say(Word(number))
            if number % 50 == 0:
                for stream in list(served.streams._streams):
                    stream.socket.shutdown(2)
            heard.extend(event.number for event in islice(events_of, 1) if event.number)
            events._retry = 0.001
        assert heard == list(range(1, 1001))


def test_what_is_too_old_to_be_told_again_is_a_reset(served: Hall) -> None:
    served.feed.say(*(Word(number) for number in range(1, 30)))
    served.feed.oldest = 20
    with Client(f"http://{served.server.address}", "ann-token").events(after=3) as events:
        assert json.dumps(next(events).data) == "{}"
        assert events.last == 29
