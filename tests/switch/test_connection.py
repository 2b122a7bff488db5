"""One Event Socket connection: order, nothing lost, nothing left behind. On real sockets."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from fsapp.switch import connection as connection_module
from fsapp.switch.channel import Reply
from fsapp.switch.connection import prepare
from fsapp.switch.wire import Wire
from tests.switch.peer import LIMIT, UUID, Line, nothing_left, wait_until


@pytest.fixture
def line() -> Iterator[Line]:
    with nothing_left():
        line = Line()
        yield line
        line.close()


def ask(line: Line, *commands: str) -> Future[Reply]:
    """Posts; the future has the reply to the last command."""
    answered: Future[Reply] = Future()
    line.connection.post(*commands, on_reply=answered.set_result)
    return answered


@pytest.mark.parametrize(
    ("level", "option", "value"),
    [
        ("SOL_SOCKET", "SO_KEEPALIVE", 1),
        ("IPPROTO_TCP", "TCP_NODELAY", 1),
        ("IPPROTO_TCP", "TCP_KEEPIDLE", 10),
        ("IPPROTO_TCP", "TCP_KEEPINTVL", 5),
        ("IPPROTO_TCP", "TCP_KEEPCNT", 2),
        ("IPPROTO_TCP", "TCP_USER_TIMEOUT", 20_000),
    ],
)
def test_a_peer_that_vanishes_without_a_word_is_noticed_by_the_kernel(
    level: str, option: str, value: int
) -> None:
    """A silent one after 10 + 2 * 5 s, one that acknowledges nothing after 20 s."""
    with accepted() as sock:
        prepare(sock)
        assert sock.getsockopt(getattr(socket, level), getattr(socket, option)) == value


def test_a_write_to_a_peer_that_reads_nothing_is_limited() -> None:
    with accepted() as sock:
        sock.setblocking(False)
        prepare(sock)
        assert sock.getblocking()
        limit = sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.calcsize("ll"))
        assert struct.unpack("ll", limit) == (5, 0)


@contextmanager
def accepted() -> Iterator[socket.socket]:
    """A socket as ``accept`` gives it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), LIMIT),
    ):
        sock, _ = server.accept()
        with sock:
            yield sock


def test_replies_go_to_their_commands_in_order(line: Line) -> None:
    answers = [ask(line, f"api {number}\n\n") for number in range(3)]
    line.connection.flush()
    line.peer.expect("api 0", "api 1", "api 2")
    for number in range(3):
        line.peer.api(f"+OK {number}")
    assert [answer.result(LIMIT).text for answer in answers] == ["+OK 0", "+OK 1", "+OK 2"]


def test_each_command_is_measured_from_being_written_to_its_reply(line: Line) -> None:
    ask(line, "myevents\n\n", "api first\n\n")
    before_writing = time.monotonic()
    line.connection.flush()
    line.peer.expect("myevents", "api first")
    written = time.monotonic()
    line.peer.reply("+OK")
    wait_until(lambda: len(line.measured) == 1, "nobody was told")
    before_reply = time.monotonic()
    line.peer.api("-ERR no")
    wait_until(lambda: len(line.measured) == 2, "nobody was told")
    told = [(command, reply.text) for command, reply, _ in line.measured]
    assert told == [("myevents\n\n", "+OK"), ("api first\n\n", "-ERR no")]
    seconds = line.measured[1][2]
    assert before_reply - written <= seconds <= time.monotonic() - before_writing


def test_a_command_without_a_reply_is_measured_as_lost(line: Line) -> None:
    ask(line, "api written\n\n")
    line.connection.flush()
    line.peer.expect("api written")
    line.peer.close()
    wait_until(lambda: line.measured, "nobody was told")
    ask(line, "api too late\n\n")
    line.connection.flush()
    assert [(command, reply.lost) for command, reply, _ in line.measured] == [
        ("api written\n\n", True),
        ("api too late\n\n", True),
    ]


