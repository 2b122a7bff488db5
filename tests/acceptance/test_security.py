"""Hostile peers, slow clients and secrets: calls go on, and nothing leaks."""

import contextlib
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_address

from .actors import Agent, Callers, Desk
from .app import App, Settings, run_fsapp, variables
from .client import Answer, Client, send_raw
from .switches.base import Switch
from .test_process import Start, a_lonely_app  # noqa: F401 - a fixture
from .wait import wait_until

HANDSHAKE_SECONDS = 2.0
SETTINGS: Settings = {
    "log": {"level": "debug"},
    "outbound": {"handshake_timeout": HANDSHAKE_SECONDS},
}

CERTIFICATES = Path(__file__).parents[1] / "web" / "tls"
CHANNEL = b"Content-Type: command/reply\nReply-Text: +OK\nUnique-ID: hostile\n\n"
HOSTILE = {
    "a negative length": b"Content-Type: api/response\nContent-Length: -5\n\n" + b"A" * 60_000,
    "an absurd length": b"Content-Type: api/response\nContent-Length: 9223372036854775000\n\n",
    "a large length": b"Content-Type: api/response\nContent-Length: 30000000000\n\nabc",
    "a line without an end": b"A: " + b"x" * 5_000_000,
    "headers without an end": b"A: b\n" * 1_000_000,
    "binary": bytes(range(256)) * 10_000,
    "nuls": b"\0" * 1_000_000,
    "nested json": b"Content-Type: text/event-json\nContent-Length: 900006\n\n"
    + b'{"a":'
    + b"[" * 900_001,
    "arrays in arrays": b"Content-Type: text/event-plain\nContent-Length: 700009\n\nUnique: "
    + b"ARRAY::" * 100_000,
    "ten thousand frames": CHANNEL * 10_000,
}


def connect(address: object) -> socket.socket:
    host, _, port = str(address).rpartition(":")
    return socket.create_connection((host, int(port)), timeout=15.0)


@pytest.mark.parametrize("shaken", [False, True], ids=["greeting", "later"])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_peer_in_freeswitchs_place_ends_nothing(
    hostile: bytes, shaken: bool, a_caller: Callers, anna: Agent, desk: Desk
):
    """Most of these would crash, hang or bloat a bare python-ESL."""
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    process = desk.app.host
    before = memory(process)
    with connect(desk.app.settings["outbound"]["listen"]) as peer:
        assert peer.recv(100).startswith(b"connect")
        with contextlib.suppress(OSError):
            if shaken:
                peer.sendall(CHANNEL)
            peer.sendall(hostile)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass
    anna.speaks_with(spoken)
    assert anna.asks("park", spoken).code == 200
    anna.picks_up(waiting)
    assert desk.app.is_running
    assert desk.app.host == process
    assert memory(process) - before < 100_000


