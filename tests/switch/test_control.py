"""The control connection: it comes back by itself, says what is wrong, and stops at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from fsapp.switch import control as control_module
from fsapp.switch import login
from fsapp.switch.channel import Reply
from fsapp.switch.control import DOUBT_SECONDS, Control
from fsapp.switch.pulse import PULSE_SECONDS
from tests.desk.fakes import ManualClock
from tests.switch.peer import LIMIT, EventSocket, NotingHandler, nothing_left, wait_until

SILENCE = 5.0
"""How long FreeSWITCH may take to answer."""


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(control_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(control_module, "LONGEST_PAUSE", 0.05)
    with nothing_left():
        yield


@pytest.fixture
def switch(_nothing_left: None) -> Iterator[EventSocket]:
    switch = EventSocket()
    yield switch
    switch.close()


class Controlled:
    """A control connection with what it told."""

    def __init__(self, address: tuple[str, int], password: str = "ClueCon") -> None:
        self.clock = ManualClock()
        self.measured: list[str] = []
        meter = lambda command, *_: self.measured.append(command)  # noqa: E731
        self.control = Control(address, password, self.clock.later, SILENCE, meter)
        self.handler = NotingHandler()
        self.came_up = 0
        self.control.start(self.handler, self._came_up)

    def _came_up(self) -> None:
        assert self.control.connection is not None
        self.came_up += 1

    def wait_up(self, times: int = 1) -> None:
        wait_until(lambda: self.came_up == times, f"FreeSWITCH did not come up {times} times")

    def ask(self, command: str) -> Future[Reply]:
        answered: Future[Reply] = Future()
        connection = self.control.connection
        assert connection is not None
        connection.post(command, on_reply=answered.set_result)
        connection.flush()
        return answered


def test_it_says_that_nothing_was_asked_yet() -> None:
    assert Control(("127.0.0.1", 8021), "x", ManualClock().later, SILENCE).failure == (
        "FreeSWITCH at 127.0.0.1:8021 was not asked yet"
    )


def test_it_answers_commands_and_has_no_failure(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    assert controlled.control.failure is None
    assert controlled.ask("api status\n\n").result(LIMIT).text == "status"
    controlled.control.stop()


def test_it_subscribes_to_results_of_background_jobs(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    switch.admitted[-1].event("BACKGROUND_JOB", "+OK x\n", Job_UUID="job-1")
    wait_until(lambda: controlled.handler.events, "the result was not told")
    assert controlled.handler.events[0].job == "job-1"
    controlled.control.stop()


def test_it_is_told_of_channels_that_are_known_and_only_the_end_of_others(
    switch: EventSocket,
) -> None:
    controlled = Controlled(switch.address)
    controlled.handler.known = lambda uuid: uuid == "mine"
    controlled.wait_up()
    for uuid in ("stranger", "mine"):
        facts = {"Unique_ID": uuid, "Hangup_Cause": "ORIGINATOR_CANCEL"}
        switch.admitted[-1].event("CHANNEL_HANGUP_COMPLETE", **facts)
    switch.admitted[-1].event("BACKGROUND_JOB", "+OK x\n", Job_UUID="job-1")
    wait_until(lambda: len(controlled.handler.events) == 2, "something was not told")
    assert [event.uuid for event in controlled.handler.events] == ["mine", ""]
    assert controlled.handler.missed_ends == [("stranger", "ORIGINATOR_CANCEL")]
    controlled.control.stop()


def test_it_comes_back_when_the_connection_was_lost(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    first = controlled.control.connection
    switch.hang_up()
    controlled.wait_up(2)
    assert controlled.control.connection is not first
    assert controlled.handler.ended == [first]
    assert controlled.ask("api status\n\n").result(LIMIT).text == "status"
    controlled.control.stop()


def test_a_mistake_as_it_comes_up_costs_that_connection_only(
    switch: EventSocket, caplog: pytest.LogCaptureFixture
) -> None:
    mistakes = [ValueError("ours")]

    def came_up() -> None:
        if mistakes:
            raise mistakes.pop()
        up.set_result(None)

    up: Future[None] = Future()
    control = Control(switch.address, "ClueCon", ManualClock().later, SILENCE)
    control.start(NotingHandler(), came_up)
    up.result(LIMIT)
    assert control.connection is not None
    assert "a mistake of ours as FreeSWITCH came up" in caplog.text
    control.stop()


def test_a_socket_that_takes_no_options_is_given_back(
    switch: EventSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open one that is forgotten is a ResourceWarning, and so an error, here."""

    def refuses(_sock: socket.socket) -> None:
        raise OSError("no such option")

    monkeypatch.setattr(login, "prepare", refuses)
    with pytest.raises(OSError, match="no such option"):
        login.log_in(*switch.address, "ClueCon", 1000)


