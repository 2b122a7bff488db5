"""Every kind of harm that the drill counts, done once on purpose.

The law of this file: a harm is done while everybody is kept still, so that nobody happens to ask
for what is done to her, and it says where it must be counted and what names it there.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.switches.base import PhoneLine, Switch
from tests.acceptance.wait import wait_until

from .ledger import Order
from .people import OUTSIDE, Crowd, Worker
from .verdict import CLOCKS
from .witness import Witness

__all__ = ["HARMS", "Harms", "free"]

Counted = tuple[str, str]
"""In which count, and what names it there."""

RUDE = "NORMAL_TEMPORARY_FAILURE"


@dataclass
class Harms:
    """Does harm on a switch, to the calls of ``staff`` and to the app's database."""

    switch: Switch
    witness: Witness
    crowd: Crowd
    staff: list[Worker]
    phones: dict[str, PhoneLine]
    database: Path
    silence: float
    """How long silence has to last to be counted, in seconds."""

    def do(self, harm: str) -> Counted:
        """Does it; the agents it takes part in are free before."""
        with self.crowd.gate.shut():
            for worker in self.staff[:2]:
                free(worker)
            counted = HARMS[harm](self)
            # Nor just afterwards: a request may seem earlier by as much as the clocks differ.
            time.sleep(2 * CLOCKS)
        return counted

    def kill(self, uuid: str, cause: str = RUDE) -> None:
        """FreeSWITCH ends a channel, and nobody asked for that."""
        assert self.switch.api(f"uuid_kill {uuid} {cause}").startswith("+OK")
        wait_until(lambda: self.witness.ended(uuid), promise=f"{uuid} has ended")

    def waiting(self) -> str:
        """A caller who waits."""
        call = self.crowd.call()
        wait_until(lambda: state(self.staff[0], call) == "queued", promise=f"{call} waits")
        return call

    def spoken(self, worker: Worker) -> str:
        """A caller who speaks with this agent."""
        call = self.waiting()
        assert worker.does("pickup", call)
        self._until_joined(call)
        return call

    def dialled(self, worker: Worker) -> Order:
        """An outside party who speaks with this agent."""
        order = worker.dials(OUTSIDE[0])
        (call,) = order.named
        wait_until(lambda: state(worker, call) == "speaking", promise=f"{call} is spoken with")
        self._until_joined(call)
        return order

    def leg_of(self, worker: Worker) -> str:
        """The leg to her phone."""
        (leg,) = self.phones[worker.name].legs()
        return leg

    def forgets(self, sql: str, *values: str) -> None:
        """The database loses something."""
        with closing(sqlite3.connect(self.database, timeout=5)) as database, database:
            assert database.execute(sql, values).rowcount

    def _until_joined(self, call: str) -> None:
        def joined() -> bool:
            return any(call in one.channels for one in self.witness.speaking())

        wait_until(joined, promise=f"{call} is joined with somebody")


def state(worker: Worker, call: str) -> str:
    """The call's state as the agent is told it."""
    answer = worker.client.get("/call/state", call_id=call)
    return str(answer.call["state"]) if answer.code == 200 else ""


def free(worker: Worker) -> None:
    """Everything of hers is over."""

    def over() -> bool:
        me = worker.me()
        calls = [call for call in [me["current_call"], *me["parked_calls"]] if call]
        for call in calls:
            worker.does("hangup", call)
        return not calls

    wait_until(over, limit=10.0, promise=f"{worker.name} is free")


def a_caller_is_dropped(harms: Harms) -> Counted:
    call = harms.waiting()
    harms.kill(call)
    return "callers dropped", call


def a_caller_is_dropped_after_a_refused_hangup(harms: Harms) -> Counted:
    """Asked for, and refused: she is nobody's."""
    call = harms.waiting()
    assert not harms.staff[0].does("hangup", call)
    harms.kill(call)
    return "callers dropped", call


def a_caller_is_dropped_after_a_park(harms: Harms) -> Counted:
    """What was asked for and done was something else."""
    call = harms.spoken(harms.staff[0])
    assert harms.staff[0].does("park", call)
    harms.kill(call)
    return "callers dropped", call


def a_dialled_party_is_dropped(harms: Harms) -> Counted:
    (call,) = harms.dialled(harms.staff[0]).named
    harms.kill(call)
    return "callers dropped", call


