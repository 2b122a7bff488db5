# ruff: noqa: RUF009 - a row is a dataclasses.field(), wrapped
"""Every setting, once: its section, key, kind, default and reason are one row.

The law of this file: a setting is one field of one section below, and nobody else reads the
configuration file or the environment. Whoever adds a row also adds its lines to
``conf/fsapp.toml`` and ``docs/settings.md``; the tests insist.

Order of precedence (protocol §1): environment ``FSAPP_<SECTION>_<KEY>``, TOML file, default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fsapp.setting_kinds import (
    ADDRESS,
    CALLER_ID,
    CONTEXT,
    DESTINATION,
    DIAL_STRING,
    FORMAT,
    LEVEL,
    LISTEN,
    NETWORKS,
    OPTIONAL_NETWORKS,
    OPTIONAL_PATH,
    PASSWORD,
    PATH,
    SWITCH_TEXT,
    SYNCHRONOUS,
    WILDCARDS,
    Address,
    Kind,
    Network,
    networks,
    seconds,
    whole,
)

__all__ = [
    "DEFAULT_FILE",
    "OTHER_VARIABLES",
    "TABLE",
    "Address",
    "Agent",
    "Console",
    "Control",
    "Database",
    "Dial",
    "Dialplan",
    "Effective",
    "Events",
    "History",
    "Http",
    "Log",
    "Metrics",
    "Outbound",
    "Park",
    "Phone",
    "Queue",
    "Row",
    "Settings",
    "SettingsError",
    "Switch",
    "explained",
    "load",
]

DEFAULT_FILE = Path("conf/fsapp.toml")
"""Read when it exists in the working directory and no other file is named."""

OTHER_VARIABLES = frozenset(
    {
        "FSAPP_URL",
        "FSAPP_TOKEN",
        "FSAPP_FREESWITCH",
        "FSAPP_FREESWITCH_DIRECTORY",
        "FSAPP_TRACES",
    }
)
"""No settings: where and as whom a command asks; where the tests find and leave things."""

_PREFIX = "FSAPP_"
_LONGEST_SHOWN = 80

_TONE = "tone_stream://%(400,200,400,450);%(400,2000,400,450);loops=-1"
_LOCAL = networks(["127.0.0.0/8", "::1/128"])


class SettingsError(Exception):
    """Why the settings cannot be used: one line for the administrator."""


def _row(default: object, kind: Kind, reason: str, *, live: bool = False) -> Any:
    """One row of the table: default, kind (type and limits) and reason of one setting."""
    return field(default=default, metadata={"kind": kind, "reason": reason, "live": live})


def _live(default: object, kind: Kind, reason: str) -> Any:
    """As :func:`_row`, of a setting that takes effect when the settings are read again."""
    return _row(default, kind, reason, live=True)


@dataclass(frozen=True, slots=True)
class Http:
    listen: Address = _row(Address("127.0.0.1", 4242), LISTEN, "agents' HTTP requests arrive here")
    threads: int = _row(200, whole(1, 2000), "each request waiting for a phone occupies one")
    body_limit: int = _row(65536, whole(1024, 16777216), "bytes a request's body may have")
    connections: int = _row(5000, whole(1, 100000), "waiting at a time; more are closed")
    tls_certificate: Path | None = _row(None, OPTIONAL_PATH, "PEM file; with it, HTTPS only")
    tls_key: Path | None = _row(None, OPTIONAL_PATH, "PEM file of the certificate's key")


@dataclass(frozen=True, slots=True)
class Outbound:
    listen: Address = _row(
        Address("127.0.0.1", 8084), LISTEN, "FreeSWITCH's socket application connects here"
    )
    allow: tuple[Network, ...] = _row(_LOCAL, NETWORKS, "who may connect there; others are closed")
    advertise: Address = _row(
        None, ADDRESS, "what FreeSWITCH is told to connect to for legs the app originates"
    )
    connections: int = _row(10000, whole(1, 100000), "at most so many; others are closed")
    handshakes: int = _row(200, whole(1, 10000), "unfinished ones at a time; others wait")
    handshake_timeout: float = _row(5.0, seconds(0.1, 60), "until a channel's data is here")

    def __post_init__(self) -> None:
        if self.advertise is None:
            object.__setattr__(self, "advertise", self.listen)


@dataclass(frozen=True, slots=True)
class Control:
    address: Address = _row(Address("127.0.0.1", 8021), ADDRESS, "FreeSWITCH's own Event Socket")
    password: str = _row("ClueCon", PASSWORD, "its password, as in event_socket.conf.xml")


@dataclass(frozen=True, slots=True)
class Database:
    path: Path = _row(Path("fsapp.db"), PATH, "the SQLite file")
    timeout: float = _row(5.0, seconds(0.1, 60), "how long a request waits for its commit")
    synchronous: str = _row("normal", SYNCHRONOUS, "full: a power cut loses nothing either")


@dataclass(frozen=True, slots=True)
class History:
    keep_days: int = _live(90, whole(0, 36500), "how long ended calls stay on record; 0: for ever")


@dataclass(frozen=True, slots=True)
class Phone:
    ring_timeout: int = _live(20, whole(1, 300), "how long an agent's phone rings")
    idle_timeout: float = _live(30.0, seconds(0, 86400), "how long her leg stays up without a call")


@dataclass(frozen=True, slots=True)
class Agent:
    offline_after: float = _live(
        120.0, seconds(1, 86400), "how long an agent of whom nothing is heard counts as there"
    )


@dataclass(frozen=True, slots=True)
class Queue:
    music: str = _live("local_stream://moh", SWITCH_TEXT, "what a queued caller hears")
    overflow_after: float = _live(
        0.0, seconds(0, 86400), "who is queued for longer is sent on; 0: nobody is"
    )
    overflow_to: str = _live(
        "fsapp_overflow", DESTINATION, "extension she is sent to, in her own context or a named one"
    )


@dataclass(frozen=True, slots=True)
class Park:
    music: str = _live("local_stream://moh", SWITCH_TEXT, "what a parked caller hears")
    recall_after: float = _live(
        180.0, seconds(0, 86400), "who is on hold for longer rings her agent back; 0: nobody does"
    )


@dataclass(frozen=True, slots=True)
class Dial:
    external: str = _live(
        "loopback/{extension}/default", DIAL_STRING, "dial string of an outbound extension"
    )
    ring_timeout: int = _live(60, whole(1, 600), "how long a dialled number rings")
    ringback: str = _live(_TONE, SWITCH_TEXT, "what the agent hears meanwhile")
    caller_id_number: str = _live("", CALLER_ID, "number shown to it; empty: FreeSWITCH's own")


@dataclass(frozen=True, slots=True)
class Console:
    waiting_amber: int = _live(30, whole(1, 86400), "a caller who waits longer is shown in amber")
    waiting_red: int = _live(60, whole(1, 86400), "and one who waits longer than this in red")


@dataclass(frozen=True, slots=True)
class Dialplan:
    context: str = _row("default", CONTEXT, "context that includes dialplan/, for originated legs")


@dataclass(frozen=True, slots=True)
class Switch:
    timeout: float = _row(5.0, seconds(0.1, 60), "how long a command waits for FreeSWITCH")


@dataclass(frozen=True, slots=True)
class Events:
    max_streams: int = _row(1000, whole(1, 100000), "event streams open at the same time")
    heartbeat: float = _row(15.0, seconds(0.1, 3600), "how often a stream that is silent is not")
    buffer: int = _row(262144, whole(65536, 16777216), "bytes kept for a stream that reads slowly")
    replay: int = _row(10000, whole(0, 1000000), "events told again to a client that comes back")


@dataclass(frozen=True, slots=True)
class Metrics:
    allow: tuple[Network, ...] = _live((), OPTIONAL_NETWORKS, "who may read /metrics without token")
    token_file: Path | None = _live(None, OPTIONAL_PATH, "file with a token for /metrics alone")


@dataclass(frozen=True, slots=True)
class Log:
    level: str = _live("info", LEVEL, "least severe level that is logged")
    format: str = _live("text", FORMAT, "text for eyes; json: an object a line for programs")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, read-only; ``Settings()`` is the built-in defaults."""

    http: Http = field(default_factory=Http)
    outbound: Outbound = field(default_factory=Outbound)
    control: Control = field(default_factory=Control)
    database: Database = field(default_factory=Database)
    history: History = field(default_factory=History)
    phone: Phone = field(default_factory=Phone)
    agent: Agent = field(default_factory=Agent)
    queue: Queue = field(default_factory=Queue)
    park: Park = field(default_factory=Park)
    dial: Dial = field(default_factory=Dial)
    console: Console = field(default_factory=Console)
    dialplan: Dialplan = field(default_factory=Dialplan)
    switch: Switch = field(default_factory=Switch)
    events: Events = field(default_factory=Events)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as the loader, the documentation and the tests see it."""

    section: str
    key: str
    kind: Kind
    reason: str
    live: bool
    """Whether a change takes effect when the settings are read again; else at the next start."""

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        return f"{_PREFIX}{self.section}_{self.key}".upper()

    def of(self, settings: Settings) -> Any:
        """Its value in ``settings``."""
        return getattr(getattr(settings, self.section), self.key)


_SECTIONS = {section.name: section.default_factory for section in fields(Settings)}
TABLE: tuple[Row, ...] = tuple(
    Row(section, key.name, **key.metadata)
    for section, built_by in _SECTIONS.items()
    for key in fields(built_by)  # type: ignore[arg-type]
)
_ROWS = {(row.section, row.key): row for row in TABLE}
_BY_VARIABLE = {row.variable: row for row in TABLE}


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings of the file at ``path`` (``None``: ``conf/fsapp.toml`` if there is one) and
    ``environ``. Raises :class:`SettingsError`, whose text is one line."""
    if path is None and DEFAULT_FILE.is_file():
        path = DEFAULT_FILE
    values = dict(_from_file(path)) if path else {}
    values.update(_from_environment(environ))
    settings = _build(values)
    for contradiction in _contradictions(settings):
        raise SettingsError(contradiction)
    return settings


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as it is in effect; ``origin`` is the file, the environment variable or
    ``default``."""

    row: Row
    value: object
    origin: str


def explained(path: Path | None, environ: Mapping[str, str]) -> list[Effective]:
    """Every setting that :func:`load` would answer, and where it comes from. Raises as that."""
    if path is None and DEFAULT_FILE.is_file():
        path = DEFAULT_FILE
    settings = load(path, environ)
    origins = {row: str(path) for row, _ in _from_file(path)} if path else {}
    origins.update({row: row.variable for row, _ in _from_environment(environ)})
    return [Effective(row, row.of(settings), origins.get(row, "default")) for row in TABLE]


def _build(values: Mapping[Row, object]) -> Settings:
    sections: dict[str, dict[str, object]] = {name: {} for name in _SECTIONS}
    for row, value in values.items():
        sections[row.section][row.key] = value
    return Settings(**{name: _SECTIONS[name](**keys) for name, keys in sections.items()})  # type: ignore[operator]


def _from_file(path: Path) -> Iterator[tuple[Row, object]]:
    for section, keys in _read(path).items():
        if section not in _SECTIONS:
            raise SettingsError(f"{path}: unknown section {_shown(section)}")
        if not isinstance(keys, dict):
            raise SettingsError(f"{path}: {section} is a section, not a value")
        for key, value in keys.items():
            yield _parsed(_known(section, key, str(path)), value, str(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: is not TOML: {_one_line(str(error))}") from error


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[Row, object]]:
    for variable, text in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or variable in OTHER_VARIABLES:
            continue
        row = _named_by(variable)
        try:
            value = row.kind.from_text(text)
        except ValueError:
            value = text
        yield _parsed(row, value, variable)


def _named_by(variable: str) -> Row:
    row = _BY_VARIABLE.get(variable)
    if row is None:
        # Without its quotes: reloading.py sees by a line's beginning what it is about.
        name = _shown(variable).strip("'\"")
        raise SettingsError(f"{name}: unknown setting")
    return row


def _known(section: str, key: str, origin: str) -> Row:
    row = _ROWS.get((section, key))
    if row is None:
        raise SettingsError(f"{origin}: unknown setting {_shown(f'{section}.{key}')}")
    return row


def _parsed(row: Row, value: object, origin: str) -> tuple[Row, object]:
    try:
        return row, row.kind.parse(value)
    except ValueError as error:
        given = "" if row.kind.secret else f", not {_shown(value)}"
        raise SettingsError(f"{origin}: {row.name} must be {error}{given}") from error


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _contradictions(settings: Settings) -> Iterator[str]:
    """What each value allows and all of them together do not, one line each."""
    http, outbound, control = settings.http.listen, settings.outbound.listen, settings.control
    if _collide(http, outbound):
        yield f"http.listen and outbound.listen cannot both be {outbound}"
    for name, listen in (("http.listen", http), ("outbound.listen", outbound)):
        if _collide(control.address, listen):
            yield f"control.address {control.address} is this app's own {name}"
    if (settings.http.tls_certificate is None) != (settings.http.tls_key is None):
        yield "http.tls_certificate and http.tls_key must be set together"
    advertise = settings.outbound.advertise
    if advertise.host in WILDCARDS:
        yield f"outbound.advertise must name a host FreeSWITCH can reach, not {advertise.host}"
    if _collide(advertise, http):
        yield f"outbound.advertise {advertise} is http.listen"
    if settings.console.waiting_red < settings.console.waiting_amber:
        yield "console.waiting_red must not be less than console.waiting_amber"


def _collide(one: Address, other: Address) -> bool:
    if one.port != other.port or one.port == 0:
        return False
    return one.host == other.host or one.host in WILDCARDS or other.host in WILDCARDS
