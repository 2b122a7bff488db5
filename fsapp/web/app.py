"""The application agents' clients talk to: Bottle around the desk.

The law of this file: checks come in protocol §2's order: who asks (401), what for (404, 405),
with which parameters (400). Only then is the desk asked, which answers or refuses. Every
refusal and every error leaves through :class:`Application` as a JSON document.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Protocol

from bottle import Bottle, HTTPError, HTTPResponse, request

from fsapp.calls.agent import Agent
from fsapp.calls.refusals import (
    Refusal,
    dependency_unavailable,
    not_authorized,
    not_ready,
    route_not_found,
)
from fsapp.calls.text import CALL_ID
from fsapp.settings import Settings
from fsapp.store.trouble import DatabaseTrouble
from fsapp.web import tokens
from fsapp.web.answers import (
    Answer,
    exposed,
    incident,
    page,
    refused,
    streaming,
    succeeded,
    tabulated,
    unparsable,
)
from fsapp.web.body import read_body
from fsapp.web.formats import wants_csv
from fsapp.web.guesses import RETRY_AFTER, Guesses
from fsapp.web.openapi import description
from fsapp.web.pages import Pages
from fsapp.web.parameters import Received, check, fields_of, read
from fsapp.web.routes import FORMAT, ROUTES, Route, find, in_path, method_allowed
from fsapp.web.scrapers import Scrapers, may_read

__all__ = ["CONNECTION", "Application", "Desk", "Figures", "build"]

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[[str, Headers], object]
Act = Callable[[Agent | None, Mapping[str, str]], Answer]
_ADMITTED = "fsapp.admitted"
_ROUTE = "fsapp.route"
_ANSWER = "fsapp.answer"
HELLO = b"retry: 1000\n\n"
"""The first words of a stream: how soon to come back, in milliseconds, when it has ended."""
CONNECTION = "fsapp.connection"
"""Where the server tells on which connection it was asked."""


class Streams(Protocol):
    """Where event streams are kept (``fsapp.web.streams.Streams``)."""

    def admit(
        self, agent: Agent, tokens: frozenset[str], after: int | None
    ) -> Callable[[Any], None]: ...


class Desk(Protocol):
    """Where the verbs are carried out."""

    def perform(
        self, agent: Agent, verb: str, parameters: Mapping[str, str]
    ) -> Mapping[str, object]:
        """The whole 200 document of protocol §4, or raises ``Refusal``."""

    def readiness(self) -> dict[str, str]:
        """What is missing, a sentence by name; empty when ready."""


class Figures(Protocol):
    """Counts requests, and has the text for ``/metrics`` (``fsapp.metrics.exporter.Exporter``)."""

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered. ``route`` is its path as in the table, ``none`` for any other,
        ``method`` one that the route allows, ``other`` for any other. Must not wait."""

    def exposition(self) -> bytes: ...


