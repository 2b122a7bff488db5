"""One drill from beginning to end, and its table."""

import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.acceptance.client import Client
from tests.acceptance.switches.base import Switch
from tests.acceptance.switches.event_socket import EventSocket
from tests.acceptance.wait import wait_until

from .ledger import Ledger
from .people import OUTSIDE, Crowd, Worker
from .stage import FIRST_PHONE, WATCHER, Killer, make_app
from .verdict import callers_dropped, conversations_cut, lost_from_record
from .witness import Witness

__all__ = ["HARMS", "Outcome", "Plan", "drill"]

HARMS = ("callers", "conversations", "record", "agents")


@dataclass(frozen=True)
class Plan:
    """How large and how long; times in seconds. ``harms`` are done on purpose, once each."""

    callers: int = 30
    agents: int = 10
    every: float = 10.0
    seconds: float = 300.0
    harms: tuple[str, ...] = ()
    patience: float = 20.0
    """How long it may take at the end until all is as it was."""


@dataclass
class Outcome:
    """What was found; each count is a list of sentences."""

    dropped: list[str]
    cut: list[str]
    lost: list[str]
    stuck: list[str]
    strange: list[str]
    figures: dict[str, object] = field(default_factory=dict)

    def counts(self) -> dict[str, list[str]]:
        """The four of the drill, and answers that no table knows."""
        return {
            "callers dropped": self.dropped,
            "conversations cut": self.cut,
            "calls lost from the record": self.lost,
            "agents stuck": self.stuck,
            "answers no table knows": self.strange,
        }

    @property
    def clean(self) -> bool:
        """Whether every count is zero."""
        return not any(self.counts().values())

    def table(self) -> str:
        """For people."""
        lines = [f"{name:32} {value}" for name, value in self.figures.items()]
        lines += ["-" * 44]
        lines += [f"{name:32} {len(found)}" for name, found in self.counts().items()]
        details = [f"  {name}: {one}" for name, found in self.counts().items() for one in found]
        return "\n".join([*lines, *details[:40]])


