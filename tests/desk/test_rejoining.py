"""While two are being joined (again) nothing else takes either of them, and nobody is forgotten."""

from __future__ import annotations

import threading

import pytest

from tests.desk.fakes import ANN, CALLER, OPTIONS, FakeConnection, Rig, channel, wait_until
from tests.desk.test_silence import SPEAKS, consulted, customer, leg, looked_at, spoken_to


@pytest.fixture
def rejoining(rig: Rig) -> tuple[FakeConnection, str, str]:
    """A transfer is given up after her leg has parked: callee and leg are being joined again.
    The caller's connection, the callee and the leg."""
    source, callee, own = consulted(rig)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    source.expect(f"uuid_bridge {CALLER} {callee}")
    rig.parks(own)
    rig.clock.advance(OPTIONS.switch_timeout)
    asked.refusal()
    rig.lines[callee].answer(f"uuid_bridge {callee} {own}")
    return source, callee, own


def test_a_transfer_is_refused_until_they_are_joined(
    rig: Rig, rejoining: tuple[FakeConnection, str, str]
) -> None:
    source, callee, own = rejoining
    assert rig.ask(ANN, "call/transfer", source=CALLER).refusal().http == 503
    rig.bridged(callee, own)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    source.answer(f"uuid_bridge {CALLER} {callee}")
    rig.bridged(CALLER, callee)
    asked.answer()
    assert rig.place() == rig.place(callee) == "nobody transferred"


def test_a_park_waits_until_they_are_joined(
    rig: Rig, rejoining: tuple[FakeConnection, str, str]
) -> None:
    _, callee, own = rejoining
    asked = rig.ask(ANN, "call/park", call_id=callee)
    wait_until(lambda: rig.board.calls[callee].request is not None, "park was not begun")
    assert rig.lines[callee].heard(f"uuid_transfer {callee} fsapp_return") == 0
    rig.bridged(callee, own)
    rig.clock.advance(0.3)
    rig.lines[callee].expect(f"uuid_transfer {callee} fsapp_return")
    rig.returns(callee)
    rig.parks(own)
    assert asked.answer()["call"]["state"] == "parked"
    rig.check()


def test_a_park_that_is_undone_does_not_take_the_leg_of_an_unpark(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    rig.connects("other")
    picking = rig.ask(ANN, "call/pickup", call_id="other")
    rig.lines["other"].answer(f"uuid_bridge other {own}")
    rig.bridged("other", own)
    picking.answer()
    rig.clock.advance(0.2)
    rig.park(own, uuid="other")
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {own}")
    before = rig.sent(f"uuid_bridge other {own}")
    undoing = threading.Thread(target=rig.desk._park._undo, args=(ANN, rig.board.calls["other"]))
    undoing.start()
    undoing.join()
    assert rig.sent(f"uuid_bridge other {own}") == before
    rig.bridged(CALLER, own)
    asked.answer()


def test_a_callee_who_is_just_being_joined_is_not_fetched_out_of_it(rig: Rig) -> None:
    """All connections break just after ``uuid_bridge``; FreeSWITCH has not carried it out yet."""
    uuid, own = rig.dial()
    line = rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid})
    line.answer(f"uuid_bridge {uuid} {own}")
    rig.lost(line)
    rig.switch_goes()
    rig.switch_comes()
    there = channel(uuid, fsapp_call=uuid, **SPEAKS), leg(own)
    rig.sees(*there)
    while rig.control._find("show channels") is not None:
        rig._shows(there)
    assert rig.sent(f"uuid_transfer {uuid}") == 0


def test_nor_is_one_who_has_just_answered_and_comes_by_herself(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.switch_goes()
    rig.switch_comes()
    rig.sees(channel(uuid, fsapp_call=uuid, fsapp_state="ringing", fsapp_owner="ann"), leg(own))
    assert rig.sent(f"uuid_transfer {uuid}") == 0
    line = rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid})
    line.answer(f"uuid_bridge {uuid} {own}")
    rig.bridged(uuid, own)
    rig.check()


def test_who_was_parked_just_before_the_crash_stays_on_hold(rig: Rig) -> None:
    """That her leg is parked is heard first, and only her channel knows why."""
    rig.connects(CALLER)
    own = rig.talk()
    rig.ask(ANN, "call/park")
    rig.lines[CALLER].expect(f"uuid_transfer {CALLER} fsapp_return")
    rig.crashes()
    before = rig.sent(f"uuid_bridge {CALLER} {own}")
    rig.told_by_control(own, "CHANNEL_PARK", state="CS_PARK")
    on_hold = {"fsapp_state": "parked", "fsapp_owner": "ann", "fsapp_parked_at": "1700000000"}
    rig.connects(CALLER, "fsapp_return", {"fsapp_fetched": rig.mark(CALLER), **on_hold})
    assert rig.sent(f"uuid_bridge {CALLER} {own}") == before
    assert rig.place() == "ann parked"


def test_a_call_that_was_to_be_hung_up_before_a_long_outage_is_hung_up_after_it(rig: Rig) -> None:
    uuid, _ = rig.dial()
    rig.crashes()
    rings = channel(uuid, answered=False, fsapp_call=uuid, fsapp_state="ringing")
    rig.sees(rings)
    rig.control.expect(f"uuid_kill {uuid}")
    rig.switch_goes()
    rig.clock.advance(60)
    rig.switch_comes()
    rig.sees(rings)
    rig.control.expect(f"uuid_kill {uuid}")


def test_who_had_come_and_lost_her_connection_is_fetched_again_soon(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.crashes()
    rig.sees(customer())
    line = rig.returns()
    rig.clock.advance(1)
    rig.lost(line)
    looked_at(rig, 9, customer())
    assert rig.sent(f"uuid_transfer {CALLER}") == 2


def test_so_is_one_whose_fetch_freeswitch_refused(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.crashes()
    rig.sees(customer())
    rig.control.answer(f"uuid_transfer {CALLER}", "-ERR busy")
    looked_at(rig, 9, customer())
    assert rig.sent(f"uuid_transfer {CALLER}") == 2


def test_when_many_connections_break_at_once_freeswitch_is_looked_at_once(rig: Rig) -> None:
    _, callee, own = consulted(rig)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    rig.lines[CALLER].expect(f"uuid_bridge {CALLER} {callee}")
    for uuid in (CALLER, callee):
        rig.lost(rig.lines[uuid])
    rig.clock.advance(0.35)
    assert rig.control.heard("show channels") == 1
    rig._shows([spoken_to(callee, CALLER), customer(callee, **SPEAKS)])
    asked.answer()
    rig.hangs_up(own)
