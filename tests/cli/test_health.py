"""``fsapp health``, and that conf/Dockerfile's health check is one: by the settings, TLS or not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fsapp.settings import Address, Http, Settings
from fsapp.web import tls
from fsapp.web.app import build
from fsapp.web.server import WebServer
from tests.ports import free_address
from tests.shown import ROOT
from tests.web.serving import Holders, NoStreams, NotingDesk
from tests.web.test_tls import FILES

from .ran import Run, refused

PLAIN = Http(listen=Address("127.0.0.1", 0), threads=2)
ENCRYPTED = replace(PLAIN, tls_certificate=FILES / "one.pem", tls_key=FILES / "one.key")
each_way = pytest.mark.parametrize("http", [PLAIN, ENCRYPTED], ids=["plain", "TLS"])


@contextmanager
def serving(http: Http, **missing: str) -> Iterator[WebServer]:
    """A fsapp that answers at ``http``, and lacks this."""
    application = build(
        NotingDesk(missing=missing), Holders(), replace(Settings(), http=http), NoStreams()
    )
    server = WebServer(application, http, tls.context(http))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def url(server: WebServer, http: Http) -> str:
    return f"{'http' if http.tls_certificate is None else 'https'}://{server.address}"


def write_settings(server: WebServer, http: Http) -> None:
    """The settings' file in the working directory, where it is found by itself."""
    lines = ["[http]", f'listen = "{server.address}"']
    if http.tls_certificate is not None:
        lines += [f'tls_certificate = "{http.tls_certificate}"', f'tls_key = "{http.tls_key}"']
    Path("conf").mkdir()
    Path("conf/fsapp.toml").write_text("\n".join(lines), "utf-8")


@each_way
def test_who_answers_is_alive_and_ready(http: Http, run: Run) -> None:
    with serving(http) as server:
        write_settings(server, http)
        assert run("health") == (0, f"{url(server, http)}: alive\n", "")
        assert run("health", "--ready") == (0, f"{url(server, http)}: ready\n", "")


@each_way
def test_what_is_missing_is_said_and_it_is_alive_all_the_same(http: Http, run: Run) -> None:
    with serving(http, switch="FreeSWITCH is not connected") as server:
        write_settings(server, http)
        assert run("health").status == 0
        assert refused(run("health", "--ready"), 1) == (
            f"fsapp: {url(server, http)}: not ready: FreeSWITCH is not connected\n"
        )


def test_where_nothing_answers_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    address = free_address()
    monkeypatch.setenv("FSAPP_HTTP_LISTEN", address)
    line = refused(run("health"), 1)
    assert line == f"fsapp: http://{address}: Connection refused; does fsapp run there?\n"


def test_what_listens_everywhere_is_asked_on_this_machine(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(PLAIN) as server:
        monkeypatch.setenv("FSAPP_HTTP_LISTEN", f"0.0.0.0:{server.address.port}")
        assert run("health") == (0, f"http://{server.address}: alive\n", "")


def test_a_port_that_is_left_open_cannot_be_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSAPP_HTTP_LISTEN", "127.0.0.1:0")
    assert "leaves the port open" in refused(run("health"), 2)


# The image's own.


def health_check(**environment: str) -> int:
    """What the image's health check, run here as it stands, ends with."""
    text = (ROOT / "conf" / "Dockerfile").read_text("utf-8")
    command = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", text, re.MULTILINE)[0]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FSAPP_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        json.loads(command),
        env={**kept, "PATH": path, **environment},
        capture_output=True,
        timeout=30,
        check=False,
    )
    return ran.returncode


@each_way
def test_the_images_health_check_goes_by_the_file(http: Http) -> None:
    with serving(http) as server:
        write_settings(server, http)
        assert health_check() == 0


def test_the_images_health_check_goes_by_the_environment() -> None:
    with serving(ENCRYPTED) as server:
        address = {"FSAPP_HTTP_LISTEN": f"0.0.0.0:{server.address.port}"}
        encrypted = {
            "FSAPP_HTTP_TLS_CERTIFICATE": str(ENCRYPTED.tls_certificate),
            "FSAPP_HTTP_TLS_KEY": str(ENCRYPTED.tls_key),
        }
        assert health_check(**address, **encrypted) == 0


def test_the_images_health_check_fails_where_nothing_answers() -> None:
    assert health_check(FSAPP_HTTP_LISTEN=free_address()) == 1
