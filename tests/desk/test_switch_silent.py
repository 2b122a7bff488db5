"""FreeSWITCH hangs or is stopped in mid-command: 504 within the limit, and no phantom call after.

Its connections stand; what was sent is carried out when it goes on, unless it is undone there.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsapp.calls.call import State
from fsapp.desk.context import KILL_AGAIN_SECONDS
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, Asked, FakeConnection, Rig, wait_until


def ringing(rig: Rig) -> tuple[Asked, FakeConnection, str]:
    """She picks up; FreeSWITCH says nothing about it."""
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    command = line.expect("bgapi originate")
    return asked, line, command.partition("origination_uuid=")[2].partition(",")[0]


def test_a_pickup_that_nobody_takes_is_504_after_the_limit_of_a_command(rig: Rig) -> None:
    asked, _, _ = ringing(rig)
    rig.clock.advance(OPTIONS.switch_timeout - 0.1)
    assert not asked.over()
    rig.clock.advance(0.1)
    refusal = asked.refusal()
    assert (refusal.http, refusal.description) == (504, "FreeSWITCH did not answer in time")
    assert refusal.call is not None
    assert (refusal.call["state"], refusal.call["position"]) == ("queued", 1)
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_the_phone_is_stopped_behind_the_command_that_was_to_ring_it(rig: Rig) -> None:
    asked, line, leg = ringing(rig)
    rig.clock.advance(OPTIONS.switch_timeout)
    asked.refusal()
    told = [command for command in line.sent if leg in command]
    assert [command.split()[0] for command in told] == ["bgapi", "api"]
    assert "uuid_kill" in told[-1]


def test_a_phone_that_rings_a_moment_after_it_was_stopped_is_stopped_again(rig: Rig) -> None:
    asked, line, leg = ringing(rig)
    rig.clock.advance(OPTIONS.switch_timeout)
    asked.refusal()
    line.answer(f"uuid_kill {leg}", "-ERR No such channel!")
    rig.clock.advance(KILL_AGAIN_SECONDS)
    line.answer(f"uuid_kill {leg}")
    rig.clock.advance(60)
    assert line.heard(f"uuid_kill {leg}") == 2
    rig.check()


def test_she_can_take_the_call_as_soon_as_freeswitch_goes_on(rig: Rig) -> None:
    asked, _, _ = ringing(rig)
    rig.clock.advance(OPTIONS.switch_timeout)
    asked.refusal()
    rig.talk()
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_phone_whose_end_nobody_confirms_is_504(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    rig.rings(line)
    rig.clock.advance(OPTIONS.ring_timeout + 5)
    assert asked.refusal().http == 504
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_an_originate_whose_phone_nobody_rings_is_504_and_leaves_nothing(rig: Rig) -> None:
    asked = rig.ask(ANN, "call/originate", extension="1142")
    rig.control.expect("bgapi originate")
    rig.clock.advance(OPTIONS.switch_timeout)
    assert asked.refusal().http == 504
    assert (rig.board.calls, rig.agent_state()) == ({}, "idle")
    rig.check()


def test_a_number_that_was_to_be_dialled_is_stopped_until_freeswitch_knows_it() -> None:
    rig = Rig(replace(OPTIONS, switch_timeout=0.05))
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    asked = rig.ask(ANN, "call/originate", extension="1142")
    line = rig.lines[leg]
    command = line.expect("bgapi originate")
    uuid = command.partition("origination_uuid=")[2].partition(",")[0]
    assert asked.refusal().http == 504
    rig.clock.advance(2)
    rig.control.answer(f"uuid_exists {uuid}", "false")
    assert uuid not in rig.board.calls
    line.answer(f"uuid_kill {uuid}", "-ERR No such channel!")
    rig.clock.advance(KILL_AGAIN_SECONDS)
    line.answer(f"uuid_kill {uuid}")
    rig.close()


def test_a_silent_freeswitch_that_was_noticed_is_asked_for_nothing(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.switch.connection, rig.switch.failure = None, "FreeSWITCH has not answered for 5 s"
    refusal = rig.ask(ANN, "call/pickup", call_id=CALLER).refusal()
    assert (refusal.http, refusal.description) == (503, "FreeSWITCH has not answered for 5 s")
    assert line.heard("originate") == 0
    assert rig.desk.readiness() == {"switch": "FreeSWITCH has not answered for 5 s"}
    rig.check()


@pytest.mark.parametrize("verb", ["call/hangup", "call/park"])
def test_who_speaks_is_answered_504_and_speaks_on(verb: str) -> None:
    rig = Rig(replace(OPTIONS, switch_timeout=0.05))
    rig.connects(CALLER)
    rig.talk()
    asked = rig.ask(ANN, verb)
    assert asked.refusal().http == 504
    assert rig.live().state is State.SPEAKING
    wait_until(lambda: rig.board.calls[CALLER].request is None, "the call stays busy")
    rig.close()


def test_a_phone_whose_connection_broke_while_it_rang_is_asked_about(rig: Rig) -> None:
    """FreeSWITCH was killed and started again: nobody will say what came of ringing it."""
    line = rig.connects(CALLER)
    asked = rig.ask(BOB, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.lost(line)
    rig.clock.advance(0.3)
    rig.control.answer(f"uuid_exists {leg}", "false")
    assert asked.refusal().http == 409
    assert rig.agent_state(BOB) == "idle"