def transferred_customers_are_dropped(harms: Harms) -> Counted:
    source = harms.spoken(harms.staff[0])
    assert harms.staff[0].does("park", source)
    (destination,) = harms.dialled(harms.staff[0]).named
    assert harms.staff[0].does("transfer", source, destination)
    harms.kill(source)
    wait_until(lambda: harms.witness.ended(destination), promise="the other ends with her")
    return "callers dropped", destination


def a_conversation_is_cut(harms: Harms) -> Counted:
    """Her phone loses its call."""
    call = harms.spoken(harms.staff[0])
    harms.kill(harms.leg_of(harms.staff[0]), "MEDIA_TIMEOUT")
    return "conversations cut", call


def a_conversation_is_cut_after_a_refused_park(harms: Harms) -> Counted:
    """A colleague asked for it, and was refused."""
    call = harms.spoken(harms.staff[0])
    assert not harms.staff[1].does("park", call)
    harms.kill(harms.leg_of(harms.staff[0]), "MEDIA_TIMEOUT")
    return "conversations cut", call


def a_row_is_lost(harms: Harms) -> Counted:
    call = harms.spoken(harms.staff[0])
    assert harms.staff[0].does("hangup", call)
    harms.forgets("DELETE FROM calls WHERE id = ?", call)
    return "calls lost from the record", call


def an_event_is_lost(harms: Harms) -> Counted:
    """A park was answered with 200, and nothing tells of it."""
    call = harms.spoken(harms.staff[0])
    assert harms.staff[0].does("park", call)
    harms.forgets("DELETE FROM events WHERE name = 'call_park' AND call_id = ?", call)
    return "calls lost from the record", call


def a_number_is_dialled_twice(harms: Harms) -> Counted:
    """The database forgets the key of a number that was dialled; it is asked for again."""
    order = harms.dialled(harms.staff[0])
    free(harms.staff[0])
    harms.forgets("DELETE FROM idempotency WHERE key = ?", order.key)
    harms.staff[0].tries(order)
    return "numbers dialled unaccounted for", order.key


def a_number_is_dialled_that_nobody_asked_for(harms: Harms) -> Counted:
    """As by a command that outlived its request."""
    uuid = harms.switch.api("create_uuid").strip()
    own = f"{{origination_uuid={uuid},fsapp_call={uuid}}}"
    harms.switch.api(f"originate {own}loopback/{OUTSIDE[1]}/default &park()")
    return "numbers dialled unaccounted for", uuid


def a_callee_stays_behind(harms: Harms) -> Counted:
    uuid = harms.switch.api("create_uuid").strip()
    harms.switch.api(f"originate {{origination_uuid={uuid}}}user/{OUTSIDE[2]} &park()")
    return "channels left over", uuid


def an_agents_phone_stays_up(harms: Harms) -> Counted:
    worker = harms.staff[0]
    number = harms.phones[worker.name].extension
    harms.switch.api(f"originate user/{number} &park()")
    return "agents stuck", f"{worker.name}: her phone is still up"


def an_agent_cannot_work(harms: Harms) -> Counted:
    worker = harms.staff[-1]
    harms.forgets("DELETE FROM agents WHERE id = ?", worker.name)
    return "agents stuck", worker.name


def a_caller_hears_nothing(harms: Harms) -> Counted:
    """Sent where nothing is played, again and again: fsapp fetches her."""
    call = harms.waiting()
    until = time.monotonic() + harms.silence + 2
    while time.monotonic() < until:
        nowhere = "'set:socket_resume=false,sleep:60000' inline"
        harms.switch.api(f"uuid_transfer {call} {nowhere}")
        time.sleep(0.5)
    return "customers in silence", call


HARMS: dict[str, Callable[[Harms], Counted]] = {
    harm.__name__: harm
    for harm in (
        a_caller_is_dropped,
        a_caller_is_dropped_after_a_refused_hangup,
        a_caller_is_dropped_after_a_park,
        a_dialled_party_is_dropped,
        transferred_customers_are_dropped,
        a_conversation_is_cut,
        a_conversation_is_cut_after_a_refused_park,
        a_row_is_lost,
        an_event_is_lost,
        a_number_is_dialled_twice,
        a_number_is_dialled_that_nobody_asked_for,
        a_callee_stays_behind,
        an_agents_phone_stays_up,
        a_caller_hears_nothing,
        an_agent_cannot_work,
    )
}
