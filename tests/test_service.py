"""The end of a running fsapp: in time, and all of it, whatever one of its parts does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp import service as module
from fsapp import settings as s
from fsapp.logs import start_log
from fsapp.service import Service
from tests.switch.peer import wait_until
from tests.test_half_open import free_address


@pytest.fixture
def others() -> set[threading.Thread]:
    """The threads that other tests of this process have left running."""
    return set(threading.enumerate())


@pytest.fixture
def service(others: set[threading.Thread], tmp_path: Path) -> Iterator[Service]:
    """It runs, without a FreeSWITCH."""
    running = Service(
        s.Settings(
            http=s.Http(listen=free_address()),
            outbound=s.Outbound(listen=free_address()),
            control=s.Control(address=free_address()),
            database=s.Database(path=tmp_path / "fsapp.db"),
        )
    )
    running.start()
    yield running
    running.streams.stop()
    running.database.close()


def test_stopping_ends_every_thread(service: Service, others: set[threading.Thread]) -> None:
    def its_threads() -> set[str]:
        return {one.name for one in set(threading.enumerate()) - others}

    names = {"web", "call-listener", "control", "timers", "database-writer", "event-streams"}
    assert names <= its_threads()
    assert service.stop()
    wait_until(lambda: not names & its_threads(), "a thread goes on")


def test_a_part_that_never_ends_does_not_keep_the_end_from_coming(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()
    monkeypatch.setattr(module, "LONGEST_DRAIN", 0.2)
    monkeypatch.setattr(service.server, "stop", lambda _limit: released.wait())
    assert not service.stop()
    assert "not everything has ended in 0.2 s" in caplog.text
    released.set()
    wait_until(lambda: not service.listener.bound, "the rest has not been stopped afterwards")


def test_a_mistake_in_ending_one_part_keeps_no_other_from_ending(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(service.streams, "stop", fails)
    assert service.stop()
    assert "a mistake" in caplog.text
    assert not service.listener.bound
    assert service.database.why_not_writable(0.1) is not None


class Stalled(logging.Handler):
    """Somebody who has stopped reading the log."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        self.let_go.wait()


def test_a_log_that_nobody_reads_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr("fsapp.logs.STOP_SECONDS", 0.1)
    reader = Stalled()
    log = start_log(logging.getLevelName(root.level), reader)
    logging.getLogger("test").critical("nobody reads this")
    ended = threading.Thread(target=log.stop, daemon=True)
    ended.start()
    ended.join(5.0)
    assert not ended.is_alive()
    reader.let_go.set()
