"""The real clock: what is due happens, in order, once; what is cancelled does not."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from fsapp.desk.clock import SystemClock

LIMIT = 5.0


@pytest.fixture
def clock() -> Iterator[SystemClock]:
    clock = SystemClock()
    clock.start()
    yield clock
    clock.stop()


def done(clock: SystemClock, seconds: float = 0.0) -> threading.Event:
    event = threading.Event()
    clock.later(seconds, event.set)
    return event


def test_now_is_the_wall_clocks_time(clock: SystemClock) -> None:
    assert abs(clock.now() - time.time()) < 1.0


def test_what_is_due_happens_in_the_order_of_its_moments(clock: SystemClock) -> None:
    happened: list[str] = []
    clock.later(0.03, lambda: happened.append("later"))
    clock.later(0.01, lambda: happened.append("sooner"))
    clock.later(0.01, lambda: happened.append("sooner, too"))
    assert done(clock, 0.04).wait(LIMIT)
    assert happened == ["sooner", "sooner, too", "later"]


def test_nothing_happens_before_its_time(clock: SystemClock) -> None:
    began = time.monotonic()
    assert done(clock, 0.05).wait(LIMIT)
    assert time.monotonic() - began >= 0.05


def test_what_is_ordered_for_sooner_does_not_wait_for_what_is_later(clock: SystemClock) -> None:
    clock.later(3600.0, lambda: None)
    assert done(clock).wait(LIMIT)


def test_what_is_cancelled_keeps_nothing_until_its_time(clock: SystemClock) -> None:
    event = threading.Event()
    kept = weakref.ref(event)
    timer = clock.later(3600.0, event.set)
    timer.cancel()
    del event
    gc.collect()
    assert kept() is None


def test_what_is_cancelled_does_not_happen(clock: SystemClock) -> None:
    happened: list[str] = []
    clock.later(0.01, lambda: happened.append("cancelled")).cancel()
    assert done(clock, 0.02).wait(LIMIT)
    assert happened == []


def test_an_action_that_fails_does_not_stop_the_others(
    clock: SystemClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("a mistake of ours")

    with caplog.at_level(logging.ERROR):
        clock.later(0.0, fail)
        assert done(clock, 0.01).wait(LIMIT)
    assert "a timed action failed" in caplog.text


def test_an_action_may_order_another(clock: SystemClock) -> None:
    event = threading.Event()

    def order() -> None:
        clock.later(0.0, event.set)

    clock.later(0.0, order)
    assert event.wait(LIMIT)


def test_many_threads_may_order_at_once(clock: SystemClock) -> None:
    happened: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: [clock.later(0.001, lambda: happened.append(1)) for _ in range(100)]
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done(clock, 0.01).wait(LIMIT)
    assert len(happened) == 800


def test_stop_drops_what_is_not_due_and_ends_the_thread() -> None:
    before = set(threading.enumerate())
    clock = SystemClock()
    clock.start()
    waiting = done(clock, 3600.0)
    clock.stop()
    assert set(threading.enumerate()) == before
    assert not waiting.is_set()


def test_stopping_a_clock_that_was_never_started_is_harmless() -> None:
    SystemClock().stop()
