"""``fsapp calls`` and ``fsapp queue``, and how they reach the running fsapp."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp.cli.calls import age, customer
from fsapp.settings import Address, Http
from fsapp.web.server import WebServer
from tests.web.test_tls import FILES

from .ran import Run, columns, refused
from .served import NOW, Desk, call, served


@pytest.fixture
def desk() -> Desk:
    return Desk(
        [
            call("c-1", position=2, caller_name="Zoë \x1b[2J", caller_id="204"),
            call("c-2", position=1, caller_name="", caller_id="", organization_id=2, priority=5),
            call(
                "c-3",
                state="speaking",
                position=None,
                bridged_at=str(NOW - 67),
                assigned_to="ann",
                caller_name="Max",
            ),
            call("c-4", state="ringing", position=None, inbound=False, destination="1142"),
            call("c-5", state="created", position=None, locked=True),
        ]
    )


@pytest.fixture
def server(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(time, "time", lambda: float(NOW))
    with served(desk) as server:
        monkeypatch.setenv("FSAPP_HTTP_LISTEN", str(server.address))
        monkeypatch.setenv("FSAPP_TOKEN", "ann-token")
        yield server


def test_calls_are_a_table_for_eyes(run: Run, server: WebServer) -> None:
    ran = run("calls")
    assert (ran.status, ran.err) == (0, "")
    assert columns(ran.out) == [
        ["state", "for", "customer", "direction", "dialled", "agent", "organization", "id"],
        ["queued", "0:42", "204 Zoë ?[2J", "inbound", "5900", "Bakery Jensen", "c-1"],
        ["queued", "0:42", "unknown", "inbound", "5900", "2", "c-2"],
        ["speaking", "1:07", "2045550100 Max", "inbound", "5900", "ann", "Bakery Jensen", "c-3"],
        ["ringing", "0:42", "1142", "outbound", "1142", "Bakery Jensen", "c-4"],
        ["greeting", "0:42", "2045550100 Mrs. Lund", "inbound", "5900", "Bakery Jensen", "c-5"],
    ]


def test_the_queue_is_in_the_order_of_service(run: Run, server: WebServer) -> None:
    assert columns(run("queue").out) == [
        ["place", "waits", "customer", "dialled", "organization", "priority", "id"],
        ["1", "0:42", "unknown", "5900", "2", "5", "c-2"],
        ["2", "0:42", "204 Zoë ?[2J", "5900", "Bakery Jensen", "c-1"],
    ]


def test_programs_get_the_call_objects_one_a_line(run: Run, server: WebServer, desk: Desk) -> None:
    lines = run("calls", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == desk.calls
    lines = run("queue", "--json").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["c-2", "c-1"]


def test_with_nobody_there_that_is_said_beside_the_output(
    run: Run, server: WebServer, desk: Desk
) -> None:
    desk.calls.clear()
    assert run("calls") == (0, "", "No live calls.\n")
    assert run("queue") == run("queue", "--json") == (0, "", "Nobody waits.\n")


# Who asks, and where.


@pytest.mark.parametrize("command", ["calls", "queue", "top"])
def test_without_a_token_it_says_where_one_comes_from(
    command: str, run: Run, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FSAPP_TOKEN")
    line = refused(run(command), 2)
    assert line.startswith("fsapp: no token: set FSAPP_TOKEN or give --token; fsapp agent add")


def test_the_option_comes_before_the_environment(
    run: Run, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSAPP_TOKEN", "wrong")
    monkeypatch.setenv("FSAPP_URL", "http://127.0.0.1:1")
    url = f"http://{server.address}"
    assert run("queue", "--token", "ann-token", "--url", url).status == 0
    monkeypatch.setenv("FSAPP_URL", url)
    assert run("queue", "--token", "ann-token").status == 0


def test_a_wrong_token_is_a_refusal(run: Run, server: WebServer) -> None:
    line = refused(run("calls", "--token", "wrong"), 1)
    assert line == f"fsapp: http://{server.address}: A valid token is required.\n"


def test_the_token_is_never_shown(run: Run) -> None:
    for arguments in (("--url", "http://127.0.0.1:1"), ("--url", "nonsense"), ()):
        ran = run("calls", "--token", "very-secret", *arguments)
        assert "very-secret" not in ran.out + ran.err


def test_where_nothing_runs_is_said_with_the_address(run: Run) -> None:
    line = refused(run("calls", "--token", "t", "--url", "http://127.0.0.1:1"), 1)
    assert line == "fsapp: http://127.0.0.1:1: Connection refused; does fsapp run there?\n"


@pytest.mark.parametrize("url", ["127.0.0.1:4242", "ftp://x"])
def test_an_address_that_is_none_is_a_wrong_command_line(url: str, run: Run) -> None:
    assert "is not http://host:port" in refused(run("calls", "--token", "t", "--url", url), 2)


def test_a_token_that_can_be_none_is_a_wrong_command_line(run: Run) -> None:
    assert "printable ASCII" in refused(run("calls", "--token", "ä", "--url", "http://x"), 2)


def test_a_port_that_is_left_open_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSAPP_HTTP_LISTEN", "127.0.0.1:0")
    assert "give --url" in refused(run("calls", "--token", "t"), 2)


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "[::]"])
def test_what_listens_everywhere_is_asked_on_this_machine(
    everywhere: str, run: Run, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSAPP_HTTP_LISTEN", f"{everywhere}:{server.address.port}")
    ran = run("queue")
    # Nothing listens at ::1 here, and that is where it was asked.
    assert ran.status == 0 or "http://[::1]:" in ran.err


# TLS.


@pytest.fixture
def encrypted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    http = Http(
        listen=Address("127.0.0.1", 0),
        threads=2,
        tls_certificate=FILES / "one.pem",
        tls_key=FILES / "one.key",
    )
    with served(desk, http) as server:
        monkeypatch.setenv("FSAPP_TOKEN", "ann-token")
        yield server


def test_the_settings_own_certificate_is_trusted(
    run: Run, encrypted: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSAPP_HTTP_LISTEN", str(encrypted.address))
    monkeypatch.setenv("FSAPP_HTTP_TLS_CERTIFICATE", str(FILES / "one.pem"))
    monkeypatch.setenv("FSAPP_HTTP_TLS_KEY", str(FILES / "one.key"))
    assert run("queue").status == 0


def test_elsewhere_a_certificate_is_trusted_if_it_is_given(run: Run, encrypted: WebServer) -> None:
    url = ("--url", f"https://{encrypted.address}")
    assert "certificate is not trusted" in refused(run("queue", *url), 1)
    assert run("queue", *url, "--certificate", str(FILES / "one.pem")).status == 0
    other = run("queue", *url, "--certificate", str(FILES / "other.pem"))
    assert "certificate is not trusted" in refused(other, 1)


def test_a_certificate_that_is_none_is_named(run: Run, encrypted: WebServer) -> None:
    url = ("--token", "t", "--url", f"https://{encrypted.address}", "--certificate")
    assert "missing.pem: cannot be read" in refused(run("queue", *url, "missing.pem"), 1)
    Path("text.pem").write_text("nothing", encoding="utf-8")
    assert "text.pem: holds no certificate" in refused(run("queue", *url, "text.pem"), 1)


# What stands in the cells.


def test_ages_are_read_as_clocks() -> None:
    assert [age(100, now) for now in (99, 100, 159, 160, 3700, 90100)] == [
        "0:00",
        "0:00",
        "0:59",
        "1:00",
        "1:00:00",
        "25:00:00",
    ]


def test_a_caller_whose_name_is_her_number_is_named_once() -> None:
    assert customer(call("c", caller_id="204", caller_name="204")) == "204"


@pytest.mark.parametrize("command", ["calls", "queue", "top"])
def test_help_says_as_whom_and_where_it_asks(command: str, run: Run) -> None:
    said = " ".join(run(command, "--help").out.split())
    for words in ("as an agent", "FSAPP_TOKEN", "FSAPP_URL", "http.listen", "http.tls_certificate"):
        assert words in said
    assert "fsapp agent add operator" in said
