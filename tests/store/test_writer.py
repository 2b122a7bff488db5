"""The writer: jobs that wait share a commit, a failing job undoes only itself, nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlite_utils

from fsapp.store import database as database_module
from fsapp.store import writer as writer_module
from fsapp.store.database import Database
from fsapp.store.writer import Writer, WriterStopped

LIMIT = 10.0
Job = Callable[[sqlite_utils.Database], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "writer.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return path


class Traced:
    """A writer on a file, with the statements its connection ran."""

    def __init__(self, path: Path, **options: int) -> None:
        self.path = path
        self.statements: list[str] = []
        self.writer = Writer(self._connect, **options)

    def _connect(self) -> sqlite_utils.Database:
        connection = sqlite3.connect(self.path, check_same_thread=False, timeout=0.0)
        connection.set_trace_callback(self.statements.append)
        return sqlite_utils.Database(connection)

    def commits(self) -> int:
        return sum(statement.startswith("COMMIT") for statement in self.statements)

    def notes(self) -> list[str]:
        connection = sqlite3.connect(self.path)
        try:
            return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY id")]
        finally:
            connection.close()


@pytest.fixture
def traced(path: Path) -> Iterator[Traced]:
    traced = Traced(path)
    traced.writer.start()
    yield traced
    traced.writer.stop()


def note(text: str) -> Job:
    def run(database: sqlite_utils.Database) -> str:
        database.execute("INSERT INTO notes (text) VALUES (?)", [text])
        return text

    return run


class Held:
    """A job that holds the writer until it is let go."""

    def __init__(self, writer: Writer) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self.done = writer.submit(self._run)
        assert self._begun.wait(LIMIT)

    def _run(self, _database: sqlite_utils.Database) -> None:
        self._begun.set()
        assert self._go.wait(LIMIT)

    def go(self) -> None:
        self._go.set()


def results(jobs: list[Future[object]]) -> list[object]:
    return [job.result(LIMIT) for job in jobs]


def test_a_job_is_answered_after_its_commit(traced: Traced) -> None:
    assert traced.writer.submit(note("one")).result(LIMIT) == "one"
    assert traced.notes() == ["one"]


def test_jobs_that_wait_share_one_commit_in_their_order(traced: Traced) -> None:
    held = Held(traced.writer)
    jobs = [traced.writer.submit(note(f"note {number}")) for number in range(50)]
    assert traced.commits() == 0
    held.go()
    assert results(jobs) == [f"note {number}" for number in range(50)]
    assert traced.notes() == results(jobs)
    assert traced.commits() == 2


def test_each_change_is_measured_from_being_handed_in_to_its_commit(traced: Traced) -> None:
    told: list[float] = []
    traced.writer.measured = told.extend
    held = Held(traced.writer)
    before = time.monotonic()
    jobs = [traced.writer.submit(note(text)) for text in ("one", "two")]
    handed_in = time.monotonic()
    assert traced.writer.waiting == 2
    before_commit = time.monotonic()
    held.go()
    results(jobs)
    traced.writer.stop()
    assert traced.writer.waiting == 0
    assert len(told) == 3
    for seconds in told[1:]:
        assert before_commit - handed_in <= seconds <= time.monotonic() - before


def test_a_commit_that_fails_is_counted_and_no_change_is_measured_twice(path: Path) -> None:
    traced = Traced(path)
    told: list[float] = []
    traced.writer.measured = told.extend
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    traced.writer.start()
    written = traced.writer.submit(note("one"))
    deadline = time.monotonic() + LIMIT
    while traced.writer.failures < 2:
        assert time.monotonic() < deadline, "failures are not counted"
    assert told == []
    other.rollback()
    other.close()
    written.result(LIMIT)
    traced.writer.stop()
    assert len(told) == 1


def test_a_job_that_nobody_waits_for_waits_for_company(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "COMPANY_SECONDS", 10 * LIMIT)
    told = threading.Event()
    first = traced.writer.submit(note("first"))
    first.add_done_callback(lambda _: told.set())
    second = traced.writer.submit(note("second"))
    assert second.result(LIMIT) == "second"
    assert told.wait(LIMIT)
    assert traced.commits() == 1


def test_a_job_without_company_is_committed_all_the_same(traced: Traced) -> None:
    told = threading.Event()
    traced.writer.submit(note("alone")).add_done_callback(lambda _: told.set())
    assert told.wait(LIMIT)
    assert traced.notes() == ["alone"]


def test_a_group_has_a_largest_size(path: Path) -> None:
    traced = Traced(path, largest_group=10)
    traced.writer.start()
    held = Held(traced.writer)
    jobs = [traced.writer.submit(note(f"note {number}")) for number in range(25)]
    held.go()
    results(jobs)
    traced.writer.stop()
    assert traced.commits() == 1 + 3


def test_nothing_is_answered_before_the_whole_group_is_committed(traced: Traced) -> None:
    held = Held(traced.writer)
    first = traced.writer.submit(note("first"))
    second = Held.__new__(Held)
    second._begun, second._go = threading.Event(), threading.Event()
    second.done = traced.writer.submit(second._run)
    held.go()
    assert second._begun.wait(LIMIT)
    assert not first.done()
    second.go()
    assert first.result(LIMIT) == "first"


def test_jobs_of_many_threads_keep_each_ones_order(traced: Traced) -> None:
    def write(name: int) -> None:
        jobs = [traced.writer.submit(note(f"{name} {number:03}")) for number in range(50)]
        results(jobs)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    notes = traced.notes()
    assert len(notes) == 400
    for name in range(8):
        mine = [text for text in notes if text.startswith(f"{name} ")]
        assert mine == sorted(mine)


@pytest.mark.parametrize(
    "error", [ValueError("no"), sqlite3.IntegrityError("no"), OverflowError("no")], ids=repr
)
def test_a_failing_job_undoes_only_itself(traced: Traced, error: Exception) -> None:
    def fail(database: sqlite_utils.Database) -> None:
        note("half done")(database)
        raise error

    held = Held(traced.writer)
    before, failing = traced.writer.submit(note("before")), traced.writer.submit(fail)
    after = traced.writer.submit(note("after"))
    held.go()
    assert results([before, after]) == ["before", "after"]
    with pytest.raises(type(error), match="no"):
        failing.result(LIMIT)
    assert traced.notes() == ["before", "after"]


def test_a_row_that_breaks_a_law_of_the_schema_fails_alone(traced: Traced) -> None:
    held = Held(traced.writer)
    jobs = [traced.writer.submit(note(text)) for text in ("one", "one", "two")]
    held.go()
    with pytest.raises(sqlite3.IntegrityError):
        jobs[1].result(LIMIT)
    assert results([jobs[0], jobs[2]]) == ["one", "two"]


def test_a_group_that_meets_a_lock_is_tried_again_until_it_is_done(
    traced: Traced, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.01)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    jobs = [traced.writer.submit(note(text)) for text in ("one", "two")]
    waited(lambda: traced.writer.failure is not None)
    assert "locked" in str(traced.writer.failure)
    assert not any(job.done() for job in jobs)
    lock.execute("ROLLBACK")
    lock.close()
    assert results(jobs) == ["one", "two"]
    assert traced.notes() == ["one", "two"]
    assert traced.writer.failure is None


def test_stop_commits_what_was_handed_in(traced: Traced) -> None:
    held = Held(traced.writer)
    jobs = [traced.writer.submit(note(f"note {number}")) for number in range(10)]
    stop = threading.Thread(target=traced.writer.stop)
    stop.start()
    waited(lambda: traced.writer._stopping)
    held.go()
    stop.join(LIMIT)
    assert all(job.done() for job in jobs)
    assert traced.notes() == results(jobs)


def test_a_job_after_stop_is_refused(traced: Traced) -> None:
    traced.writer.stop()
    with pytest.raises(WriterStopped):
        traced.writer.submit(note("late")).result(0)
    assert traced.notes() == []


def test_stop_does_not_wait_for_a_lock_that_stays(traced: Traced, path: Path) -> None:
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    job = traced.writer.submit(note("one"))
    waited(lambda: traced.writer.failure is not None)
    traced.writer.stop()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        job.result(0)
    lock.close()


def test_stopping_a_writer_that_was_never_started_refuses_what_waits(path: Path) -> None:
    writer = Traced(path).writer
    job = writer.submit(note("one"))
    writer.stop()
    with pytest.raises(WriterStopped):
        job.result(0)


def test_submit_never_waits_for_the_disk(traced: Traced) -> None:
    held = Held(traced.writer)
    jobs = [traced.writer.submit(note(f"note {number}")) for number in range(1000)]
    assert not held.done.done()
    held.go()
    results(jobs)


def test_a_future_that_somebody_cancelled_does_not_end_the_writer(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the writer's thread dies of is this test's own doing.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    held = Held(traced.writer)
    traced.writer.submit(note("given up")).cancel()
    after = traced.writer.submit(note("after"))
    held.go()
    try:
        assert after.result(0.5) == "after"
    except TimeoutError:
        pytest.fail("the writer's thread has ended")


def waited(true: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(int(LIMIT / 0.002)):
        if true():
            return
        pause.wait(0.002)
    pytest.fail("it did not happen in time")


def test_the_database_waits_for_locks_before_the_writer_does() -> None:
    assert database_module.BUSY_MILLISECONDS >= 1000


def contact(number: int) -> Job:
    insert = "INSERT INTO contacts VALUES (?, 'name', '100', 1)"
    return lambda database: database.execute(insert, [number])


def test_a_reader_never_sees_half_a_group(tmp_path: Path) -> None:
    database = Database(tmp_path / "half.db")
    database.open()
    held = Held(database.writer)
    jobs = [database.submit(contact(number)) for number in range(20)]
    held.go()
    seen = set()
    while not all(job.done() for job in jobs):
        seen.add(database.reader().execute("SELECT count(*) FROM contacts").fetchone()[0])
    database.close()
    assert seen <= {0, 20}
