"""Builds and wires everything; the only place that does.

Threads and who stops them: the listener's and its connections' (``Listener.stop``), the control
connection's two (``Control.stop``), the timers' (``SystemClock.stop``), the database writer's
(``Database.close``), the web server's (``Server.stop``), the event streams' (``Streams.stop``).
"""

from __future__ import annotations

import logging
import os
import platform
import resource
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fsapp.calls.table import Limits
from fsapp.desk.audit import Audit
from fsapp.desk.board import Board
from fsapp.desk.clock import SystemClock
from fsapp.desk.closing import Closing
from fsapp.desk.context import Context, Options
from fsapp.desk.desk import Desk, Health
from fsapp.desk.directory import Directory
from fsapp.desk.drain import Drain
from fsapp.desk.feed import Feed
from fsapp.desk.handler import EventHandler
from fsapp.desk.parts import Parts
from fsapp.desk.reports import Reports
from fsapp.desk.restore import restore
from fsapp.desk.retention import Retention
from fsapp.logs import start_log
from fsapp.memory import keep_large_blocks_apart
from fsapp.metrics import scrape
from fsapp.metrics.exporter import Exporter
from fsapp.reloading import Reloading, Source
from fsapp.risks import risks
from fsapp.settings import Address, Outbound, Settings
from fsapp.signals import wait_for_signals
from fsapp.store.agents import Agents
from fsapp.store.calls import Calls
from fsapp.store.contacts import Contacts
from fsapp.store.database import Database
from fsapp.store.history import History
from fsapp.store.organizations import Organizations
from fsapp.store.tail import Tail
from fsapp.supervisor import Supervisor
from fsapp.switch.connection import Meter
from fsapp.switch.control import Control
from fsapp.switch.listener import Listener, PeerLimits
from fsapp.web import tls
from fsapp.web.app import build
from fsapp.web.scrapers import Scrapers
from fsapp.web.server import WebServer
from fsapp.web.streams import Streams

__all__ = ["CannotStart", "Service", "serve"]

log = logging.getLogger(__name__)

READY_SECONDS = 1.0
"""How long FreeSWITCH, and then the database, may take to answer whether fsapp is ready."""

FINISH_SECONDS = 2.0
"""How long a drain lets what is under way come to its end."""
UNDO_SECONDS = 0.5
"""How long FreeSWITCH may take to say that what is undone is over."""
END_SECONDS = 1.0
"""How long each part may take to end."""
LONGEST_DRAIN = 9.0
"""After so many seconds nothing that still holds up the end is waited for."""
LOG_SECONDS = 0.5
"""How long the last lines of the log may take then."""


class CannotStart(Exception):
    """Why nothing was started: one line that names the setting and what to do."""


