"""Live calls 10, 100, 1,000, 5,000: what they do to requests, to memory, and at rest.

Two apps, each on a lab switch of its own, stand side by side: one keeps 10 live calls, the other
grows. In turns an agent takes a call at each: state, queue, pickup, park, unpark, hangup.

*The queue request.* Its answer names every call in the agent's queue, so that a longer queue is a
longer answer on any system. Compared is therefore the same answer: her queue has 10 calls at both
desks, the other live calls are of 40 other organizations (up to 40 in conversation, 40 on hold, the
rest queued). With every live call in her own queue is an extra line, without a goal.

*p99* is that of all rounds together (of 150 pickups, the second worst). What memory a live call
takes is looked at while the app has all of them in its list.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fsapp.calls.agent import Agent
from tests.acceptance.client import Client
from tests.acceptance.wait import wait_until
from tests.bench.desk import ANNA, Desk, cpu_seconds, resident
from tests.bench.figures import Curve, Figure, over_rounds
from tests.bench.lab import Lab
from tests.bench.shift import Shift, Times, in_turns, late, middle, rest

TITLE = "live calls 10 to 5,000: request times, memory, CPU at rest"
SMALLEST = 10
SIZES = (100, 1000, 5000)
ROUNDS, CALLS = 5, 30
OTHERS = range(2, 42)
"""The other organizations; one agent serves each."""
PER_SECOND = 150.0
REST_SECONDS = 10.0
SEES_ALL = Agent("sofia", "Sofia", "user/1100", "supervisor", frozenset({1, *OTHERS}))
VERBS = ("state", "queue", "list", "pickup", "park", "unpark", "hangup")
MOST_KIB = 130
AT_REST = 10.0
"""CPU microseconds a second for each live call that still count as nothing: 5,000 take a twentieth
of one processor."""
MANY = 1000
"""Fewer are not judged by memory or CPU at rest: a hundred take less than the app itself does more
or less meanwhile (its readers of the database, a hundredth of a second)."""


class Side:
    """One app on its switch."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.lab = Lab()
        stack.callback(self.lab.stop)
        agents = [Agent(f"a{n}", "A", f"user/{1000 + n}", "agent", frozenset({n})) for n in OTHERS]
        self.desk = Desk(folder, self.lab, [ANNA, SEES_ALL, *agents])
        stack.callback(self.desk.stop)
        self.lab.phones(["1101", *(str(1000 + number) for number in OTHERS)])
        self.lab.place(SMALLEST)
        self.desk.waits_until_queued(SMALLEST)
        self.live = SMALLEST
        self._handled = False

    def grow(self, size: int) -> None:
        """More live calls, none of them Anna's."""
        if not self._handled:
            self._handle()
        more, over = divmod(size - self.live, len(OTHERS))
        for place, number in enumerate(OTHERS):
            count = more + (place < over)
            self.lab.place(count, PER_SECOND, {"organization_id": str(number)})
        self.live = size
        wait_until(self._listed, lambda count: count == size, limit=60, promise=f"{size} are live")

    def _listed(self) -> int:
        rest(0.5)
        return len(self.desk.clients[SEES_ALL.id].get("/call/list").document["calls"])

    def _handle(self) -> None:
        """One call of each other organization is spoken in, one is on hold."""
        self._handled = True
        for number in OTHERS:
            name = f"a{number}"
            self.lab.place(2, PER_SECOND, {"organization_id": str(number)})
            self.desk.waits_until_queued(2, name)
            self.desk.done("pickup", name)
            self.desk.done("park", name)
            self.desk.done("pickup", name)
        self.live += 2 * len(OTHERS)

    @property
    def memory(self) -> int:
        return resident(self.desk.app.pid)


def run() -> Iterator[Figure | Curve]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        few, many = (Side(folder / name, stack) for name in ("few", "many"))
        yield from measured(few, many)


def measured(few: Side, many: Side) -> Iterator[Figure | Curve]:
    shifts = Shift(few.lab, few.desk), Shift(many.lab, many.desk)
    in_turns(shifts, 1, CALLS)  # what is made once is made
    empty = many.memory
    lines: dict[str, list[tuple[float, float]]] = {verb: [] for verb in VERBS}
    memory: list[tuple[float, float]] = [(SMALLEST, empty / 1024)]
    for size in SIZES:
        many.grow(size)
        memory.append((size, many.memory / 1024))
        at_rest = idle(few, many)
        small, large = in_turns(shifts, ROUNDS, CALLS)
        yield from times(size, small, large)
        yield at_rest
        each = (many.memory - empty) / (size - SMALLEST)
        goal = MOST_KIB if size >= MANY else None
        yield Figure(3, f"memory per live call, {size}", each, "KiB", at_most=goal)
        for verb in VERBS:
            if not lines[verb]:
                lines[verb].append((SMALLEST, late(small, verb)))
            lines[verb].append((size, late(large, verb)))
    yield everything_queued(few, many)
    yield Curve(3, "live-calls-p99", "99th percentile of a request", "live calls", "ms", lines)
    yield Curve(3, "live-calls-memory", "Memory of the app", "live calls", "MiB", {"": memory})


def times(size: int, small: list[Times], large: list[Times]) -> Iterator[Figure]:
    beside = f"{SMALLEST} calls"
    for verb in VERBS:
        p99 = late(large, verb), late(small, verb)
        yield Figure(3, f"{verb} p99, {size} calls", p99[0], "ms", beside, p99[1], at_most=2)
        half = middle(large, verb), middle(small, verb)
        yield Figure(3, f"{verb} median, {size} calls", half[0], "ms", beside, half[1])


def idle(few: Side, many: Side) -> Figure:
    """What one live call costs that nothing happens to; both apps at once."""
    pids = few.desk.app.pid, many.desk.app.pid
    before = [cpu_seconds(pid) for pid in pids]
    rest(REST_SECONDS)
    spent = [cpu_seconds(pid) - then for pid, then in zip(pids, before, strict=True)]
    each = (spent[1] - spent[0]) / REST_SECONDS / (many.live - few.live) * 1e6
    goal = AT_REST if many.live >= MANY else None
    return Figure(3, f"CPU at rest per live call, {many.live}", each, "µs/s", at_most=goal)


def everything_queued(few: Side, many: Side) -> Figure:
    """The queue request of an agent who may see every live call, at the largest size."""
    clients = [side.desk.clients[SEES_ALL.id] for side in (few, many)]
    asks = [lambda c=client: queue(c) for client in clients]
    small, large = over_rounds(asks, 15)
    what = f"queue median, all of {many.live} calls seen"
    return Figure(3, what, large, "ms", f"{SMALLEST} calls", small)


def queue(client: Client) -> float:
    """Milliseconds that the queue takes."""
    answer = client.get("/call/queue")
    assert answer.code == 200, str(answer)
    return 1000 * answer.seconds
