"""Event streams on real sockets: nothing lost, doubled or out of order, nobody held up."""

from __future__ import annotations

import gc
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from fsapp.calls.agent import Agent
from fsapp.web import streams as streams_module

from .hearing import Ear, Hall, Word, hall
from .serving import exchange, parsed, request

LIMIT = 10.0


@pytest.fixture
def stage() -> Iterator[Hall]:
    with hall() as made:
        yield made


def wait_until(true: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline, why
        time.sleep(0.005)


def joined(ear: Ear) -> Ear:
    """Once it hears with the others."""
    while ear.hear().name != "calls":
        pass
    return ear


def numbers(ear: Ear, count: int) -> list[int | None]:
    heard = (ear.hear() for _ in iter(int, 1))
    found = []
    for one in heard:
        if one.name == "word":
            found.append(one.number)
        if len(found) == count:
            break
    return found


def test_a_stream_begins_at_once_and_says_how_to_come_back(stage: Hall) -> None:
    stage.feed.last = 7
    ear = joined(stage.ear())
    assert ear.status == 200
    assert ear.headers["Content-Type"] == "text/event-stream"
    assert ear.headers["Connection"] == "close"
    assert "Transfer-Encoding" not in ear.headers
    assert "Content-Length" not in ear.headers
    assert ear.last == 7


@pytest.mark.parametrize("others", [0, 1])
def test_nothing_is_missed_from_the_head_of_the_answer_on(stage: Hall, others: int) -> None:
    """She may read the lists before the stream's thread has her socket (docs/http.md, Events)."""
    for _ in range(others):
        joined(stage.ear("bob"))
    stage.feed.say(Word(1))
    wait_until(lambda: stage.feed.last == others, "nobody reads the feed")
    take = stage.streams.admit(Agent("ann", "Ann", "user/1101"), frozenset({"ann-token"}), None)
    stage.feed.say(*(Word(number) for number in range(2, 42)))
    wait_until(lambda: stage.feed.last == 41 * others, "nobody reads the feed")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname(), timeout=LIMIT)
        take(listening.accept()[0])
    with client:
        said = b""
        while b"event: calls" not in said:
            said += client.recv(65536)
    told = [line for line in said.split(b"\n") if line.startswith(b"id: ")]
    assert told == [b"id: %d" % number for number in range(1, 42)]


def test_when_events_have_gone_out_their_moments_are_told(stage: Hall) -> None:
    told: list[float] = []
    stage.streams.told = told.extend
    ear = joined(stage.ear())
    stage.feed.say(Word(1, timestamp=100.5), Word(2, timestamp=101.0, deaf="ann"))
    assert numbers(ear, 1) == [1]
    wait_until(lambda: len(told) == 2, "nobody was told")
    assert told == [100.5, 101.0]


def test_how_many_are_open_behind_and_cut_off_is_known() -> None:
    with hall(buffer=65536, max_streams=10) as stage:
        streams = stage.streams
        assert (streams.open, streams.most, streams.behind, streams.cut_off) == (0, 10, 0, 0)
        good, bad = joined(stage.ear("ann")), joined(stage.ear("bob", small=True))
        wait_until(lambda: not streams.behind, "who has heard all is counted as behind")
        assert streams.open == 2
        behind, number = 0, 0
        while not streams.cut_off:
            number += 1
            stage.feed.say(Word(number, size=20_000))
            assert numbers(good, 1) == [number]
            behind = max(behind, streams.behind)
        assert behind >= 1, "who does not read is not counted as behind"
        wait_until(lambda: streams.open == 1, "who was cut off is counted as open")
        wait_until(lambda: not streams.behind, "who was cut off is counted as behind")
        assert streams.cut_off == 1
        bad.close()


