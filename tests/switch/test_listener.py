"""The call listener, against peers that behave and peers that do not; nothing may be left."""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress

import pytest

from fsapp.switch import listener as listener_module
from fsapp.switch.channel import Channel, Headers, Reply
from fsapp.switch.listener import MOST_TOLD, REFUSALS, Listener, PeerLimits
from tests.descriptors import many_allowed, raised
from tests.switch.peer import LIMIT, UUID, NotingHandler, Peer, nothing_left, wait_until

SUBSCRIPTION = ("linger 5", "myevents")


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def handler(_nothing_left: None) -> NotingHandler:
    return NotingHandler()


@pytest.fixture
def listener(handler: NotingHandler) -> Iterator[Listener]:
    listener = listen(handler)
    yield listener
    listener.stop()


def listen(
    handler: NotingHandler, *allowed: str, host: str = "127.0.0.1", limits: PeerLimits | None = None
) -> Listener:
    networks = [ipaddress.ip_network(text) for text in allowed or ("127.0.0.0/8",)]
    listener = Listener(host, 0, networks, handler, limits)
    listener.start()
    return listener


def call(listener: Listener) -> Peer:
    return Peer(socket.create_connection(listener.address, LIMIT))


def shake_hands(listener: Listener, uuid: str = UUID) -> Peer:
    """A channel that connects; its subscription is read away."""
    peer = call(listener)
    peer.expect("connect")
    peer.channel_data(uuid)
    peer.expect(*SUBSCRIPTION)
    assert str(peer.read()).startswith("nixevent ")
    peer.expect("event plain BACKGROUND_JOB")
    return peer


def test_a_channel_that_connects_is_told_of_with_its_data(
    listener: Listener, handler: NotingHandler
) -> None:
    peer = call(listener)
    peer.expect("connect")
    peer.channel_data(Caller_Caller_ID_Name="Ann Ö", Caller_Destination_Number="5900")
    wait_until(lambda: handler.channels, "the handler was not told")
    channel = handler.channels[0]
    assert (channel.uuid, channel.caller_name, channel.destination) == (UUID, "Ann Ö", "5900")
    peer.close()


def test_callers_are_taken_on_a_descriptor_above_those_of_select(handler: NotingHandler) -> None:
    with many_allowed():
        listener = Listener("127.0.0.1", 0, [ipaddress.ip_network("127.0.0.0/8")], handler)
        listener._socket = raised(listener._socket)
        listener.start()
        peer = shake_hands(listener)
        wait_until(lambda: handler.channels, "the handler was not told")
        assert listener.bound
        peer.close()
        listener.stop()


def test_what_the_handler_posts_follows_the_subscription(
    listener: Listener, handler: NotingHandler
) -> None:
    handler.on_connected = lambda connection: connection.post("api status\n\n")
    peer = shake_hands(listener)
    peer.expect("api status")
    peer.close()


def test_the_end_of_a_connection_is_told(listener: Listener, handler: NotingHandler) -> None:
    peer = shake_hands(listener)
    peer.close()
    wait_until(lambda: handler.ended == handler.connections != [], "the end was not told")


def test_what_is_taken_and_what_is_open_is_counted(
    listener: Listener, handler: NotingHandler
) -> None:
    first, second = shake_hands(listener, "one"), shake_hands(listener, "two")
    assert (listener.accepted, listener.open) == (2, 2)
    first.close()
    wait_until(lambda: listener.open == 1, "an ended connection is counted as open")
    assert listener.accepted == 2
    assert not any(listener.refused.values())
    second.close()


def test_what_is_refused_is_counted_by_its_reason(handler: NotingHandler) -> None:
    listener = listen(handler, "192.0.2.0/24")
    peer = call(listener)
    assert peer.read() is None
    peer.close()
    assert +listener.refused == {"not_allowed": 1}
    listener.stop()


