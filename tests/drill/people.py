"""The drill's callers, and its agents, who forget everything whenever the app is away."""

import contextlib
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from tests.acceptance.client import Answer, Client
from tests.acceptance.expect import from_the_table
from tests.acceptance.switches.base import CallerLine, Switch, WaitTooLong

from .gate import Gate
from .ledger import Ledger, Order
from .witness import Witness

__all__ = ["OUTSIDE", "Crowd", "Worker"]

OUTSIDE = ("1141", "1142", "1143", "1144", "1145")
"""Phones of outside parties."""

MOST_ON_HOLD = 2
DIALS = 0.2
"""How often an agent who has nothing to do calls somebody instead of taking the next caller."""
TALK = (0.2, 2.5)
"""How long they talk, in seconds."""
PATIENCE = 45.0
"""How long a request, or a number that is asked for again and again, may take, in seconds."""

GIVES_UP = 0.01
"""How many of those on the line hang up by themselves, each second."""


@dataclass
class Crowd:
    """Keeps ``size`` callers on the line; whoever has been served is followed by another."""

    switch: Switch
    ledger: Ledger
    witness: Witness
    size: int
    lines: dict[str, CallerLine] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    gate: Gate = field(default_factory=Gate)

    def start(self) -> None:
        """The first of them call."""
        self._random = random.Random(1)
        self._number = 0
        self._fill()
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nobody else calls."""
        self.stopping.set()
        self._thread.join(20)

    def leave(self, call: str) -> None:
        """This caller, or this outside party, hangs up."""
        line, phone = self.lines.get(call), self.witness.phone_of(call)
        if line is not None or phone is not None:
            self.ledger.leaves(call)
        if line is not None:
            line.hang_up()
        elif phone is not None:
            self.switch.api(f"uuid_kill {phone} NORMAL_CLEARING")

    def everybody(self) -> list[str]:
        """All who are on the line, callers and outside parties."""
        dialled = (life.uuid for life in self.witness.dialled() if life.ended is None)
        return [*self.lines, *dialled]

    def call(self) -> str:
        """Somebody calls; her channel."""
        self._number += 1
        line = self.switch.place_call("5900", number=f"20455{self._number:05}")
        try:
            uuid = line.uuid
        except WaitTooLong:
            line.hang_up()
            raise
        self.ledger.arrives(uuid)
        self.lines[uuid] = line
        return uuid

    def _run(self) -> None:
        while not self.stopping.wait(0.2):
            with self.gate.inside():
                self._turn()

    def _turn(self) -> None:
        with contextlib.suppress(WaitTooLong):
            self._fill()
        if self._random.random() < GIVES_UP * self.size * 0.2:
            self.leave(self._random.choice(self.everybody()))

    def _fill(self) -> None:
        for uuid in [uuid for uuid in self.lines if self.witness.ended(uuid)]:
            del self.lines[uuid]
        while len(self.lines) < self.size and not self.stopping.is_set():
            self.call()


@dataclass
class Worker:
    """One agent: looks at what is hers and does something with it, again and again."""

    name: str
    client: Client
    ledger: Ledger
    crowd: Crowd
    seed: int
    stopping: threading.Event = field(default_factory=threading.Event)
    last_done: float = field(default_factory=time.time)
    longest: float = 0.0
    """The longest she could do nothing, in seconds."""
    orders: int = 0
    """How many numbers she has ordered."""

    def start(self) -> None:
        self._random = random.Random(self.seed)
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()

    def join(self) -> bool:
        """Whether she has stopped: no request of hers hangs."""
        self._thread.join(PATIENCE)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                with self.crowd.gate.inside():
                    self.work()
            except (OSError, HTTPException):
                self.client.close()
                self.stopping.wait(0.1)
            except Exception as error:  # noqa: BLE001 - counted; who stops working finds nothing
                self.ledger.wonders(f"{self.name}: {error!r}")
                self.stopping.wait(0.1)

    def me(self) -> Mapping[str, Any]:
        """Her agent object."""
        agent: Mapping[str, Any] = self.client.get("/agent").document["agent"]
        return agent

    def work(self) -> None:
        """One thing, whatever suits what she has."""
        me = self.me()
        if me["current_call"]:
            self._with_current(me["current_call"], me["parked_calls"])
        elif me["parked_calls"]:
            self._with_parked(me["parked_calls"])
        elif self._random.random() < DIALS:
            self.dials(self._random.choice(OUTSIDE))
        elif not self.does("pickup"):
            self.stopping.wait(0.2)

    def _with_current(self, call: str, parked: list[str]) -> None:
        shown = self.client.get("/call/state", call_id=call)
        if shown.code != 200 or shown.call["state"] != "speaking":
            self.stopping.wait(0.1)
            return
        self.ledger.shows(call, shown.call["arrival_time"])
        self.stopping.wait(self._random.uniform(*TALK))
        if parked and not shown.call["inbound"] and self._random.random() < 0.6:
            self._transfer(parked[0], call)
        elif self._random.random() < 0.4 and len(parked) < MOST_ON_HOLD:
            self.does("park", call)
        else:
            self.does("hangup", call)

    def _with_parked(self, parked: list[str]) -> None:
        dice = self._random.random()
        if dice < 0.4:
            self.dials(self._random.choice(OUTSIDE))
        elif dice < 0.8 or len(parked) >= MOST_ON_HOLD:
            self.does("unpark", parked[0])
        else:
            self.does("pickup")

    def _transfer(self, source: str, destination: str) -> None:
        if self.does("transfer", source, destination):
            self.stopping.wait(self._random.uniform(*TALK))
            self.crowd.leave(source)

    def does(self, verb: str, *calls: str) -> bool:
        """Ask, once; whether it was carried out. ``calls``: the one meant first."""
        parameters = {"source" if verb == "transfer" else "call_id": call for call in calls[:1]}
        answer = self._asks(verb, calls, {}, parameters)
        if answer.code != 200:
            self._refused(verb, answer)
            return False
        self._done()
        return True

    def dials(self, number: str) -> Order:
        """Have a number dialled; after an answer that does not say what came of it, or none, ask
        again with the same key."""
        self.orders += 1
        order = Order(self.name, f"{self.name}-{self.orders}", number)
        self.ledger.orders_number(order)
        until = time.monotonic() + PATIENCE
        while not order.settled and time.monotonic() < until:
            self.tries(order)
        return order

    def tries(self, order: Order) -> None:
        """One more request for the number, with the same key."""
        try:
            answer = self._asks(
                "originate",
                (),
                {"Idempotency-Key": order.key},
                {"extension": order.number},
            )
        except (OSError, HTTPException) as error:
            if not never_sent(error):
                order.codes.append(None)
            self.client.close()
            time.sleep(0.1)
            return
        order.codes.append(answer.code)
        if answer.code == 200:
            order.named.add(answer.call["id"])
            self._done()
        else:
            self._refused("originate", answer)

    def _asks(
        self,
        verb: str,
        calls: tuple[str, ...],
        headers: Mapping[str, str],
        parameters: Mapping[str, str],
    ) -> Answer:
        with self.ledger.asking(verb, self.name, *calls) as request:
            try:
                answer = self.client.request(
                    "POST", f"/call/{verb}", query=parameters, headers=headers
                )
            except OSError as error:
                request.sent = not never_sent(error)
                if isinstance(error, TimeoutError):
                    self.ledger.wonders(f"{self.name}: {verb} was never answered")
                raise
            request.code = answer.code
            shown = answer.document.get("call") if answer.code == 200 else None
            if shown and shown["id"] not in request.calls:
                request.calls.append(shown["id"])
        if shown:
            self.ledger.shows(shown["id"], shown["arrival_time"])
        return answer

    def _done(self) -> None:
        self.longest = max(self.longest, time.time() - self.last_done)
        self.last_done = time.time()

    def _refused(self, verb: str, answer: Answer) -> None:
        fault = from_the_table(answer)
        if fault is not None:
            self.ledger.wonders(f"{self.name}: {verb}: {fault}")
        if answer.code not in (404,):
            self.stopping.wait(0.1)


def never_sent(error: BaseException) -> bool:
    """Whether nobody listened, so that nothing was asked for."""
    return isinstance(error, ConnectionRefusedError)
