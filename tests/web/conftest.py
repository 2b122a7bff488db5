"""The application on a free port, real HTTP included."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus

import pytest

from fsapp.settings import Address, Http, Settings
from fsapp.web.app import build
from fsapp.web.openapi import description
from fsapp.web.server import WebServer
from tests.described import Description

from .serving import Holders, NoStreams, NotingDesk, Response, exchange, parsed
from .serving import request as request_bytes

DESCRIBED = Description(description())

Ask = Callable[..., Response]


@pytest.fixture(scope="module")
def http() -> Http:
    """Settings of the server; a test module may say others."""
    return Http(listen=Address("127.0.0.1", 0), threads=4)


@pytest.fixture(scope="module")
def _desk() -> NotingDesk:
    return NotingDesk()


@pytest.fixture
def desk(_desk: NotingDesk) -> NotingDesk:
    """The desk behind the server, with nothing noted yet."""
    _desk.asked = []
    _desk.missing = {}
    _desk.behaviour = None
    return _desk


@pytest.fixture(scope="module")
def server(_desk: NotingDesk, http: Http) -> Iterator[WebServer]:
    server = WebServer(build(_desk, Holders(), replace(Settings(), http=http), NoStreams()), http)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def ask(server: WebServer, desk: NotingDesk) -> Ask:
    """Sends one request, answers the response."""

    def ask(*arguments: object, **named: object) -> Response:
        sent = request_bytes(*arguments, **named)  # type: ignore[arg-type]
        answer = parsed(exchange(server.address, sent, half_close=False))
        _is_described(str(arguments[0]), str(arguments[1]), answer)
        return answer

    return ask


def _is_described(method: str, path: str, answer: Response) -> None:
    """Whatever is refused is as ``/openapi.json`` says; a noting desk's documents are nobody's."""
    if answer.status != HTTPStatus.OK:
        fault = DESCRIBED.fault(method, path, answer.status, answer.headers, answer.body)
        assert fault is None, f"{method} {path}: {answer}: {fault}"


@pytest.fixture
def troubles(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged as an error or with a traceback."""
    caplog.set_level(logging.INFO)
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR or record.exc_info
    ]
