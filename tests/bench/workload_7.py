"""Restart with 10,000 ended and 1,000 live calls, beside a restart with none.

The app is killed, as in a crash: FreeSWITCH offers every caller again and again
(dialplan/fsapp_return.xml), so that all of them come back on their own, at their own pace, while
the app starts. In turns with an app that has an empty database and no caller. *Ready* is from the
start of the process until /readyz says so; *back* until the app hears of all of them but those in
conversation, who have no need to come back; every call must then be in its list.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fsapp.calls.agent import Agent
from tests.acceptance.wait import wait_until
from tests.bench.desk import ANNA, Desk
from tests.bench.figures import Figure
from tests.bench.history import build
from tests.bench.lab import Lab

TITLE = "restart with 10,000 ended and 1,000 live calls"
ENDED, LIVE = 10_000, 1000
ROUNDS = 3
MOST_SECONDS, RETURNS_A_SECOND = 3.0, 100.0
HANDLED = 20
"""So many of the live calls are on hold, and as many are spoken in."""


class Side:
    """One app that is killed and started again."""

    def __init__(self, folder: Path, ended: int, live: int, stack: ExitStack) -> None:
        folder.mkdir()
        if ended:
            build(folder / "desk.db", ended)
        self.lab = Lab()
        stack.callback(self.lab.stop)
        names = [f"a{number}" for number in range(HANDLED if live else 0)]
        agents = [Agent(name, name, f"user/{1110 + n}") for n, name in enumerate(names)]
        self.desk = Desk(folder, self.lab, [ANNA, *agents])
        stack.callback(self.desk.stop)
        self.lab.phones(str(1110 + number) for number in range(HANDLED))
        self.live = live
        self.lab.place(live, 120)
        self.desk.waits_until_queued(live)
        for name in names:
            self.desk.done("pickup", name)
            self.desk.done("park", name)
            self.desk.done("pickup", name)

    def restart(self) -> tuple[float, float]:
        """Seconds until it is ready, and until every caller has come back since its start."""
        away = self.live - (HANDLED if self.live else 0)
        self.desk.app.kill()
        for client in self.desk.clients.values():
            client.close()
        time.sleep(1)
        begin = time.perf_counter()
        self.desk.app.start()
        ready = time.perf_counter() - begin
        wait_until(self.lab.connected, lambda now: now >= away, limit=60, promise="all back")
        back = time.perf_counter() - begin
        listed = len(self.desk.anna.get("/call/list").document["calls"])
        assert listed == self.live, f"of {self.live} calls {listed} are there after the restart"
        return ready, back


def run() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        none = Side(folder / "none", 0, 0, stack)
        many = Side(folder / "many", ENDED, LIVE, stack)
        found = [(none.restart()[0], *many.restart()) for _ in range(ROUNDS)]
        empty, ready, back = (statistics.median(column) for column in zip(*found, strict=True))
        yield Figure(7, "ready after", ready, "s", at_most=MOST_SECONDS)
        yield Figure(7, "ready after", ready, "s", "no call", empty)
        yield Figure(7, "all callers back after", back, "s")
        away = LIVE - HANDLED  # the others are in conversation, and stay there
        yield Figure(7, "callers back", away / back, "/s", at_least=RETURNS_A_SECOND)