class Service:
    """One running fsapp. Making one raises ``SettingsError`` when a file that the settings name is
    of no use; ``start`` raises :class:`CannotStart`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._tls = tls.context(settings.http)
        self._scrapers = Scrapers(settings.metrics)
        self.database = Database(settings.database.path, settings.database.synchronous)
        self.calls = Calls(self.database, platform.node() or "local")
        self.agents = Agents(self.database)
        self.contacts = Contacts(self.database)
        self.organizations = Organizations(self.database)
        self.history = History(self.database)
        self.clock = SystemClock()
        self.retention = Retention(self.history, self.clock, settings.history.keep_days)
        offline_after = settings.agent.offline_after
        self.board = Board(self.calls, self.clock, offline_after, _limits(settings))
        self.drain = Drain()
        self.metrics = Exporter(self.clock.now, self._organization_numbers)
        self.control: Control
        self.listener: Listener
        self.server: WebServer
        self.streams: Streams

    def start(self) -> None:
        """Opens the database, takes in the calls on record, then listens."""
        keep_large_blocks_apart()
        settings = self.settings
        try:
            self.database.open(alone=True)
        except sqlite3.Error as error:
            raise CannotStart(f"database.path {error}") from error
        try:
            self._build(settings)
        except BaseException:
            self.database.close()
            raise
        self.clock.start()
        self.retention.start()
        self.listener.start()
        self.control.start(self._handler, self._handler.switch_came_up)
        self.streams.start()
        self.server.start()
        log.info("calls at %s, agents at %s", settings.outbound.listen, self.url)
        for risk in risks(settings):
            log.warning("%s", risk)

    @property
    def address(self) -> str:
        """Where agents' HTTP is answered, ``host:port``."""
        return str(self.server.address)

    @property
    def url(self) -> str:
        """The same as a browser would write it."""
        return f"{'http' if self._tls is None else 'https'}://{self.address}"

    def change(self, settings: Settings) -> None:
        """Puts settings into effect that differ in those only that may change while it runs.
        Raises ``SettingsError``; then nothing has changed."""
        self._scrapers.change(settings.metrics)
        with self.board.turn():
            self.board.limits = _limits(settings)
            self._context.options = _options(settings)
            self.board.presence.offline_after(settings.agent.offline_after)
        shown, before = settings.console, self.settings.console
        self._directory.show(shown.waiting_amber, shown.waiting_red)
        if shown != before:
            self.streams.have_lists_read()
        self.retention.keep(settings.history.keep_days)
        self.settings = settings

    def read_agents(self) -> None:
        """Looks at once at who works here now; without it requests and streams do, each for the
        agent who asks, within a second."""
        try:
            agents = self.agents.all()
        except sqlite3.Error as error:
            log.warning("agents cannot be read: %s", error)
            return
        with self.board.turn():
            for agent in agents:
                self.board.status(agent)
        self.streams.look_at_agents()

    def turn(self) -> None:
        """A turn on the board in which nothing is done: it comes to an end while calls can be
        worked."""
        with self.board.turn():
            pass

    def stop(self) -> bool:
        """The drain (protocol §8), in at most :data:`LONGEST_DRAIN` seconds: finishes or undoes
        what is under way, then ends every thread and connection. Waiting callers run on in the
        dialplan, whose loop brings them back; conversations go on (freeswitch.md §3). Whether
        everything has ended; what has not (a disk hangs, say) is left to itself."""
        ending = threading.Thread(target=self._end, name="ending", daemon=True)
        ending.start()
        ending.join(LONGEST_DRAIN)
        if ending.is_alive():
            log.error("not everything has ended in %g s", LONGEST_DRAIN)
        return not ending.is_alive()

    def _end(self) -> None:
        ends: tuple[Callable[[], object], ...] = (
            self.drain.begin,
            self.streams.stop,
            self._finish,
            lambda: self.server.stop(END_SECONDS),
            lambda: self.listener.stop(END_SECONDS),
            lambda: self.control.stop(END_SECONDS),
            lambda: self.clock.stop(END_SECONDS),
            self.database.close,
        )
        for end in ends:
            try:
                end()
            except Exception:
                log.exception("stopping: a mistake of ours; the rest is stopped all the same")
        log.info("stopped")

    def _finish(self) -> None:
        """What is under way comes to its end, or is undone."""
        _until(lambda: not self._closing.busy(), FINISH_SECONDS)
        self._closing.give_up()
        _until(lambda: not self._closing.busy(), UNDO_SECONDS)
        self._closing.let_go()
        if self.control.connection is not None:
            _until(lambda: not self._closing.in_between(), UNDO_SECONDS)

    def _build(self, settings: Settings) -> None:
        address = settings.control.address
        self.control = Control(
            (address.host, address.port),
            settings.control.password,
            self.clock.later,
            settings.switch.timeout,
            self.metrics.commands,
        )
        self._context = Context(self.board, self.control, _options(settings), self.drain)
        parts = Parts(self._context)
        self._handler = EventHandler(parts)
        self._closing = Closing(parts)
        health = Health(
            lambda: self.control.why_silent(READY_SECONDS),
            self._database_failure,
            self._listener_failure,
        )
        shown = settings.console
        self._directory = Directory(
            self.contacts, self.organizations, shown.waiting_amber, shown.waiting_red
        )
        reports = Reports(self.board, self.history)
        self.desk = Desk(parts, self.calls, self.agents, self._directory, health, reports=reports)
        feed = Feed(self.board, Tail(self.database), self.agents)
        self.database.writer.committed = feed.committed
        self.streams = Streams(feed, self.agents, settings.events)
        with _listening("outbound.listen", settings.outbound.listen):
            self.listener = _listener(settings.outbound, self._handler, self.metrics.commands)
        try:
            application = build(
                self.desk,
                self.agents,
                settings,
                self.streams,
                figures=self.metrics,
                scrapers=self._scrapers,
            )
            refused = self.metrics.requests.refused
            with _listening("http.listen", settings.http.listen):
                self.server = WebServer(application, settings.http, self._tls, refused)
        except BaseException:
            self.listener.abandon()
            raise
        # Only now: a second process on the same settings has failed to listen by here.
        live, ended = self.calls.live(), self.calls.lately_ended()
        restore(self.board, live, self.agents.all(), ended)
        self._measure(feed, Audit(self._context))

    def _measure(self, feed: Feed, audit: Audit) -> None:
        """What is counted as it happens from now on, and what is looked at when it is asked for."""
        self.board.tally = self.metrics.calls
        self.database.writer.measured = self.metrics.commits
        self.streams.told = self.metrics.lag
        application = scrape.Application(
            board=self.board,
            agents=self.agents.all,
            missing=self.desk.readiness,
            stuck=audit.stuck,
            control=self.control,
            listener=self.listener,
            database=self.database,
            streams=self.streams,
            untold=feed.untold,
            server=self.server,
        )
        self.metrics.look_at(application)

    def _organization_numbers(self) -> set[int]:
        served = {number for agent in self.agents.all() for number in agent.organizations}
        return served | {organization.id for organization in self.organizations.all()}

    def _database_failure(self) -> str | None:
        why = self.database.why_not_writable(READY_SECONDS)
        return None if why is None else f"The database cannot be written: {why}"

    def _listener_failure(self) -> str | None:
        address = self.settings.outbound.listen
        return None if self.listener.bound else f"Nothing listens at {address} for calls"