def test_a_reply_and_an_api_response_are_counted_alike(line: Line) -> None:
    first, second = ask(line, "myevents\n\n"), ask(line, "api status\n\n")
    line.connection.flush()
    line.peer.expect("myevents", "api status")
    line.peer.reply("+OK Events Enabled")
    line.peer.api("UP 0 years")
    assert first.result(LIMIT).text == "+OK Events Enabled"
    assert second.result(LIMIT).text == "UP 0 years"


def test_only_the_last_command_of_a_post_is_answered_to_its_poster(line: Line) -> None:
    answer = ask(line, "api first\n\n", "api last\n\n")
    line.connection.flush()
    line.peer.expect("api first", "api last")
    line.peer.api("of the first")
    line.peer.api("of the last")
    assert answer.result(LIMIT).text == "of the last"


def test_a_refusal_is_a_refusal_and_an_answer_is_none(line: Line) -> None:
    good, bad = ask(line, "api good\n\n"), ask(line, "api bad\n\n")
    line.connection.flush()
    line.peer.expect("api good", "api bad")
    line.peer.api("+OK\n")
    line.peer.api("-ERR No such channel!\n")
    assert not good.result(LIMIT).refused
    assert bad.result(LIMIT) == Reply("-ERR No such channel!")
    assert bad.result().refused


def test_events_between_replies_do_not_shift_them(line: Line) -> None:
    first, second = ask(line, "api 1\n\n"), ask(line, "api 2\n\n")
    line.connection.flush()
    line.peer.expect("api 1", "api 2")
    line.peer.api("one")
    line.peer.event("CHANNEL_HANGUP", Unique_ID=UUID, Hangup_Cause="NORMAL_CLEARING")
    line.peer.notice()
    line.peer.api("two")
    assert (first.result(LIMIT).text, second.result(LIMIT).text) == ("one", "two")
    assert line.handler.names() == ["CHANNEL_HANGUP", "DISCONNECT_NOTICE"]
    assert line.handler.events[0].cause == "NORMAL_CLEARING"
    assert line.handler.events[1].uuid == UUID


def test_an_answer_nobody_asked_for_is_passed_over(line: Line) -> None:
    line.peer.api("unasked")
    line.peer.event("CHANNEL_ANSWER", Unique_ID=UUID)
    wait_until(lambda: line.handler.names() == ["CHANNEL_ANSWER"], "the event never came")
    answer = ask(line, "api 1\n\n")
    line.connection.flush()
    line.peer.expect("api 1")
    line.peer.api("one")
    assert answer.result(LIMIT).text == "one"


def test_a_flush_writes_everything_posted_at_once(line: Line) -> None:
    line.connection.post("api 1\n\n", "api 2\n\n")
    line.connection.post("exit\n\n")
    assert line.wire.writes == []
    line.connection.flush()
    assert line.wire.writes == ["api 1\n\napi 2\n\nexit\n\n"]


def test_a_flush_of_nothing_writes_nothing(line: Line) -> None:
    line.connection.flush()
    assert line.wire.writes == []


def test_many_threads_posting_lose_nothing_and_keep_each_ones_order(line: Line) -> None:
    threads, each = 16, 50
    echo = threading.Thread(target=line.peer.echo)
    echo.start()
    barrier = threading.Barrier(threads)

    def talk(name: int) -> list[str]:
        barrier.wait(LIMIT)
        answers = []
        for number in range(each):
            answers.append(ask(line, f"api {name} {number}\n\n"))
            line.connection.flush()
        return [answer.result(LIMIT).text for answer in answers]

    with ThreadPoolExecutor(threads) as pool:
        heard = list(pool.map(talk, range(threads)))
    assert heard == [[f"{name} {number}" for number in range(each)] for name in range(threads)]
    written = "".join(line.wire.writes).split("\n\n")[:-1]
    for name in range(threads):
        mine = [command for command in written if command.startswith(f"api {name} ")]
        assert mine == [f"api {name} {number}" for number in range(each)]
    line.connection.close()
    echo.join(LIMIT)


