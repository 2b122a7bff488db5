"""The one writing thread, and how requests share its commits.

The law of this file: everything that changes the database is a job handed to
:meth:`Writer.submit`; jobs run in the order they were handed in, all that are waiting go
into one transaction, and a job's future is answered only after that transaction has been
committed. Handing a job in never waits for the disk, so calls never do. A transaction that
meets trouble with the file is tried again until it succeeds; whoever will not wait for that takes
the job back, and then it is never carried out.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from fsapp.store.trouble import explain, is_of_the_database

__all__ = ["Withdrawn", "Writer", "WriterStopped", "Written"]

T = TypeVar("T")
log = logging.getLogger(__name__)

COMPANY_SECONDS = 0.005
"""How long a job that nobody waits for waits for others to share its transaction: a commit costs
more than what is committed. A share of the 20 ms in which a client is to hear of a change."""

RETRY_SECONDS = 0.2
"""Pause before a transaction that could not be committed is tried again."""

STOP_SECONDS = 3.0
"""How long stopping waits for a commit that is under way, e.g. on a disk that hangs."""


class WriterStopped(Exception):
    """The writer was stopped before the job could be committed."""


class Withdrawn(Exception):
    """Whoever handed the job in took it back before it was committed."""


class Written(Future[T]):
    """What comes of a job; until it is on record, the job may be taken back.

    Whoever asks for the result waits for it: the job's transaction then waits for no company.
    """

    def __init__(
        self,
        gate: threading.Condition | None = None,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._gate = gate or threading.Condition()
        self._hurry = hurry
        self.withdrawn = False
        self.attempting = False
        """Whether a transaction with it is under way."""

    def result(self, timeout: float | None = None) -> T:
        """As :class:`Future`."""
        if not self.done():
            self._hurry()
        return super().result(timeout)

    def withdraw(self, limit: float = STOP_SECONDS) -> bool:
        """Takes the job back. ``True``: it is not on record and never will be. ``False``: it is,
        or a transaction is under way that has not ended in ``limit`` seconds; hand in its
        opposite."""
        with self._gate:
            self.withdrawn = True
            self._gate.wait_for(lambda: not self.attempting, limit)
            if self.done():
                return self.exception() is not None
            self.withdrawn = not self.attempting
            return self.withdrawn


class _Job:
    """One change: what to do, since when (monotonic clock), and the future that tells of it."""

    __slots__ = ("future", "result", "run", "since")

    def __init__(self, run: Callable[[Database], Any], future: Written[Any]) -> None:
        self.run = run
        self.since = time.monotonic()
        self.future = future
        self.result: Any = None


class Writer:
    """Runs jobs on its own connection and thread; owns both.

    ``path`` is the file as messages name it. ``ready`` is asked before each transaction for the
    connection to use: the one it is given, or another one in its place.
    """

    def __init__(
        self,
        connect: Callable[[], Database],
        *,
        path: Path = Path("the database"),
        ready: Callable[[Database], Database] = lambda database: database,
        largest_group: int = 500,
    ) -> None:
        self._connect = connect
        self._path = path
        self._ready = ready
        self._largest_group = largest_group
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._gate = threading.Condition()
        self._hurried = False
        """Whether somebody waits for what is in the queue."""
        self._stopping = False
        self._gave_up = False
        self.failure: str | None = None
        """Why the last attempt to commit failed, in a sentence; ``None`` when it succeeded."""
        self.committed: Callable[[], None] = lambda: None
        """Told after each commit, on the writing thread; must not wait."""
        self.measured: Callable[[Sequence[float]], None] = lambda _seconds: None
        """Told then how long each change of it took from being handed in; must not wait."""
        self.failures = 0
        """How often a commit has failed."""
        self._thread = threading.Thread(target=self._serve, name="database-writer", daemon=True)

    @property
    def waiting(self) -> int:
        """How many changes are not being committed yet."""
        return len(self._jobs)

    def start(self) -> None:
        self._thread.start()

    def stop(self, limit: float = STOP_SECONDS) -> None:
        """Commits what was handed in, then ends the thread; later jobs are refused. What meets
        trouble now is not tried again, and after ``limit`` seconds nothing is waited for."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(limit)
        if self._thread.is_alive():
            log.error("the database has not taken the last changes in %g s", limit)
        self._refuse_rest()

    def submit(self, run: Callable[[Database], T]) -> Written[T]:
        """Queues ``run(database)``; the future has its result once it is committed.

        A job that raises is rolled back alone and its future raises the same. Whoever stops
        waiting does not stop the job: see :meth:`Written.withdraw`.
        """
        future: Written[T] = Written(self._gate, self._hurry)
        with self._wake:
            if self._stopping:
                future.set_exception(WriterStopped("the database is closed"))
            else:
                self._jobs.append(_Job(run, future))
                if len(self._jobs) == 1:
                    self._wake.notify()
        return future

    def _hurry(self) -> None:
        with self._wake:
            self._hurried = True
            self._wake.notify()

    def _serve(self) -> None:
        database = self._open()
        if database is None:
            return
        try:
            while not self._gave_up and (group := self._next_group()):
                database = self._commit(database, group)
        finally:
            database.close()

    def _open(self) -> Database | None:
        while True:
            try:
                return self._connect()
            except sqlite3.Error as error:
                if not self._may_retry(error):
                    return None

    def _next_group(self) -> list[_Job]:
        with self._wake:
            self._wake.wait_for(lambda: self._jobs or self._stopping)
            self._wake.wait_for(self._wanted_now, COMPANY_SECONDS)
            size = min(len(self._jobs), self._largest_group)
            group = [self._jobs.popleft() for _ in range(size)]
            self._hurried = self._hurried and bool(self._jobs)
            return group

    def _wanted_now(self) -> bool:
        return self._hurried or self._stopping or len(self._jobs) >= self._largest_group

    def _commit(self, database: Database, group: list[_Job]) -> Database:
        """Tries until the group is on record; answers the connection to go on with."""
        while group := self._begin(group):
            try:
                database = self._ready(database)
                done = _run_group(database, group)
            except sqlite3.Error as error:
                self._end(group)
                if not self._may_retry(error):
                    _fail(group, error)
                    return database
                continue
            now = time.monotonic()
            self._recovered()
            _answer(done)
            self._end(group)
            self.committed()
            self.measured([now - job.since for job in group])
            return database
        return database

    def _begin(self, group: list[_Job]) -> list[_Job]:
        """Those of the group that nobody has taken back; from here to :meth:`_end` they stay."""
        with self._gate:
            wanted = [job for job in group if not job.future.withdrawn]
            for job in wanted:
                job.future.attempting = True
        _fail([job for job in group if job not in wanted], Withdrawn("taken back"))
        return wanted

    def _end(self, group: list[_Job]) -> None:
        with self._gate:
            for job in group:
                job.future.attempting = False
            self._gate.notify_all()

    def _may_retry(self, error: sqlite3.Error) -> bool:
        why = explain(error, self._path)
        self.failures += 1
        if self.failure != why:
            log.error("the database cannot be written: %s; trying again", why)
        self.failure = why
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, timeout=RETRY_SECONDS)
            self._gave_up = self._stopping
        return not self._gave_up

    def _recovered(self) -> None:
        if self.failure is not None:
            log.warning("the database can be written again")
            self.failure = None

    def _refuse_rest(self) -> None:
        rest, self._jobs = list(self._jobs), deque()
        _fail(rest, WriterStopped("the database is closed"))


