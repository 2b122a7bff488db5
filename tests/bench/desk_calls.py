"""How long the desk takes, and what it costs, on either switch.

    python -m tests.bench.desk_calls [--switch lab|freeswitch] [--calls 100]

One agent takes one call after another (arrive, queue, pickup, park, unpark, hangup), then
transfers some. Phones answer at once. Printed: request times as median and worst, and the CPU time
of the app, beside that of a real FreeSWITCH, per complete call. A figure, never a test.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from tests.acceptance.app import App
from tests.acceptance.client import Client
from tests.acceptance.conftest import make_switch
from tests.acceptance.wait import wait_until
from tests.bench.desk import cpu_seconds
from tests.ports import free_address


def freeswitch_pid(switch: Any) -> int | None:
    """The process id of a real FreeSWITCH that runs in the driver's folder."""
    work = str(getattr(switch, "directory", ""))
    for folder in Path("/proc").glob("[0-9]*") if work else ():
        try:
            if (folder / "comm").read_text().strip() == "freeswitch" and work in (
                folder / "cmdline"
            ).read_text():
                return int(folder.name)
        except OSError:
            continue
    return None


class Bench:
    """One app on one switch, one agent, and the times measured so far."""

    def __init__(self, switch: Any, folder: Path) -> None:
        self.switch = switch
        database = Database(folder / "desk.db")
        database.open()
        token = Agents(database).add(Agent("anna", "Anna", "user/1101"))
        database.close()
        settings: dict[str, dict[str, object]] = {
            "http": {"listen": free_address()},
            "database": {"path": str(folder / "desk.db")},
            "outbound": {"listen": switch.outbound_address},
            "control": {
                "address": switch.control_address,
                "password": switch.control_password,
            },
            "log": {"level": "warning"},
        }
        self.app = App(folder, settings).start()
        self.client = Client(self.app.address, token, checks=False)
        self.times: dict[str, list[float]] = {}

    def timed(self, name: str, action: Callable[[], Any]) -> Any:
        """What ``action`` answers; its time is kept under ``name``."""
        begin = time.perf_counter()
        answer = action()
        self.times.setdefault(name, []).append(time.perf_counter() - begin)
        return answer

    def post(self, verb: str, **parameters: str) -> Any:
        answer = self.timed(verb, lambda: self.client.post(f"/call/{verb}", **parameters))
        assert answer.code == 200, str(answer)
        return answer

    def arrives(self) -> str:
        """A caller calls; the id of her call as soon as it is listed as queued."""
        caller = self.switch.place_call("5900")
        begin = time.perf_counter()

        def queue() -> list[Any]:
            return list(self.client.get("/call/queue").document["calls"])

        calls = wait_until(queue, bool, promise="the call is listed")
        self.times.setdefault("arrival to listed (polled)", []).append(time.perf_counter() - begin)
        del caller
        return str(calls[0]["id"])

    def is_free(self) -> None:
        wait_until(self.switch.channels, lambda rows: rows == [], promise="nothing is left")

    def one_call(self) -> None:
        """Arrive, queue, pickup, hang up."""
        self.arrives()
        self.post("pickup")
        self.post("hangup")

    def one_parked_call(self) -> None:
        call = self.arrives()
        self.post("pickup")
        self.post("park")
        self.post("unpark", call_id=call)
        self.post("hangup")
        self.is_free()

    def one_transfer(self) -> None:
        call = self.arrives()
        self.post("pickup")
        self.post("park")
        dialled = self.post("originate", extension="1142").call["id"]
        wait_until(
            lambda: self.client.get("/call/state", call_id=dialled).call["state"],
            lambda state: state == "speaking",
            promise="the callee answers",
        )
        self.post("transfer", source=call)
        self.switch.reset()
        self.is_free()

    def report(self) -> None:
        print(f"\n{'request':28} {'median':>9} {'worst':>9} {'count':>6}")
        for name, times in self.times.items():
            median, worst = statistics.median(times) * 1000, max(times) * 1000
            print(f"{name:28} {median:7.1f}ms {worst:7.1f}ms {len(times):6}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--switch", choices=("lab", "freeswitch"), default="lab")
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    switch = make_switch(options.switch, embedded=False)
    switch.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            run(Bench(switch, Path(folder)), options.calls)
    finally:
        switch.stop()


def run(bench: Bench, calls: int) -> None:
    bench.switch.phone("1101").answers()
    bench.switch.phone("1142").answers()
    try:
        bench.one_call()
        bench.is_free()
        bench.times.clear()
        pid = freeswitch_pid(bench.switch)
        app, other = cpu_seconds(bench.app.pid), cpu_seconds(pid)
        for _ in range(calls):
            bench.one_call()
            bench.is_free()
        app, other = cpu_seconds(bench.app.pid) - app, cpu_seconds(pid) - other
        for _ in range(calls // 4):
            bench.one_parked_call()
            bench.one_transfer()
        bench.report()
        print(f"\nCPU per complete call: app {app / calls * 1000:.1f} ms", end="")
        print(f", FreeSWITCH {other / calls * 1000:.1f} ms" if pid else "")
    finally:
        bench.app.stop()


if __name__ == "__main__":
    main()