class _Drill:
    def __init__(self, switch: Switch, folder: Path, plan: Plan) -> None:
        self.switch, self.plan = switch, plan
        self.app, tokens = make_app(switch, folder, plan.agents)
        socket = EventSocket.connect(switch.control_address, switch.control_password)
        self.witness = Witness(socket).start()
        self.ledger = Ledger()
        self.crowd = Crowd(switch, self.ledger, self.witness, plan.callers)
        address = self.app.address
        self.watcher = Client(address, tokens[WATCHER])
        self.workers = [
            Worker(name, Client(address, token), self.ledger, self.crowd, seed)
            for seed, (name, token) in enumerate(tokens.items())
            if name != WATCHER
        ]
        self.killer = Killer(self.app, plan.every)
        self.phones = {
            worker.name: switch.phone(str(FIRST_PHONE + place))
            for place, worker in enumerate(self.workers)
        }
        for phone in (*self.phones.values(), *map(switch.phone, OUTSIDE)):
            phone.answers()

    def run(self) -> Outcome:
        self.app.start()
        self.crowd.start()
        for worker in self.workers:
            worker.start()
        self.killer.start()
        time.sleep(self.plan.seconds / 2)
        self._harm()
        time.sleep(self.plan.seconds / 2)
        return self._finish()

    def _finish(self) -> Outcome:
        """Nobody is killed any more; all end what they have, and the counting begins."""
        self.killer.stop()
        self.crowd.stop()
        for worker in self.workers:
            worker.stop()
        stuck = [f"{one.name}: a request hangs" for one in self.workers if not one.join()]
        dropped, cut = self._while_alive()
        stuck += self._still_work()
        self._everybody_leaves()
        stuck += self._not_idle()
        lost = lost_from_record(self.ledger, self.witness, self._record())
        return Outcome(dropped, cut, lost, stuck, self.ledger.strange, self._figures())

    def end(self) -> None:
        """Nothing is left running or open."""
        self.app.kill()
        self.witness.stop()
        for client in (self.watcher, *(worker.client for worker in self.workers)):
            client.close()
        self.switch.reset()

    def _while_alive(self) -> tuple[list[str], list[str]]:
        time.sleep(1)  # until the last events are here
        return callers_dropped(self.ledger, self.witness), conversations_cut(
            self.ledger, self.witness
        )

    def _still_work(self) -> list[str]:
        """Each agent finishes what she has, takes one more caller and hangs up."""
        return [
            f"{worker.name}: {why}" for worker in self.workers for why in self._one_more(worker)
        ]

    def _one_more(self, worker: Worker) -> list[str]:
        try:
            self._until_free(worker)
            call = self.crowd.call()
            wait_until(lambda: self._state(call) == "queued", limit=self.plan.patience)
            wait_until(lambda: worker.does("pickup", call), limit=self.plan.patience)
            wait_until(lambda: worker.does("hangup", call), limit=self.plan.patience)
        except AssertionError as error:
            return [str(error).splitlines()[0]]
        return []

    def _until_free(self, worker: Worker) -> None:
        def free() -> bool:
            me = worker.me()
            for call in [me["current_call"], *me["parked_calls"]]:
                if call:
                    worker.does("hangup", call)
            return not me["current_call"] and not me["parked_calls"]

        wait_until(free, limit=self.plan.patience, promise="can end what she has")

    def _everybody_leaves(self) -> None:
        for call in list(self.crowd.lines):
            self.crowd.leave(call)
        self._settled(lambda: [one for one in self.ledger.placed if not self.witness.ended(one)])
        self._settled(lambda: self.watcher.get("/call/list").document["calls"])
        self._settled(self.witness.alive)

    def _settled(self, left: Callable[[], list[Any]]) -> None:
        try:
            wait_until(left, lambda rest: not rest, limit=self.plan.patience)
        except AssertionError:
            return  # what is left is counted

    def _not_idle(self) -> list[str]:
        found = []
        for worker in self.workers:
            me = worker.me()
            if me["state"] != "idle" or me["current_call"] or me["parked_calls"]:
                found.append(f"{worker.name}: {dict(me)}")
            legs = self.phones[worker.name].legs()
            if legs:
                found.append(f"{worker.name}: her phone is still up: {legs}")
        return found

    def _state(self, call: str) -> str:
        shown = self._shown(call)
        return str(shown["state"]) if shown is not None else ""

    def _shown(self, call: str) -> dict[str, Any] | None:
        answer = self.watcher.get("/call/state", call_id=call)
        return answer.call if answer.code == 200 else None

    def _record(self) -> dict[str, dict[str, Any] | None]:
        return {call: self._shown(call) for call in set(self.ledger.placed) | self.ledger.dialled}

    def _figures(self) -> dict[str, object]:
        ready = self.killer.ready_after
        done = self.ledger.done
        long = [one.ended - one.began for one in self.witness.conversations if one.ended]
        return {
            "switch": self.switch.name,
            "seconds": f"{self.plan.seconds:.0f}",
            "callers on the line, agents": f"{self.plan.callers}, {self.plan.agents}",
            "kill -9": self.killer.kills,
            "ready again after": f"{median(ready):.2f} s, at most {max(ready):.2f} s"
            if ready
            else "-",
            "calls": f"{len(self.ledger.placed)} in, {len(self.ledger.dialled)} out",
            "conversations": f"{len(long)}, at most {max(long, default=0):.1f} s long",
            "carried out": ", ".join(f"{verb} {count}" for verb, count in sorted(done.items())),
            "longest an agent waited": f"{max(one.longest for one in self.workers):.1f} s",
        }

    # On purpose.

    def _harm(self) -> None:
        for harm in self.plan.harms:
            wait_until(getattr(self, f"_harm_{harm}"), limit=self.plan.patience, promise=harm)

    def _harm_callers(self) -> bool:
        """A caller who waits is hung up."""
        spoken = {uuid for one in self.witness.speaking() for uuid in one.channels}
        waiting = [one for one in self.crowd.lines if one not in spoken]
        return bool(waiting) and self._kill(random.choice(waiting))

    def _harm_conversations(self) -> bool:
        """An agent's phone loses its conversation."""
        for one in self.witness.speaking():
            legs = [uuid for uuid in one.channels if uuid not in self.ledger.placed]
            if legs and one.channels & set(self.crowd.lines):
                return self._kill(legs[0], "MEDIA_TIMEOUT")
        return False

    def _harm_record(self) -> bool:
        """The row of a call that has ended is removed."""
        if not self.ledger.ended:
            return False
        with sqlite3.connect(self.app.database, timeout=5) as database:
            database.execute("DELETE FROM calls WHERE id = ?", [min(self.ledger.ended)])
        return True

    def _harm_agents(self) -> bool:
        """A channel nobody knows of keeps an agent's phone."""
        return bool(self.switch.api(f"originate user/{FIRST_PHONE} &park()"))

    def _kill(self, uuid: str, cause: str = "NORMAL_TEMPORARY_FAILURE") -> bool:
        return self.switch.api(f"uuid_kill {uuid} {cause}").startswith("+OK")


def drill(switch: Switch, folder: Path, plan: Plan) -> Outcome:
    """Carries the plan out on a running switch; ``folder`` keeps the app's database and log."""
    staged = _Drill(switch, folder, plan)
    try:
        return staged.run()
    finally:
        staged.end()
