"""Who may read the metrics: whom a setting lets in, and administrators; nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fsapp.calls.agent import Agent
from fsapp.settings import Address, Http, Metrics, Settings, SettingsError
from fsapp.store.trouble import DatabaseTrouble
from fsapp.web.app import build
from fsapp.web.guesses import FREE
from fsapp.web.scrapers import SHORTEST, Scrapers
from fsapp.web.server import WebServer

from .serving import ANN, NoStreams, NotingDesk, Response, exchange, parsed, request

TOKEN = "a-token-for-prometheus-alone"
TEXT = b"# HELP fsapp_calls Live calls.\n"
NOBODY: frozenset[str] = frozenset()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "metrics.token"
    file.write_text(f"{TOKEN}\n")
    return file


def allowing(*networks: str) -> Scrapers:
    return Scrapers(Metrics(allow=tuple(ipaddress.ip_network(one) for one in networks)))


def test_as_shipped_nobody_is_let_in() -> None:
    scrapers = Scrapers(Metrics())
    assert not scrapers.admits("127.0.0.1", NOBODY)
    assert not scrapers.admits("127.0.0.1", frozenset({"", TOKEN}))


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::1", True),
        ("fe80::1%eth0", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_an_address_is_let_in_by_its_network(host: str, admitted: bool) -> None:
    scrapers = allowing("192.0.2.0/24", "2001:db8::/32")
    assert scrapers.admits(host, NOBODY) == admitted


def test_the_files_token_lets_in_from_anywhere_and_no_other_does(file: Path) -> None:
    scrapers = Scrapers(Metrics(token_file=file))
    assert scrapers.admits("203.0.113.9", frozenset({TOKEN}))
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\ud800"):
        assert not scrapers.admits("203.0.113.9", frozenset({wrong}))
    assert not scrapers.admits("203.0.113.9", NOBODY)


def test_a_new_token_in_the_file_counts_at_once(file: Path) -> None:
    scrapers = Scrapers(Metrics(token_file=file))
    file.write_text("another-token-that-is-new")
    assert scrapers.admits("x", frozenset({"another-token-that-is-new"}))
    assert not scrapers.admits("x", frozenset({TOKEN}))


def test_a_file_that_is_lost_lets_nobody_in_and_is_said_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scrapers = Scrapers(Metrics(token_file=file))
    file.unlink()
    for _ in range(3):
        assert not scrapers.admits("x", frozenset({TOKEN}))
    assert [record.getMessage() for record in caplog.records] == [
        f"metrics.token_file {file} cannot be read: No such file or directory; it lets nobody in"
    ]
    file.write_text(TOKEN)
    assert scrapers.admits("x", frozenset({TOKEN}))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", f"must hold one token of at least {SHORTEST} characters"),
        (b" \n", f"must hold one token of at least {SHORTEST} characters"),
        (b"short", f"must hold one token of at least {SHORTEST} characters"),
        (b"two tokens of some length", f"must hold one token of at least {SHORTEST} characters"),
        (b"\xff" * 40, "is not text"),
    ],
)
def test_a_file_of_no_use_is_refused_at_the_start(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        Scrapers(Metrics(token_file=file))
    assert str(refused.value) == f"metrics.token_file {file} {why}"


class Figures:
    """Notes what is counted."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.seconds: list[float] = []

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        self.told.append((route, method, status))
        self.seconds.append(seconds)

    def exposition(self) -> bytes:
        return TEXT


class Holders:
    """An administrator and an agent; or a database that cannot be read."""

    trouble = False

    def by_token(self, token: str) -> Agent | None:
        if self.trouble:
            raise DatabaseTrouble("desk.db is damaged")
        roles = {"boss-token": "admin", "head-token": "supervisor", "ann-token": "agent"}
        return replace(ANN, role=roles[token]) if token in roles else None


class Served:
    """The application on a port, with figures."""

    def __init__(self, metrics: Metrics) -> None:
        http = Http(listen=Address("127.0.0.1", 0), threads=2)
        settings = replace(Settings(), http=http, metrics=metrics)
        self.figures, self.holders, self.refused = Figures(), Holders(), list[int]()
        application = build(NotingDesk(), self.holders, settings, NoStreams(), figures=self.figures)
        self.server = WebServer(application, http, refused=self.refused.append)
        self.server.start()

    def ask(
        self, target: str = "/metrics", token: str | None = None, method: str = "GET"
    ) -> Response:
        sent = request(method, target, token=token)
        return parsed(exchange(self.server.address, sent, half_close=False))


@pytest.fixture
def closed(file: Path) -> Iterator[Served]:
    """Nobody is let in by her address."""
    served = Served(Metrics(token_file=file))
    yield served
    served.server.stop()


@pytest.fixture
def opened() -> Iterator[Served]:
    served = Served(Metrics(allow=(ipaddress.ip_network("127.0.0.0/8"),)))
    yield served
    served.server.stop()