def serve(source: Source) -> int:
    """Runs until SIGTERM or SIGINT; the exit status (protocol §1). A second signal: at once.
    SIGHUP reads the settings again. Raises ``SettingsError`` before anything is started."""
    settings = source.read()
    service = Service(settings)
    asked, hung_up = threading.Event(), threading.Event()
    wait_for_signals(asked, hung_up)
    log_writer = start_log(settings.log.level, form=settings.log.format)
    _raise_descriptor_limit()
    supervisor = Supervisor()
    try:
        service.start()
    except (CannotStart, sqlite3.Error) as error:
        log_writer.stop()
        print(f"fsapp: cannot start: {error}", file=sys.stderr)  # noqa: T201
        return 1
    supervisor.ready()
    supervisor.watch(service.clock.later, service.turn)
    reloading = Reloading(source, service, log_writer)
    _in_background(lambda: _reload(reloading, supervisor, hung_up, asked))
    asked.wait()
    log.info("stopping")
    supervisor.stopping()
    _end_in_time()
    service.stop()
    log_writer.stop()
    return 0


def _reload(
    reloading: Reloading, supervisor: Supervisor, hung_up: threading.Event, asked: threading.Event
) -> None:
    """Reads the settings again at each SIGHUP, until the process is asked to end."""
    while hung_up.wait() and not asked.is_set():
        hung_up.clear()
        supervisor.reloading()
        try:
            reloading.reload()
        except Exception:
            log.exception("the settings could not be read again: a mistake of ours")
        if not asked.is_set():
            supervisor.ready()


def _in_background(run: Callable[[], None]) -> None:
    threading.Thread(target=run, name="reloading", daemon=True).start()


def _until(true: Callable[[], bool], limit: float) -> None:
    deadline = time.monotonic() + limit
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)


def _end_in_time() -> None:
    """Whatever hangs (whoever reads the log, a library's thread), the process ends in time."""
    last = threading.Timer(LONGEST_DRAIN + LOG_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()


def _raise_descriptor_limit() -> None:
    """Each call holds three descriptors, each web thread that has read the database two more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listener(outbound: Outbound, handler: EventHandler, meter: Meter) -> Listener:
    limits = PeerLimits(outbound.handshake_timeout, outbound.handshakes, outbound.connections)
    return Listener(*outbound.listen, outbound.allow, handler, limits, meter=meter)


@contextmanager
def _listening(setting: str, address: Address) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"{setting} {address} cannot be listened at: {error.strerror or error}; stop what "
            "listens there, or name another address"
        ) from error


def _limits(settings: Settings) -> Limits:
    return Limits(settings.park.recall_after, settings.queue.overflow_after)


def _options(settings: Settings) -> Options:
    return Options(
        advertise=str(settings.outbound.advertise),
        ring_timeout=settings.phone.ring_timeout,
        idle_timeout=settings.phone.idle_timeout,
        queue_music=settings.queue.music,
        park_music=settings.park.music,
        external=settings.dial.external,
        external_ring_timeout=settings.dial.ring_timeout,
        ringback=settings.dial.ringback,
        caller_id_number=settings.dial.caller_id_number,
        context=settings.dialplan.context,
        overflow_to=settings.queue.overflow_to,
        switch_timeout=settings.switch.timeout,
        database_timeout=settings.database.timeout,
    )
