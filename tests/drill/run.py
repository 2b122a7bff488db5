"""One drill from beginning to end, and its table."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from tests.acceptance.client import Client
from tests.acceptance.switches.base import Switch
from tests.acceptance.switches.event_socket import EventSocket
from tests.acceptance.wait import wait_until

from .harms import HARMS, Harms, free
from .ledger import Ledger
from .listener import Listener
from .outcome import Outcome, Plan
from .people import OUTSIDE, Crowd, Worker
from .stage import FIRST_PHONE, WATCHER, Killer, make_app
from .verdict import (
    callers_dropped,
    conversations_cut,
    customers,
    dialled_unaccounted,
    lost_from_record,
)
from .witness import Witness

__all__ = ["HARMS", "Outcome", "Plan", "drill"]

RINGS = 0.5
"""How long every other phone rings before it is answered, in seconds: the app shall die meanwhile,
too."""

LONGEST_WAIT = 45.0
"""An agent for whom nothing works for so long is stuck: there is always somebody waiting. Callers
take up to 15 s back through the dialplan, and the app may die again meanwhile."""


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
        self.listener = Listener(switch, self._on_the_line, plan.silence)
        self.killer = Killer(self.app, self.ledger, plan.every)
        self.phones = {
            worker.name: switch.phone(str(FIRST_PHONE + place))
            for place, worker in enumerate(self.workers)
        }
        for place, phone in enumerate((*self.phones.values(), *map(switch.phone, OUTSIDE))):
            if place % 2:
                phone.answers_after_ringing(RINGS)
            else:
                phone.answers()
        self.harmed: dict[str, tuple[str, str]] = {}

    def run(self) -> Outcome:
        self.app.start()
        self.crowd.start()
        for worker in self.workers:
            worker.start()
        self.killer.start()
        self.listener.start()
        time.sleep(self.plan.seconds / 2)
        self._harm()
        time.sleep(self.plan.seconds / 2)
        return self._finish()

    def _on_the_line(self) -> set[str]:
        return customers(self.ledger, self.witness) & {*self.witness.alive()}

    def _harm(self) -> None:
        harms = Harms(
            switch=self.switch,
            witness=self.witness,
            crowd=self.crowd,
            staff=self.workers,
            phones=self.phones,
            database=self.app.database,
            silence=self.plan.silence,
        )
        for harm in self.plan.harms:
            self.harmed[harm] = harms.do(harm)

    def _finish(self) -> Outcome:
        """Nobody is killed any more; all end what they have, and the counting begins."""
        self.killer.stop()
        self.crowd.stop()
        for worker in self.workers:
            worker.stop()
        stuck = [f"{one.name}: a request hangs" for one in self.workers if not one.join()]
        stuck += [why for one in self.workers for why in self._waited_long(one)]
        time.sleep(1)  # until the last events are here
        dropped = callers_dropped(self.ledger, self.witness)
        cut = conversations_cut(self.ledger, self.witness)
        stuck += self._still_work()
        silent = self.listener.stop()
        self._everybody_leaves()
        stuck += [why for one in self.workers for why in self._not_idle(one)]
        return Outcome(
            dropped=dropped,
            cut=cut,
            lost=lost_from_record(self.ledger, self.witness, self._record(), self._told()),
            unaccounted=dialled_unaccounted(self.ledger, self.witness),
            stuck=stuck,
            left_over=self._left_over(),
            strange=self.ledger.strange,
            silent=silent,
            kills=self.killer.kills,
            figures=self._figures(),
            harmed=self.harmed,
        )

    def end(self) -> None:
        """Nothing is left running or open."""
        self.app.kill()
        self.witness.stop()
        for client in (self.watcher, *(worker.client for worker in self.workers)):
            client.close()
        self.switch.reset()

    def _waited_long(self, worker: Worker) -> list[str]:
        long = max(worker.longest, time.time() - worker.last_done)
        return [f"{worker.name}: nothing worked for {long:.1f} s"] if long > LONGEST_WAIT else []

    def _still_work(self) -> list[str]:
        """Each agent finishes what she has, takes one more caller and hangs up."""
        return [
            f"{worker.name}: {why}" for worker in self.workers for why in self._one_more(worker)
        ]

    def _one_more(self, worker: Worker) -> list[str]:
        try:
            free(worker)
            call = self.crowd.call()
            wait_until(lambda: self._state(call) == "queued", limit=self.plan.patience)
            wait_until(lambda: worker.does("pickup", call), limit=self.plan.patience)
            wait_until(lambda: worker.does("hangup", call), limit=self.plan.patience)
        except (AssertionError, KeyError) as error:
            return [str(error).splitlines()[0]]
        return []

    def _everybody_leaves(self) -> None:
        for call in self.crowd.everybody():
            self.crowd.leave(call)
        self._settled(lambda: [one for one in self.ledger.placed if not self.witness.ended(one)])
        self._settled(lambda: self.watcher.get("/call/list").document["calls"])
        self._settled(self.witness.alive)

    def _settled(self, left: Callable[[], list[Any]]) -> None:
        try:
            wait_until(left, lambda rest: not rest, limit=self.plan.patience)
        except AssertionError:
            return  # what is left is counted

    def _not_idle(self, worker: Worker) -> list[str]:
        found = []
        me = worker.client.get("/agent").document.get("agent")
        if me is None or me["state"] != "idle" or me["current_call"] or me["parked_calls"]:
            found.append(f"{worker.name}: is {me}")
        legs = self.phones[worker.name].legs()
        if legs:
            found.append(f"{worker.name}: her phone is still up: {legs}")
        return found

    def _left_over(self) -> list[str]:
        """Everybody has hung up: no channel may be left, of whomever."""
        lives = filter(None, map(self.witness.life, self.witness.alive()))
        return [
            f"{life.uuid}" + (f", a leg of {life.agent}" if life.agent else "") for life in lives
        ]

    def _state(self, call: str) -> str:
        shown = self._shown(call)
        return str(shown["state"]) if shown is not None else ""

    def _shown(self, call: str) -> dict[str, Any] | None:
        answer = self.watcher.get("/call/state", call_id=call)
        return answer.call if answer.code == 200 else None

    def _record(self) -> dict[str, dict[str, Any] | None]:
        return {call: self._shown(call) for call in customers(self.ledger, self.witness)}

    def _told(self) -> dict[str, Counter[str]]:
        """How often each event tells of each call, read from the app's database."""
        told: dict[str, Counter[str]] = {}
        address = f"file:{self.app.database}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5.0)) as database:
            for call, name in database.execute("SELECT call_id, name FROM events"):
                told.setdefault(call, Counter())[name] += 1
        return told

    def _figures(self) -> dict[str, object]:
        ready, orders = self.killer.ready_after, self.ledger.orders.values()
        long = [one.ended - one.began for one in self.witness.conversations if one.ended]
        done: Counter[str] = Counter()
        for (_, verb), count in self.ledger.answered.items():
            done[verb] += count
        cut = [order for order in orders if order.cut_off]
        found = sum(bool(order.named) for order in cut)
        again = f"{median(ready):.2f} s, at most {max(ready):.2f} s" if ready else "-"
        return {
            "switch": self.switch.name,
            "seconds": f"{self.plan.seconds:.0f}",
            "callers on the line, agents": f"{self.plan.callers}, {self.plan.agents}",
            "kill -9": f"{self.killer.kills}, {self.killer.while_starting} while it started",
            "ready again after": again,
            "calls": f"{len(self.ledger.placed)} in, {len(self.witness.dialled())} out",
            "conversations": f"{len(long)}, at most {max(long, default=0):.1f} s long",
            "carried out": _listed(done),
            "cut off by a kill": _listed(self.ledger.cut_off),
            "numbers ordered": f"{len(orders)}, {len(cut)} cut off: their keys, sent again, "
            f"named a call {found} times",
            "longest an agent waited": f"{max(one.longest for one in self.workers):.1f} s",
        }


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{verb} {count}" for verb, count in sorted(counts.items()) if count) or "-"


def drill(switch: Switch, folder: Path, plan: Plan) -> Outcome:
    """Carries the plan out on a running switch; ``folder`` keeps the app's database and log."""
    staged = _Drill(switch, folder, plan)
    try:
        return staged.run()
    finally:
        staged.end()
