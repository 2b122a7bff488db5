"""Every request an agent's client may send: the one table of the web layer (protocol §4).

The law of this file: a path, its methods and its parameters with their checks stand here and
nowhere else. Reading, checking, dispatching, the documentation's tests and the description of the
interface all go by this table; ``docs/http.md`` must name each path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fsapp.calls.agent import AGENT_ID
from fsapp.calls.outcome import HISTORY_COLUMNS, Outcome
from fsapp.calls.refusals import method_not_allowed, route_not_found
from fsapp.calls.text import CALL_ID, NUMBER
from fsapp.calls.timeline import TIMELINE_COLUMNS

__all__ = [
    "FORMAT",
    "ROUTES",
    "TOKEN",
    "Parameter",
    "Route",
    "Sheet",
    "find",
    "in_path",
    "method_allowed",
]

_ANYTHING = re.compile(r".*", re.DOTALL)
_CM_ID = re.compile(r"[0-9]+")
_STATE = re.compile(r"idle|paused")
_PRINTABLE_ASCII = re.compile(r"[ -~]+")
_LONGEST_PATH_SHOWN = 100

READ = ("GET",)
CHANGE = ("POST",)
BOTH = ("GET", "POST")
"""The page *Protocol Call* shows GET for transfer and no method for state: both answer to both."""


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
    (``scrapers.py``)."""

    path: str
    methods: tuple[str, ...]
    summary: str
    verb: str | None = None
    parameters: tuple[Parameter, ...] = ()
    one_of: tuple[str, ...] = ()
    open: bool = False
    sheet: Sheet | None = None
    scraped: bool = False

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

_FILE = Route("/console/<file>", READ, "What the pages are made of", open=True)
_FILE_PATH = re.compile(r"/console/[a-z_]+\.[a-z]+")


def _desk(verb: str, methods: tuple[str, ...], summary: str, *parameters: Parameter) -> Route:
    return Route(f"/{verb}", methods, summary, verb, parameters)


ROUTES: tuple[Route, ...] = (
    _desk("call/list", READ, "All live calls the agent may see"),
    _desk("call/queue", READ, "The queued ones, in the order they will be served"),
    _desk("call/state", BOTH, "One call, ended or not", _call_id("call_id", required=True)),
    Route(
        "/call/history",
        READ,
        "Ended calls, newest first",
        "call/history",
        _HISTORY,
        sheet=Sheet("calls", HISTORY_COLUMNS),
    ),
    Route(
        "/call/<call_id>/timeline",
        READ,
        "Who did what with a call, and when",
        "call/timeline",
        (_call_id("call_id", required=True), FORMAT),
        sheet=Sheet("timeline", TIMELINE_COLUMNS),
    ),
    _desk("call/statistics", READ, "Today's calls: answered, abandoned, waiting times"),
    _desk("call/pickup", CHANGE, "Take a call, or the next one", _call_id("call_id")),
    _desk("call/park", CHANGE, "Put the current or a named call on hold", _call_id("call_id")),
    _desk("call/unpark", CHANGE, "Take a parked call back", _call_id("call_id", required=True)),
    _desk("call/hangup", CHANGE, "End the current or a named call", _call_id("call_id")),
    Route(
        "/call/originate",
        CHANGE,
        "Dial an extension or a contact method",
        "call/originate",
        (_EXTENSION, _CONTACT, _KEY),
        one_of=("extension", "cm_id"),
    ),
    _desk(
        "call/transfer",
        BOTH,
        "Connect a parked call with the current one",
        _call_id("source", required=True),
    ),
    _desk("agent", READ, "The agent herself"),
    _desk("agent/list", READ, "The agents"),
    _desk("agent/state", CHANGE, "Pause or resume", _NEW_STATE, _REASON),
    _desk("contact", READ, "Contact methods as she types", _SOUGHT, _LIMIT, _FIRST),
    _desk("organization/list", READ, "The organizations she answers for"),
    _desk("events", READ, "Live events", *_AFTER),
    Route("/healthz", READ, "Whether the process is alive", open=True),
    Route("/readyz", READ, "Whether it can take calls", open=True),
    Route("/metrics", READ, "Figures for Prometheus", scraped=True),
    Route("/", READ, "The agents' console", open=True),
    Route("/wallboard", READ, "The supervisors' wallboard", open=True),
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
    matches = (pattern.fullmatch(path) for pattern, _ in _WITH_PARAMETERS)
    return next((match.groupdict() for match in matches if match is not None), {})


def method_allowed(route: Route | None, method: str, path: str) -> Route:
    """The route, or the refusal 404 or 405 (protocol §2)."""
    if route is None:
        raise route_not_found(_shown(path))
    if method not in route.methods:
        raise method_not_allowed(method, route.allow)
    return route


def _shown(path: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in path)
    return text if len(text) <= _LONGEST_PATH_SHOWN else f"{text[:_LONGEST_PATH_SHOWN]}..."
