"""Every verb beside a history of 1,000,000 ended calls, and beside an empty database.

Two apps, each on a lab switch of its own, in turns: an agent looks around (state, queue, list,
agent, agent/list), takes a call (pickup, park, unpark), dials a number and connects the two
(originate, transfer); then as many more, which she ends by hangup (and agent/state). *p99* is that
of all rounds together. A page of the history and today's statistics are no verbs of a call, and
have no goal: `python -m tests.bench.history` looks at those more closely.
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
ROUNDS, CYCLES = 5, 40
SLOWED = 1.5
READS = ("state", "queue", "list", "agent", "agent/list")
VERBS = (*READS, "pickup", "park", "unpark", "originate", "transfer")
KEPT: dict[str, dict[str, object]] = {"history": {"keep_days": 0}}
"""For ever: else the app would remove half of them meanwhile."""


def run() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        build(folder / "long" / "desk.db", CALLS)
        desks = []
        for name in ("long", "empty"):
            lab = Lab()
            stack.callback(lab.stop)
            lab.phones(["1101", "1142"])
            desks.append((lab, Desk(folder / name, lab, settings=KEPT)))
            stack.callback(desks[-1][1].stop)
        yield from compared([Shift(lab, desk, dials=True) for lab, desk in desks], VERBS)
        yield from compared([Shift(lab, desk) for lab, desk in desks], ("hangup", "agent/state"))
        for what, path in (("page of the history", "history"), ("statistics", "statistics")):
            asks = [lambda d=one, p=path: asked(d, p) for _, one in desks]
            long, empty = over_rounds(asks, 11)
            yield Figure(8, f"{what}, median", long, "ms", "empty", empty)


def asked(desk: Desk, path: str) -> float:
    """Milliseconds that one such request takes."""
    answer = desk.anna.get(f"/call/{path}")
    assert answer.code == 200, str(answer)
    return 1000 * answer.seconds


def compared(shifts: list[Shift], verbs: tuple[str, ...]) -> Iterator[Figure]:
    long, empty = in_turns(shifts, ROUNDS, CYCLES)
    for verb in verbs:
        p99 = late(long, verb), late(empty, verb)
        yield Figure(8, f"{verb} p99", p99[0], "ms", "empty", p99[1], at_most=SLOWED)
        half = middle(long, verb), middle(empty, verb)
        yield Figure(8, f"{verb} median", half[0], "ms", "empty", half[1])
