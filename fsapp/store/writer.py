"""The one writing thread, and how requests share its commits.

The law of this file: everything that changes the database is a job handed to
:meth:`Writer.submit`; jobs run in the order they were handed in, all that are waiting go
into one transaction, and a job's future is answered only after that transaction has been
committed. Handing a job in never waits for the disk, so calls never do.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlite_utils import Database

__all__ = ["Writer", "WriterStopped"]

T = TypeVar("T")
log = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
"""Pause before a transaction that could not be committed is tried again."""


class WriterStopped(Exception):
    """The writer was stopped before the job could be committed."""


class _Job:
    """One change: what to do, and the future that tells of it."""

    __slots__ = ("future", "result", "run")

    def __init__(self, run: Callable[[Database], Any]) -> None:
        self.run = run
        self.future: Future[Any] = Future()
        self.result: Any = None


class Writer:
    """Runs jobs on its own connection and thread; owns both."""

    def __init__(self, connect: Callable[[], Database], *, largest_group: int = 500) -> None:
        self._connect = connect
        self._largest_group = largest_group
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self.failure: str | None = None
        """Why the last attempt to commit failed, in a sentence; ``None`` when it succeeded."""
        self._thread = threading.Thread(target=self._serve, name="database-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Commits what was handed in, then ends the thread; later jobs are refused."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._refuse_rest()

    def submit(self, run: Callable[[Database], T]) -> Future[T]:
        """Queues ``run(database)``; the future has its result once it is committed.

        A job that raises is rolled back alone and its future raises the same. Whoever stops
        waiting does not stop the job: to undo it, hand in its opposite.
        """
        job = _Job(run)
        with self._wake:
            if self._stopping:
                job.future.set_exception(WriterStopped("the database is closed"))
            else:
                self._jobs.append(job)
                self._wake.notify()
        return job.future

    def _serve(self) -> None:
        database = self._connect()
        try:
            while group := self._next_group():
                self._commit(database, group)
        finally:
            database.close()

    def _next_group(self) -> list[_Job]:
        with self._wake:
            self._wake.wait_for(lambda: self._jobs or self._stopping)
            size = min(len(self._jobs), self._largest_group)
            return [self._jobs.popleft() for _ in range(size)]

    def _commit(self, database: Database, group: list[_Job]) -> None:
        while True:
            try:
                done = _run_group(database, group)
            except sqlite3.Error as error:
                if not self._may_retry(error):
                    _fail(group, error)
                    return
                continue
            self._recovered()
            _answer(done)
            return

    def _may_retry(self, error: sqlite3.Error) -> bool:
        if self.failure is None:
            log.error("the database cannot be written: %s; trying again", error)
        self.failure = str(error)
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, timeout=RETRY_SECONDS)
            return not self._stopping

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


def _run_one(database: Database, job: _Job) -> Exception | None:
    """Runs one job in a savepoint; its own mistakes must not undo its neighbours."""
    try:
        with database.atomic():
            job.result = job.run(database)
    except sqlite3.OperationalError:
        # The disk, a lock, the file: the whole transaction's trouble, not this job's.
        raise
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
            job.future.set_exception(error)


def _fail(group: list[_Job], error: Exception) -> None:
    for job in group:
        job.future.set_exception(error)
