"""One app process for a long time, over real sockets: does it hold what it held at the beginning?

    python -m tests.soak.endurance [--minutes 10] [--seed 7]

``fsapp serve`` beside the lab switch; callers, agents over HTTP, phones and faults as chance has
it, in real time, all at once. After a warm-up, and at the end when everybody has hung up, memory,
threads and descriptors are looked at (:func:`judge`); the record must be sound (``invariants.py``),
the log without an error. Timing is the machine's, so a seed repeats what is done here, not what
comes of it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.acceptance.app import App
from tests.acceptance.client import Client
from tests.acceptance.switches.lab import LabSwitch
from tests.acceptance.wait import wait_until
from tests.ports import free_address
from tests.soak.camera import unsound
from tests.soak.story import AGENTS, ANSWERS, EVENTS, OUTSIDE, prepare

WARM_UP_SECONDS = 30.0
MOST_CALLERS = 12
MEMORY = "memory (KiB)"
MOST_MEMORY_KIB = 150_000
"""What docs/operations.md adds up to (100 MB with each thread's pages), and half as much again."""
MOST_GROWTH_KIB = 30_000
"""What threads that had not read the database before the start was looked at may add."""
REST_SECONDS = 40.0
"""Until nothing is under way: a half-open connection is given up after 20 s."""


class Endurance:
    """The app, the switch, and everybody at work."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._rng = random.Random(seed)
        self._done = threading.Event()
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._callers: list[Any] = []
        tokens = prepare(folder / "desk.db")
        self.switch = LabSwitch()
        self.switch.start()
        self.app = App(
            folder,
            {
                "http": {"listen": free_address()},
                "database": {"path": str(folder / "desk.db")},
                "outbound": {"listen": self.switch.outbound_address},
                "control": {"address": self.switch.control_address},
                "phone": {"ring_timeout": 3, "idle_timeout": 4},
                "dial": {"ring_timeout": 3},
                "switch": {"timeout": 2},
            },
        ).start()
        self._clients = {who: Client(self.app.address, token) for who, token in tokens.items()}

    def work(self, seconds: float) -> None:
        """Everybody works for so long."""
        self._done.clear()
        jobs = [(self._calls, 0.15), (self._troubles, 0.7), (self._phones, 0.4)]
        jobs += [(self._agent(agent.id), 0.1) for agent in AGENTS]
        threads = [
            threading.Thread(target=self._repeat, args=(job, pause, self._rng.random()))
            for job, pause in jobs
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self._done.set()
        for thread in threads:
            thread.join()

    def _repeat(self, job: Callable[[random.Random], None], pause: float, seed: float) -> None:
        rng = random.Random(seed)
        while not self._done.wait(rng.uniform(0, 2 * pause)):
            try:
                job(rng)
            except Exception as error:  # noqa: BLE001 - told at the end
                self.wrong.append(f"{job}: {error!r}")

    def _calls(self, rng: random.Random) -> None:
        self._callers = [caller for caller in self._callers if caller.is_alive()]
        if len(self._callers) < MOST_CALLERS and rng.random() < 0.7:
            organization = {"organization_id": rng.choice("112")}
            self._callers.append(self.switch.place_call("5900", variables=organization))
            self.counts["calls"] += 1
        elif self._callers:
            rng.choice(self._callers).hang_up()

    def _agent(self, who: str) -> Callable[[random.Random], None]:
        client = self._clients[who]

        def works(rng: random.Random) -> None:
            agent = client.get("/agent").document["agent"]
            held, current = agent["parked_calls"], agent["current_call"]
            if current and held and rng.random() < 0.3:
                answer = client.post("/call/transfer", source=rng.choice(held))
            elif current:
                answer = client.post(rng.choice(("/call/park", "/call/hangup")))
            elif held and rng.random() < 0.6:
                answer = client.post("/call/unpark", call_id=rng.choice(held))
            elif rng.random() < 0.3:
                answer = client.post("/call/originate", extension=OUTSIDE)
            else:
                answer = client.post("/call/pickup")
            self.counts["requests"] += 2
            self.counts[f"answers {answer.code}"] += 1
            if answer.code not in ANSWERS:
                self.wrong.append(str(answer))

        return works

    def _phones(self, rng: random.Random) -> None:
        phone = self.switch.phone(rng.choice([a.phone.rpartition("/")[2] for a in AGENTS]))
        deeds = (phone.answers, phone.answers, phone.answers, phone.is_busy, phone.stays_silent)
        rng.choice((*deeds, phone.hang_up, phone.dies))()
        if rng.random() < 0.2:
            self.switch.phone(OUTSIDE).hang_up()

    def _troubles(self, rng: random.Random) -> None:
        faults, kind = self.switch.lab.faults, rng.randrange(5)
        if kind == 0:
            faults.delay_next(rng.choice(EVENTS), 0.3)
        elif kind == 1:
            faults.double_next(rng.choice(EVENTS))
        elif kind == 2:
            faults.refuse_next(rng.choice(("uuid_bridge", "originate")))
        elif alive := self.switch.lab.live_channels():
            (faults.break_connections if kind == 3 else faults.vanish)(rng.choice(alive))
        self.counts["faults"] += 1

    def rest(self) -> None:
        """Everybody hangs up, and nothing is left."""
        self.switch.reset()
        client = self._clients["cay"]
        wait_until(
            lambda: client.get("/call/list").document["calls"],
            lambda calls: calls == [],
            limit=REST_SECONDS,
            promise="no call is left",
        )
        wait_until(
            lambda: [agent["state"] for agent in client.get("/agent/list").document["agents"]],
            lambda states: not {"ringing", "speaking"} & set(states),
            limit=REST_SECONDS,
            promise="no agent is stuck",
        )
        wait_until(
            self.switch.lab.live_channels,
            lambda channels: channels == [],
            limit=REST_SECONDS,
            promise="no channel is left",
        )
        time.sleep(REST_SECONDS / 2)

    def held(self) -> dict[str, int]:
        """What the app's process holds."""
        status = Path(f"/proc/{self.app.pid}/status").read_text(encoding="ascii")
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return {
            MEMORY: int(resident.split()[1]),
            "threads": self.app.threads(),
            "descriptors": len(self.app.descriptors()),
        }

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self.app.stop()
        self.switch.stop()

    def judged(self) -> list[str]:
        """What is wrong with the log and the record."""
        return [*self.wrong, *self.app.trouble(), *unsound(self.app.database)]


def judge(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """What the process holds at the end and must not, by what it held at the start."""
    wrong = [
        f"{name}: {before[name]} at the start, {after[name]} at the end"
        for name, more in (("threads", 0), ("descriptors", 0), (MEMORY, MOST_GROWTH_KIB))
        if after[name] > before[name] + more
    ]
    if after[MEMORY] > MOST_MEMORY_KIB:
        wrong.append(f"{MEMORY}: {after[MEMORY]}, more than {MOST_MEMORY_KIB}")
    return wrong


def main() -> int:
    """The exit status: 1 when something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.endurance")
    parser.add_argument(
        "--minutes", type=float, default=float(os.environ.get("SOAK_MINUTES", "10"))
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options = parser.parse_args()
    print(f"endurance: seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fsapp-endurance-") as folder:
        endurance = Endurance(Path(folder), options.seed)
        try:
            return _endure(endurance, options.minutes * 60)
        finally:
            endurance.close()


def _endure(endurance: Endurance, seconds: float) -> int:
    began = time.monotonic()
    endurance.work(min(WARM_UP_SECONDS, seconds / 2))
    endurance.rest()
    before = endurance.held()
    endurance.work(max(1.0, seconds - (time.monotonic() - began)))
    endurance.rest()
    after = endurance.held()
    wrong = [*endurance.judged(), *judge(before, after)]
    print(f"{'hours':32} {(time.monotonic() - began) / 3600:.2f}")
    for what, count in sorted(endurance.counts.items()):
        print(f"{what:32} {count}")
    for name, held in after.items():
        print(f"{name + ': start, end':32} {before[name]}, {held}")
    print(f"{'violations':32} {len(wrong)}")
    print("\n".join(wrong[:50]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
