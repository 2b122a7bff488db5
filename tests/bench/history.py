"""What a long history costs: pages of it, and the verbs beside it.

    python -m tests.bench.history [--calls 1000000] [--rounds 100]

Builds a database of ended calls (30 organizations, 30 agents, half a year, two events each), then,
on the lab switch: the time of a page by each filter, pickup and hangup beside an empty database,
beside the full one, while pages are read without pause, and while old calls are being removed.
Printed as median, 99th percentile and worst. A figure, never a test.
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlite_utils

from fsapp.calls.call import Call, State
from fsapp.desk.retention import CALLS_A_STEP, SHARE, STEP_SECONDS
from fsapp.store.agents import Agents
from fsapp.store.calls import Calls, Event
from fsapp.store.database import Database
from fsapp.store.history import Filters, History
from tests.acceptance.conftest import make_switch
from tests.bench.desk import timed
from tests.bench.desk_calls import Bench

HALF_A_YEAR = 180 * 86400
ORGANIZATIONS = 30
PATTERNS = 10_000
ENDED = Call("", State.HUNGUP, True, "5900", "", 1, 0.0, hangup_cause="NORMAL_CLEARING")


def made(count: int) -> Iterator[Call]:
    """Ended calls, oldest first; always the same ones for the same count."""
    chance, now = random.Random(1), time.time()
    for number in range(count):
        arrival = now - HALF_A_YEAR * (1 - number / count)
        outcome = chance.choices(["answered", "abandoned", "transferred"], [80, 15, 5])[0]
        agent = f"agent{chance.randrange(30)}"
        yield replace(
            ENDED,
            id=str(uuid.UUID(int=chance.getrandbits(128))),
            caller_id=f"20455{chance.randrange(100_000):05}",
            organization_id=1 + chance.randrange(ORGANIZATIONS),
            arrival=arrival,
            ended_at=int(arrival) + 100,
            waited=chance.randrange(60),
            outcome=outcome,
            handled_by=() if outcome == "abandoned" else (agent,),
        )


def build(path: Path, count: int) -> None:
    """The database at ``path``: up to 10,000 calls through the app's own statements, and as many
    copies of them, with other ids and times in between, as ``count`` wants."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = Database(path)
    database.open()
    calls, written = Calls(database, "bench"), None
    patterns = min(count, PATTERNS)
    for call in made(patterns):
        events = [
            Event(name, call.arrival, call.document(), call.organization_id, call.id)
            for name in ("call_offer", "call_hangup")
        ]
        written = calls.record(call, events)
    if written is not None:
        written.result(120)
    database.close()
    # The writer's transaction would write everything twice, and nothing is lost with this file.
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
        copied(sqlite_utils.Database(connection), count // patterns)


def copied(file: sqlite_utils.Database, times: int) -> None:
    """Every call and event so often, counting the ones there are."""
    last = file.execute("SELECT max(number) FROM events").fetchone()[0]
    calls, events = (
        [column.name for column in file.table(table).columns] for table in ("calls", "events")
    )
    gap = HALF_A_YEAR / PATTERNS / times
    changed = {
        "id": ":mark || substr(id, 9)",
        "call_id": ":mark || substr(call_id, 9)",
        "arrival": "arrival + :later",
        "timestamp": "timestamp + :later",
        "document": "replace(document, substr(call_id, 1, 8), :mark)",
    }
    for table, columns, which in (
        ("calls", calls, "substr(id, 1, 1) <> 'x'"),
        ("events", [name for name in events if name != "number"], "number <= :last"),
    ):
        chosen = ", ".join(changed.get(name, name) for name in columns)
        insert = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table}"
        for number in range(1, times):
            used: dict[str, object] = {"mark": f"x{number:07}", "later": gap * number}
            if table == "events":
                used["last"] = last
            file.execute(f"{insert} WHERE {which}", used)


