"""Answer, one tone, hang up, on a real FreeSWITCH: fsapp beside bare handlers that track nothing.

    python -m tests.bench.workload_1 [--rates 10 40 100] [--rounds 3] [--only fsapp python-ESL]

All of them get the same calls from the same SIPp through the same dialplan, in turns. The bare
handlers (``peers/``) do what their documentation shows: answer, play a tone of a second, wait for
its end, hang up. fsapp has no such verb, because it never hangs up on a caller. Its nearest is a
caller who is answered, put into the queue with the tone as her music and hangs up after the same
second: it plays the one tone and hears of the end, as the others do, and beside that it queues the
call, commits its arrival, place in the queue and end to SQLite with their events, and marks the
channel so that the call survives a crash. "greeting" is the same with the tone as greeting before
the queue, hence two more transitions and the queue's own music after the tone: beside the goal.
"blind" is python-ESL that hears of nothing at all, not even the tone's end: the least that any
handler made with it can cost.

Rates at which FreeSWITCH alone would take more processors than there are are left out. A call that
does not go as it should costs less, or more, than one that does: a side with such a call, or
(fsapp's) with one that is not on record as ended, has no figure at that rate.
"""

import argparse
import contextlib
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.app import free_address
from tests.bench.figures import Curve, Figure, LeftOutError, Missing, over_rounds
from tests.bench.on_freeswitch import NEVER, CallsFailedError, Stage, on_freeswitch

TITLE = "answer, tone, hang up: CPU per call, fsapp beside bare handlers"
TONE = "tone_stream://v=-20;%(1000,0,440)"
ENDLESS = f"{TONE};loops=-1"
SECOND = 1000
RATES = (10, 40, 100)
ROUNDS = 3
SECONDS = 6.0
"""How long calls come in one round."""
PEERS = Path(__file__).parent / "peers"
INSIDE = (sys.executable,)
OUTSIDE = ("uv", "run", "--quiet", "--no-project", "--python", sys.executable, "--script")
"""For what fsapp does not need: the programs name it themselves, uv puts it elsewhere."""


@dataclass(frozen=True)
class Side:
    """One handler of calls: how it is started, and when its callers hang up."""

    name: str
    command: tuple[str, ...] = ()
    milliseconds: int = NEVER
    headers: tuple[tuple[str, str], ...] = ()
    counts: bool = True
    """Whether the goal speaks of it."""


SIDES = (
    Side("fsapp", (), SECOND, (("X-Var-fsapp_music", ENDLESS),)),
    Side("python-ESL", (*INSIDE, str(PEERS / "python_esl.py"))),
    Side("greenswitch", (*OUTSIDE, str(PEERS / "greenswitch_peer.py"))),
    Side("Genesis", (*OUTSIDE, str(PEERS / "genesis_peer.py"))),
    Side("fsapp, greeting", (), SECOND + 100, (("X-Var-fsapp_greeting", TONE),), counts=False),
    Side("python-ESL, blind", (*INSIDE, str(PEERS / "python_esl.py")), counts=False),
)


@dataclass
class Running:
    """One side that takes calls."""

    side: Side
    stage: Stage
    pid: int
    address: str
    freeswitch: list[float]
    failed: str = ""
    """Why it has no figure at this rate."""

    def cost(self, rate: float) -> float:
        """CPU milliseconds a call; nothing is measured any more once it has failed."""
        if self.failed:
            return math.nan
        try:
            return self._cost(rate)
        except (CallsFailedError, OSError) as error:
            self.failed = str(error)
            with contextlib.suppress(CallsFailedError):
                self.stage.clear()
            return math.nan

    def _cost(self, rate: float) -> float:
        side, count = self.side, round(rate * SECONDS)
        self.stage.leads_to(self.address)
        before = self.stage.ended_on_record()
        with self.stage.costs(side=self.pid) as spent:
            self.stage.work(rate, count, side.milliseconds, dict(side.headers))
        if not side.command and (more := self.stage.ended_on_record() - before) != count:
            raise CallsFailedError(f"{more} of {count} calls are on record as ended")
        self.freeswitch.append(spent["freeswitch"] / count * 1000)
        return spent["side"] / count * 1000


