"""What event streams and requests leave to each other.

    python -m tests.bench.event_streams [--streams 500] [--requests 100] [--seconds 10]

Lab switch, app, the clients who listen and those who ask are processes of their own. Callers come
and go, ten a second. Printed is how long it takes from the moment a caller calls, or hangs up, at
the switch until a client has the event, with one stream and with all of them, each of another
agent: alone; while so many clients always have a request for the list of calls under way; and while
so many pickups wait for phones that ring. Beside it what those lists take without streams, with
silent ones, and while callers come and go; the slowest client's median says whether anybody
starves. Figures, never a test.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fsapp.calls.agent import Agent
from tests.acceptance.wait import wait_until
from tests.bench.askers import Askers
from tests.bench.desk import ANNA, Desk, resident
from tests.bench.figures import centile
from tests.bench.lab import Lab
from tests.bench.listeners import LOOKS, Listeners

CALLERS_A_SECOND = 10.0
LAST_SECONDS = 3.0
"""How long the last change may take to be heard of."""
RING_SECONDS = 120.0
PHONE = "1102"


class Bench:
    """One app, its callers and clients."""

    def __init__(self, lab: Lab, desk: Desk, seconds: float) -> None:
        self.lab, self.desk, self._seconds = lab, desk, seconds
        self.tokens = [token for name, token in desk.tokens.items() if name != ANNA.id]

    def heard(self, streams: int, when: str) -> None:
        """Callers come and go; how long it takes until clients know."""
        listeners = Listeners(self.desk.app.address, self.tokens[:streams])
        self.lab.come_and_go(CALLERS_A_SECOND)
        time.sleep(self._seconds)
        moments = self.lab.stop_coming()
        time.sleep(LAST_SECONDS)
        heard = listeners.stop()
        for number, name in enumerate(("call_offer", "call_hangup")):
            took = []
            for call_id, times in moments.items():
                found = heard.get((name, call_id), [])
                if times[1]:
                    assert len(found) == -(-streams // LOOKS), f"{name}: lost or doubled"
                    took += [at - times[number] for at in found]
            said(f"{name}, {streams} streams, {when}", took)

    @contextmanager
    def asking(self, count: int, when: str) -> Iterator[None]:
        """Meanwhile each of so many clients has a request under way."""
        askers = Askers(self.desk.app.address, self.tokens[:count], "GET", "/call/list")
        yield
        times = askers.stop()
        said(f"/call/list, {count} at once, {when}", [one for each in times for one in each])
        medians = sorted(statistics.median(each) if each else float("inf") for each in times)
        said("    medians of its clients", medians)

    @contextmanager
    def ringing(self, count: int) -> Iterator[None]:
        """Meanwhile each of so many pickups waits for a phone that rings."""
        self.lab.phones([PHONE], RING_SECONDS)
        calls = self.lab.place(count, 50)
        self.desk.waits_until_queued(count)
        names = [f"a{number}" for number in range(count)]
        threads = [
            threading.Thread(target=self.desk.clients[name].post, args=("/call/pickup",))
            for name in names
        ]
        for thread in threads:
            thread.start()
        self._claimed(count)
        yield
        self._claimed(count)
        self.lab.hang_up(calls)
        for thread in threads:
            thread.join()

    def _claimed(self, count: int) -> None:
        def claimed() -> int:
            calls = self.desk.anna.get("/call/list").document["calls"]
            return sum(call["state"] == "transferring" for call in calls)

        wait_until(claimed, lambda now: now == count, limit=20, promise="all phones ring")


def said(what: str, times: list[float]) -> None:
    print(
        f"{what:<58} n={len(times):<6} median {statistics.median(times) * 1e3:7.1f} ms"
        f"  p99 {centile(times) * 1e3:7.1f} ms  worst {max(times) * 1e3:7.1f} ms",
        flush=True,
    )


def measure(bench: Bench, streams: int, requests: int, seconds: float) -> None:
    lists, phones = f"{requests} lists under way", f"{requests} phones ring"
    bench.heard(1, "alone")
    with bench.asking(requests, "no streams"):
        time.sleep(seconds)
    with bench.asking(requests, "callers come and go"):
        bench.heard(1, lists)
    bench.heard(streams, "alone")
    before = resident(bench.desk.app.pid)
    listeners = Listeners(bench.desk.app.address, bench.tokens[:streams])
    time.sleep(1)
    grown = (resident(bench.desk.app.pid) - before) / streams
    print(f"{streams} silent streams: {grown:.1f} KiB each")
    with bench.asking(requests, f"{streams} silent streams"):
        time.sleep(seconds)
    listeners.stop()
    with bench.asking(requests, f"{streams} streams, callers come and go"):
        bench.heard(streams, lists)
    with bench.ringing(requests):
        bench.heard(streams, phones)
    grown = (resident(bench.desk.app.pid) - before) / streams
    print(f"memory then: {grown:.1f} KiB per stream more")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lab = Lab()
        stack.callback(lab.stop)
        count = max(given.streams, given.requests)
        agents = [Agent(f"a{number}", "A", f"user/{PHONE}") for number in range(count)]
        settings: dict[str, dict[str, object]] = {"phone": {"ring_timeout": 60}}
        desk = Desk(folder, lab, [ANNA, *agents], settings)
        stack.callback(desk.stop)
        measure(Bench(lab, desk, given.seconds), given.streams, given.requests, given.seconds)


if __name__ == "__main__":
    main()
