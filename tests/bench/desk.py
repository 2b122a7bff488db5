"""An app with its agents on a switch, and what a process costs, as every workload needs them."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from fsapp.calls.agent import Agent
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from tests.acceptance.app import App, merged
from tests.acceptance.client import Client
from tests.acceptance.wait import wait_until
from tests.ports import free_address

TICK = os.sysconf("SC_CLK_TCK")
ANNA = Agent("anna", "Anna", "user/1101")


class Switch(Protocol):
    """Where a switch is reached."""

    outbound_address: str
    control_address: str
    control_password: str


class Desk:
    """An app that is ready, with the database in ``folder`` and a client for each agent.

    ``log.level`` is warning: what a log costs depends on where it goes.
    """

    def __init__(
        self,
        folder: Path,
        switch: Switch,
        agents: Iterable[Agent] = (ANNA,),
        settings: dict[str, dict[str, object]] | None = None,
        *,
        start: bool = True,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "desk.db"
        self.tokens = added(path, agents)
        basis: dict[str, dict[str, object]] = {
            "http": {"listen": free_address()},
            "database": {"path": str(path)},
            "outbound": {"listen": switch.outbound_address},
            "control": {
                "address": switch.control_address,
                "password": switch.control_password,
            },
            "log": {"level": "warning"},
        }
        self.app = App(folder, merged(basis, settings or {}))
        self.clients = {
            name: Client(self.app.address, token, checks=False)
            for name, token in self.tokens.items()
        }
        if start:
            self._start()

    def _start(self) -> None:
        try:
            self.app.start()
        except BaseException:
            # Nobody else knows it yet, and the next workload would be measured beside it.
            self.app.kill()
            raise

    @property
    def anna(self) -> Client:
        return self.clients["anna"]

    def stop(self) -> None:
        for client in self.clients.values():
            client.close()
        self.app.stop()

    def waits_for(self, call_id: str, state: str, agent: str = "anna") -> None:
        """Until the agent is told that the call is in that state."""

        def told() -> str:
            answer = self.clients[agent].get("/call/state", call_id=call_id)
            return str(answer.document.get("call", {}).get("state"))

        wait_until(told, lambda now: now == state, limit=60, promise=f"{call_id} is {state}")

    def waits_until_queued(self, count: int, agent: str = "anna") -> None:
        """Until so many calls are queued, of those the agent may see."""
        client = self.clients[agent]

        def queued() -> int:
            time.sleep(0.1)
            return len(client.get("/call/queue").document["calls"])

        wait_until(queued, lambda now: now == count, limit=120, promise=f"{count} are queued")

    def done(self, verb: str, agent: str = "anna", **parameters: str) -> Any:
        """The 200 answer to a command."""
        answer = self.clients[agent].post(f"/call/{verb}", **parameters)
        assert answer.code == 200, f"{verb}: {answer}"
        return answer


def added(path: Path, agents: Iterable[Agent]) -> dict[str, str]:
    """Adds the agents to the database at ``path``; their tokens."""
    database = Database(path)
    database.open()
    store = Agents(database)
    tokens = {agent.id: store.add(agent) for agent in agents}
    database.close()
    return tokens


def cpu_seconds(pid: int | None) -> float:
    """CPU time a process has used so far, its threads included."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> int:
    """Memory of a process in KiB that is in use."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def timed(action: Callable[[], Any]) -> float:
    """Seconds that ``action`` takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin
