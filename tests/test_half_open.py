"""Half-open connections: the peer has fallen silent and neither ends nor answers.

The whole app beside the lab switch in one process, so that its threads and descriptors can be
counted. A caller is never lost by it, and nothing waits or stays open for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp import settings as s
from fsapp import shipped
from fsapp.calls.agent import Agent
from fsapp.calls.call import State
from fsapp.calls.refusals import Refusal
from fsapp.desk import context as context_module
from fsapp.lab import Caller, LabSwitch
from fsapp.service import Service
from fsapp.switch.connection import Connection
from tests.ports import free_port
from tests.switch.peer import nothing_left, wait_until

ANN = Agent("ann", "Ann", "user/1101")
COMMAND_SECONDS = 0.3
"""How long a command waits for FreeSWITCH here (``switch.timeout``)."""


class Rig:
    """The app and the lab switch."""

    command_seconds = COMMAND_SECONDS

    def __init__(self, directory: Path) -> None:
        outbound, control = free_address(), free_address()
        settings = s.Settings(
            http=s.Http(listen=free_address(), threads=4),
            outbound=s.Outbound(listen=outbound),
            control=s.Control(address=control),
            database=s.Database(path=directory / "fsapp.db"),
            switch=s.Switch(timeout=self.command_seconds),
            phone=s.Phone(ring_timeout=1),
            dial=s.Dial(ring_timeout=1),
        )
        self.lab = LabSwitch(str(outbound), str(control), "ClueCon", [shipped.dialplan()])
        self.service = Service(settings)

    def start(self) -> None:
        self.lab.start()
        self.lab.phone("1101")
        self.service.start()
        self.service.agents.add(ANN)
        wait_until(lambda: self.service.control.connection, "FreeSWITCH does not answer")

    def stop(self) -> None:
        self.service.stop()
        self.lab.stop()

    def caller(self) -> Caller:
        """Somebody who has called and waits."""
        caller = self.lab.place_call("5900")
        self.is_in(caller, State.QUEUED)
        wait_until(lambda: self.lab.hears(caller.uuid) != "silence", "she hears nothing")
        return caller

    def ask(self, verb: str, **parameters: str) -> None:
        self.service.desk.perform(ANN, verb, parameters)

    def state(self, caller: Caller) -> State | None:
        live = self.service.board.calls.get(caller.uuid)
        return live.call.state if live is not None else None

    def connection(self, caller: Caller) -> Connection | None:
        return self.service.board.calls[caller.uuid].connection

    def is_in(self, caller: Caller, state: State | None) -> None:
        wait_until(lambda: self.state(caller) is state, f"not {state}: {self.state(caller)}")

    def vanish(self, caller: Caller) -> None:
        """The caller's connection falls silent, and stays open."""
        self.lab.faults.vanish(caller.uuid)
        self.lab.wait_for(lambda: self.lab.faults._vanished, "the peer has vanished")


def free_address() -> s.Address:
    return s.Address("127.0.0.1", free_port())


def call_threads() -> int:
    """How many connections of calls and legs are served."""
    return sum(thread.name == "call" for thread in threading.enumerate())


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(context_module, "LINGER_SECONDS", 0.3)
    with nothing_left():
        rig = Rig(tmp_path)
        rig.start()
        yield rig
        rig.stop()


def test_a_command_to_a_silent_peer_is_given_up_in_time_and_the_call_goes_on(rig: Rig) -> None:
    caller = rig.caller()
    rig.ask("call/pickup", call_id=caller.uuid)
    rig.vanish(caller)
    asked = time.monotonic()
    with pytest.raises(Refusal) as refusal:
        rig.ask("call/park", call_id=caller.uuid)
    assert refusal.value.http == 504
    assert time.monotonic() - asked < COMMAND_SECONDS + 2
    assert caller.is_alive()
    assert rig.state(caller) is State.SPEAKING


def test_a_silent_connection_of_a_caller_who_comes_back_is_superseded_and_closed(
    rig: Rig,
) -> None:
    caller = rig.caller()
    with nothing_left():
        rig.vanish(caller)
        silent = rig.connection(caller)
        rig.lab.api(f"uuid_transfer {caller.uuid} fsapp_return XML public")
        wait_until(lambda: rig.connection(caller) is not silent, "she did not come back")
        rig.ask("call/pickup", call_id=caller.uuid)
        rig.is_in(caller, State.SPEAKING)
        # Hers on the new connection and the leg's; the silent one is closed in the conversation.
        wait_until(lambda: call_threads() == 2, "the silent connection is held for ever")
        assert caller.is_alive()
        rig.ask("call/park", call_id=caller.uuid)
        rig.is_in(caller, State.PARKED)
        rig.ask("call/hangup", call_id=caller.uuid)
        caller.wait_ended()
        wait_until(lambda: call_threads() == 0, "a connection outlives its call")


def test_a_caller_who_hangs_up_on_a_silent_connection_is_ended_and_it_is_closed(
    rig: Rig,
) -> None:
    caller = rig.caller()
    rig.vanish(caller)
    caller.hang_up()
    caller.wait_ended()
    rig.is_in(caller, None)
    wait_until(lambda: call_threads() == 0, "the silent connection is held for ever")


def test_a_silent_connection_of_an_agents_leg_is_closed_when_the_leg_is_gone(rig: Rig) -> None:
    caller = rig.caller()
    rig.ask("call/pickup", call_id=caller.uuid)
    leg = rig.service.board.agents["ann"].leg
    assert leg is not None
    rig.lab.faults.vanish(leg.uuid)
    rig.lab.wait_for(lambda: rig.lab.faults._vanished, "the peer has vanished")
    rig.lab.phone("1101").hang_up()
    rig.is_in(caller, None)
    wait_until(lambda: call_threads() == 0, "the silent connection is held for ever")