def test_what_is_said_is_heard_in_order_by_whom_it_concerns(stage: Hall) -> None:
    ann, bob = joined(stage.ear("ann")), joined(stage.ear("bob"))
    stage.feed.say(Word(1), Word(2, deaf="bob"), Word(3))
    assert numbers(ann, 3) == [1, 2, 3]
    assert numbers(bob, 2) == [1, 3]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Last_Event_ID": "2"}),
        ("?Last-Event-ID=2", {}),
        ("?last_event_id=2", {}),
        ("?Last-Event-ID=1", {"Last_Event_ID": "2"}),
    ],
)
def test_who_comes_back_is_told_what_she_missed_and_then_the_rest(
    stage: Hall, query: str, headers: Mapping[str, str]
) -> None:
    """A browser that comes back repeats its address; its header says how far it has come."""
    stage.feed.say(*(Word(number) for number in range(1, 101)))
    ear = stage.ear("ann", query, **headers)
    assert [ear.hear().number for _ in range(98)] == list(range(3, 101))
    assert ear.hear().name == "calls"
    stage.feed.say(Word(101))
    assert numbers(ear, 1) == [101]


@pytest.mark.parametrize("after", ["0", "4", "99"])
def test_who_missed_what_cannot_be_told_again_reads_the_lists(stage: Hall, after: str) -> None:
    """Removed already, or of a database that is no more."""
    stage.feed.oldest = 6
    stage.feed.say(*(Word(number) for number in range(6, 11)))
    ear = stage.ear(Last_Event_ID=after)
    assert [ear.hear().name for _ in range(2)] == ["reset", "calls"]
    assert ear.last == 10


def test_who_missed_too_much_reads_the_lists() -> None:
    with hall(replay=10) as stage:
        stage.feed.say(*(Word(number) for number in range(1, 12)))
        assert stage.ear(Last_Event_ID="1").hear().name == "word"
        assert stage.ear(Last_Event_ID="0").hear().name == "reset"


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 19])
def test_what_is_no_number_is_refused(stage: Hall, after: str) -> None:
    for sent in (
        request("GET", "/events", Last_Event_ID=after),
        request("GET", f"/events?Last-Event-ID={after}"),
    ):
        response = parsed(exchange(stage.server.address, sent, half_close=False))
        assert (response.status, response.document["error"]) == (400, "bad-parameters")


def test_a_stream_needs_a_token_and_is_only_read(stage: Hall) -> None:
    for sent, status in (
        (request("GET", "/events", token=None), 401),
        (request("POST", "/events"), 405),
        (request("HEAD", "/events"), 405),
    ):
        assert parsed(exchange(stage.server.address, sent, half_close=False)).status == status


def test_a_silent_stream_gives_signs_of_life() -> None:
    with hall(heartbeat=0.1) as stage:
        ear = joined(stage.ear())
        wait_until(lambda: beats(ear) >= 3, "no sign of life")


def beats(ear: Ear) -> int:
    ear.socket.settimeout(0.05)
    with suppress(TimeoutError):
        ear.hear()
    return ear._unread.count(b":\n\n") + ear.comments


def test_streams_hold_no_thread() -> None:
    """A pool of two serves requests while many streams are open and being told things."""
    with hall(threads=2) as stage:
        before = threading.active_count()
        ears = [joined(stage.ear()) for _ in range(50)]
        for number in range(1, 21):
            stage.feed.say(Word(number))
            sent = request("GET", "/call/list")
            answer = parsed(exchange(stage.server.address, sent, half_close=False))
            assert answer.status == 200
        assert threading.active_count() == before
        for ear in ears:
            assert numbers(ear, 20) == list(range(1, 21))


def test_past_the_cap_a_stream_is_refused_until_another_ends() -> None:
    with hall(max_streams=2) as stage:
        first, _ = joined(stage.ear()), joined(stage.ear())
        sent = request("GET", "/events")
        refused = parsed(exchange(stage.server.address, sent, half_close=False))
        assert (refused.status, refused.document["error"]) == (503, "too-many-streams")
        assert int(refused.headers["Retry-After"]) > 0
        first.close()
        wait_until(lambda: stage.feed.open == ["ann"], "the place is not free again")
        joined(stage.ear())


def test_a_refused_request_costs_no_place() -> None:
    with hall(max_streams=1) as stage:
        for sent in (request("GET", "/events", token="x"), request("GET", "/events?x=1")):
            assert parsed(exchange(stage.server.address, sent)).status in (400, 401)
        assert joined(stage.ear()).status == 200


