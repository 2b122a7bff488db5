"""Channels that fell silent are asked about, and nobody is listed, owned or busy for ever."""

from __future__ import annotations

import pytest

from tests.desk.fakes import ANN, CALLER, OPTIONS, Rig


def test_a_caller_whose_connection_broke_and_who_is_gone_is_ended(rig: Rig) -> None:
    rig.lost(rig.connects(CALLER))
    rig.clock.advance(0.5)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert rig.place() == "ended NORMAL_UNSPECIFIED"
    rig.check()


def test_who_was_gone_before_she_was_known_ended_for_freeswitchs_cause(rig: Rig) -> None:
    rig.handler.missed(CALLER, "ORIGINATOR_CANCEL")
    line = rig.connects(CALLER)
    rig.happens(CALLER, "DISCONNECT_NOTICE")
    rig.clock.advance(0.5)
    line.answer(f"uuid_getvar {CALLER} hangup_cause", "-ERR No such channel!")
    assert rig.place() == "ended ORIGINATOR_CANCEL"
    rig.check()


def test_the_same_when_she_is_only_asked_about(rig: Rig) -> None:
    rig.handler.missed(CALLER, "ORIGINATOR_CANCEL")
    rig.lost(rig.connects(CALLER))
    rig.clock.advance(0.5)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert rig.place() == "ended ORIGINATOR_CANCEL"
    rig.check()


def test_one_who_is_still_there_is_asked_about_until_she_is_back(rig: Rig) -> None:
    rig.lost(rig.connects(CALLER))
    for _ in range(3):
        rig.clock.advance(2.5)
        rig.control.answer(f"uuid_exists {CALLER}", "true")
    rig.returns()
    rig.clock.advance(2.5)
    asked = rig.control.heard("uuid_exists")
    rig.clock.advance(20)
    assert rig.control.heard("uuid_exists") == asked
    assert rig.place() == "queue"
    rig.check()


@pytest.mark.parametrize("reply", ["-ERR", "", "true", "-ERR no reply"])
def test_only_a_clear_no_ends_a_call(rig: Rig, reply: str) -> None:
    rig.lost(rig.connects(CALLER))
    rig.clock.advance(0.5)
    rig.control.answer(f"uuid_exists {CALLER}", reply)
    assert rig.place() == "queue"


def test_who_waits_for_a_phone_is_told_when_freeswitch_stays_away(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    rig.rings(line)
    rig.switch_goes()
    rig.lost(line)
    rig.clock.advance(OPTIONS.switch_timeout - 0.1)
    assert not asked.over()
    rig.clock.advance(0.2)
    assert asked.refusal().http == 504
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.switch_comes()
    rig.clock.advance(2.5)
    rig.control.expect("uuid_kill")
    rig.check()


def test_who_waits_for_a_phone_waits_on_while_freeswitch_can_be_asked(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.lost(line)
    rig.clock.advance(OPTIONS.switch_timeout + 0.1)
    assert not asked.over()
    assert rig.place() == "ann transferring"
    rig.control.answer(f"uuid_exists {leg}", "false")
    assert asked.refusal().http == 409


def test_a_no_that_comes_after_she_is_back_means_nothing(rig: Rig) -> None:
    rig.lost(rig.connects(CALLER))
    rig.clock.advance(0.5)
    rig.returns()
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert rig.place() == "queue"
    rig.check()


def test_without_freeswitch_nobody_is_ended_and_all_are_asked_about_when_it_is_back(
    rig: Rig,
) -> None:
    lines = [rig.connects(name) for name in ("one", "two")]
    rig.switch_goes()
    for line in lines:
        rig.lost(line)
    rig.clock.advance(60)
    assert (rig.place("one"), rig.place("two")) == ("queue", "queue")
    rig.switch_comes()
    rig.clock.advance(2.5)
    rig.control.answer("uuid_exists one", "false")
    rig.control.answer("uuid_exists two", "true")
    assert (rig.place("one"), rig.place("two")) == ("ended NORMAL_UNSPECIFIED", "queue")


def test_a_question_lost_with_the_control_connection_is_asked_again(rig: Rig) -> None:
    rig.lost(rig.connects(CALLER))
    rig.clock.advance(0.5)
    rig.control.expect("uuid_exists")
    rig.switch_goes()
    rig.switch_comes()
    rig.clock.advance(2.5)
    rig.control.answer("uuid_exists", "false")
    assert rig.place().startswith("ended")
    rig.check()


def test_a_restart_of_freeswitch_in_conversation_frees_the_agent(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.switch_goes()
    for uuid in (CALLER, leg):
        rig.lost(rig.lines[uuid])
    rig.switch_comes()
    rig.clock.advance(0.5)
    for uuid in (CALLER, leg):
        rig.control.answer(f"uuid_exists {uuid}", "false")
    rig.clock.advance(5)
    assert rig.place().startswith("ended")
    assert rig.agent_state() == "idle"
    rig.check()


def test_the_notice_without_a_hangup_event_ends_the_call_with_its_cause(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.happens(CALLER, "DISCONNECT_NOTICE")
    assert rig.place() == "queue"
    rig.clock.advance(0.5)
    line.answer(f"uuid_getvar {CALLER} hangup_cause", "ORIGINATOR_CANCEL")
    assert rig.place() == "ended ORIGINATOR_CANCEL"
    rig.check()


@pytest.mark.parametrize("reply", ["_undef_", "-ERR No such channel!", "", "x y"])
def test_a_cause_nobody_can_tell_is_put_on_record_as_such(rig: Rig, reply: str) -> None:
    line = rig.connects(CALLER)
    rig.happens(CALLER, "DISCONNECT_NOTICE")
    rig.clock.advance(0.5)
    line.answer("uuid_getvar", reply)
    assert rig.place() == "ended NORMAL_UNSPECIFIED"


def test_the_connection_breaking_after_the_notice_ends_the_call(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.happens(CALLER, "DISCONNECT_NOTICE")
    rig.clock.advance(0.5)
    rig.lost(line)
    rig.clock.advance(3)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert rig.place().startswith("ended")
    rig.check()


def test_the_notice_with_its_hangup_event_asks_nothing(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.hangs_up(CALLER, "ORIGINATOR_CANCEL")
    rig.happens(CALLER, "DISCONNECT_NOTICE")
    rig.clock.advance(5)
    assert line.heard("uuid_getvar") == 0
    assert rig.place() == "ended ORIGINATOR_CANCEL"


def test_the_notice_on_a_connection_that_was_superseded_asks_nothing(rig: Rig) -> None:
    old = rig.connects(CALLER)
    rig.returns()
    old.superseded = False
    rig.happens(CALLER, "DISCONNECT_NOTICE", on=old)
    rig.clock.advance(5)
    assert old.heard("uuid_getvar") == 0
    assert rig.place() == "queue"


def test_a_leg_the_switch_no_longer_has_frees_its_agent(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.lost(rig.lines[leg])
    rig.clock.advance(0.5)
    rig.control.answer(f"uuid_exists {leg}", "false")
    rig.returns()
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_a_hangup_told_by_the_control_connection_is_enough(rig: Rig) -> None:
    """The channel's own connection may be gone by then."""
    rig.lost(rig.connects(CALLER))
    rig.happens(CALLER, "CHANNEL_HANGUP_COMPLETE", on=rig.control, cause="NORMAL_CLEARING")
    assert rig.place() == "ended NORMAL_CLEARING"
    rig.check()