def memory(process: int) -> int:
    """Kilobytes of it."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def test_silent_peers_delay_a_caller_no_longer_than_a_hand_shake_may_take(
    a_caller: Callers, desk: Desk
):
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connect(desk.app.settings["outbound"]["listen"]))
        began = time.monotonic()
        a_caller.waits()
        assert time.monotonic() - began < HANDSHAKE_SECONDS + 3.0


def test_three_hundred_slow_clients_hold_up_no_agent(a_caller: Callers, anna: Agent, desk: Desk):
    """More than there are threads (http.threads)."""
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            slow = stack.enter_context(connect(desk.app.address))
            slow.sendall(b"POST /call/pickup HTTP/1.1\r\nContent-Length: 60000\r\n\r\n{")
        caller = a_caller.waits()
        began = time.monotonic()
        anna.picks_up(caller)
        assert time.monotonic() - began < 5.0
        anna.speaks_with(caller)


def test_whoever_guesses_tokens_is_slowed_and_nobody_else(anna: Agent, desk: Desk):
    guesser = Client(desk.app.address, "wrong")
    try:
        answers = [guesser.get("/agent") for _ in range(24)]
    finally:
        guesser.close()
    assert {answer.code for answer in answers} == {401}
    assert answers[-1].seconds > 0.9
    assert "Retry-After" in answers[-1].headers
    mine = anna.asks("list")
    assert (mine.code, mine.seconds < 0.5) == (200, True)


def test_no_token_and_no_password_in_log_answers_or_database(
    a_caller: Callers, anna: Agent, bente: Agent, desk: Desk, switch: Switch
):
    """At log level debug, through a shift with everything that is refused, too."""
    said: list[bytes] = []
    token, other = str(anna.client.token), str(bente.client.token)
    caller = a_caller.waits()
    said += [anna.asks("pickup", caller).body, anna.asks("park", caller).body]
    said += [bente.asks("unpark", caller).body, anna.asks("unpark", caller).body]
    said += [anna.asks("originate", extension="x").body, anna.asks("list").body]
    for path in (f"/agent?token={token}", f"/agent?token={token}&token={other}", f"/x/{token}x"):
        answer = send_raw(desk.app.address, request(path, other))
        assert answer is not None
        said.append(answer.body)
    for hostile in (
        f"GET /agent?token={token}\r\n\r\n",
        f"{token}\r\n\r\n",
        f"\x16{token}\r\n\r\n",
    ):
        answer = send_raw(desk.app.address, hostile.encode())
        said.append(answer.body if answer else b"")
    said.append(anna.client.request("POST", "/agent/state", body=token.encode()).body)
    said += [anna.asks("hangup", caller).body, health(desk.app).body]
    written = [file.read_bytes() for file in desk.app.directory.glob("*.db*")]
    assert written
    log = desk.app.log().encode()
    for secret in (token, other, switch.control_password):
        for text in (*said, log, *written):
            assert secret.encode() not in text


def health(app: App) -> Answer:
    client = Client(app.address)
    try:
        return client.get("/readyz")
    finally:
        client.close()


def request(path: str, token: str) -> bytes:
    lines = (f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def tls(certificate: str = "one.pem", key: str = "one.key") -> Settings:
    pair = (CERTIFICATES / certificate, CERTIFICATES / key)
    return {"http": {"tls_certificate": str(pair[0]), "tls_key": str(pair[1])}}


@pytest.fixture
def an_encrypted_app(tmp_path: Path, prepared: tuple[Path, dict[str, str]]) -> Iterator[App]:
    """An app that speaks HTTPS."""
    from .test_process import lonely

    app = lonely(tmp_path, prepared[0], tls())
    app.launch()
    wait_until(app.log, lambda log: "agents at https://" in log, limit=15.0, promise="it listens")
    yield app
    app.stop()


def test_agents_are_served_over_tls(an_encrypted_app: App, prepared: tuple[Path, dict[str, str]]):
    trusting = ssl.create_default_context(cafile=str(CERTIFICATES / "one.pem"))
    with (
        connect(an_encrypted_app.address) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as stream,
    ):
        stream.sendall(request("/agent", prepared[1]["anna"]))
        received = b""
        while chunk := stream.recv(65536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200 ")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["agent"]["id"] == "anna"


def test_plain_http_where_tls_is_spoken_is_refused_at_once(an_encrypted_app: App):
    answer = send_raw(an_encrypted_app.address, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer is not None
    assert (answer.code, answer.seconds < 3.0) == (400, True)


@pytest.mark.parametrize(
    ("certificate", "key"), [("one.pem", "other.key"), ("none.pem", "one.key"), ("one.key",) * 2]
)
def test_a_certificate_that_cannot_be_used_is_one_clear_line(
    certificate: str, key: str, tmp_path: Path
):
    wrong = variables(tls(certificate, key))
    ended = run_fsapp("serve", directory=tmp_path, **wrong)
    assert ended.returncode == 2, ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert "http.tls_" in ended.stderr
    assert not list(tmp_path.glob("*.db"))


def test_what_the_settings_leave_open_is_said_in_the_log(a_lonely_app: Start):  # noqa: F811
    port = free_address().rpartition(":")[2]
    app = a_lonely_app({"http": {"listen": f"0.0.0.0:{port}"}})
    wait_until(
        app.log, lambda log: "WARNING" in log and "is not encrypted" in log, promise="it warns"
    )


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_server_in_freeswitchs_place_ends_nothing(hostile: bytes, a_lonely_app: Start):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        app = a_lonely_app({"control": {"address": f"{host}:{port}"}})
        server.settimeout(15.0)
        for _ in range(2):
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(b"Content-Type: auth/request\n\n")
                peer.recv(100)
                peer.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
                peer.sendall(hostile)
        assert app.process is not None
        with pytest.raises(subprocess.TimeoutExpired):
            app.process.wait(0.2)
        assert health(app).code in (200, 503)
