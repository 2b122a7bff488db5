"""What is too old is removed step by step, with long pauses."""

from __future__ import annotations

import itertools
import logging
from concurrent.futures import Future

import pytest

from fsapp.desk.retention import FIRST_SECONDS, REST_SECONDS, SHARE, STEP_SECONDS, Retention
from tests.desk.fakes import ManualClock

DAY = 86400


class Removing:
    """Notes what it is asked to remove; answers from ``counts``, then nothing is left."""

    def __init__(self, clock: ManualClock, *counts: int, took: float = 0.0) -> None:
        self.clock, self.counts, self.took = clock, list(counts), took
        self.asked: list[tuple[float, float]] = []
        """When, and before which moment."""
        self.error: Exception | None = None

    def remove(self, before: float, _limit: int) -> Future[int]:
        self.asked.append((self.clock.now(), before))
        done: Future[int] = Future()
        self.clock._now += self.took
        if self.error is not None:
            done.set_exception(self.error)
        else:
            done.set_result(self.counts.pop(0) if self.counts else 0)
        return done


def test_what_ended_more_than_so_many_days_ago_is_removed() -> None:
    clock = ManualClock()
    history = Removing(clock)
    Retention(history, clock, keep_days=90).start()
    clock.advance(FIRST_SECONDS)
    assert history.asked == [(clock.now(), clock.now() - 90 * DAY)]


def test_for_ever_removes_nothing() -> None:
    clock = ManualClock()
    history = Removing(clock)
    Retention(history, clock, keep_days=0).start()
    clock.advance(10 * DAY)
    assert history.asked == []


def test_steps_follow_each_other_until_nothing_is_left_then_it_rests() -> None:
    clock = ManualClock()
    history = Removing(clock, 500, 500)
    Retention(history, clock, keep_days=1).start()
    clock.advance(FIRST_SECONDS + REST_SECONDS)
    moments = [moment for moment, _ in history.asked]
    assert [late - early for early, late in itertools.pairwise(moments)] == (
        pytest.approx([STEP_SECONDS, STEP_SECONDS])
    )
    clock.advance(REST_SECONDS)
    assert len(history.asked) == 4


def test_a_slow_step_is_followed_by_a_pause_many_times_as_long() -> None:
    clock = ManualClock()
    history = Removing(clock, 500, took=2.0)
    Retention(history, clock, keep_days=1).start()
    clock.advance(FIRST_SECONDS)
    clock._now += 2.0
    clock.advance(2.0 * SHARE - 4.1)
    assert len(history.asked) == 1
    clock.advance(4.2)
    assert len(history.asked) == 2


def test_a_database_that_fails_is_asked_again_later(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    history = Removing(clock)
    history.error = OSError("disk full")
    with caplog.at_level(logging.WARNING):
        Retention(history, clock, keep_days=1).start()
        clock.advance(FIRST_SECONDS)
    assert "old calls could not be removed: disk full" in caplog.text
    history.error = None
    clock.advance(REST_SECONDS)
    assert len(history.asked) == 2


def test_another_number_of_days_holds_from_the_next_step_on() -> None:
    clock = ManualClock()
    history = Removing(clock)
    retention = Retention(history, clock, keep_days=0)
    retention.start()
    clock.advance(DAY)
    retention.keep(30)
    clock.advance(REST_SECONDS)
    assert history.asked == [
        (
            pytest.approx(clock.now(), abs=REST_SECONDS),
            pytest.approx(clock.now() - 30 * DAY, abs=REST_SECONDS),
        )
    ]
    retention.keep(0)
    clock.advance(DAY)
    assert len(history.asked) == 1