def test_a_connection_closed_in_mid_command_answers_every_waiter_as_lost(line: Line) -> None:
    answers = [ask(line, f"api {number}\n\n") for number in range(3)]
    line.connection.flush()
    line.peer.expect("api 0", "api 1", "api 2")
    line.peer.api("zero")
    assert answers[0].result(LIMIT).text == "zero"
    line.peer.close()
    assert [answer.result(LIMIT) for answer in answers[1:]] == [Reply("", lost=True)] * 2
    wait_until(lambda: line.handler.ended == [line.connection], "nobody was told of the end")


def test_a_mistake_about_a_lost_reply_keeps_nobody_from_hearing_of_the_end(line: Line) -> None:
    def mistaken(_: Reply) -> None:
        raise RuntimeError("a mistake")

    line.connection.post("api 1\n\n", on_reply=mistaken)
    answer = ask(line, "api 2\n\n")
    line.connection.flush()
    line.peer.expect("api 1", "api 2")
    line.peer.close()
    assert answer.result(LIMIT).lost
    line.thread.join(LIMIT)
    assert line.handler.ended == [line.connection]


def test_what_is_posted_to_a_closed_connection_is_lost_at_once(line: Line) -> None:
    line.connection.close()
    line.thread.join(LIMIT)
    answer = ask(line, "api late\n\n")
    line.connection.flush()
    assert answer.result(0) == Reply("", lost=True)
    assert answer.result().refused
    assert line.wire.writes == []


def test_posters_against_the_end_of_the_connection_are_all_answered(line: Line) -> None:
    """Whichever of them comes first: nobody waits for an answer that never comes."""
    echo = threading.Thread(target=line.peer.echo)
    echo.start()
    threads, started = 8, threading.Barrier(9)

    def talk(name: int) -> list[Future[Reply]]:
        started.wait(LIMIT)
        answers = []
        for number in range(100):
            answers.append(ask(line, f"api {name} {number}\n\n"))
            line.connection.flush()
        return answers

    with ThreadPoolExecutor(threads) as pool:
        talking = [pool.submit(talk, name) for name in range(threads)]
        started.wait(LIMIT)
        line.connection.close()
        answers = [answer for talk_ in talking for answer in talk_.result(LIMIT)]
    replies = [answer.result(LIMIT) for answer in answers]
    assert len(replies) == threads * 100
    assert all(reply.lost or reply.text for reply in replies)
    echo.join(LIMIT)


def test_a_peer_that_resets_the_connection_ends_it(line: Line) -> None:
    answer = ask(line, "api 1\n\n")
    line.connection.flush()
    line.peer.expect("api 1")
    line.peer.vanish()
    assert answer.result(LIMIT).lost
    wait_until(lambda: line.connection.closed, "the reset went unnoticed")


