"""Every metric, once: name, kind, meaning, labels and buckets are one row.

The law of this file: a name is an interface. Dashboards and alert rules of people we do not know
go by it, so a row may be added, and nothing of a row may be changed or taken away without a word
in the CHANGELOG. Names follow https://prometheus.io/docs/practices/naming/: base units (seconds,
bytes), ``_total`` for what only rises.

What a label may hold is bounded: words of this program, and organizations that somebody has
configured (``organizations.py``). Never an id, a name or a number of a call, a caller or an agent.

Whoever adds a row also adds its line to ``docs/metrics.md`` and to the list of what is promised in
``tests/metrics/test_stable_names.py``; the tests insist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LABELS", "PROCESS", "TABLE", "Metric"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One row. ``buckets`` are a histogram's upper bounds, in its unit."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> dict[str, frozenset[str]]:
        """The names it is exported under, with the labels each of them has."""
        labels = frozenset(self.labels)
        if self.kind != "histogram":
            return {self.name: labels}
        plain = {f"{self.name}_{end}": labels for end in ("sum", "count")}
        return {**plain, f"{self.name}_bucket": labels | {"le"}}


LABELS = {
    "check": "what `/readyz` looks at",
    "command": "a command of Event Socket, as FreeSWITCH calls it",
    "direction": "`inbound` or `outbound`",
    "method": "a method that the route allows, else `other`",
    "organization": "an organization's number, else `other`",
    "outcome": "what came of it, as in the history of calls",
    "python": "a version",
    "reason": "why, in a word",
    "result": "`ok`, `refused` or `lost`",
    "route": "a path as in docs/http.md, else `none`",
    "sqlite": "a version",
    "state": "a state of a call or of an agent",
    "status": "an HTTP status",
    "version": "a version",
}
"""Every label, and what it may hold."""

# Service levels are agreed in 10, 15, 20, 30 or 60 s; the console's amber and red are 30 and 60 s;
# a caller of whom nobody has taken care in ten minutes is lost, however long she stays.
_WAITING = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)
# A leg that is up is joined in less than 0.1 s, a phone that answers at once in less than 0.25 s
# (measured); a person takes seconds, until `phone.ring_timeout` (20 s) is over.
_PICKUP = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60)
# From a wrong number to a long consultation.
_TALK = (5, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600)
# FreeSWITCH and SQLite answer within milliseconds; both are given up after five seconds
# (`switch.timeout`, `database.timeout`), and events go the same way as fast.
_MACHINE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
# From a list read from memory to a pickup that waits for `phone.ring_timeout` (20 s).
_REQUEST = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)

# Calls.
CALLS = Metric("fsapp_calls", "gauge", "Live calls.", ("state",))
QUEUE_LENGTH = Metric(
    "fsapp_queue_length", "gauge", "Callers waiting in the queue.", ("organization",)
)
QUEUE_OLDEST_WAIT = Metric(
    "fsapp_queue_oldest_wait_seconds",
    "gauge",
    "Time since the arrival of whoever has waited longest in the queue; 0 when nobody waits.",
    ("organization",),
)
STARTED = Metric(
    "fsapp_calls_started_total",
    "counter",
    "Calls that came in or were dialled.",
    ("organization", "direction"),
)
ENDED = Metric(
    "fsapp_calls_ended_total",
    "counter",
    "Calls that have ended, by what came of them.",
    ("organization", "direction", "outcome"),
)
WAITING = Metric(
    "fsapp_waiting_seconds",
    "histogram",
    "From a caller's arrival until somebody spoke with her, or until she gave up or was sent on.",
    ("organization", "outcome"),
    _WAITING,
)
PICKUP = Metric(
    "fsapp_pickup_seconds",
    "histogram",
    "From an agent's claim of a queued call until the two were joined.",
    (),
    _PICKUP,
)
PICKUPS_FAILED = Metric(
    "fsapp_pickups_failed_total",
    "counter",
    "Claims of queued calls that did not lead to a conversation.",
    ("reason",),
)
TALK = Metric(
    "fsapp_talk_seconds",
    "histogram",
    "Conversations of an agent with a customer, until parked, transferred or ended.",
    ("direction",),
    _TALK,
)

STUCK = Metric(
    "fsapp_stuck_calls",
    "gauge",
    "Calls and agents' legs of which fsapp and FreeSWITCH do not know the same.",
    ("reason",),
)

# Agents.
AGENTS = Metric("fsapp_agents", "gauge", "Agents.", ("state",))

# FreeSWITCH.
CONNECTED = Metric(
    "fsapp_event_socket_connected",
    "gauge",
    "1 while FreeSWITCH answers on the control connection, else 0.",
)
RECONNECTS = Metric(
    "fsapp_event_socket_reconnects_total",
    "counter",
    "Times the control connection was made again after the first time.",
)
CONNECT_FAILURES = Metric(
    "fsapp_event_socket_connect_failures_total",
    "counter",
    "Attempts to make the control connection that failed.",
)
COMMANDS = Metric(
    "fsapp_event_socket_commands_total",
    "counter",
    "Commands FreeSWITCH has answered, refused, or not answered before its connection ended.",
    ("command", "result"),
)
COMMAND_DURATION = Metric(
    "fsapp_event_socket_command_duration_seconds",
    "histogram",
    "From writing a command until FreeSWITCH's reply.",
    ("command",),
    _MACHINE,
)
OUTBOUND = Metric(
    "fsapp_outbound_connections",
    "gauge",
    "Connections that FreeSWITCH's socket application has open, one a channel.",
)
OUTBOUND_ACCEPTED = Metric(
    "fsapp_outbound_connections_accepted_total",
    "counter",
    "Connections of FreeSWITCH's socket application that were taken.",
)
OUTBOUND_REFUSED = Metric(
    "fsapp_outbound_connections_refused_total",
    "counter",
    "Connections to the outbound listener that were closed instead.",
    ("reason",),
)

# Database.
COMMIT_DURATION = Metric(
    "fsapp_database_commit_duration_seconds",
    "histogram",
    "From handing a change to the database's writer until it was committed.",
    (),
    _MACHINE,
)
COMMIT_FAILURES = Metric(
    "fsapp_database_commit_failures_total",
    "counter",
    "Attempts to commit that failed and were repeated.",
)
CHANGES_WAITING = Metric(
    "fsapp_database_changes_waiting", "gauge", "Changes that are not committed yet."
)
DATABASE_SIZE = Metric(
    "fsapp_database_size_bytes", "gauge", "Size of the database's file and its write-ahead log."
)

# Event streams.
STREAMS = Metric("fsapp_event_streams", "gauge", "Clients that have an event stream open.")
STREAMS_MAX = Metric(
    "fsapp_event_streams_max", "gauge", "How many event streams may be open (events.max_streams)."
)
STREAMS_BEHIND = Metric(
    "fsapp_event_streams_behind",
    "gauge",
    "Clients that have not taken yet what there is to tell them.",
)
STREAMS_CUT_OFF = Metric(
    "fsapp_event_streams_cut_off_total",
    "counter",
    "Event streams that were ended because their client read too slowly.",
)
STREAM_LAG = Metric(
    "fsapp_event_stream_lag_seconds",
    "histogram",
    "From a change until its event was written to the streams.",
    (),
    _MACHINE,
)
EVENTS_UNTOLD = Metric(
    "fsapp_events_untold", "gauge", "Events on record that the streams were not told yet."
)

# HTTP.
REQUESTS = Metric(
    "fsapp_http_requests_total",
    "counter",
    "Requests answered.",
    ("route", "method", "status"),
)
REQUEST_DURATION = Metric(
    "fsapp_http_request_duration_seconds",
    "histogram",
    "From a whole request's being here until its answer is ready.",
    ("route",),
    _REQUEST,
)
HTTP_THREADS = Metric(
    "fsapp_http_threads", "gauge", "Requests that can be worked on at a time (http.threads)."
)
HTTP_THREADS_BUSY = Metric("fsapp_http_threads_busy", "gauge", "Requests being worked on.")

# The process.
READY = Metric(
    "fsapp_ready",
    "gauge",
    "1 when this check of /readyz finds it there, else 0.",
    ("check",),
)
BUILD_INFO = Metric(
    "fsapp_build_info", "gauge", "What runs here; always 1.", ("version", "python", "sqlite")
)
THREADS = Metric("fsapp_threads", "gauge", "Threads of Python in the process.")

PROCESS = (
    Metric("process_cpu_seconds_total", "counter", "CPU time used, in user and system mode."),
    Metric("process_max_fds", "gauge", "How many file descriptors may be open."),
    Metric("process_open_fds", "gauge", "Open file descriptors."),
    Metric("process_resident_memory_bytes", "gauge", "Memory in use."),
    Metric("process_start_time_seconds", "gauge", "When the process started, in Unix seconds."),
    Metric("process_virtual_memory_bytes", "gauge", "Address space in use."),
)
"""What prometheus-client tells of every process, on Linux."""

TABLE: tuple[Metric, ...] = (
    *(row for row in list(globals().values()) if isinstance(row, Metric)),
    *PROCESS,
)
