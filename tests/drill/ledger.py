"""What the drill's people did and were told, against which the switch's events are held.

The law of this file: it keeps what was done, when, and what came of it, and forgives nothing; what
that excuses is in ``verdict.py``. Times are Unix seconds, as in the switch's events.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Asked", "Ledger", "Order", "Request"]


@dataclass(frozen=True)
class Asked:
    """One request about a call: when it was sent, when its answer came, or it was cut off."""

    verb: str
    agent: str
    began: float
    ended: float
    code: int | None
    """The answer; ``None``: the app died over it."""

    @property
    def cut_off(self) -> bool:
        return self.code is None


@dataclass
class Request:
    """A request that is being made; ``code`` and ``call`` are the answer's."""

    verb: str
    agent: str
    calls: list[str]
    code: int | None = None
    sent: bool = True
    """Not so when nobody listened: then nothing was asked for."""


@dataclass
class Order:
    """A number that an agent wants. Every try to have it dialled carries the same key."""

    agent: str
    key: str
    number: str
    codes: list[int | None] = field(default_factory=list)
    """What each try was answered; ``None``: cut off."""
    named: set[str] = field(default_factory=set)
    """The calls that the answers named."""

    @property
    def cut_off(self) -> bool:
        """Whether the app died over one of its tries."""
        return None in self.codes

    @property
    def settled(self) -> bool:
        """Whether the last try was answered, carried out or refused."""
        return bool(self.codes) and self.codes[-1] not in (None, 503, 504)


@dataclass
class Ledger:
    """Everything done on purpose."""

    placed: dict[str, float] = field(default_factory=dict)
    """Each caller's channel, and when it was there."""
    left: dict[str, float] = field(default_factory=dict)
    """Who was told to hang up herself."""
    asked: dict[str, list[Asked]] = field(default_factory=dict)
    """What was asked about each call."""
    taken: list[tuple[str, str]] = field(default_factory=list)
    """(call, agent): pickups answered with 200."""
    orders: dict[str, Order] = field(default_factory=dict)
    """What was to be dialled, by key."""
    arrivals: dict[str, set[str]] = field(default_factory=dict)
    """Every arrival time that was ever shown of a call."""
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(call, verb): how often it was answered with 200; of an originate only the first time."""
    cut_off: Counter[str] = field(default_factory=Counter)
    """How many requests of each verb the app died over."""
    strange: list[str] = field(default_factory=list)
    """Answers that no table knows."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: Counter[str] = field(default_factory=Counter)
    _begun: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def asking(self, verb: str, agent: str, *calls: str) -> Iterator[Request]:
        """Around one request; whatever ends it without an answer has cut it off."""
        request, began = Request(verb, agent, list(calls)), time.time()
        self._begin(verb, 1)
        try:
            yield request
        finally:
            self._begin(verb, -1)
            if request.sent:
                self._keep(request, began)

    def wait_for_request(self, verb: str, limit: float) -> bool:
        """Whether somebody asked for this within ``limit`` seconds and has no answer yet."""
        with self._begun:
            return self._begun.wait_for(lambda: self._under_way[verb] > 0, limit)

    def leaves(self, call: str) -> None:
        """A caller is about to hang up."""
        with self._lock:
            self.left.setdefault(call, time.time())

    def arrives(self, call: str) -> None:
        """A caller is on the line."""
        with self._lock:
            self.placed[call] = time.time()

    def orders_number(self, order: Order) -> None:
        """An agent wants a number dialled."""
        with self._lock:
            self.orders[order.key] = order

    def shows(self, call: str, arrival: str) -> None:
        """The call was seen with this arrival time."""
        with self._lock:
            self.arrivals.setdefault(call, set()).add(arrival)

    def wonders(self, sentence: str) -> None:
        """Something happened that should not."""
        with self._lock:
            self.strange.append(sentence)

    @property
    def dialled(self) -> set[str]:
        """Ids of the calls that an originate's answer named."""
        with self._lock:
            return {call for order in self.orders.values() for call in order.named}

    @property
    def ended(self) -> set[str]:
        """Calls whose hangup was answered with 200."""
        with self._lock:
            return {call for call, verb in self.answered if verb == "hangup"}

    def _begin(self, verb: str, one: int) -> None:
        with self._begun:
            self._under_way[verb] += one
            self._begun.notify_all()

    def _keep(self, request: Request, began: float) -> None:
        asked = Asked(request.verb, request.agent, began, time.time(), request.code)
        with self._lock:
            for call in request.calls:
                self.asked.setdefault(call, []).append(asked)
                if asked.code == 200:
                    self._answered(request.verb, request.agent, call)
            self.cut_off[request.verb] += asked.cut_off

    def _answered(self, verb: str, agent: str, call: str) -> None:
        if verb in ("pickup", "unpark"):
            self.taken.append((call, agent))
        if verb != "originate" or not self.answered[call, verb]:
            self.answered[call, verb] += 1
