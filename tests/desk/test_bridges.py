"""Joining caller and leg: refused, late, lost, doubled; the caller is always in one place."""

from __future__ import annotations

import pytest

from tests.desk.fakes import A_WORD, ANN, CALLER, OPTIONS, Asked, FakeConnection, Rig


def being_joined(rig: Rig) -> tuple[Asked, FakeConnection, str]:
    """Up to the bridge command: the request, the caller's connection, the leg."""
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    return asked, line, leg


def test_before_the_bridge_the_call_is_made_to_survive_us(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.answer("api uuid_bridge ")
    prepared = next(sent for sent in line.sent if "socket_resume=false" in sent)
    assert "transfer_after_bridge=fsapp_return:XML:public" in prepared
    assert "uuid_bridge_continue_on_cancel=true" in prepared
    assert line.sent.index(prepared) < line.sent.index(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    asked.answer()


def test_a_bridge_told_twice_is_one(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    rig.bridged(CALLER, leg)
    asked.answer()
    assert rig.events().count("call_state") == 1
    rig.check()


def test_a_bridge_told_before_the_command_is_answered_counts(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.expect("api uuid_setvar_multi caller socket_resume=false")
    rig.bridged(CALLER, leg)
    asked.answer()
    line.answer("api uuid_bridge ")
    rig.check()


def test_a_bridge_with_somebody_else_is_not_ours(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.answer("api uuid_bridge ")
    rig.bridged(CALLER, "stranger")
    assert not asked.over()
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.check()


def test_a_bridge_that_never_comes_leaves_the_caller_in_her_place(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.answer("api uuid_bridge ")
    rig.clock.advance(OPTIONS.switch_timeout)
    assert asked.refusal().http == 504
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    line.expect(f"uuid_transfer {CALLER} 'set:fsapp_fetched")
    line.expect("exit")
    assert line.heard("playback") == 1, "she may be joined: music would play inside the bridge"
    assert rig.returns().heard("playback") == 1
    rig.check()


def test_a_bridge_that_comes_too_late_ends_with_the_caller_in_the_queue(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.answer("api uuid_bridge ")
    rig.clock.advance(OPTIONS.switch_timeout)
    asked.refusal()
    rig.bridged(CALLER, leg)
    rig.hangs_up(leg)
    new = rig.returns()
    assert new.heard("playback") == 1
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_a_bridge_refused_because_the_leg_is_gone_leaves_the_caller_queued(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.answer("api uuid_bridge ", "-ERR Invalid uuid")
    line.answer(f"uuid_exists {CALLER}", "true")
    assert asked.refusal().http == 409
    rig.hangs_up(leg, "NORMAL_TEMPORARY_FAILURE")
    assert (rig.place(), rig.agent_state()) == ("queue", "idle")
    rig.check()


def test_a_bridge_refused_because_the_caller_is_gone_is_a_404(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    line.answer("api uuid_bridge ", "-ERR Invalid uuid")
    line.answer(f"uuid_exists {CALLER}", "false")
    assert not asked.over()
    rig.hangs_up(CALLER)
    assert asked.refusal().http == 404
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    rig.check()


def test_a_refusal_that_comes_after_the_leg_is_known_to_be_gone_means_nothing(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    rig.hangs_up(leg, "MEDIA_TIMEOUT")
    assert asked.refusal().description == "user/1101: MEDIA_TIMEOUT"
    line.answer("api uuid_bridge ", "-ERR Invalid uuid")
    assert rig.place() == "queue"
    rig.check()


def test_a_reply_lost_with_the_connection_is_made_good_on_the_next(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    rig.lost(line)
    new = rig.returns()
    new.answer("api uuid_bridge ")
    rig.bridged(CALLER, leg)
    asked.answer()
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_reply_lost_and_nobody_coming_back_is_given_up(rig: Rig) -> None:
    asked, line, leg = being_joined(rig)
    rig.lost(line)
    rig.clock.advance(OPTIONS.switch_timeout)
    rig.control.answer(f"uuid_getvar {CALLER} signal_bond", "-ERR No such channel!")
    assert asked.refusal().http == 504
    rig.hangs_up(leg)
    rig.clock.advance(3)
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    assert rig.place().startswith("ended")
    assert rig.agent_state() == "idle"
    rig.check()


def test_the_limit_of_an_earlier_bridge_does_not_cut_a_later_one_short(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    rig.clock.advance(OPTIONS.switch_timeout - A_WORD - 0.01)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    line.answer("api uuid_bridge ")
    rig.clock.advance(0.02)
    assert not asked.over()
    rig.bridged(CALLER, leg)
    asked.answer()
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_limit_that_passes_after_the_bridge_means_nothing(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.talk()
    rig.clock.advance(OPTIONS.switch_timeout * 3)
    assert rig.place() == "ann speaking"
    rig.check()


def test_an_unpark_whose_bridge_never_comes_keeps_the_call_parked(rig: Rig) -> None:
    """Her leg is rung anew once, because it may be gone unknown to us; then it is given up."""
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    line.answer("api uuid_bridge ")
    rig.clock.advance(OPTIONS.switch_timeout)
    again = rig.rings(line)
    rig.answers(again)
    line.answer(f"api uuid_bridge {CALLER} {again}")
    rig.clock.advance(OPTIONS.switch_timeout)
    assert asked.refusal().http == 504
    for gone in (leg, again):
        if gone in rig.board.legs:
            rig.hangs_up(gone)
    rig.returns()
    assert rig.place() == "ann parked"
    assert rig.hears() == "local_stream://park"
    rig.check()


@pytest.mark.parametrize("first", ["caller", "leg"])
def test_both_hanging_up_while_being_joined_frees_everybody(rig: Rig, first: str) -> None:
    asked, _line, leg = being_joined(rig)
    for uuid in (CALLER, leg) if first == "caller" else (leg, CALLER):
        rig.hangs_up(uuid)
    assert asked.refusal().http in (404, 409)
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    rig.check()
