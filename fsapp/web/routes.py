"""Every request an agent's client may send: the one table of the web layer (protocol §4).

The law of this file: a path, its methods, its parameters with their checks, what it answers and
which refusals of the protocol it may get stand here and nowhere else. Reading, checking,
dispatching, the documentation's tests and the description of the interface (``openapi.py``) all go
by this table; ``docs/http.md`` must name each path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fsapp.calls import document_types as documents
from fsapp.calls import refusals
from fsapp.calls.agent import AGENT_ID
from fsapp.calls.outcome import HISTORY_COLUMNS, Outcome
from fsapp.calls.refusals import Refusal
from fsapp.calls.text import CALL_ID, NUMBER
from fsapp.calls.timeline import TIMELINE_COLUMNS

__all__ = [
    "ANYTHING",
    "FORMAT",
    "JSON",
    "ROUTES",
    "STREAM",
    "TOKEN",
    "Parameter",
    "Route",
    "Sheet",
    "find",
    "in_path",
    "method_allowed",
]

ANYTHING = ".*"
_ANYTHING = re.compile(ANYTHING, re.DOTALL)
_CM_ID = re.compile(r"[0-9]+")
_STATE = re.compile(r"idle|paused")
_PRINTABLE_ASCII = re.compile(r"[ -~]+")

READ = ("GET",)
CHANGE = ("POST",)
BOTH = ("GET", "POST")
"""The page *Protocol Call* shows GET for transfer and no method for state: both answer to both."""

JSON = "application/json"
STREAM = "text/event-stream"
_HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: a value must match ``pattern`` and have at most ``longest`` characters.

    ``rule`` completes "<name> must be …". An ``integer`` may also be a JSON number. A parameter
    with a ``header`` is read from that header instead.
    """

    name: str
    rule: str
    pattern: re.Pattern[str]
    longest: int
    required: bool = False
    integer: bool = False
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Which list of the document CSV is made of, and its columns."""

    key: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One path. ``verb`` is what the desk is asked to perform; without one the web layer answers
    by itself. ``open`` means that no token is needed. Of the parameters in ``one_of`` exactly one
    must be given. A part of the path in angle brackets is a parameter of that name. ``sheet`` is
    what is answered as CSV when that is asked for. ``scraped``: who may read it is another question
    (``scrapers.py``).

    ``answer`` is the type of the 200 document (``calls/document_types.py``), ``media`` the media
    types of what is answered. ``refuses`` are the refusals of the protocol that it may get besides
    those that every request may get."""

    path: str
    methods: tuple[str, ...]
    summary: str
    verb: str | None = None
    parameters: tuple[Parameter, ...] = ()
    one_of: tuple[str, ...] = ()
    open: bool = False
    sheet: Sheet | None = None
    scraped: bool = False
    answer: type | None = None
    media: tuple[str, ...] = (JSON,)
    refuses: tuple[Callable[..., Refusal], ...] = ()

    @property
    def allow(self) -> str:
        """The ``Allow`` header."""
        return ", ".join(self.methods)


TOKEN = Parameter("token", "an agent's token", _ANYTHING, 200)
"""Allowed in every request (protocol §2)."""


def _call_id(name: str, *, required: bool = False) -> Parameter:
    return Parameter(name, "a call's id: letters, digits and -", CALL_ID, 64, required)


_EXTENSION = Parameter("extension", "digits, *, # or +", NUMBER, 32)
# 18 digits fit SQLite's and everybody else's 64 bits.
_CONTACT = Parameter("cm_id", "a whole number, not negative", _CM_ID, 18, integer=True)
_KEY = Parameter(
    "idempotency_key", "printable ASCII", _PRINTABLE_ASCII, 200, header="Idempotency-Key"
)
_SOUGHT = Parameter("q", "text", _ANYTHING, 100, required=True)
_LIMIT = Parameter("limit", "a whole number from 1 to 50", re.compile(r"[1-9]|[1-4][0-9]|50"), 2)
_FIRST = Parameter("organization_id", "a whole number, not negative", _CM_ID, 18)
_NEW_STATE = Parameter(
    "state", "idle or paused: the other states follow from what is true", _STATE, 64, required=True
)
_EVENT = "the number of an event"
_AFTER = (
    # As a header when a client comes back; as a parameter where headers cannot be set.
    Parameter("after", _EVENT, _CM_ID, 18, header="Last-Event-ID"),
    Parameter("Last-Event-ID", _EVENT, _CM_ID, 18, integer=True),
    Parameter("last_event_id", _EVENT, _CM_ID, 18, integer=True),
)
_REASON = Parameter("reason", "text", _ANYTHING, 200)