def _run_group(database: Database, group: list[_Job]) -> list[tuple[_Job, Exception | None]]:
    done: list[tuple[_Job, Exception | None]] = []
    with database.atomic():
        for job in group:
            done.append((job, _run_one(database, job)))
    return done


@contextmanager
def _savepoint(database: Database) -> Iterator[None]:
    """As ``database.atomic()`` in a transaction, but always of one name: SQLite need not compile
    it anew each time."""
    database.execute("SAVEPOINT job")
    try:
        yield
    except BaseException:
        # Some errors undo the whole transaction, the savepoint included.
        if database.conn.in_transaction:
            database.execute("ROLLBACK TO job")
            database.execute("RELEASE job")
        raise
    database.execute("RELEASE job")


def _run_one(database: Database, job: _Job) -> Exception | None:
    """Runs one job in a savepoint; its own mistakes must not undo its neighbours."""
    try:
        with _savepoint(database):
            job.result = job.run(database)
    except sqlite3.Error as error:
        if is_of_the_database(error):
            # The whole transaction's trouble, not this job's.
            raise
        return error
    except Exception as error:  # noqa: BLE001 - handed on to whoever waits for the job
        return error
    return None


def _answer(done: list[tuple[_Job, Exception | None]]) -> None:
    for job, error in done:
        if not job.future.set_running_or_notify_cancel():
            continue
        if error is None:
            job.future.set_result(job.result)
        else:
            if isinstance(error, sqlite3.Error):
                # Whoever waits is told; of what only reports a fact nobody else would hear.
                log.error("a change was refused by the database: %s", error)
            job.future.set_exception(error)


def _fail(group: list[_Job], error: Exception) -> None:
    for job in group:
        if job.future.set_running_or_notify_cancel():
            job.future.set_exception(error)
