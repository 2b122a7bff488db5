"""Where the drill takes place: a switch, one app that is killed, its database with the agents."""

import itertools
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from fsapp.calls.agent import Agent
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from tests.acceptance.app import App
from tests.acceptance.switches.base import Switch
from tests.ports import free_address

from .ledger import Ledger

__all__ = ["Killer", "make_app"]

FIRST_PHONE = 1101
WATCHER = "watch"

STRUCK = ("originate", "pickup", "hangup", "park", "originate", "unpark", "transfer")
"""What shall be under way when the app is killed, one after the other."""

AGAIN = 3
"""Each third time it is killed again while it starts."""
STARTING = (0.3, 1.5)
"""How long after its launch, in seconds."""
LATEST = 0.02
"""How long after the beginning of a request the app dies at the latest, in seconds; a ringing
phone's takes longer, the others are over by then."""


def make_app(switch: Switch, folder: Path, agents: int) -> tuple[App, dict[str, str]]:
    """An app on this switch, not started, and the tokens of its agents and of who only watches."""
    database = Database(folder / "desk.db")
    database.open()
    staff = Agents(database)
    names = [*(f"agent{number}" for number in range(agents)), WATCHER]
    tokens = {
        name: staff.add(Agent(name, name.title(), f"user/{FIRST_PHONE + place}"))
        for place, name in enumerate(names)
    }
    database.close()
    settings: dict[str, dict[str, object]] = {
        "http": {"listen": free_address()},
        "database": {"path": str(folder / "desk.db")},
        "outbound": {"listen": switch.outbound_address},
        "control": {"address": switch.control_address, "password": switch.control_password},
    }
    return App(folder, settings), tokens


@dataclass
class Killer:
    """`kill -9` at least every ``every`` seconds; the app is started again at once.

    Each time it waits for another kind of request, and strikes while that is under way: else most
    kills would meet nobody but callers in music and agents who talk.
    """

    app: App
    ledger: Ledger
    every: float
    kills: int = 0
    while_starting: int = 0
    """How many of the kills met an app that had not come back from the one before."""
    stopping: threading.Event = field(default_factory=threading.Event)
    ready_after: list[float] = field(default_factory=list)
    """Seconds from each kill until the app said it was ready again."""

    def start(self) -> None:
        self._random = random.Random(7)
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more kills; the app runs and is ready."""
        self.stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        for number, verb in enumerate(itertools.cycle(STRUCK)):
            if self.stopping.wait(self.every / 2):
                return
            if self.ledger.wait_for_request(verb, self.every / 2):
                time.sleep(self._random.uniform(0, LATEST))
            began = time.monotonic()
            self._strike()
            if number % AGAIN == AGAIN - 1:
                self._strike_again()
            self.app.start()
            self.ready_after.append(time.monotonic() - began)

    def _strike(self) -> None:
        self.app.kill()
        self.kills += 1

    def _strike_again(self) -> None:
        """Somewhere between the first line of the program and the first look at the switch."""
        self.app.launch()
        time.sleep(self._random.uniform(*STARTING))
        self._strike()
        self.while_starting += 1