def test_events_of_a_superseded_connection_are_not_told(line: Line) -> None:
    line.connection.superseded = True
    line.peer.event("CHANNEL_HANGUP", Unique_ID=UUID, Hangup_Cause="NORMAL_CLEARING")
    line.peer.notice()
    answer = ask(line, "api 1\n\n")
    line.connection.flush()
    line.peer.expect("api 1")
    line.peer.api("one")
    assert answer.result(LIMIT).text == "one"
    assert line.handler.events == []


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What python-ESL was given since the hand-shake."""
    found: list[bytes] = []
    through = Wire._through

    def noted(wire: Wire, data: bytes) -> object:
        found.append(data)
        return through(wire, data)

    monkeypatch.setattr(Wire, "_through", noted)
    return found


def test_a_reply_that_nobody_waits_for_is_counted_and_not_decoded(
    decoded: list[bytes], line: Line
) -> None:
    first = ask(line, "linger 5\n\n", "api 1\n\n")
    line.connection.post("myevents\n\n", "api 2\n\n")
    last = ask(line, "api 3\n\n")
    line.connection.flush()
    line.peer.expect("linger 5", "api 1", "myevents", "api 2", "api 3")
    line.peer.reply("+OK will linger")
    line.peer.api("one")
    line.peer.reply("+OK Events Enabled")
    line.peer.api("two")
    line.peer.api("three")
    assert (first.result(LIMIT).text, last.result(LIMIT).text) == ("one", "three")
    assert [data[-5:] for data in decoded] == [b"\n\none", b"three"]


def test_the_end_of_what_is_not_played_is_not_decoded(decoded: list[bytes], line: Line) -> None:
    for application in ("answer", "playback", "socket"):
        line.peer.event("CHANNEL_EXECUTE_COMPLETE", Unique_ID=UUID, Application=application)
    line.peer.event("CHANNEL_BRIDGE", Unique_ID=UUID)
    wait_until(lambda: len(line.handler.events) == 2, "something was not told")
    assert [event.application for event in line.handler.events] == ["playback", ""]
    assert len(decoded) == 2


def test_a_channel_that_is_told_to_be_parked_as_it_arrives_is_not_decoded(
    decoded: list[bytes], line: Line
) -> None:
    for state in ("CS_EXECUTE", "CS_PARK"):
        line.peer.event("CHANNEL_PARK", Unique_ID=UUID, Channel_State=state)
    line.peer.event("CHANNEL_BRIDGE", Unique_ID=UUID)
    wait_until(lambda: len(line.handler.events) == 2, "something was not told")
    assert [event.state for event in line.handler.events] == ["CS_PARK", ""]
    assert len(decoded) == 2


def test_a_result_of_a_background_job_carries_its_job_and_body(line: Line) -> None:
    line.peer.event("BACKGROUND_JOB", "-ERR USER_BUSY\n", Job_UUID="job-1")
    wait_until(lambda: line.handler.events, "the result never came")
    event = line.handler.events[0]
    assert (event.job, event.body) == ("job-1", "-ERR USER_BUSY")


def test_closing_twice_and_after_the_end_is_harmless(line: Line) -> None:
    line.connection.close()
    line.connection.close()
    line.thread.join(LIMIT)
    line.connection.close()
    assert line.handler.ended == [line.connection]


MUCH = [f"api {number} {'x' * 200}\n\n" for number in range(40_000)]
"""More than the buffers between two ends hold (8 MB)."""


def test_a_peer_that_reads_nothing_holds_nobody(line: Line) -> None:
    """Posting does no I/O, and who flushes leaves the rest to the connection's own thread."""
    line.connection.post(*MUCH)
    assert line.wire.writes == []
    began = time.monotonic()
    for number in range(100):
        line.connection.flush()
        line.connection.post(f"api late {number}\n\n")
    assert time.monotonic() - began < 1


def test_what_a_slow_peer_did_not_take_at_once_arrives_whole_and_in_order(line: Line) -> None:
    line.connection.post(*MUCH)
    line.connection.flush()
    late = ask(line, "api late\n\n")
    line.connection.flush()
    line.peer.expect(*(command.strip() for command in MUCH), "api late")
    for _ in MUCH:
        line.peer.api("+OK")
    line.peer.api("late")
    assert late.result(LIMIT).text == "late"


def test_a_peer_that_takes_nothing_for_too_long_is_given_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "SEND_SECONDS", 0.1)
    answer = ask(line, *MUCH)
    line.connection.flush()
    assert answer.result(LIMIT).lost
    wait_until(lambda: line.connection.closed, "it is kept")


@pytest.mark.parametrize("end", ["close", "vanish"])
def test_the_end_of_a_stalled_connection_is_not_waited_for(line: Line, end: str) -> None:
    answer = ask(line, *MUCH)
    line.connection.flush()
    began = time.monotonic()
    if end == "close":
        line.connection.close()
    else:
        line.peer.vanish()
    assert answer.result(LIMIT).lost
    line.thread.join(LIMIT)
    assert time.monotonic() - began < 2


def test_a_machine_without_a_thread_to_spare_gives_the_stalled_connection_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    answer = ask(line, *MUCH)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        line.connection.flush()
    assert answer.result(LIMIT).lost
