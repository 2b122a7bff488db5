"""Agents' legs: rung, kept while of use, let go; late and doubled events change nothing."""

from __future__ import annotations

from typing import cast

from fsapp.desk.board import LegPhase
from fsapp.switch.connection import Connection
from tests.desk.fakes import ANN, CALLER, OPTIONS, Rig


def test_a_leg_that_stayed_is_released_when_it_was_idle_long_enough(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout - 0.1)
    assert rig.control.heard(f"uuid_kill {leg}") == 0
    rig.clock.advance(0.2)
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    assert (rig.place(), rig.agent_state()) == ("ann parked", "idle")
    rig.check()


def test_a_leg_that_is_used_again_is_not_released(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout - 1)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    line.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.clock.advance(OPTIONS.idle_timeout)
    assert rig.control.heard(f"uuid_kill {leg}") == 0
    rig.check()


def test_an_idle_leg_is_used_for_the_next_caller(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    line = rig.connects("other")
    asked = rig.ask(ANN, "call/pickup", call_id="other")
    line.answer(f"api uuid_bridge other {leg}")
    rig.bridged("other", leg)
    asked.answer()
    assert line.heard("bgapi originate") == 0
    rig.check()


def test_an_idle_leg_that_is_gone_unknown_to_us_is_rung_again(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    line = rig.connects("other")
    asked = rig.ask(ANN, "call/pickup", call_id="other")
    line.answer(f"api uuid_bridge other {leg}", "-ERR Invalid uuid")
    line.answer("uuid_exists other", "true")
    again = rig.rings(line)
    assert again != leg
    rig.answers(again)
    line.answer(f"api uuid_bridge other {again}")
    rig.bridged("other", again)
    asked.answer()
    rig.hangs_up(leg)
    assert rig.place("other") == "ann speaking"
    rig.check()


def test_a_leg_that_ends_twice_ends_once(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.hangs_up(leg)
    rig.hangs_up(leg)
    assert (rig.place(), rig.agent_state()) == ("ann parked", "idle")
    rig.check()


def test_a_leg_that_connects_again_is_followed_on_its_new_connection(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    old = rig.lines[leg]
    rig.answers(leg)
    rig.lost(old)
    rig.clock.advance(5)
    assert rig.on_line(leg, rig.lines[leg])
    assert rig.place() == "ann speaking"
    rig.check()


def test_the_result_of_a_ringing_that_was_answered_already_means_nothing(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    command = line.answer("bgapi originate")
    leg = command.partition("origination_uuid=")[2].partition(",")[0]
    rig.answers(leg)
    rig.job(command, f"+OK {leg}", on=line)
    rig.job(command, f"+OK {leg}", on=line)
    line.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.clock.advance(OPTIONS.ring_timeout + 5)
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_phone_that_is_refused_at_once_is_answered_at_once(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    line.answer("bgapi originate", "-ERR SUBSCRIBER_ABSENT")
    assert asked.refusal().description == "user/1101: SUBSCRIBER_ABSENT"
    assert rig.place() == "queue"
    rig.check()


def test_a_phone_answered_but_never_connecting_is_given_up(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    command = line.answer("bgapi originate")
    leg = command.partition("origination_uuid=")[2].partition(",")[0]
    rig.job(command, f"+OK {leg}", on=line)
    rig.clock.advance(OPTIONS.ring_timeout)
    rig.control.answer(f"uuid_kill {leg}")
    rig.clock.advance(5)
    assert asked.refusal().http == 409
    assert rig.control.heard(f"uuid_kill {leg}") == 1
    rig.check()


def test_a_release_that_is_refused_is_tried_again(rig: Rig) -> None:
    """The channel may be so new that FreeSWITCH does not know it yet."""
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.hangs_up(CALLER)
    asked.refusal()
    rig.control.answer(f"uuid_kill {leg}", "-ERR No such channel!")
    rig.clock.advance(0.1)
    rig.control.answer(f"uuid_kill {leg}")
    rig.answers(leg)
    rig.hangs_up(leg)
    rig.check()


def test_a_release_is_tried_again_only_while_the_leg_is_there(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout)
    rig.hangs_up(leg)
    rig.control.answer(f"uuid_kill {leg}", "-ERR No such channel!")
    rig.clock.advance(10)
    assert rig.control.heard(f"uuid_kill {leg}") == 1


def test_a_leg_taken_for_gone_is_hung_up_all_the_same(rig: Rig) -> None:
    """FreeSWITCH refuses to join her leg, which is there; and then, for once, to hang it up."""
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    line.answer(f"uuid_bridge {CALLER} {leg}", "-ERR refused")
    line.answer(f"uuid_exists {CALLER}", "true")
    rig.control.answer(f"uuid_kill {leg}", "-ERR refused")
    another = rig.rings(line)
    rig.clock.advance(0.1)
    rig.control.answer(f"uuid_kill {leg}")
    rig.answers(another)
    line.answer(f"uuid_bridge {CALLER} {another}")
    rig.bridged(CALLER, another)
    asked.answer()
    rig.check()


def test_a_release_whose_command_was_lost_goes_another_way(rig: Rig) -> None:
    """The control connection breaks; the leg has one of its own."""
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout)
    rig.control.expect(f"uuid_kill {leg}")
    rig.switch_goes()
    rig.clock.advance(1)
    rig.switch_comes()
    rig.clock.advance(10)
    assert rig.lines[leg].heard(f"uuid_kill {leg}") + rig.control.heard(f"uuid_kill {leg}") > 0


def test_a_release_that_was_lost_is_given_again_though_the_leg_is_forgotten(rig: Rig) -> None:
    with rig.board.turn() as turn:
        rig.parts.context.kill(turn, "forgotten", cast(Connection, rig.control))
    rig.control.expect("uuid_kill forgotten")
    rig.switch_goes()
    rig.clock.advance(1)
    rig.switch_comes()
    rig.clock.advance(2)
    rig.control.answer("uuid_kill forgotten")
    rig.clock.advance(10)
    assert rig.control.heard("uuid_kill forgotten") == 1


def test_an_idle_leg_whose_connection_is_lost_is_asked_about(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.lost(rig.lines[leg])
    rig.clock.advance(1)
    rig.control.answer(f"uuid_exists {leg}", "false")
    assert leg not in rig.board.legs
    assert rig.place() == "ann parked"
    rig.check()


def test_a_leg_parked_when_nobody_asked_for_it_is_idle(rig: Rig) -> None:
    """CHANNEL_PARK doubled: the second one finds the leg idle."""
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.parks(leg)
    assert rig.board.legs[leg].phase is LegPhase.IDLE
    rig.check()


def test_a_leg_told_to_be_parked_on_arrival_is_not_out_of_a_bridge(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.happens(leg, "CHANNEL_PARK", state="CS_EXECUTE")
    assert rig.board.legs[leg].phase is LegPhase.BRIDGED
    rig.check()


def test_what_a_caller_chose_as_her_name_cannot_become_a_command(rig: Rig) -> None:
    rig.connects(CALLER)
    call = rig.board.calls[CALLER].call
    rig.board.calls[CALLER].call = type(call)(
        **{
            **{name: getattr(call, name) for name in call.__slots__},
            "caller_name": "x,}{&park()'\"\\ \u2028;|",
            "caller_id": "',execute_on_answer=hangup",
        }
    )
    rig.ask(ANN, "call/pickup", call_id=CALLER)
    command = rig.lines[CALLER].answer("bgapi originate")
    inside = command.partition("{")[2].partition("}")[0]
    assert "execute_on_answer=" not in inside
    assert command.count("}") == 1
    leg = inside.partition("origination_uuid=")[2].partition(",")[0]
    rig.answers(leg)
    rig.bridged(CALLER, leg)
