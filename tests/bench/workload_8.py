"""Every verb beside a history of 1,000,000 ended calls, and beside an empty database.

Two apps, each on a lab switch of its own, in turns: an agent takes a call (state, queue, pickup,
park, unpark), dials a number and connects the two (originate, transfer); then one more, which she
ends by hangup. A page of the history is no verb of a call, and has no goal: `python -m
tests.bench.history` looks at those more closely.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench.desk import Desk
from tests.bench.figures import Figure, over_rounds
from tests.bench.history import build
from tests.bench.lab import Lab
from tests.bench.shift import Shift, in_turns, late, middle

TITLE = "a history of 1,000,000 calls"
CALLS = 1_000_000
ROUNDS, CYCLES = 5, 20
SLOWED = 1.5
VERBS = ("state", "queue", "pickup", "park", "unpark", "originate", "transfer")


def run() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        build(folder / "long" / "desk.db", CALLS)
        desks = []
        for name in ("long", "empty"):
            lab = Lab()
            stack.callback(lab.stop)
            lab.phones(["1101", "1142"])
            desks.append((lab, Desk(folder / name, lab)))
            stack.callback(desks[-1][1].stop)
        yield from compared([Shift(lab, desk, dials=True) for lab, desk in desks], VERBS)
        yield from compared([Shift(lab, desk) for lab, desk in desks], ("hangup",))
        asks = [lambda d=desk: 1000 * d.anna.get("/call/history").seconds for _, desk in desks]
        pages = over_rounds(asks, 11)
        yield Figure(8, "page of the history, median", pages[0], "ms", "empty", pages[1])


def compared(shifts: list[Shift], verbs: tuple[str, ...]) -> Iterator[Figure]:
    long, empty = in_turns(shifts, ROUNDS, CYCLES)
    for verb in verbs:
        p99 = late(long, verb), late(empty, verb)
        yield Figure(8, f"{verb} p99", p99[0], "ms", "empty", p99[1], at_most=SLOWED)
        half = middle(long, verb), middle(empty, verb)
        yield Figure(8, f"{verb} median", half[0], "ms", "empty", half[1])