def test_a_client_gone_before_the_first_word_costs_no_place() -> None:
    with hall(max_streams=1) as stage:
        for _ in range(20):
            with socket.create_connection(stage.server.address, timeout=LIMIT) as gone:
                gone.sendall(request("GET", "/events"))
        wait_until(lambda: stage.feed.open == [], "a stream is left open")
        wait_until(lambda: opens(stage), "its place is not free again")


def opens(stage: Hall) -> bool:
    ear = stage.ear()
    return ear.status == 200


def test_who_does_not_read_is_cut_off_and_holds_nobody_up() -> None:
    """And is told the rest when she comes back."""
    with hall(buffer=65536) as stage:
        slow = joined(stage.ear("bob", small=True))
        quick = joined(stage.ear("ann"))
        for number in range(1, 401):
            stage.feed.say(Word(number, size=2000))
            assert numbers(quick, 1) == [number]
        wait_until(lambda: stage.feed.open == ["ann"], "the slow one is kept for ever")
        heard = []
        with suppress(EOFError, ConnectionError):
            while True:
                heard.append(slow.hear().number)
        assert heard == list(range(1, len(heard) + 1))
        assert len(heard) < 400
        back = stage.ear("bob", Last_Event_ID=str(len(heard)))
        assert numbers(back, 400 - len(heard)) == list(range(len(heard) + 1, 401))


def test_who_comes_back_slowly_is_told_at_her_own_pace(stage: Hall) -> None:
    """What she missed is read from the log as she takes it, never kept in memory."""
    stage.feed.say(*(Word(number, size=5000) for number in range(1, 1001)))
    ear = stage.ear(Last_Event_ID="0", small=True)
    wait_until(lambda: stage.feed.open == ["ann"], "the stream does not begin")
    assert max(len(stream.unsent) for stream in stage.streams._streams) < 200_000
    stage.feed.say(Word(1001))
    assert numbers(ear, 1001) == list(range(1, 1002))


def test_what_a_client_says_into_her_stream_means_nothing(stage: Hall) -> None:
    ear = joined(stage.ear())
    ear.socket.sendall(request("GET", "/call/list") * 3)
    stage.feed.say(Word(1))
    assert numbers(ear, 1) == [1]


def test_a_void_token_ends_its_streams_and_the_others_read_the_lists(stage: Hall) -> None:
    ann, bob = joined(stage.ear("ann")), joined(stage.ear("bob"))
    stage.holders.void.add("ann-token")
    stage.feed.present = 1
    ann.ends()
    assert [bob.hear().name for _ in range(2)] == ["reset", "calls"]
    wait_until(lambda: stage.feed.open == ["bob"], "its end is not told")


def test_a_token_void_before_anybody_looked_ends_its_stream_too(stage: Hall) -> None:
    """An agent who came and went between two looks: the roll is as it was."""
    ann = joined(stage.ear("ann"))
    stage.holders.void.add("ann-token")
    ann.ends()


def test_who_serves_other_organizations_now_hears_as_such(stage: Hall) -> None:
    joined(stage.ear("ann"))
    stage.holders.serves["ann"] = frozenset({7})
    stage.feed.present = 1
    wait_until(
        lambda: (
            {stream.agent.organizations for stream in stage.streams._streams} == {frozenset({7})}
        ),
        "she still hears what she no longer serves",
    )


def test_stop_ends_every_stream_and_lets_none_begin(stage: Hall) -> None:
    ears = [joined(stage.ear()) for _ in range(5)]
    began = time.monotonic()
    stage.streams.stop()
    assert time.monotonic() - began < 1.0
    for ear in ears:
        ear.ends()
    assert stage.feed.open == []
    sent = request("GET", "/events")
    refused = parsed(exchange(stage.server.address, sent, half_close=False))
    assert (refused.status, refused.document["error"]) == (503, "draining")


