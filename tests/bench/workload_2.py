"""A whole desk call on a real FreeSWITCH: fsapp's CPU beside FreeSWITCH's own for the same calls.

    python -m tests.bench.workload_2 [--rates 2 5] [--rounds 3]

A caller arrives and is queued with music; an agent picks her up over HTTP, which rings the agent's
phone (SIPp, answers at once) and bridges the two; after :data:`TALK_SECONDS` the agent hangs up
over HTTP. Several calls are always under way. Nobody polls and nobody waits by the clock: the
agents are told of callers by one event stream, as a console is, and its cost is in the figure. The
conversation is as short as it is because each second of one costs FreeSWITCH alone: a longer one
would flatter fsapp.

Beside that stands the same call made by a bare python-ESL handler (``peers/python_esl_desk.py``),
which is the least that fsapp's own library leaves to anybody: no HTTP, no record, no events.
"""

import argparse
import contextlib
import math
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.acceptance.client import Client
from tests.acceptance.hearing import Stream
from tests.bench.figures import Figure, Missing
from tests.bench.on_freeswitch import CallsFailedError, Stage, on_freeswitch
from tests.ports import free_address

TITLE = "a whole desk call: CPU, fsapp beside FreeSWITCH"
TALK_SECONDS = 1.0
RATES = (2.0, 5.0)
ROUNDS = 3
SECONDS = 10.0
PEER = Path(__file__).parent / "peers" / "python_esl_desk.py"
AGENTS = {f"agent{number}": str(1101 + number) for number in range(12)}
HEARD = {"events": {"heartbeat": 5}}
"""The stream stays open while the bare handler has its turn."""
TONE = "tone_stream://v=-20;%(1000,0,440);loops=-1"


class Desk:
    """Agents at work, and one stream that tells them of callers."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.problems: list[str] = []
        self.done = 0
        self._counting = threading.Lock()
        self._stream = Stream(stage.app.address, next(iter(stage.tokens.values())))
        self._threads = [
            threading.Thread(target=self._work, args=(token,)) for token in stage.tokens.values()
        ]
        self._ear = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Desk":
        for thread in (*self._threads, self._ear):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in self._threads:
            self.waiting.put(None)
        for thread in self._threads:
            thread.join()

    def calls(self, rate: float, count: int) -> tuple[float, float]:
        """CPU milliseconds a call of fsapp and of FreeSWITCH. Raises :class:`CallsFailedError`."""
        self.done, before = 0, self.stage.ended_on_record()
        self.problems.clear()
        headers = {"X-Var-fsapp_music": TONE}
        with self.stage.costs(fsapp=self.stage.app.pid) as spent:
            self.stage.work(rate, count, headers=headers)
        recorded = self.stage.ended_on_record() - before
        if self.problems or (self.done, recorded) != (count, count):
            counts = f"of {count} calls {self.done} were worked, {recorded} are on record as ended"
            raise CallsFailedError("; ".join([counts, *self.problems[:3]]))
        return spent["fsapp"] / count * 1000, spent["freeswitch"] / count * 1000

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError, StopIteration, ValueError):
            while True:
                with contextlib.suppress(TimeoutError):
                    event = self._stream.next()
                    if event.name == "queue_join":
                        self.waiting.put(event.data["call"]["id"])

    def _work(self, token: str) -> None:
        client = Client(self.stage.app.address, token, checks=False)
        while (call := self.waiting.get()) is not None:
            picked = client.post("/call/pickup", call_id=call)
            time.sleep(TALK_SECONDS)
            ended = client.post("/call/hangup")
            if (picked.code, ended.code) == (200, 200):
                with self._counting:
                    self.done += 1
            else:
                self.problems.append(f"{picked} / {ended}")
        client.close()


class Bare:
    """The same calls made by a handler that does nothing else."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.address = free_address()
        self.failed = ""
        """Why it has no figure at this rate."""

    def __enter__(self) -> "Bare":
        port = self.address.rpartition(":")[2]
        command = [sys.executable, str(PEER), port, TONE, str(TALK_SECONDS), *AGENTS.values()]
        self._program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._program.stdout is not None
        self._pid = int(self._program.stdout.readline() or 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._program.terminate()
        self._program.wait(10)

    def calls(self, rate: float, count: int) -> tuple[float, float]:
        """CPU milliseconds a call of the handler and of FreeSWITCH; fsapp's do not depend on it."""
        if self.failed:
            return math.nan, math.nan
        self.stage.leads_to(self.address)
        try:
            with self.stage.costs(bare=self._pid) as spent:
                self.stage.work(rate, count)
        except (CallsFailedError, OSError) as error:
            self.failed = str(error)
            with contextlib.suppress(CallsFailedError):
                self.stage.clear()
            return math.nan, math.nan
        finally:
            self.stage.leads_to(self.stage.switch.outbound_address)
        return spent["bare"] / count * 1000, spent["freeswitch"] / count * 1000


def run(rates: Sequence[float] = RATES, rounds: int = ROUNDS) -> Iterator[Figure | Missing]:
    """fsapp's CPU per call and FreeSWITCH's, at each rate."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        desk = Desk(stack.enter_context(on_freeswitch(folder, AGENTS, HEARD)))
        stack.enter_context(desk)
        bare = stack.enter_context(Bare(desk.stage))
        for side in (desk, bare):
            side.calls(5.0, 20)  # the first calls import and compile
        for rate in rates:
            try:
                yield from at_rate(desk, bare, rate, rounds)
            except CallsFailedError as error:
                yield Missing(2, f"desk call, {rate:g} calls/s", str(error), failed=True)
                desk.stage.clear()


def at_rate(desk: Desk, bare: Bare, rate: float, rounds: int) -> Iterator[Figure | Missing]:
    """The figures at one rate, in turns: each handler and FreeSWITCH by the same calls."""
    bare.failed = ""
    found: dict[Desk | Bare, list[tuple[float, float]]] = {desk: [], bare: []}
    for number in range(rounds):
        for side in (desk, bare) if number % 2 else (bare, desk):
            found[side].append(side.calls(rate, round(rate * SECONDS)))
    app, beside = (statistics.median(one) for one in zip(*found[desk], strict=True))
    what, beside_it = f"desk call, {rate:g} calls/s", f"by bare python-ESL, {rate:g} calls/s"
    yield Figure(2, what, app, "ms", "FreeSWITCH", beside, at_most=0.25)
    if bare.failed:
        yield Missing(2, beside_it, bare.failed)
        return
    handler, its = (statistics.median(one) for one in zip(*found[bare], strict=True))
    yield Figure(2, beside_it, handler, "ms", "FreeSWITCH", its)
    yield Figure(2, what, app, "ms", "bare python-ESL", handler)


if __name__ == "__main__":
    from tests.bench import output

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    for found in run(given.rates, given.rounds):
        said = output.line(found) if isinstance(found, Figure) else output.absent(found)
        print(said, flush=True)