@contextlib.contextmanager
def taking_calls(stage: Stage, side: Side) -> Iterator[Running]:
    """The side, ready."""
    if not side.command:
        yield Running(side, stage, stage.app.pid, stage.switch.outbound_address, [])
        return
    address = free_address()
    blind = ["blind"] if "blind" in side.name else []
    command = [*side.command, address.rpartition(":")[2], TONE, *blind]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        pid = program.stdout.readline().strip()
        if not pid:
            raise LeftOutError(f"{side.name} does not start: {' '.join(side.command)}")
        yield Running(side, stage, int(pid), address, [])
    finally:
        program.terminate()
        program.wait(10)


def run(
    rates: Sequence[float] = RATES, rounds: int = ROUNDS, only: Sequence[str] = ()
) -> Iterator[Figure | Missing | Curve]:
    """CPU per call of each side, and of FreeSWITCH, at each rate."""
    if shutil.which("uv") is None:
        raise LeftOutError("uv, which installs the other handlers, is not on PATH")
    sides = [side for side in SIDES if not only or side.name in only]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = stack.enter_context(on_freeswitch(folder, {}))
        running = []
        for side in sides:
            try:
                running.append(stack.enter_context(taking_calls(stage, side)))
            except LeftOutError as reason:
                yield Missing(1, f"fsapp beside {side.name}", str(reason))
        lines: dict[str, list[tuple[float, float]]] = {one.side.name: [] for one in running}
        for one in running:
            one.cost(20)  # the first calls import and compile
        for rate in rates:
            needed = rate * freeswitch_alone(running) / 1000
            if needed >= (os.cpu_count() or 1):
                why = f"FreeSWITCH alone would take {needed:.1f} of {os.cpu_count()} processors"
                yield Missing(1, f"{rate:g} calls/s", why)
            else:
                yield from at_rate(running, rate, rounds, lines)
    drawn = {name: points for name, points in lines.items() if points}
    if drawn:
        yield Curve(1, "cpu-per-call", TITLE, "calls/s", "CPU ms per call", drawn)


def freeswitch_alone(running: Sequence[Running]) -> float:
    """CPU milliseconds a call takes FreeSWITCH itself, as measured last."""
    return statistics.median([cost for one in running for cost in one.freeswitch] or [0.0])


def at_rate(
    running: Sequence[Running],
    rate: float,
    rounds: int,
    lines: dict[str, list[tuple[float, float]]],
) -> Iterator[Figure | Missing]:
    """The figures at one rate; their points are added to ``lines``."""
    for one in running:
        one.freeswitch.clear()
        one.failed = ""
    costs = over_rounds([_cost(one, rate) for one in running], rounds)
    ours = next(
        ((one, cost) for one, cost in zip(running, costs, strict=True) if not one.side.command),
        None,
    )
    for one, cost in zip(running, costs, strict=True):
        if not one.failed:
            lines[one.side.name].append((rate, cost))
        yield compared(one, cost, ours, rate)


def compared(
    one: Running, cost: float, ours: tuple[Running, float] | None, rate: float
) -> Figure | Missing:
    """One side's line of the table. ``ours``: fsapp, and what a call costs it, if it is asked."""
    name, counts = one.side.name, one.side.counts and ours is not None and one is not ours[0]
    what = f"fsapp, {rate:g} calls/s" if counts else f"{name}, {rate:g} calls/s"
    if one.failed:
        beside = f", beside {name}" if counts else ""
        return Missing(1, what + beside, one.failed, failed=not one.side.command)
    if ours is None or not counts:
        freeswitch = statistics.median(one.freeswitch)
        return Figure(1, f"{what} (FreeSWITCH itself {freeswitch:.1f} ms)", cost, "ms")
    if ours[0].failed:
        return Missing(1, f"{what}, beside {name}", ours[0].failed, failed=True)
    return Figure(1, what, ours[1], "ms", name, cost, at_most=1.0)


def _cost(one: Running, rate: float) -> Callable[[], float]:
    return lambda: one.cost(rate)


if __name__ == "__main__":
    from tests.bench import output

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="+", choices=[side.name for side in SIDES], default=())
    given = parser.parse_args()
    for found in run(given.rates, given.rounds, given.only):
        if isinstance(found, Figure):
            print(output.line(found), flush=True)
        elif isinstance(found, Missing):
            print(output.absent(found), flush=True)