def shown(name: str, times: list[float]) -> None:
    ordered = sorted(times)
    figures = (statistics.median(ordered), ordered[len(ordered) * 99 // 100], ordered[-1])
    median, late, worst = (1000 * figure for figure in figures)
    print(f"{name:52} {median:8.1f} {late:8.1f} {worst:8.1f} ms {len(times):5}", flush=True)


def pages(path: Path) -> None:
    database = Database(path)
    database.open()
    history = History(database)
    everywhere = set(range(1, ORGANIZATIONS + 1))
    now = time.time()
    questions = {
        "page of 100, one organization": (Filters(), {1}),
        "page of 100, 30 organizations": (Filters(), everywhere),
        "a day three months ago, 30 organizations": (
            Filters(since=now - 91 * 86400, until=now - 90 * 86400),
            everywhere,
        ),
        "one agent, 30 organizations": (Filters(agent="agent7"), everywhere),
        "abandoned, 30 organizations": (Filters(outcome="abandoned"), everywhere),
        "one number, 30 organizations": (Filters(number="2045500042"), everywhere),
        "a number nobody has, 30 organizations": (Filters(number="1"), everywhere),
        "newest of all (command line)": (Filters(), None),
    }
    for name, (filters, organizations) in questions.items():
        ask = lambda f=filters, o=organizations: history.page(f, o, 100)  # noqa: E731
        shown(name, [timed(ask) for _ in range(10)])
    today = lambda: history.figures(everywhere, now - 86400, now, 900)  # noqa: E731
    shown("figures of 24 hours, 30 organizations", [timed(today) for _ in range(10)])
    database.close()


def verbs(switch: Any, path: Path, rounds: int, name: str, beside: Callable[[Bench], None]) -> None:
    """Pickup and hangup of ``rounds`` calls, while ``beside`` is done again and again."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        if path.exists():
            path.rename(Path(folder) / "desk.db")
        bench = Bench(switch, Path(folder))
        over = threading.Event()

        def again() -> None:
            while not over.is_set():
                beside(bench)

        thread = threading.Thread(target=again)
        try:
            bench.one_call()
            bench.is_free()
            bench.times.clear()
            thread.start()
            for _ in range(rounds):
                bench.one_call()
                bench.is_free()
        finally:
            over.set()
            thread.join()
            bench.app.stop()
            dismiss(Path(folder) / "desk.db")
            (Path(folder) / "desk.db").rename(path)
        for verb in ("pickup", "hangup"):
            shown(f"{verb}, {name}", bench.times[verb])


def dismiss(path: Path) -> None:
    """The next bench on this database adds its agent anew."""
    database = Database(path)
    database.open()
    Agents(database).remove("anna")
    database.close()


def nothing(_: Bench) -> None:
    time.sleep(0.1)


def asks_for_pages(bench: Bench) -> None:
    """The dearest page there is: every call is looked at and none is found."""
    assert bench.client.get("/call/history", number="1").code == 200


def removal(path: Path) -> None:
    """How long a commit takes beside the removal of old calls."""
    database = Database(path)
    database.open()
    history, calls = History(database), Calls(database, "bench")
    commit = lambda: calls.record(replace(ENDED, id="x"), []).result(60)  # noqa: E731
    shown("commit, nothing being removed", [timed(commit) for _ in range(500)])
    over, steps, removed = threading.Event(), list[float](), list[int]()

    def remove() -> None:
        before = time.time() - HALF_A_YEAR / 2
        while not over.is_set():
            step = lambda: removed.append(history.remove(before, CALLS_A_STEP).result(60))  # noqa: E731
            steps.append(timed(step))
            over.wait(max(STEP_SECONDS, SHARE * steps[-1]))

    thread = threading.Thread(target=remove)
    thread.start()
    times = []
    while len(steps) < 100:
        times.append(timed(commit))
        time.sleep(0.002)
    over.set()
    thread.join()
    shown("commit, old calls being removed", times)
    shown(f"step of the removal ({statistics.mean(removed):.0f} rows)", steps)
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.db"
        print(f"built in {timed(lambda: build(path, options.calls)):.0f} s")
        print(f"{options.calls} calls, {path.stat().st_size >> 20} MiB")
        print(f"{'':52} {'median':>8} {'99 %':>8} {'worst':>8}")
        pages(path)
        compare(path, Path(folder), options.rounds)
        removal(path)


def compare(path: Path, folder: Path, rounds: int) -> None:
    """The verbs with an empty database, a full one, and a full one that is being read."""
    switch = make_switch("lab", embedded=False)
    switch.start()
    switch.phone("1101").answers()
    try:
        verbs(switch, folder / "empty.db", rounds, "empty database", nothing)
        verbs(switch, path, rounds, "long history", nothing)
        verbs(switch, path, rounds, "long history, read without pause", asks_for_pages)
    finally:
        switch.stop()


if __name__ == "__main__":
    main()