def test_who_is_let_in_gets_the_text_as_prometheus_wants_it(opened: Served) -> None:
    answer = opened.ask()
    assert (answer.status, answer.body) == (200, TEXT)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("token", [TOKEN, "boss-token"])
def test_the_files_token_and_an_administrators_let_in(closed: Served, token: str) -> None:
    assert closed.ask(token=token).status == 200
    assert closed.ask(f"/metrics?token={token}").status == 200


@pytest.mark.parametrize("token", [None, "wrong", "ann-token", "head-token"])
def test_all_others_are_not_authorized(closed: Served, token: str | None) -> None:
    answer = closed.ask(token=token)
    assert (answer.status, answer.document["error"]) == (401, "not-authorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_files_token_opens_nothing_else(closed: Served) -> None:
    for path in ("/call/list", "/agent/list", "/events"):
        assert closed.ask(path, token=TOKEN).status == 401


def test_being_let_in_by_address_opens_nothing_else(opened: Served) -> None:
    assert opened.ask("/call/list").status == 401
    assert opened.ask("/nowhere").status == 401


def test_guessing_the_files_token_is_slowed_down_like_any_other(closed: Served) -> None:
    answers = [closed.ask(token=f"guess-{number}-of-some-length") for number in range(FREE + 1)]
    assert "Retry-After" not in answers[0].headers
    assert "Retry-After" in answers[-1].headers
    assert closed.ask(token=TOKEN).status == 200


def test_it_can_be_read_when_the_database_cannot(closed: Served, opened: Served) -> None:
    closed.holders.trouble = opened.holders.trouble = True
    assert closed.ask(token=TOKEN).status == 200
    assert opened.ask().status == 200
    assert closed.ask(token="boss-token").status == 503


def test_a_wrong_method_is_405_for_who_may_read(closed: Served, opened: Served) -> None:
    assert opened.ask(method="POST").status == 405
    assert closed.ask(method="POST").status == 401


def test_without_figures_there_is_nothing(tmp_path: Path) -> None:
    http = Http(listen=Address("127.0.0.1", 0), threads=1)
    settings = replace(Settings(), http=http)
    server = WebServer(build(NotingDesk(), Holders(), settings, NoStreams()), http)
    server.start()
    answer = parsed(
        exchange(server.address, request("GET", "/metrics", token="boss-token"), half_close=False)
    )
    server.stop()
    assert answer.status == 404


def test_each_request_is_counted_by_its_route_method_and_status(closed: Served) -> None:
    asked = [
        ("/call/list", "ann-token", "GET", ("/call/list", "GET", 200)),
        ("/call/c-1/timeline", "ann-token", "GET", ("/call/<call_id>/timeline", "GET", 200)),
        ("/call/list?x=1", "ann-token", "GET", ("/call/list", "GET", 400)),
        ("/call/list", "wrong", "GET", ("/call/list", "GET", 401)),
        ("/call/list", "ann-token", "POST", ("/call/list", "other", 405)),
        ("/call/list", "ann-token", "BREW", ("/call/list", "other", 405)),
        ("/2045550100", "ann-token", "GET", ("none", "other", 404)),
        ("/metrics", None, "GET", ("/metrics", "GET", 401)),
        ("/healthz", None, "GET", ("/healthz", "GET", 200)),
        ("/console/console.js", None, "GET", ("/console/<file>", "GET", 200)),
        ("/call/list?a=%ff", "ann-token", "GET", ("/call/list", "GET", 400)),
    ]
    for target, token, method, _ in asked:
        closed.ask(target, token, method)
    assert closed.figures.told == [told for *_, told in asked]
    assert all(0 <= seconds < 10 for seconds in closed.figures.seconds)


def test_what_is_no_request_is_counted_by_its_status_alone(closed: Served) -> None:
    exchange(closed.server.address, b"nonsense\r\n\r\n")
    exchange(closed.server.address, b"GET / HTTP/1.1\r\nA:" + b"x" * 20_000 + b"\r\n\r\n")
    assert closed.refused == [400, 431]
    assert closed.figures.told == []


def test_the_threads_at_work_are_counted(closed: Served) -> None:
    server = closed.server
    busy: list[int] = []
    closed.figures.exposition = lambda: busy.append(server.busy) or TEXT  # type: ignore[func-returns-value,method-assign]
    closed.ask(token=TOKEN)
    assert busy == [1]
    assert server.threads == 2


def test_who_is_let_in_changes_as_a_whole_or_not_at_all(file: Path) -> None:
    scrapers = Scrapers(Metrics(allow=(ipaddress.ip_network("10.0.0.0/8"),)))
    with pytest.raises(SettingsError):
        scrapers.change(Metrics(token_file=file.with_name("missing")))
    assert scrapers.admits("10.1.1.1", frozenset())
    scrapers.change(Metrics(token_file=file))
    assert not scrapers.admits("10.1.1.1", frozenset())
    assert scrapers.admits("10.1.1.1", frozenset({file.read_text("utf-8").strip()}))
