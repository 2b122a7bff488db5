"""500 event streams while calls change 100 times a second, beside the same changes with none.

A change is an event of the log: a caller who comes makes two (call_offer, queue_join), one who
hangs up two more (queue_leave, call_hangup). 25 callers a second come, and leave a second later; a
queue of 20 stays. Each stream is another agent's, all of one organization, so that each hears
everything: 50,000 events a second, and the changed places in the queue.

Meanwhile a client asks for a state and for the queue, with a pause of 10 ms, in rounds with and
without the streams. How many changes a second there really were is in the table: a switch that
falls behind would flatter the app. *Delivery* is from the moment the caller calls, or hangs up, at
the switch until a client has the event: FreeSWITCH's part and the commit are in it.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from fsapp.calls.agent import Agent
from tests.bench.desk import ANNA, Desk, resident
from tests.bench.figures import Figure, centile
from tests.bench.lab import Lab
from tests.bench.listeners import Heard, Listeners

TITLE = "500 event streams, 100 changes a second"
STREAMS, CALLERS_A_SECOND, QUEUED = 500, 25.0, 20
ROUNDS, SECONDS = 3, 10.0
PAUSE = 0.01
LAST_SECONDS = 5.0
"""How long the last change may take to be heard of."""
SLOWED, LATEST = 1.5, 100.0
ENOUGH = 0.9 * 4 * CALLERS_A_SECOND
"""Changes a second that count as 100: in a round's first second nobody leaves yet."""
Moments = Mapping[str, tuple[float, float]]
Times = dict[str, list[float]]
"""Seconds of each request, by its path."""


def run() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lab = Lab()
        stack.callback(lab.stop)
        agents = [Agent(f"a{number}", "A", "user/1102") for number in range(STREAMS)]
        desk = Desk(folder, lab, [ANNA, *agents])
        stack.callback(desk.stop)
        call_id = lab.place(QUEUED)[0]
        desk.waits_until_queued(QUEUED)
        bustle(lab, desk, call_id, 2)
        yield from measured(lab, desk, call_id)


def measured(lab: Lab, desk: Desk, call_id: str) -> Iterator[Figure]:
    without, among = Times(), Times()
    delays, grown, rates = list[float](), list[float](), list[float]()
    tokens = [desk.tokens[f"a{number}"] for number in range(STREAMS)]
    for _ in range(ROUNDS):
        collect(without, bustle(lab, desk, call_id, SECONDS)[0])
        before = resident(desk.app.pid)
        listeners = Listeners(desk.app.address, tokens)
        begin = time.monotonic()
        times, moments = bustle(lab, desk, call_id, SECONDS)
        happened = sum(
            begin <= moment <= begin + SECONDS for both in moments.values() for moment in both
        )
        grown.append((resident(desk.app.pid) - before) / STREAMS)
        time.sleep(LAST_SECONDS)
        delays += delivered(moments, listeners.stop())
        collect(among, times)
        rates.append(2 * happened / SECONDS)
    for path in among:
        yield from slowed(path, among[path], without[path])
    yield Figure(6, "changes a second", min(rates), "/s", at_least=ENOUGH)
    yield Figure(6, "delivery p99", 1000 * centile(delays), "ms", at_most=LATEST)
    yield Figure(6, "delivery median", 1000 * statistics.median(delays), "ms")
    yield Figure(6, "memory per stream", max(grown), "KiB")


def collect(found: Times, more: Times) -> None:
    for path, times in more.items():
        found.setdefault(path, []).extend(times)


def slowed(path: str, among: list[float], without: list[float]) -> Iterator[Figure]:
    half = 1000 * statistics.median(among), 1000 * statistics.median(without)
    yield Figure(6, f"{path} median", half[0], "ms", "no stream", half[1], at_most=SLOWED)
    late = 1000 * centile(among), 1000 * centile(without)
    yield Figure(6, f"{path} p99", late[0], "ms", "no stream", late[1])


def bustle(lab: Lab, desk: Desk, call_id: str, seconds: float) -> tuple[Times, Moments]:
    """Times of requests while callers come and go; when those came and went."""
    lab.come_and_go(CALLERS_A_SECOND)
    end, times = time.monotonic() + seconds, Times()
    while time.monotonic() < end:
        for path, asked in (("/call/state", {"call_id": call_id}), ("/call/queue", {})):
            answer = desk.anna.get(path, **asked)
            assert answer.code == 200, str(answer)
            times.setdefault(path, []).append(answer.seconds)
        time.sleep(PAUSE)
    return times, lab.stop_coming()


def delivered(moments: Moments, heard: Heard) -> list[float]:
    """Seconds from each change until each client heard of it. Every one must have."""
    expected, found = -(-STREAMS // 10), list[float]()
    for call_id, (arrived, left) in moments.items():
        for name, since in (("call_offer", arrived), ("call_hangup", left)):
            times = heard.get((name, call_id), [])
            if since and len(times) != expected:
                raise AssertionError(f"{name} of {call_id} was heard by {len(times)} of {expected}")
            found += [moment - since for moment in times if since]
    return found