class _NoFigures:
    def answered(self, *_: object) -> None:
        pass

    def exposition(self) -> bytes:
        raise route_not_found()


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A request that passed 401, 404 and 405; ``agent`` is ``None`` on a route that needs none."""

    agent: Agent | None
    tokens: frozenset[str]
    received: Received


class Application:
    """The WSGI callable. What the Bottle inside raises becomes an answer here, once."""

    def __init__(self, bottle: Bottle, figures: Figures) -> None:
        self._bottle = bottle
        self._figures = figures

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began, answering = time.monotonic(), _Answering(start_response)
        body = self._answer(environ, answering)
        route, method = environ.get(_ROUTE), environ["REQUEST_METHOD"]
        path, methods = ("none", ()) if route is None else (route.path, route.methods)
        known = method if method in methods else "other"
        self._figures.answered(path, known, answering.status, time.monotonic() - began)
        return body

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def begin(status: str, headers: Headers, *_: object) -> object:
            # What was answered stands in the environment: Bottle's own response object would take
            # each header apart and put it together again.
            answer: Answer | None = environ.get(_ANSWER)
            if answer is None:
                return start_response(status, headers)
            return start_response(answer.status_line, list(answer.headers.items()))

        try:
            body: Iterable[bytes] = self._bottle(environ, begin)
            return body
        except Refusal as refusal:
            answer = refused(refusal)
        except DatabaseTrouble as trouble:
            answer = refused(dependency_unavailable(str(trouble)))
        except Exception:  # noqa: BLE001 - incident() logs it
            answer = incident(_where(environ), *_asked(environ.get(_ADMITTED)))
        start_response(answer.status_line, list(answer.headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def _where(environ: Environ) -> str:
    """The request for the log: its route, not its path, into which anybody may put a token."""
    route: Route | None = environ.get(_ROUTE)
    return f"{environ['REQUEST_METHOD']} {'no route' if route is None else route.path}"


def _asked(admitted: _Admitted | None) -> tuple[str | None, str | None]:
    """Who asked, and about which call; ``None`` when that is not known."""
    if admitted is None:
        return None, None
    named = (field.text for field in admitted.received.fields if field.name == "call_id")
    call_id = next(filter(CALL_ID.fullmatch, named), None)
    return (None if admitted.agent is None else admitted.agent.id), call_id


class _Answering:
    """A ``start_response`` that remembers the status."""

    __slots__ = ("_start", "status")

    def __init__(self, start: StartResponse) -> None:
        self._start = start
        self.status = 0

    def __call__(self, line: str, headers: list[tuple[str, str]], *exc_info: object) -> object:
        self.status = int(line[:3])
        return self._start(line, headers, *exc_info)


@dataclass(frozen=True, slots=True)
class _Door:
    """Says who asks."""

    holders: tokens.Holders
    guesses: Guesses
    scrapers: Scrapers

    def admit(self, route: Route | None, found: frozenset[str], environ: Environ) -> Agent | None:
        """The agent who asks, ``None`` where she need not be known; or 401."""
        scraped = route is not None and route.scraped
        is_open = route is not None and route.open
        if is_open or (scraped and self.scrapers.admits(environ.get("REMOTE_ADDR", ""), found)):
            return None
        agent = tokens.admit(self.holders, found, lambda: self._noted(environ))
        if scraped and not may_read(agent):
            raise not_authorized()
        return agent

    def _noted(self, environ: Environ) -> int:
        """Has the answer to a wrong token too many come late; in how many seconds to try again."""
        late = self.guesses.wrong(environ.get("REMOTE_ADDR", ""))
        if late and CONNECTION in environ:
            environ[CONNECTION].late = late
        return RETRY_AFTER if late else 0


def build(
    desk: Desk,
    holders: tokens.Holders,
    settings: Settings,
    streams: Streams,
    guesses: Guesses | None = None,
    *,
    figures: Figures | None = None,
    scrapers: Scrapers | None = None,
) -> Application:
    """The application for one desk; ``holders`` tells whose token it is. Without ``figures`` there
    is no ``/metrics``."""
    door = _Door(holders, guesses or Guesses(), scrapers or Scrapers(settings.metrics))
    figures = figures or _NoFigures()
    bottle = Bottle()
    # Exceptions are Application's; Bottle's own handling would print them.
    bottle.catchall = False
    bottle.default_error_handler = _bottles_own
    pages = Pages()
    limit = settings.http.body_limit
    bottle.add_hook("before_request", lambda: _admit(door, limit))
    for route in ROUTES:
        act = _act_of(route, desk, pages, streams, figures)
        bottle.route(route.path, list(route.methods), _handler(route, act))
    return Application(bottle, figures)


def _admit(door: _Door, body_limit: int) -> None:
    """Before Bottle looks for the route: 401, then 404 or 405."""
    environ: Environ = request.environ
    # Bottle drops bytes that are not UTF-8 from PATH_INFO; the path as sent is meant here.
    path = str(environ["bottle.raw_path"])
    route = environ[_ROUTE] = find(path)
    received = read(
        environ.get("QUERY_STRING", "").encode("latin-1"),
        read_body(environ, body_limit),
        environ.get("CONTENT_TYPE", ""),
    )
    received = replace(received, fields=(*received.fields, *fields_of(in_path(path))))
    found = tokens.given(environ.get("HTTP_AUTHORIZATION", ""), received)
    agent = door.admit(route, found, environ)
    method_allowed(route, environ["REQUEST_METHOD"])
    environ[_ADMITTED] = _Admitted(agent, found, received)


def _handler(route: Route, act: Act) -> Callable[..., Iterable[bytes]]:
    """What Bottle calls for a route: 400, then the act."""

    def handle(**_in_path: str) -> Iterable[bytes]:
        environ: Environ = request.environ
        admitted: _Admitted = environ[_ADMITTED]
        tokens.check_single(admitted.tokens)
        parameters = check(route, admitted.received, _header)
        answer = environ[_ANSWER] = act(admitted.agent, parameters)
        return iter((answer.body,))

    return handle


def _header(name: str) -> str | None:
    # Not Bottle's get_header(): it raises when a value is not UTF-8.
    value: str | None = request.environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    return value


def _act_of(route: Route, desk: Desk, pages: Pages, streams: Streams, figures: Figures) -> Act:
    verb = route.verb
    if verb == "events":
        return lambda agent, parameters: _stream(streams, agent, parameters)
    if verb is None:
        own: dict[str, Act] = {
            "/healthz": lambda *_: succeeded({"status": "success"}),
            "/readyz": lambda *_: _ready(desk.readiness()),
            "/metrics": lambda *_: exposed(figures.exposition()),
            "/openapi.json": lambda *_: succeeded(description()),
        }
        return own.get(route.path, lambda *_: _page(pages))

    def perform(agent: Agent | None, parameters: Mapping[str, str]) -> Answer:
        if agent is None:
            raise not_authorized()
        asked = {name: value for name, value in parameters.items() if name != FORMAT.name}
        document = desk.perform(agent, verb, asked)
        if route.sheet is None or not wants_csv(parameters.get(FORMAT.name), _header("Accept")):
            return succeeded(document)
        return tabulated(document, route.sheet.key, route.sheet.columns)

    return perform


def _page(pages: Pages) -> Answer:
    """What is at the request's path for people."""
    found = pages.get(str(request.environ["bottle.raw_path"]))
    return page(found.content, found.type)


def _stream(streams: Streams, agent: Agent | None, parameters: Mapping[str, str]) -> Answer:
    """The beginning of an event stream; its connection goes over to whoever writes the rest."""
    if agent is None:
        raise not_authorized()
    given = (parameters.get(name) for name in ("after", "Last-Event-ID", "last_event_id"))
    after = next((int(number) for number in given if number is not None), None)
    environ = request.environ
    # Last, so that nothing can fail any more that would cost the place.
    environ[CONNECTION].successor = streams.admit(agent, environ[_ADMITTED].tokens, after)
    return streaming(HELLO)


def _ready(missing: Mapping[str, str]) -> Answer:
    if not missing:
        return succeeded({"status": "success"})
    return refused(not_ready(missing))


def _bottles_own(error: HTTPError) -> HTTPResponse:
    """Bottle's own errors; the table leaves none to it, but no HTML page ever gets out."""
    answer = unparsable(HTTPStatus(error.status_code), "")
    return HTTPResponse(answer.body, answer.http.value, dict(answer.headers))
