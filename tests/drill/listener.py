"""Who listens to what customers hear, all the while: nobody may be left in silence."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.acceptance.switches.base import Switch

__all__ = ["Listener"]

EVERY = 0.5
"""Pause between two rounds, in seconds."""


@dataclass
class Listener:
    """Asks the switch what each customer hears; ``customers`` are those on the line. Who hears
    nothing in every round for ``limit`` seconds is found; times are of a monotonic clock."""

    switch: Switch
    customers: Callable[[], set[str]]
    limit: float
    found: dict[str, float] = field(default_factory=dict)
    """Customers in silence, and for how many seconds at least."""
    _since: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to listen."""
        executor = ThreadPoolExecutor(1, "listener")
        self._running = executor.submit(self._run)
        executor.shutdown(wait=False)

    def stop(self) -> list[str]:
        """Stop listening; a sentence for each who was left in silence. Raises what kept it from
        listening."""
        self._over.set()
        self._running.result(10)
        return [f"{call} heard nothing for {seconds:.0f} s" for call, seconds in self.found.items()]

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self.round(time.monotonic())

    def round(self, now: float) -> None:
        """Listens to everybody once."""
        silent = {one for one in self.customers() if self.switch.hears(one) == "silence"}
        self._since = {one: self._since.get(one, now) for one in silent}
        for one, since in self._since.items():
            if now - since >= self.limit:
                self.found[one] = now - since
