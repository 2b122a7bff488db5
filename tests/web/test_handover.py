"""Who computes has the place alone, who waits gives it up, and nobody holds up the line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from fsapp.waiting import waiting
from fsapp.web.handover import PATIENCE, Handover

LIMIT = 10.0
Job = Callable[[], None]


class Crew:
    """Threads that carry out what is handed to them, as cheroot's do."""

    def __init__(self, count: int) -> None:
        self.handover = Handover(lambda job: job is None)
        self.handover.start()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()
        self.workers: list[int] = []

    def _work(self) -> None:
        while (job := self.handover.get()) is not None:
            self.workers.append(threading.get_ident())
            job()

    def is_idle(self) -> bool:
        with self.handover._lock:
            return len(self.handover._idle) == len(self.threads)

    def stop(self) -> None:
        for _ in self.threads:
            self.handover.put(None)
        for thread in self.threads:
            thread.join(LIMIT)
            assert not thread.is_alive()
        self.handover.stop()


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew(8)
    yield crew
    crew.stop()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_requests_begin_in_the_order_they_came_in(crew: Crew) -> None:
    done, last = list[int](), threading.Event()
    for number in range(200):
        crew.handover.put(lambda number=number: done.append(number))
    crew.handover.put(last.set)
    assert last.wait(LIMIT)
    assert done == list(range(200))


def test_who_waits_and_says_so_holds_nobody_up(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without patience's help: it would take longer than the test's limit."""
    monkeypatch.setattr("fsapp.web.handover.PATIENCE", 10 * LIMIT)
    answer, others = threading.Event(), threading.Event()

    def waits() -> None:
        with waiting():
            assert answer.wait(LIMIT)

    for _ in range(7):
        crew.handover.put(waits)
    crew.handover.put(others.set)
    assert others.wait(LIMIT)
    answer.set()
    until(crew.is_idle)


def test_who_waits_without_saying_so_holds_the_next_up_for_a_moment_only(crew: Crew) -> None:
    answer, others = threading.Event(), threading.Event()
    for _ in range(5):
        crew.handover.put(lambda: answer.wait(LIMIT) and None)
    begin = time.monotonic()
    crew.handover.put(others.set)
    assert others.wait(LIMIT)
    assert time.monotonic() - begin >= PATIENCE
    answer.set()
    until(crew.is_idle)
    assert crew.handover._working == 0


def test_one_thread_does_what_one_thread_can(crew: Crew) -> None:
    until(crew.is_idle)
    for _ in range(50):
        done = threading.Event()
        crew.handover.put(done.set)
        assert done.wait(LIMIT)
        until(crew.is_idle)
    assert len(set(crew.workers)) == 1


def test_places_are_counted_right_after_any_mixture(crew: Crew) -> None:
    left = threading.Semaphore(0)

    def job(number: int) -> None:
        if number % 3 == 0:
            with waiting():
                time.sleep(0.001)
        left.release()

    for number in range(300):
        crew.handover.put(lambda number=number: job(number))
    for _ in range(300):
        assert left.acquire(timeout=LIMIT)
    until(crew.is_idle)
    assert crew.handover._working == 0


def test_a_thread_of_nobodys_just_waits() -> None:
    with waiting():
        pass


def test_threads_are_ended_while_others_wait() -> None:
    crew, answer, began = Crew(3), threading.Event(), threading.Semaphore(0)

    def waits() -> None:
        began.release()
        with waiting():
            answer.wait(LIMIT)

    for _ in range(2):
        crew.handover.put(waits)
    for _ in range(2):
        assert began.acquire(timeout=LIMIT)
    threading.Timer(0.05, answer.set).start()
    crew.stop()