FORMAT = Parameter("format", "json or csv", re.compile("json|csv"), 4)
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_HISTORY = (
    Parameter("since", "Unix seconds", _SECONDS, 19),
    Parameter("until", "Unix seconds", _SECONDS, 19),
    Parameter("agent", "an agent's id", AGENT_ID, 64),
    Parameter("organization", "a whole number, not negative", _CM_ID, 18),
    Parameter("direction", "inbound or outbound", re.compile("inbound|outbound"), 8),
    Parameter("outcome", f"one of {', '.join(Outcome)}", re.compile("|".join(Outcome)), 16),
    Parameter("number", "text", _ANYTHING, 64),
    Parameter("limit", "a whole number from 1 to 1000", re.compile(r"[1-9][0-9]{0,2}|1000"), 4),
    Parameter(
        "cursor",
        "the next of another page",
        re.compile(rf"[0-9]{{1,12}}\.[0-9]{{1,20}}~{CALL_ID.pattern}"),
        100,
    ),
    FORMAT,
)

_FILE_PATH = re.compile(r"/console/(?P<file>[a-z_]+\.[a-z]+)")
_FILE = Route(
    "/console/<file>",
    READ,
    "What the pages are made of",
    parameters=(Parameter("file", "a file's name", re.compile(r"[a-z_]+\.[a-z]+"), 64, True),),
    open=True,
    media=("text/html", "text/css", "text/javascript", "image/svg+xml"),
)

_LIVE = (refusals.call_not_found, refusals.call_owned)
"""What every command may get that names a call."""
_WORKS = (refusals.draining, refusals.dependency_timeout)
"""What every command may get that has FreeSWITCH do something."""


def _desk(
    verb: str,
    methods: tuple[str, ...],
    summary: str,
    answer: type,
    *parameters: Parameter,
    refuses: tuple[Callable[..., Refusal], ...] = (),
) -> Route:
    """A verb of the desk; every one of them asks the database whose the token is."""
    refuses = (*refuses, refusals.dependency_unavailable)
    return Route(f"/{verb}", methods, summary, verb, parameters, answer=answer, refuses=refuses)