def test_a_feed_that_fails_ends_the_streams_and_not_the_thread(
    stage: Hall, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ear = joined(stage.ear())
    with monkeypatch.context() as patch:
        patch.setattr(stage.feed, "next", lambda: 1 / 0)
        stage.feed.wake()
        ear.ends()
    assert "ZeroDivisionError" in caplog.text
    joined(stage.ear())


def test_what_nobody_hears_is_not_read(stage: Hall) -> None:
    joined(stage.ear()).close()
    wait_until(lambda: stage.feed.open == [], "the end is not told")
    before = stage.feed.reads
    for number in range(1, 11):
        stage.feed.say(Word(number))
    ear = joined(stage.ear())
    assert ear.last == 10
    stage.feed.say(Word(11))
    assert numbers(ear, 1) == [11]
    # Once when she came, and for the word: that it was the last is read, too.
    assert stage.feed.reads - before <= 4


def test_what_is_said_while_the_first_one_comes_is_heard(
    stage: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has been woken for it, because nobody was there yet."""
    skip = stage.feed.skip

    def skip_then_say() -> None:
        skip()
        stage.feed.say(Word(1))

    monkeypatch.setattr(stage.feed, "skip", skip_then_say)
    # Or it would be told when the thread looks around by itself.
    monkeypatch.setattr(streams_module, "_LOOK_SECONDS", 10 * LIMIT)
    assert numbers(stage.ear(), 1) == [1]


def test_a_client_that_vanishes_without_a_word_is_noticed_by_the_kernel(stage: Hall) -> None:
    """One that acknowledges nothing, not even heartbeats, after 30 s."""
    joined(stage.ear())
    (stream,) = stage.streams._streams
    taken = stream.socket
    assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_open_and_closed_are_told_once_each(stage: Hall) -> None:
    first, second = joined(stage.ear()), joined(stage.ear())
    assert stage.feed.open == ["ann", "ann"]
    first.close()
    wait_until(lambda: stage.feed.open == ["ann"], "the end is not told")
    second.close()
    wait_until(lambda: stage.feed.open == [], "the end is not told")


def test_ten_thousand_events_through_random_disconnects() -> None:
    """Nothing lost, doubled or out of order, however often the connection breaks."""
    events, listeners = 10_000, 8

    def listen(seed: int) -> list[int]:
        chance = random.Random(seed)
        heard: list[int] = []
        while not heard or heard[-1] < events:
            ear = stage.ear("ann", Last_Event_ID=str(heard[-1] if heard else 0))
            # A listener who is not quick enough here is cut off, too.
            with suppress(EOFError, ConnectionError):
                for _ in range(chance.randint(1, 3000)):
                    said = ear.hear()
                    if said.number is not None and said.name == "word":
                        heard.append(said.number)
                    if heard and heard[-1] == events:
                        break
            ear.close()
        return heard

    def talk() -> None:
        chance = random.Random(0)
        number = 1
        while number <= events:
            some = chance.randint(1, 40)
            stage.feed.say(
                *(Word(n, size=300) for n in range(number, min(number + some, events + 1)))
            )
            number += some
            time.sleep(0)

    with hall(replay=events) as stage, ThreadPoolExecutor(listeners + 1) as pool:
        talking = pool.submit(talk)
        for heard in pool.map(listen, range(listeners)):
            assert heard == list(range(1, events + 1))
        talking.result()


def test_a_handed_over_connection_survives_the_servers_forgetting_it(stage: Hall) -> None:
    ear = joined(stage.ear())
    gc.collect()
    stage.feed.say(Word(1))
    assert numbers(ear, 1) == [1]


def test_encrypted_streams_are_heard_cut_off_and_resumed_like_plain_ones() -> None:
    files = Path(__file__).parent / "tls"
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files / "one.pem", files / "one.key")
    with hall(tls=made, buffer=65536) as stage:
        stage.trusting = ssl.create_default_context(cafile=str(files / "one.pem"))
        slow, quick = joined(stage.ear("bob", small=True)), joined(stage.ear("ann"))
        for number in range(1, 201):
            stage.feed.say(Word(number, size=4000))
            assert numbers(quick, 1) == [number]
        wait_until(lambda: stage.feed.open == ["ann"], "the slow one is kept for ever")
        heard = []
        with suppress(EOFError, OSError):
            while True:
                heard.append(slow.hear().number)
        assert heard == list(range(1, len(heard) + 1))
        back = stage.ear("bob", Last_Event_ID=str(len(heard)), small=True)
        assert numbers(back, 200 - len(heard)) == list(range(len(heard) + 1, 201))
        quick.close()
        wait_until(lambda: "ann" not in stage.feed.open, "the end is not noticed")