def test_connections_made_and_attempts_that_failed_are_counted(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    assert (controlled.control.connected, controlled.control.failed) == (1, 0)
    switch.hang_up()
    controlled.wait_up(2)
    assert controlled.control.connected == 2
    controlled.control.stop()


def test_an_attempt_that_fails_is_counted(switch: EventSocket) -> None:
    controlled = Controlled(switch.address, "wrong")
    wait_until(lambda: controlled.control.failed > 1, "failures are not counted")
    assert controlled.control.connected == 0
    controlled.control.stop()


def test_its_commands_are_measured(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    controlled.ask("api status\n\n").result(LIMIT)
    assert controlled.measured[-1] == "api status\n\n"
    controlled.control.stop()


def test_a_lost_connection_is_named_while_it_lasts(
    switch: EventSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_module, "FIRST_PAUSE", LIMIT)
    controlled = Controlled(switch.address)
    controlled.wait_up()
    switch.hang_up()
    host, port = switch.address
    closed = f"FreeSWITCH at {host}:{port} closed the connection"
    wait_until(lambda: controlled.control.failure == closed, "the loss was not named")
    assert controlled.control.connection is None
    controlled.control.stop()


def test_a_wrong_password_is_named(switch: EventSocket) -> None:
    controlled = Controlled(switch.address, "wrong")
    host, port = switch.address
    refused = (
        f"FreeSWITCH at {host}:{port} refused the control password: set control.password to the "
        "one in its event_socket.conf.xml"
    )
    wait_until(lambda: controlled.control.failure == refused, "the refusal was not named")
    assert controlled.control.connection is None
    controlled.control.stop()


def test_a_password_that_becomes_right_is_taken_without_a_restart(switch: EventSocket) -> None:
    switch.password = "another"
    controlled = Controlled(switch.address)
    wait_until(lambda: "refused" in str(controlled.control.failure), "it was not refused")
    switch.password = "ClueCon"
    controlled.wait_up()
    assert controlled.control.failure is None
    assert controlled.ask("api status\n\n").result(LIMIT).text == "status"
    controlled.control.stop()


def test_an_unreachable_switch_is_named_and_found_when_it_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ("127.0.0.1", server.getsockname()[1])
    controlled = Controlled(address)
    silent = f"FreeSWITCH does not answer at 127.0.0.1:{address[1]}:"
    wait_until(
        lambda: str(controlled.control.failure).startswith(silent), "the silence was not named"
    )
    switch = EventSocket(port=address[1])
    controlled.wait_up()
    controlled.control.stop()
    switch.close()


def test_something_else_at_the_address_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_talk, args=(server, HTTP))
        thread.start()
        controlled = Controlled(("127.0.0.1", server.getsockname()[1]))
        wait_until(lambda: "no Event Socket" in str(controlled.control.failure), "it was not named")
        controlled.control.stop()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT)


HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n"
RUDE = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"


def _talk(server: socket.socket, words: bytes) -> None:
    try:
        while True:
            sock, _ = server.accept()
            with sock:
                sock.sendall(words)
    except OSError:
        pass


