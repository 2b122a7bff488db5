"""What counting costs the calls, and what a scrape costs.

    python -m tests.bench.metrics [--rounds 30]

A call's life on the desk (arrive, queue, claim, bridge, hang up) with the tally and without it, in
alternating rounds of 20 calls; FreeSWITCH and the disk are the tests' stand-ins, so what is left is
the desk's own work, the worst case for the comparison. Then what the edges' meters add to such a
call: 25 commands, 8 changes, 8 events, 2 requests (counted on a whole app). Then one scrape, by
live calls and organizations. CPU time, medians. A figure, never a test.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from fsapp.calls.table import Happening
from fsapp.desk.tally import Tally
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from tests.desk.fakes import ANN, Rig
from tests.metrics.test_scrape import Whole

CALLS = 20
names = itertools.count()


def cpu(action: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    began = time.process_time()
    action()
    return time.process_time() - began


def life(rig: Rig) -> None:
    """One caller, from arrival to the end of her conversation."""
    name = f"caller-{next(names)}"
    rig.connects(name)
    live = rig.board.calls[name]
    with rig.board.turn() as turn:
        rig.board.happen(turn, live, Happening.CLAIM, agent=ANN.id)
        rig.board.happen(turn, live, Happening.BRIDGE, channel=f"leg-{name}")
    rig.hangs_up(name)


def lives(rig: Rig) -> None:
    for _ in range(CALLS):
        life(rig)


def edges(whole: Whole) -> None:
    """What the meters are told of one call."""
    exporter, reply, command = whole.exporter, Reply("+OK"), commands.api_exists("a-b")
    for _ in range(25):
        exporter.commands(command, reply, 0.001)
    exporter.commits([0.002] * 8)
    exporter.lag([whole.rig.clock.now()] * 8)
    for _ in range(2):
        exporter.answered("/call/pickup", "POST", 200, 0.05)


def compare(rig: Rig, whole: Whole, rounds: int) -> tuple[float, float]:
    """Microseconds a call, without the tally and with it."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for counted in (False, True):
            rig.board.tally = whole.exporter.calls if counted else Tally()
            seconds[counted].append(cpu(lambda: lives(rig)) / CALLS)
    return statistics.median(seconds[False]) * 1e6, statistics.median(seconds[True]) * 1e6


def scrape(calls: int, organizations: int, rounds: int) -> tuple[float, int]:
    """Milliseconds and bytes of one scrape."""
    rig = Rig()
    with TemporaryDirectory() as folder:
        whole = Whole(rig, Path(folder))
        whole.named = range(1, organizations + 1)
        for number in range(calls):
            organization = {"organization_id": str(number % organizations + 1)}
            rig.connects(f"caller-{number}", variables=organization)
        size = len(whole.exporter.exposition())
        took = [cpu(whole.exporter.exposition) for _ in range(rounds)]
    rig.close()
    return statistics.median(took) * 1e3, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    rig = Rig()
    with TemporaryDirectory() as folder:
        whole = Whole(rig, Path(folder))
        without, counted = compare(rig, whole, rounds)
        told = statistics.median(cpu(lambda: edges(whole)) for _ in range(rounds)) * 1e6
    rig.close()
    print(
        f"a call on the desk: {without:.0f} µs, counted {counted:.0f} µs ({counted / without:.3f})"
    )
    print(f"the edges' meters: {told:.0f} µs a call")
    for calls, organizations in ((0, 1), (100, 10), (1000, 10), (1000, 100)):
        took, size = scrape(calls, organizations, rounds)
        print(
            f"a scrape with {calls} calls of {organizations} organizations: "
            f"{took:.1f} ms, {size / 1024:.0f} KiB"
        )


if __name__ == "__main__":
    main()
