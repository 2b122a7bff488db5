"""What is looked at when it is asked for: the board, FreeSWITCH, the database, the streams.

The law of this file: each value is true at the moment of the question, hence right after a restart,
too. The board is looked at in one short turn. What cannot be known just now (FreeSWITCH is not
there, the database cannot be read) is left out, never guessed.
"""

from __future__ import annotations

import platform
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from prometheus_client.metrics_core import Metric as Family

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.presence import AgentState
from fsapp.desk.board import Board
from fsapp.desk.desk import CHECKS
from fsapp.metrics import table
from fsapp.metrics.organizations import Organizations
from fsapp.metrics.registry import Value, family
from fsapp.store.database import Database
from fsapp.switch.control import Control
from fsapp.switch.listener import REFUSALS, Listener
from fsapp.web.server import WebServer
from fsapp.web.streams import Streams

__all__ = ["Application", "Scrape"]

K = TypeVar("K", bound=str)


@dataclass(frozen=True, slots=True)
class Application:
    """What is looked at. ``agents`` and ``untold`` (how many events the streams were not told yet)
    raise ``sqlite3.Error``; ``missing`` is what ``/readyz`` says; ``stuck`` is the number of stuck
    calls by reason, ``None`` when FreeSWITCH cannot be asked."""

    board: Board
    agents: Callable[[], list[Agent]]
    missing: Callable[[], Mapping[str, str]]
    stuck: Callable[[], Mapping[str, int] | None]
    control: Control
    listener: Listener
    database: Database
    streams: Streams
    untold: Callable[[], int]
    server: WebServer


class Scrape:
    """A collector of prometheus-client's; may be asked by several threads at once."""

    def __init__(self, application: Application, organizations: Organizations) -> None:
        self._app = application
        self._organizations = organizations
        self._build = (_version(), platform.python_version(), sqlite3.sqlite_version)

    def collect(self) -> Iterator[Family]:
        """Every gauge, and the counters that others keep."""
        yield from self._of_calls()
        yield from self._of_freeswitch()
        yield from self._of_database()
        yield from self._of_streams()
        yield from self._of_process()

    def _of_calls(self) -> Iterator[Family]:
        board, agents = self._app.board, self._agents()
        with board.turn():
            calls = [live.call for live in board.calls.values()]
            agent_states = [board.presence.state(agent) for agent in agents]
            now = board.clock.now()
        states = Counter(call.state for call in calls)
        yield _by(table.CALLS, (state for state in State if state is not State.HUNGUP), states)
        yield from self._of_queue([call for call in calls if call.state is State.QUEUED], now)
        yield _by(table.AGENTS, AgentState, Counter(agent_states))

    def _of_queue(self, queued: Iterable[Call], now: float) -> Iterator[Family]:
        length = dict.fromkeys(self._organizations.labels, 0)
        oldest = dict.fromkeys(length, 0.0)
        for call in queued:
            label = self._organizations.label(call.organization_id)
            length[label] += 1
            oldest[label] = max(oldest[label], now - call.arrival)
        yield _by(table.QUEUE_LENGTH, length, length)
        yield _by(table.QUEUE_OLDEST_WAIT, oldest, oldest)

    def _of_freeswitch(self) -> Iterator[Family]:
        control, listener = self._app.control, self._app.listener
        yield _single(table.CONNECTED, control.connection is not None)
        yield _single(table.RECONNECTS, max(0, control.connected - 1))
        yield _single(table.CONNECT_FAILURES, control.failed)
        yield _single(table.OUTBOUND, listener.open)
        yield _single(table.OUTBOUND_ACCEPTED, listener.accepted)
        yield _by(table.OUTBOUND_REFUSED, REFUSALS, listener.refused)
        stuck = self._app.stuck()
        if stuck is not None:
            yield _by(table.STUCK, stuck, stuck)

    def _of_database(self) -> Iterator[Family]:
        writer, path = self._app.database.writer, self._app.database.path
        yield _single(table.COMMIT_FAILURES, writer.failures)
        yield _single(table.CHANGES_WAITING, writer.waiting)
        files = (path, path.with_name(f"{path.name}-wal"))
        yield _single(table.DATABASE_SIZE, sum(map(_size, files)))

    def _of_streams(self) -> Iterator[Family]:
        streams = self._app.streams
        yield _single(table.STREAMS, streams.open)
        yield _single(table.STREAMS_MAX, streams.most)
        yield _single(table.STREAMS_BEHIND, streams.behind)
        yield _single(table.STREAMS_CUT_OFF, streams.cut_off)
        with suppress(sqlite3.Error):
            yield _single(table.EVENTS_UNTOLD, self._app.untold())

    def _of_process(self) -> Iterator[Family]:
        missing = self._app.missing()
        ready = {check: check not in missing for check in CHECKS}
        yield _by(table.READY, CHECKS, ready)
        yield _single(table.HTTP_THREADS, self._app.server.threads)
        yield _single(table.HTTP_THREADS_BUSY, self._app.server.busy)
        yield _single(table.THREADS, threading.active_count())
        yield family(table.BUILD_INFO, (self._build, 1))

    def _agents(self) -> list[Agent]:
        """Who works here; without a database, of whom was heard."""
        try:
            return self._app.agents()
        except sqlite3.Error:
            with self._app.board.turn():
                return [status.agent for status in self._app.board.agents.values()]


def _single(row: table.Metric, value: float) -> Family:
    return family(row, ((), float(value)))


def _by(row: table.Metric, words: Iterable[K], values: Mapping[K, float]) -> Family:
    """One value for each word, 0 where there is none: what is not there must be seen, too."""
    made: list[Value] = [((str(word),), float(values.get(word, 0))) for word in words]
    return family(row, *made)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _version() -> str:
    try:
        return version("fsapp")
    except PackageNotFoundError:
        return "unknown"