def test_a_switch_that_accepts_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(login, "LIMIT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ("127.0.0.1", server.getsockname()[1])
        controlled = Controlled(address)
        wait_until(lambda: "timed out" in str(controlled.control.failure), "it waits for ever")
        controlled.control.stop()


def test_a_switch_that_turns_this_machine_away_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_talk, args=(server, RUDE))
        thread.start()
        controlled = Controlled(("127.0.0.1", server.getsockname()[1]))
        wait_until(lambda: "apply-inbound-acl" in str(controlled.control.failure), "not named")
        controlled.control.stop()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT)


def silent(controlled: Controlled, switch: EventSocket) -> None:
    """FreeSWITCH is stopped: its connection stands, nothing is answered."""
    controlled.wait_up()
    switch.admitted[-1].pause()
    controlled.clock.advance(PULSE_SECONDS)
    assert controlled.control.connection is not None
    controlled.clock.advance(SILENCE)


def test_a_switch_that_falls_silent_counts_as_gone_and_is_named(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    silent(controlled, switch)
    assert controlled.control.connection is None
    host, port = switch.address
    assert controlled.control.failure == (
        f"FreeSWITCH at {host}:{port} has not answered for 5 s: "
        "it hangs, is stopped or has too much to do"
    )
    switch.admitted[-1].go_on()
    controlled.control.stop()


def test_a_switch_that_answers_again_is_back_on_the_same_connection(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    silent(controlled, switch)
    switch.admitted[-1].go_on()
    controlled.wait_up(2)
    assert controlled.control.failure is None
    assert controlled.handler.ended == []
    controlled.control.stop()


def test_a_switch_that_answers_in_time_is_asked_again_and_again(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    for number in range(5):
        controlled.clock.advance(PULSE_SECONDS)
        assert controlled.ask("api status\n\n").result(LIMIT).text == "status"
        assert switch.admitted[-1].heard.count("api hostname") == number + 1
        assert controlled.control.connection is not None
    controlled.control.stop()


def test_who_asks_whether_it_answers_is_told_what_is_so_now(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    assert controlled.control.why_silent(LIMIT) is None
    switch.admitted[-1].pause()
    # Long before its silence is noticed.
    assert controlled.control.failure is None
    why = controlled.control.why_silent(0.1)
    assert why is not None
    assert "has not answered for 0.1 s" in why
    switch.admitted[-1].go_on()
    assert controlled.control.why_silent(LIMIT) is None
    controlled.control.stop()


def test_who_asks_as_the_connection_is_lost_is_not_kept_waiting(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    stopped = switch.admitted[-1]
    stopped.pause()
    asked: list[str | None] = []
    asking = threading.Thread(target=lambda: asked.append(controlled.control.why_silent(LIMIT)))
    asking.start()
    switch.hang_up()
    asking.join(LIMIT / 2)
    assert not asking.is_alive()
    assert asked != [None]
    stopped.go_on()
    controlled.control.stop()


def test_who_asks_without_a_connection_is_told_why_there_is_none() -> None:
    control = Control(("127.0.0.1", 8021), "x", ManualClock().later, SILENCE)
    assert control.why_silent(0) == "FreeSWITCH at 127.0.0.1:8021 was not asked yet"


def test_a_silent_connection_that_ends_is_replaced(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    silent(controlled, switch)
    stopped = switch.admitted[-1]
    switch.hang_up()
    controlled.wait_up(2)
    assert controlled.control.failure is None
    stopped.go_on()
    controlled.control.stop()


def names() -> set[str]:
    """Of the threads there are."""
    return {thread.name for thread in threading.enumerate()}


def doubted(controlled: Controlled, switch: EventSocket) -> None:
    """It has been silent for so long that FreeSWITCH is asked on another connection."""
    silent(controlled, switch)
    before = switch.asked
    controlled.clock.advance(DOUBT_SECONDS)
    wait_until(lambda: switch.asked > before, "FreeSWITCH is not asked on another connection")


def test_a_connection_that_leads_nowhere_is_left_for_another(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    doubted(controlled, switch)
    first = switch.admitted[0]

    def passes() -> bool:
        controlled.clock.advance(SILENCE)
        return controlled.came_up == 2

    wait_until(passes, "it is waited for for ever")
    assert controlled.control.failure is None
    assert controlled.ask("api status\n\n").result(LIMIT).text == "status"
    first.go_on()
    controlled.control.stop()


def test_a_connection_that_answers_after_all_is_kept(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    doubted(controlled, switch)
    wait_until(lambda: "control-doubt" not in names(), "it asks for ever")
    switch.admitted[0].go_on()
    controlled.wait_up(2)
    first = controlled.control.connection
    controlled.clock.advance(SILENCE)
    assert controlled.ask("api status\n\n").result(LIMIT).text == "status"
    assert controlled.control.connection is first
    controlled.control.stop()


def test_a_stopped_switch_keeps_its_connection_however_long_it_is_stopped(
    switch: EventSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "LIMIT_SECONDS", 0.05)
    controlled = Controlled(switch.address)
    controlled.wait_up()
    switch.greets.clear()
    silent(controlled, switch)

    def passes() -> bool:
        controlled.clock.advance(DOUBT_SECONDS)
        return switch.asked > 3

    wait_until(passes, "FreeSWITCH is not asked again")
    switch.greets.set()
    switch.admitted[0].go_on()
    controlled.wait_up(2)
    assert controlled.handler.ended == []
    controlled.control.stop()


def test_stop_waits_for_the_other_connection_on_which_it_asks(
    switch: EventSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "LIMIT_SECONDS", 0.2)
    controlled = Controlled(switch.address)
    controlled.wait_up()
    switch.greets.clear()
    doubted(controlled, switch)
    controlled.control.stop()
    left = names()
    switch.greets.set()
    switch.admitted[0].go_on()
    assert "control-doubt" not in left


def test_it_asks_on_no_other_connection_once_it_was_stopped(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    silent(controlled, switch)
    switch.greets.clear()
    controlled.control._stopping.set()
    controlled.clock.advance(DOUBT_SECONDS)
    asking = names()
    switch.greets.set()
    switch.admitted[0].go_on()
    controlled.control.stop()
    assert "control-doubt" not in asking


@pytest.mark.parametrize("up", [True, False], ids=["connected", "reconnecting"])
def test_stop_is_prompt(switch: EventSocket, monkeypatch: pytest.MonkeyPatch, up: bool) -> None:
    monkeypatch.setattr(control_module, "FIRST_PAUSE", LIMIT)
    controlled = Controlled(switch.address, "ClueCon" if up else "wrong")
    if up:
        controlled.wait_up()
    else:
        wait_until(lambda: "refused" in str(controlled.control.failure), "it was not refused")
    began = time.monotonic()
    controlled.control.stop()
    assert time.monotonic() - began < 1.0


def test_stop_answers_who_still_waits(switch: EventSocket) -> None:
    controlled = Controlled(switch.address)
    controlled.wait_up()
    switch.admitted[0].echo = lambda: None  # type: ignore[method-assign]
    answers = [controlled.ask(f"api {number}\n\n") for number in range(100)]
    controlled.control.stop()
    assert all(answer.done() for answer in answers)


def test_stop_before_anything_was_started_is_harmless() -> None:
    Control(("127.0.0.1", 1), "x", ManualClock().later, SILENCE).stop()


def test_stop_ends_a_connection_attempt_that_succeeds_just_then(
    switch: EventSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    connecting, stopping = threading.Event(), threading.Event()
    connect = Control._connect

    def slowly(control: Control) -> object:
        connection = connect(control)
        connecting.set()
        stopping.wait(LIMIT)
        return connection

    monkeypatch.setattr(Control, "_connect", slowly)
    controlled = Controlled(switch.address)
    assert connecting.wait(LIMIT)
    controlled.control.stop(0.05)
    stopping.set()
    assert controlled.control._thread is not None
    controlled.control._thread.join(0.5)
    ended = not controlled.control._thread.is_alive()
    switch.hang_up()
    assert ended, "the connection outlives stop()"