ROUTES: tuple[Route, ...] = (
    _desk("call/list", READ, "All live calls the agent may see", documents.CallsAnswer),
    _desk(
        "call/queue",
        READ,
        "The queued ones, in the order they will be served",
        documents.CallsAnswer,
    ),
    _desk(
        "call/state",
        BOTH,
        "One call, ended or not",
        documents.StateAnswer,
        _call_id("call_id", required=True),
        refuses=(refusals.call_not_found,),
    ),
    Route(
        "/call/history",
        READ,
        "Ended calls, newest first",
        "call/history",
        _HISTORY,
        sheet=Sheet("calls", HISTORY_COLUMNS),
        answer=documents.HistoryAnswer,
        refuses=(refusals.dependency_unavailable,),
    ),
    Route(
        "/call/<call_id>/timeline",
        READ,
        "Who did what with a call, and when",
        "call/timeline",
        (_call_id("call_id", required=True), FORMAT),
        sheet=Sheet("timeline", TIMELINE_COLUMNS),
        answer=documents.TimelineAnswer,
        refuses=(refusals.call_not_found, refusals.dependency_unavailable),
    ),
    _desk(
        "call/statistics",
        READ,
        "Today's calls: answered, abandoned, waiting times",
        documents.StatisticsAnswer,
    ),
    _desk(
        "call/pickup",
        CHANGE,
        "Take a call, or the next one",
        documents.CallAnswer,
        _call_id("call_id"),
        refuses=(
            *_LIVE,
            refusals.nothing_to_pick_up,
            refusals.agent_busy,
            refusals.agent_paused,
            refusals.phone_unavailable,
            refusals.greeting_playing,
            refusals.wrong_state,
            *_WORKS,
        ),
    ),
    _desk(
        "call/park",
        CHANGE,
        "Put the current or a named call on hold",
        documents.ParkedAnswer,
        _call_id("call_id"),
        refuses=(
            *_LIVE,
            refusals.nothing_to_park,
            refusals.agent_busy,
            # Her leg was lost just as the call was being put on hold.
            refusals.phone_unavailable,
            refusals.wrong_state,
            *_WORKS,
        ),
    ),
    _desk(
        "call/unpark",
        CHANGE,
        "Take a parked call back",
        documents.CallAnswer,
        _call_id("call_id", required=True),
        refuses=(
            *_LIVE,
            refusals.agent_busy,
            refusals.phone_unavailable,
            refusals.wrong_state,
            *_WORKS,
        ),
    ),
    _desk(
        "call/hangup",
        CHANGE,
        "End the current or a named call",
        documents.HungUpAnswer,
        _call_id("call_id"),
        refuses=(*_LIVE, refusals.nothing_to_hang_up, refusals.wrong_state, *_WORKS),
    ),
    Route(
        "/call/originate",
        CHANGE,
        "Dial an extension or a contact method",
        "call/originate",
        (_EXTENSION, _CONTACT, _KEY),
        one_of=("extension", "cm_id"),
        answer=documents.CallAnswer,
        refuses=(
            refusals.contact_not_found,
            refusals.call_not_found,
            refusals.agent_busy,
            refusals.phone_unavailable,
            *_WORKS,
            refusals.dependency_unavailable,
        ),
    ),
    _desk(
        "call/transfer",
        BOTH,
        "Connect a parked call with the current one",
        documents.TransferAnswer,
        _call_id("source", required=True),
        refuses=(*_LIVE, refusals.bridge_failed, refusals.agent_busy, *_WORKS),
    ),
    _desk("agent", READ, "The agent herself", documents.AgentAnswer),
    _desk("agent/list", READ, "The agents", documents.AgentsAnswer),
    _desk("agent/state", CHANGE, "Pause or resume", documents.AgentAnswer, _NEW_STATE, _REASON),
    _desk(
        "contact",
        READ,
        "Contact methods as she types",
        documents.ContactsAnswer,
        _SOUGHT,
        _LIMIT,
        _FIRST,
    ),
    _desk(
        "organization/list",
        READ,
        "The organizations she answers for",
        documents.OrganizationsAnswer,
    ),
    Route(
        "/events",
        READ,
        "Live events",
        "events",
        _AFTER,
        media=(STREAM,),
        refuses=(
            refusals.dependency_unavailable,
            refusals.draining,
            refusals.too_many_streams,
        ),
    ),
    Route(
        "/healthz",
        READ,
        "Whether the process is alive",
        open=True,
        answer=documents.SuccessAnswer,
    ),
    Route(
        "/readyz",
        READ,
        "Whether it can take calls",
        open=True,
        answer=documents.SuccessAnswer,
        refuses=(refusals.not_ready,),
    ),
    Route(
        "/metrics",
        READ,
        "Figures for Prometheus",
        scraped=True,
        media=("text/plain",),
        refuses=(refusals.dependency_unavailable,),
    ),
    Route("/openapi.json", READ, "This description of the interface", open=True),
    Route("/", READ, "The agents' console", open=True, media=(_HTML,)),
    Route("/wallboard", READ, "The supervisors' wallboard", open=True, media=(_HTML,)),
    _FILE,
)
_BY_PATH = {route.path: route for route in ROUTES if "<" not in route.path}
_WITH_PARAMETERS = tuple(
    (re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[A-Za-z0-9-]+)", route.path)), route)
    for route in ROUTES
    if "<" in route.path
)


def find(path: str) -> Route | None:
    """The route of this path."""
    if _FILE_PATH.fullmatch(path):
        return _FILE
    named = (route for pattern, route in _WITH_PARAMETERS if pattern.fullmatch(path))
    return _BY_PATH.get(path) or next(named, None)


def in_path(path: str) -> dict[str, str]:
    """The parameters that stand in the path itself."""
    patterns = (_FILE_PATH, *(pattern for pattern, _ in _WITH_PARAMETERS))
    matches = (pattern.fullmatch(path) for pattern in patterns)
    return next((match.groupdict() for match in matches if match is not None), {})


def method_allowed(route: Route | None, method: str) -> Route:
    """The route, or the refusal 404 or 405 (protocol §2)."""
    if route is None:
        raise refusals.route_not_found()
    if method not in route.methods:
        raise refusals.method_not_allowed(method, route.allow)
    return route
