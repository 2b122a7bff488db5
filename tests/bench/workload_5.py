"""200 agents race for the next of 1,000 queued calls, beside one agent alone.

An agent takes five calls, each as pickup without naming one, then hangup. Alone she has the same
queue; then all 200 do the same at the same time, until the queue is empty. Each call must be
taken once, by one agent: anything else ends the workload with the reason. The agents are threads of
the bench, whose own time is in the race's figure and hardly in the lone agent's. The figures are
the medians of three races.

*The lone agent's share* is her time for her five calls. People need a moment to answer: phones
ring for two seconds, so that the lone agent's share is what a shift looks like, and 200 of it at
once are 100 pickups a second. What is left when nobody waits for a phone is the second line, per
call, with phones that answer at once: the race for all calls beside as many calls of hers.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fsapp.calls.agent import Agent
from tests.bench.desk import Desk
from tests.bench.figures import Figure
from tests.bench.lab import Lab

TITLE = "200 agents race for 1,000 queued calls"
AGENTS, EACH, ROUNDS = 200, 5, 3
RING_SECONDS = 2.0
MOST = 3.0


class Race:
    """The desk, and who has taken which call."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.lab = Lab()
        stack.callback(self.lab.stop)
        extensions = [str(1000 + number) for number in range(AGENTS)]
        self.names = [f"agent{extension}" for extension in extensions]
        agents = [
            Agent(name, name, f"user/{extension}")
            for name, extension in zip(self.names, extensions, strict=True)
        ]
        self.desk = Desk(folder, self.lab, agents)
        stack.callback(self.desk.stop)
        self._extensions = extensions
        self.taken: list[str] = []
        self.failed: list[BaseException] = []

    def phones(self, seconds: float) -> None:
        self.lab.phones(self._extensions, seconds)

    def queue(self, count: int) -> list[str]:
        calls = self.lab.place(count, 120)
        self.desk.waits_until_queued(count, self.names[0])
        return calls

    def alone(self) -> float:
        """Seconds the first agent needs for her calls, the whole queue before her."""
        begin = time.perf_counter()
        for _ in range(EACH):
            self._take_one(self.names[0])
        return time.perf_counter() - begin

    def together(self) -> float:
        """Seconds until all agents have had their calls."""
        threads = [threading.Thread(target=self._take, args=(name,)) for name in self.names]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]
        return time.perf_counter() - begin

    def _take(self, name: str) -> None:
        try:
            for _ in range(EACH):
                self._take_one(name)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for all
            self.failed.append(error)

    def _take_one(self, name: str) -> None:
        call = self.desk.done("pickup", name).call
        assert call["assigned_to"] == name, f"{name} was given {call}"
        self.taken.append(call["id"])
        self.desk.done("hangup", name)


def run() -> Iterator[Figure]:
    with ExitStack() as stack:
        race = Race(Path(stack.enter_context(tempfile.TemporaryDirectory())), stack)
        race.phones(0)
        race.queue(EACH)
        race.alone()  # what is made once is made
        for seconds in (RING_SECONDS, 0):
            shares, totals = zip(*(raced(race, seconds) for _ in range(ROUNDS)), strict=True)
            yield figure(seconds, statistics.median(totals), statistics.median(shares))


def raced(race: Race, seconds: float) -> tuple[float, float]:
    """One race, with phones that ring for so long: the lone agent's seconds, and everybody's."""
    race.phones(seconds)
    race.taken.clear()
    calls = race.queue(AGENTS * EACH)
    share = race.alone()
    calls += race.lab.place(EACH, 120)
    race.desk.waits_until_queued(AGENTS * EACH, race.names[1])
    total = race.together()
    if sorted(race.taken) != sorted(calls):
        twice = len(race.taken) - len(set(race.taken))
        raise AssertionError(f"{len(calls)} calls, {len(race.taken)} taken, {twice} twice")
    return share, total


def figure(seconds: float, total: float, share: float) -> Figure:
    if seconds:
        what = f"{AGENTS * EACH} calls, phones ring {seconds:g} s"
        return Figure(5, what, total, "s", "lone agent's share", share, at_most=MOST)
    each, alone = total / (AGENTS * EACH), share / EACH
    what = "one call in the race, phones answer at once"
    return Figure(5, what, each * 1000, "ms", "of the lone agent", alone * 1000, at_most=MOST)