@pytest.mark.parametrize(
    "allowed", ["192.0.2.0/24", "127.0.0.0/8"], ids=["not allowed", "no hand-shake"]
)
def test_the_log_line_of_a_peer_that_is_not_taken_is_about_its_connection(
    allowed: str, handler: NotingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen(handler, allowed, limits=PeerLimits(handshake_seconds=0.1))
    peer = call(listener)
    host, port = peer.sock.getsockname()
    wait_until(lambda: caplog.records, "it was not told")
    assert [vars(record).get("connection") for record in caplog.records] == [f"{host}:{port}"]
    peer.close()
    listener.stop()


def test_too_many_and_no_hand_shake_are_reasons_too(handler: NotingHandler) -> None:
    listener = listen(handler, limits=PeerLimits(connections=1))
    first, second = call(listener), call(listener)
    assert second.read() is None
    first.close()
    wait_until(lambda: listener.refused["no_handshake"], "a lost hand-shake was not counted")
    assert +listener.refused == {"too_many": 1, "no_handshake": 1}
    assert set(listener.refused) <= set(REFUSALS)
    assert (listener.accepted, listener.open) == (0, 0)
    second.close()
    listener.stop()


def test_a_connections_commands_are_measured(handler: NotingHandler) -> None:
    told: list[tuple[str, str]] = []
    networks = [ipaddress.ip_network("127.0.0.0/8")]
    meter = lambda command, reply, _: told.append((command, reply.text))  # noqa: E731
    listener = Listener("127.0.0.1", 0, networks, handler, meter=meter)
    listener.start()
    peer = shake_hands(listener)
    peer.reply("+OK will linger")
    wait_until(lambda: told, "nobody was told")
    assert told == [("linger 5\n\n", "+OK will linger")]
    peer.close()
    listener.stop()


def test_a_peer_that_vanishes_is_cleaned_up(listener: Listener, handler: NotingHandler) -> None:
    peer = shake_hands(listener)
    peer.vanish()
    wait_until(lambda: handler.ended, "the end was not told")


def test_a_peer_that_is_not_allowed_gets_not_a_byte(handler: NotingHandler) -> None:
    listener = listen(handler, "192.0.2.0/24")
    peer = call(listener)
    assert peer.read() is None
    assert handler.channels == []
    peer.close()
    listener.stop()


def test_an_ipv6_peer_that_is_allowed_is_spoken_to(handler: NotingHandler) -> None:
    try:
        listener = listen(handler, "::1/128", host="::1")
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    shake_hands(listener).close()
    wait_until(lambda: handler.ended, "the end was not told")
    listener.stop()


def test_whoever_knocks_without_end_does_not_fill_the_log(
    handler: NotingHandler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen(handler, "192.0.2.0/24")
    for _ in range(MOST_TOLD + 30):
        peer = call(listener)
        assert peer.read() is None
        peer.close()
    wait_until(lambda: listener._told == MOST_TOLD + 30, "some were not counted")
    assert len(caplog.records) == MOST_TOLD
    monkeypatch.setattr(listener_module, "TELL_SECONDS", 0.0)
    call(listener).close()
    wait_until(lambda: len(caplog.records) == MOST_TOLD + 2, "it was not told")
    assert "30 more" in caplog.records[-2].getMessage()
    listener.stop()


def test_a_mapped_ipv4_peer_is_judged_by_its_ipv4_address(handler: NotingHandler) -> None:
    listener = Listener("127.0.0.1", 0, [ipaddress.ip_network("127.0.0.0/8")], handler)
    assert listener._allowed("::ffff:127.0.0.1")
    assert not listener._allowed("::ffff:192.0.2.1")
    assert not listener._allowed("fe80::1%eth0")
    listener.abandon()


def test_an_ipv6_peer_is_not_let_in_by_an_ipv4_network(handler: NotingHandler) -> None:
    try:
        listener = listen(handler, "0.0.0.0/0", host="::1")
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    peer = call(listener)
    assert peer.read() is None
    peer.close()
    listener.stop()


def test_a_hand_shake_that_never_finishes_is_ended(handler: NotingHandler) -> None:
    listener = listen(handler, limits=PeerLimits(handshake_seconds=0.1))
    silent, dribbling = call(listener), call(listener)
    dribbling.send("Content-Type: command/reply\nUnique-")
    assert silent.ended()
    assert dribbling.ended()
    assert handler.channels == []
    silent.close()
    dribbling.close()
    listener.stop()


def test_a_hand_shake_that_goes_on_and_on_is_ended(handler: NotingHandler) -> None:
    listener = listen(handler, limits=PeerLimits(handshake_seconds=0.3))
    peer = call(listener)
    peer.expect("connect")
    began = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - began < LIMIT:
            peer.send("A")
            time.sleep(0.02)
    assert time.monotonic() - began < LIMIT
    assert handler.channels == []
    peer.close()
    listener.stop()


def test_a_finished_hand_shake_outlives_the_limit(handler: NotingHandler) -> None:
    listener = listen(handler, limits=PeerLimits(handshake_seconds=0.3))
    peer, silent = shake_hands(listener), call(listener)
    assert silent.ended()
    handler.connections[0].post("api status\n\n")
    handler.connections[0].flush()
    peer.expect("api status")
    peer.close()
    silent.close()
    listener.stop()


def test_a_greeting_larger_than_any_buffer_holds_no_place(handler: NotingHandler) -> None:
    listener = listen(handler, limits=PeerLimits(handshakes=1))
    hostile = call(listener)
    hostile.expect("connect")
    hostile.api("x" * 900_000)
    assert hostile.read() is None
    shake_hands(listener).close()
    hostile.close()
    listener.stop()


def test_unfinished_hand_shakes_are_limited_and_the_next_waits_its_turn(
    handler: NotingHandler,
) -> None:
    listener = listen(handler, limits=PeerLimits(handshake_seconds=LIMIT, handshakes=2))
    silent = [call(listener) for _ in range(2)]
    for peer in silent:
        peer.expect("connect")
    third = call(listener)
    third.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        third.read()
    assert len(listener._threads) == 2
    silent[0].close()
    third.sock.settimeout(LIMIT)
    third.expect("connect")
    third.channel_data()
    wait_until(lambda: handler.channels, "the third was not told of")
    third.close()
    silent[1].close()
    listener.stop()


def test_connections_beyond_the_limit_are_closed(handler: NotingHandler) -> None:
    listener = listen(handler, limits=PeerLimits(connections=1))
    first, second = shake_hands(listener), call(listener)
    assert second.read() is None
    second.close()
    first.close()
    wait_until(lambda: not listener._threads, "the first is still counted")
    shake_hands(listener).close()
    listener.stop()


HOSTILE = {
    "a negative length": b"Content-Type: api/response\nContent-Length: -5\n\n" + b"A" * 60_000,
    "an absurd length": b"Content-Type: api/response\nContent-Length: 9223372036854775000\n\n",
    "a line without an end": b"A: " + b"x" * 2_000_000,
    "headers without an end": b"A: b\n" * 400_000,
    "binary": bytes(range(256)) * 4000,
    "nuls": b"\0" * 1_000_000,
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\r\n" * 1000,
    "an event beyond the limit": b"Content-Type: text/event-plain\nContent-Length: 2000000\n\n",
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("shaken", [False, True], ids=["greeting", "later"])
def test_a_hostile_peer_is_closed_and_the_others_go_on(
    listener: Listener, handler: NotingHandler, hostile: bytes, shaken: bool
) -> None:
    """python-ESL would crash, hang or eat all memory on most of these (measured)."""
    good = shake_hands(listener)
    peer = shake_hands(listener) if shaken else call(listener)
    with suppress(OSError):
        peer.sock.sendall(hostile)
        peer.ended()
    good.event("CHANNEL_ANSWER", Unique_ID=UUID)
    wait_until(lambda: handler.names() == ["CHANNEL_ANSWER"], "the good one was not heard")
    wait_until(lambda: len(listener._threads) == 1, "the bad one was not closed")
    peer.close()
    good.close()


SURVIVED = {
    "an array in an array": "Caller-Caller-ID-Name: " + "ARRAY::" * 20_000,
    "a long array": "Caller-Caller-ID-Name: ARRAY::" + "a|:" * 50_000,
    "many indexes": "".join(f"h{number}[4000]: x\n" for number in range(20_000)),
    "many headers": "a: b\n" * 100_000,
    "broken encoding": "Hangup-Cause: %\nApplication: %4\nJob-UUID: %zz\nChannel-State: %00x",
    "a body as header": "_body: x\n_body: y",
    "nothing": "",
}


@pytest.mark.parametrize("text", SURVIVED.values(), ids=SURVIVED.keys())
def test_an_event_that_would_cost_python_esl_dear_is_read_like_any_other(
    listener: Listener, handler: NotingHandler, text: str
) -> None:
    peer = shake_hands(listener)
    body = f"Event-Name: CHANNEL_ANSWER\nUnique-ID: {UUID}\n{text}\n\n"
    began = time.monotonic()
    peer.send(f"Content-Length: {len(body)}\nContent-Type: text/event-plain\n\n{body}")
    wait_until(lambda: handler.names() == ["CHANNEL_ANSWER"], "it was not read")
    assert time.monotonic() - began < 3.0
    assert handler.events[0].uuid == UUID
    peer.close()


def test_ten_thousand_events_at_once_are_all_told(
    listener: Listener, handler: NotingHandler
) -> None:
    peer = shake_hands(listener)
    body = f"Event-Name: CHANNEL_ANSWER\nUnique-ID: {UUID}\n\n"
    peer.send(f"Content-Length: {len(body)}\nContent-Type: text/event-plain\n\n{body}" * 10_000)
    wait_until(lambda: len(handler.events) == 10_000, "some were lost")
    peer.close()


def test_a_peer_that_leaves_during_the_hand_shake_leaves_nothing(
    listener: Listener, handler: NotingHandler
) -> None:
    peer = call(listener)
    peer.expect("connect")
    peer.vanish()
    shake_hands(listener).close()
    wait_until(lambda: handler.ended, "the next peer was not served")


def test_an_answer_that_is_no_channel_leaves_nothing(
    listener: Listener, handler: NotingHandler
) -> None:
    peer = call(listener)
    peer.expect("connect")
    peer.send("HTTP/1.1 400 Bad Request\n\n")
    peer.close()
    shake_hands(listener).close()
    wait_until(lambda: handler.ended, "the next peer was not served")


def test_a_handler_that_fails_ends_that_connection_alone(
    listener: Listener, handler: NotingHandler
) -> None:
    def fail(_connection: object) -> None:
        handler.on_connected = lambda _connection: None
        raise RuntimeError("a mistake of ours")

    handler.on_connected = fail
    peer = call(listener)
    peer.sock.settimeout(0.5)
    peer.channel_data()
    assert peer.ended()
    wait_until(lambda: handler.ended == handler.connections, "the end was not told")
    peer.close()
    shake_hands(listener).close()


def test_many_channels_connecting_at_once_are_all_told_of(
    listener: Listener, handler: NotingHandler
) -> None:
    peers = [call(listener) for _ in range(50)]
    for number, peer in enumerate(peers):
        peer.channel_data(f"channel-{number}")
    wait_until(lambda: len(handler.channels) == 50, "a channel was not told of")
    assert {channel.uuid for channel in handler.channels} == {f"channel-{n}" for n in range(50)}
    for peer in peers:
        peer.close()
    wait_until(lambda: len(handler.ended) == 50, "an end was not told")


def test_both_connections_of_a_channel_end_on_their_own(
    listener: Listener, handler: NotingHandler
) -> None:
    old = shake_hands(listener)
    wait_until(lambda: handler.connections, "the handler was not told")
    handler.connections[0].superseded = True
    new = shake_hands(listener)
    old.event("CHANNEL_HANGUP", Unique_ID=UUID)
    old.close()
    wait_until(lambda: handler.ended == [handler.connections[0]], "the old end was not told")
    assert handler.events == []
    new.event("CHANNEL_HANGUP", Unique_ID=UUID)
    wait_until(lambda: handler.names() == ["CHANNEL_HANGUP"], "the new one's event was not told")
    new.close()


def test_stop_ends_every_connection_and_answers_who_waits(handler: NotingHandler) -> None:
    listener = listen(handler)
    talking, silent = shake_hands(listener), call(listener)
    silent.expect("connect")
    wait_until(lambda: handler.connections, "the handler was not told")
    answer: Future[Reply] = Future()
    handler.connections[0].post("api status\n\n", on_reply=answer.set_result)
    handler.connections[0].flush()
    listener.stop()
    assert answer.result(0).lost
    assert talking.ended()
    assert silent.ended()
    talking.close()
    silent.close()


def test_close_refuses_newcomers_and_keeps_the_connections(handler: NotingHandler) -> None:
    listener = listen(handler)
    peer, address = shake_hands(listener), listener.address
    listener.close()
    assert not listener.bound
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, LIMIT)
    handler.connections[0].post("api status\n\n")
    handler.connections[0].flush()
    peer.expect("api status")
    listener.stop()
    peer.close()


def test_an_abandoned_listener_gives_its_address_back(handler: NotingHandler) -> None:
    listener = Listener("127.0.0.1", 0, [], handler)
    address = listener.address
    listener.abandon()
    socket.create_server(address).close()


class Exhausted:
    """A listening socket in a process that has no descriptor left."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.tried = 0

    def fileno(self) -> int:
        return self._real.fileno()

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        self.tried += 1
        raise OSError(errno.EMFILE, "Too many open files")


def test_a_process_without_descriptors_does_not_spin(
    listener: Listener, handler: NotingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = listener.address
    exhausted = Exhausted(listener._socket)
    with monkeypatch.context() as patch:
        patch.setattr(listener, "_socket", exhausted)
        peer = Peer(socket.create_connection(address, LIMIT))
        with suppress(AssertionError):
            wait_until(lambda: exhausted.tried > 20, "it keeps calm", limit=0.5)
    peer.expect("connect")
    peer.close()
    assert exhausted.tried <= 20


def test_a_thread_that_cannot_be_started_does_not_end_the_listener(
    handler: NotingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listen(handler)
    refused = threading.Event()

    def refuse(_thread: threading.Thread) -> None:
        refused.set()
        raise RuntimeError("can't start new thread")

    # What the listener's thread dies of is this test's own doing.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        peer = call(listener)
        assert refused.wait(LIMIT)
    peer.close()
    listener._acceptor.join(0.5)
    lives = listener.bound
    listener._threads.clear()
    listener.stop()
    assert lives, "nobody accepts calls any more"


def test_stop_ends_a_connection_that_is_just_being_made(
    handler: NotingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listen(handler)
    reading, stopping = threading.Event(), threading.Event()

    def read(headers: Headers) -> Channel:
        reading.set()
        stopping.wait(LIMIT)
        return Channel(UUID, "", "", "", "", answered=False)

    monkeypatch.setattr(Channel, "read", read)
    peer = call(listener)
    peer.sock.settimeout(0.5)
    peer.channel_data()
    assert reading.wait(LIMIT)
    listener.stop(0.05)
    stopping.set()
    ended = False
    with suppress(TimeoutError):
        ended = peer.ended()
    peer.close()
    assert ended, "the connection outlives stop()"
