"""The end of a drain: conversations are left alone, nothing is left in between."""

from __future__ import annotations

import pytest

from fsapp.calls.call import State
from fsapp.desk.closing import Closing
from tests.desk.fakes import ANN, BOB, CALLER, Rig, wait_until


@pytest.fixture
def closing(rig: Rig) -> Closing:
    return Closing(rig.parts)


def test_with_nothing_under_way_there_is_nothing_to_wait_for(rig: Rig, closing: Closing) -> None:
    rig.connects(CALLER)
    rig.connects("spoken")
    rig.talk(BOB, "spoken")
    assert (closing.busy(), closing.in_between()) == (False, False)


def test_a_pickup_under_way_is_waited_for(rig: Rig, closing: Closing) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.parts.context.drain.begin()
    assert closing.busy()
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    asked.answer()
    assert (closing.busy(), closing.in_between()) == (False, False)
    rig.check()


def test_a_pickup_that_takes_too_long_is_refused_and_its_phone_stops(
    rig: Rig, closing: Closing
) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    closing.give_up()
    refusal = asked.refusal()
    assert (refusal.http, refusal.error) == (503, "draining")
    rig.control.answer(f"uuid_kill {leg}")
    rig.job(next(sent for sent in line.sent if "originate" in sent), "-ERR NORMAL_CLEARING")
    assert not closing.in_between()
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_a_claim_that_is_being_put_on_record_is_undone(rig: Rig, closing: Closing) -> None:
    line = rig.connects(CALLER)
    rig.database.hold()
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    wait_until(lambda: rig.database.held() >= 1, "no claim was made")
    closing.give_up()
    rig.database.let_go()
    assert asked.refusal().error == "draining"
    assert (rig.place(), line.heard("originate")) == ("queue", 0)
    rig.check()


def test_a_number_being_dialled_is_stopped(rig: Rig, closing: Closing) -> None:
    uuid, leg = rig.dial()
    assert closing.busy()
    closing.give_up()
    rig.lines[leg].answer(f"uuid_kill {uuid}")
    rig.job(rig.dialled, "-ERR ORIGINATOR_CANCEL")
    assert rig.place(uuid) == "ended ORIGINATOR_CANCEL"
    closing.let_go()
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    assert not closing.in_between()


def test_a_phone_that_rings_for_an_originate_is_stopped(rig: Rig, closing: Closing) -> None:
    asked = rig.ask(ANN, "call/originate", extension="1142")
    leg = rig.rings(rig.control)
    closing.give_up()
    assert asked.refusal().error == "draining"
    assert rig.control.heard(f"uuid_kill {leg}") >= 1
    assert rig.board.calls == {}


def test_a_leg_nobody_speaks_on_is_hung_up_and_the_call_on_hold_stays_hers(
    rig: Rig, closing: Closing
) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    assert closing.in_between()
    closing.let_go()
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    assert not closing.in_between()
    assert rig.place() == "ann parked"
    rig.check()


def test_a_conversation_is_not_touched(rig: Rig, closing: Closing) -> None:
    line = rig.connects(CALLER)
    leg = rig.talk()
    sent = [len(one.sent) for one in (line, rig.lines[leg], rig.control)]
    closing.give_up()
    closing.let_go()
    assert [len(one.sent) for one in (line, rig.lines[leg], rig.control)] == sent
    assert rig.live().state is State.SPEAKING


def test_a_freeswitch_that_is_away_is_not_waited_for(rig: Rig, closing: Closing) -> None:
    line = rig.connects(CALLER)
    rig.ask(ANN, "call/pickup", call_id=CALLER)
    rig.rings(line)
    rig.switch_goes()
    assert not closing.busy()
    closing.give_up()


def test_who_arrives_in_a_drain_goes_back_to_the_dialplan_at_once(rig: Rig) -> None:
    rig.parts.context.drain.begin()
    line = rig.connects(CALLER)
    assert line.sent == ["exit"]
    assert (rig.board.calls, rig.events()) == ({}, [])
