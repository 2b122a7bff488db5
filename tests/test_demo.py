"""``fsapp demo``: the whole desk in one command, on ports of the test's choice."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fsapp import demo as demo_module
from fsapp.settings import Address, Control, Http, Outbound, Settings
from fsapp.web.routes import ROUTES
from tests.ports import free_address

DEMO = (sys.executable, "-m", "fsapp", "demo")


@contextmanager
def begun(duration: int) -> Iterator[subprocess.Popen[str]]:
    """The demo, for so many seconds; ended afterwards, if it has not ended by then."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FSAPP_")}
    addresses = {
        f"FSAPP_{name}": free_address()
        for name in ("HTTP_LISTEN", "OUTBOUND_LISTEN", "CONTROL_ADDRESS")
    }
    process = subprocess.Popen(
        [*DEMO, "--duration", str(duration), "--calls-per-minute", "120"],
        env={**kept, **addresses, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def demo() -> Iterator[subprocess.Popen[str]]:
    with begun(60) as process:
        yield process


def introduction(process: subprocess.Popen[str]) -> str:
    """What it prints until it says how to end it."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


def ask(url: str, token: str, method: str = "GET") -> dict[str, object]:
    request = urllib.request.Request(
        url, method=method, headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        document: dict[str, object] = json.load(answer)
    return document


def test_callers_come_phones_answer_and_it_ends_when_asked(
    demo: subprocess.Popen[str],
) -> None:
    said = introduction(demo)
    url = re.search(r"Console: (http://\S+)/", said)
    token = re.search(r"token (\S+)", said)
    assert url is not None
    assert token is not None
    with urllib.request.urlopen(f"{url[1]}/", timeout=20) as page:
        assert page.headers["Content-Type"].startswith("text/html")
    organizations = ask(f"{url[1]}/organization/list", token[1])["organizations"]
    assert isinstance(organizations, list)
    assert all(one["name"] and one["greeting"] for one in organizations)
    deadline = time.monotonic() + 10
    while not ask(f"{url[1]}/call/queue", token[1])["calls"]:
        assert time.monotonic() < deadline, "nobody has called"
    call = ask(f"{url[1]}/call/pickup", token[1], "POST")["call"]
    assert isinstance(call, dict)
    assert call["state"] == "speaking"
    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=10) == 0


def test_it_ends_by_itself_when_its_time_is_over() -> None:
    with begun(2) as process:
        introduction(process)
        began = time.monotonic()
        assert process.wait(timeout=20) == 0
        lasted = time.monotonic() - began
        assert process.stdout is not None
        assert process.stdout.read().splitlines()[-1:] == ["The demo is over."]
    # The two seconds count from before the introduction is read here.
    assert lasted > 1


def test_a_curl_line_is_printed_for_every_verb(demo: subprocess.Popen[str]) -> None:
    said = introduction(demo)
    asked = [r.path.replace("<call_id>", "ID") for r in ROUTES if r.verb is not None]
    assert asked
    line = r"^ +desk (?:-X POST |-N )?\"http://[^/]+(/[a-zA-Z/]+)[?\"]"
    lines = re.findall(line, said, re.MULTILINE)
    assert set(lines) == set(asked)


def test_it_makes_room_for_a_freeswitch_or_another_demo_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only where nobody has chosen the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        everywhere = Settings(
            http=Http(listen=address),
            outbound=Outbound(listen=address),
            control=Control(address=address),
        )
        assert demo_module._beside_others(everywhere) == everywhere
        monkeypatch.setattr(demo_module, "Settings", lambda: everywhere)
        made = demo_module._beside_others(everywhere)
    found = {made.http.listen.port, made.outbound.listen.port, made.control.address.port}
    assert address.port not in found
    assert len(found) == 3
    assert made.outbound.advertise == made.outbound.listen
