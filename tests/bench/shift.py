"""One agent at work: each request timed, two desks in turns, so that a burst hits both."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence

from tests.acceptance.client import Answer
from tests.bench.desk import Desk
from tests.bench.figures import centile
from tests.bench.lab import NOTHING, Lab

Times = dict[str, list[float]]
"""Seconds of each request, by its verb."""

READS = 5
"""How often each list is asked for in one call."""
OLD_SECONDS = 0.15
"""A conversation younger than a tenth of a second is parked a little later (desk/park.py): what
that waits would stand in the figure on both sides, and hide what park itself takes."""


class Shift:
    """Anna (extension 1101) takes one call after another. Her queue stays as long as it is."""

    def __init__(
        self, lab: Lab, desk: Desk, variables: Mapping[str, str] = NOTHING, *, dials: bool = False
    ) -> None:
        self.lab = lab
        self.desk = desk
        self._variables = variables
        self._dials = dials
        self.times: Times = {}

    def call(self) -> None:
        """A caller arrives at the end of the queue; the first one in it is served."""
        [call_id] = self.lab.place(variables=self._variables)
        self.desk.waits_for(call_id, "queued")
        for _ in range(READS):
            self._get("call/state", call_id=call_id)
            self._get("call/queue")
            self._get("call/list")
            self._get("agent")
            self._get("agent/list")
        taken = self._post("pickup")["id"]
        rest(OLD_SECONDS)
        self._post("park")
        self._post("unpark", call_id=taken)
        if self._dials:
            self._transfer(taken)
        else:
            self._post("hangup")
            self._state("idle")
        self.lab.wait_down("1101")

    def _transfer(self, taken: str) -> None:
        rest(OLD_SECONDS)
        self.desk.done("park")
        dialled = self._post("originate", extension="1142")["id"]
        self.desk.waits_for(dialled, "speaking")
        self._post("transfer", source=taken)
        self.lab.hang_up([taken])
        self.lab.wait_down("1142")

    def _get(self, path: str, **parameters: str) -> None:
        self._took(path.removeprefix("call/"), self.desk.anna.get(f"/{path}", **parameters))

    def _state(self, state: str) -> None:
        self._took("agent/state", self.desk.anna.post("/agent/state", state=state))

    def _took(self, verb: str, answer: Answer) -> None:
        assert answer.code == 200, f"{verb}: {answer}"
        self.times.setdefault(verb, []).append(answer.seconds)

    def _post(self, verb: str, **parameters: str) -> Mapping[str, str]:
        answer = self.desk.done(verb, **parameters)
        self.times.setdefault(verb, []).append(answer.seconds)
        document = answer.document
        call: Mapping[str, str] = document.get("call") or document["source_call"]
        return call


def in_turns(shifts: Sequence[Shift], rounds: int, calls: int) -> list[list[Times]]:
    """For each shift the times of each round. In a round each takes ``calls`` calls, in turns."""
    found: list[list[Times]] = [[] for _ in shifts]
    for shift in shifts:
        shift.call()
    for _ in range(rounds):
        for shift in shifts:
            shift.times = {}
        for number in range(calls):
            for shift in shifts if number % 2 else reversed(shifts):
                shift.call()
        for shift, rows in zip(shifts, found, strict=True):
            rows.append(shift.times)
    return found


def late(rounds: Iterable[Times], verb: str) -> float:
    """The 99th percentile of all rounds together, in milliseconds. The two sides take turns call
    by call, so that a neighbour's burst falls on both."""
    return 1000 * centile([value for times in rounds for value in times[verb]])


def middle(rounds: Iterable[Times], verb: str) -> float:
    """The median of all rounds, in milliseconds."""
    return 1000 * statistics.median(value for times in rounds for value in times[verb])


def rest(seconds: float) -> None:
    """Nothing is asked for; what is used now is used by itself."""
    time.sleep(seconds)
