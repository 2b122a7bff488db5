"""The process contract: what `fsapp serve` does with signals, health and missing dependencies."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_address

from .actors import Agent, Callers, Desk
from .app import App, Settings, merged, run_fsapp, variables
from .client import Client, send_raw
from .expect import is_a_clear_refusal
from .wait import wait_until

Start = Callable[..., App]
NOTHING_ELSE: Settings = {}


def lonely(directory: Path, prepared: Path, settings: Settings) -> App:
    """An app of its own, not started yet, without a switch."""
    database = directory / "desk.db"
    database.write_bytes(prepared.read_bytes())
    alone: Settings = {
        "http": {"listen": free_address()},
        "outbound": {"listen": free_address()},
        "control": {"address": free_address()},
        "database": {"path": str(database)},
    }
    return App(directory, merged(alone, settings))


@pytest.fixture
def a_lonely_app(tmp_path: Path, prepared: tuple[Path, dict[str, str]]) -> Iterator[Start]:
    """Starts an app of its own, without a switch; stops it when the test is over."""
    started: list[App] = []

    def start(settings: Settings = NOTHING_ELSE) -> App:
        started.append(lonely(tmp_path, prepared[0], settings))
        return started[-1].start(ready=False)

    yield start
    for app in started:
        app.stop()


@pytest.fixture(scope="module")
def without_freeswitch(
    prepared: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """A running app without a switch, for tests that only look."""
    app = lonely(tmp_path_factory.mktemp("lonely"), prepared[0], NOTHING_ELSE)
    yield app.start(ready=False)
    app.stop()


def get(app: App, path: str, token: str | None = None) -> tuple[int, str]:
    client = Client(app.address, token)
    try:
        answer = client.get(path)
    finally:
        client.close()
    return answer.code, answer.body.decode()


def test_ready_beside_a_switch(app: App):
    assert get(app, "/readyz")[0] == 200
    assert get(app, "/healthz")[0] == 200


def test_alive_but_not_ready_without_freeswitch_and_it_says_so(without_freeswitch: App):
    app = without_freeswitch
    assert get(app, "/healthz")[0] == 200
    code, body = get(app, "/readyz")
    assert code == 503
    assert "freeswitch" in body.lower()


def test_without_freeswitch_a_command_is_refused_as_unavailable(
    without_freeswitch: App, prepared: tuple[Path, dict[str, str]]
):
    app = without_freeswitch
    client = Client(app.address, prepared[1]["anna"])
    is_a_clear_refusal(client.post("/call/originate", extension="1142"), 503)
    assert client.get("/call/list").document["calls"] == []
    client.close()


def test_sigterm_ends_it_with_status_0(a_lonely_app: Start):
    assert a_lonely_app().stop(limit=10.0) == 0


def test_sigint_ends_it_with_status_0(a_lonely_app: Start):
    app = a_lonely_app()
    assert app.process is not None
    app.process.send_signal(signal.SIGINT)
    assert app.wait_exit(limit=10.0) == 0


def test_one_thread_alone_can_take_the_signals_that_end_it(without_freeswitch: App):
    threads = Path(f"/proc/{without_freeswitch.pid}/task").glob("*/status")
    blocked = [may_not_take(thread.read_text(encoding="ascii")) for thread in threads]
    assert len(blocked) > 10
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        assert sum(number not in numbers for numbers in blocked) == 1


def may_not_take(status: str) -> set[int]:
    """The signals a thread has blocked, by its /proc/…/status."""
    mask = int(status.partition("SigBlk:")[2].split()[0], 16)
    return {bit + 1 for bit in range(64) if mask >> bit & 1}


def test_a_second_signal_ends_it_at_once(a_lonely_app: Start):
    app = a_lonely_app()
    assert app.process is not None
    host, _, port = app.address.rpartition(":")
    with socket.create_connection((host, int(port))) as client:
        # A body that never comes keeps a graceful end waiting for this request.
        client.sendall(b"POST /call/pickup HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        app.process.send_signal(signal.SIGTERM)
        wait_until(app.log, lambda log: "stopping" in log, promise="it has begun to stop")
        app.process.send_signal(signal.SIGTERM)
        status = app.wait_exit(limit=1.0)
    assert status == 128 + signal.SIGTERM
    assert "Traceback" not in app.log()


def test_it_ends_with_status_0_while_clients_hold_connections(a_lonely_app: Start):
    app = a_lonely_app()
    host, _, port = app.address.rpartition(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert app.stop(limit=10.0) == 0


def test_after_the_end_nobody_listens(a_lonely_app: Start):
    app = a_lonely_app()
    app.stop()
    for section in ("http", "outbound"):
        host, _, port = str(app.settings[section]["listen"]).rpartition(":")
        with socket.socket() as probe:
            assert probe.connect_ex((host, int(port))) != 0


def test_it_starts_again_on_the_same_database(a_lonely_app: Start):
    app = a_lonely_app()
    app.stop()
    app.start(ready=False)
    assert get(app, "/healthz")[0] == 200


def test_an_address_in_use_is_one_clear_line(without_freeswitch: App, tmp_path: Path):
    app = without_freeswitch
    second = run_fsapp("serve", directory=tmp_path, **variables(app.settings))
    assert second.returncode not in (0, None)
    assert "Traceback" not in second.stderr
    assert app.address in second.stderr or "in use" in second.stderr


def test_the_environment_overrides_the_file(tmp_path: Path, a_lonely_app: Start):
    app = a_lonely_app()
    app.stop()
    elsewhere = free_address()
    app.launch(FSAPP_HTTP_LISTEN=elsewhere)
    app.settings["http"]["listen"] = elsewhere
    wait_until(lambda: answers(elsewhere), limit=15.0, promise="it listens elsewhere")


def answers(address: str) -> bool:
    try:
        answer = send_raw(address, b"GET /healthz HTTP/1.0\r\n\r\n")
    except OSError:
        return False
    return answer is not None and answer.code == 200


def test_who_may_not_connect_as_freeswitch_is_closed_at_once_and_logged(a_lonely_app: Start):
    app = a_lonely_app({"outbound": {"allow": ["192.0.2.0/24"]}})
    host, _, port = str(app.settings["outbound"]["listen"]).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=3) as stranger:
        assert closed(stranger)
    wait_until(app.log, lambda text: "127.0.0.1" in text and "llow" in text, promise="it is logged")


def closed(stream: socket.socket) -> bool:
    """Whether the peer closes without a word, within the stream's timeout."""
    try:
        return stream.recv(100) == b""
    except ConnectionResetError:
        return True


def test_who_is_allowed_to_connect_is_spoken_to(without_freeswitch: App):
    app = without_freeswitch
    host, _, port = str(app.settings["outbound"]["listen"]).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=3) as switch:
        assert switch.recv(100).startswith(b"connect")


def test_it_comes_back_to_its_agents_after_a_restart(
    a_caller: Callers, anna: Agent, desk: Desk, app: App
):
    app.restart()
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_it_ends_with_status_0_with_callers_waiting_and_a_conversation(
    a_caller: Callers, anna: Agent, desk: Desk, app: App
):
    spoken, _ = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    began = time.monotonic()
    status = app.stop(limit=10.0)
    took = time.monotonic() - began
    app.start()
    assert (status, took < 10.0) == (0, True)
