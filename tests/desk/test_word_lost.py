"""A command's reply, a result or an event that is lost with its connection has no victim."""

from __future__ import annotations

import re

import pytest

from fsapp.switch.connection import Connection
from tests.desk.fakes import ANN, CALLER, OPTIONS, Rig, channel

SPEAKS = {"fsapp_state": "speaking", "fsapp_owner": "ann"}


def test_a_number_refused_because_the_reply_was_lost_does_not_ring_later(rig: Rig) -> None:
    asked = rig.ask(ANN, "call/originate", extension="1142")
    line = rig.answers(rig.rings(rig.control))
    line.expect("bgapi originate")
    rig.lost(line)
    uuid = rig.control.answer("uuid_kill", "-ERR No such channel!").split()[2]
    assert asked.refusal().http == 503
    rig.clock.advance(0.1)
    assert rig.sent(f"uuid_kill {uuid}") == 2


def test_nor_does_an_agents_phone(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    found = re.search(r"origination_uuid=([^,]+)", line.expect("bgapi originate"))
    assert found is not None
    rig.lost(line)
    rig.control.answer(f"uuid_kill {found[1]}", "-ERR No such channel!")
    asked.refusal()
    rig.clock.advance(0.1)
    assert rig.sent(f"uuid_kill {found[1]}") == 2


def test_a_hangup_that_freeswitch_has_not_carried_out_is_not_done(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.crashes()
    there = channel(CALLER, own, **SPEAKS), channel(own, CALLER, fsapp_agent="ann", fsapp_call="x")
    rig.sees(*there)
    asked = rig.ask(ANN, "call/hangup")
    rig.control.expect(f"uuid_kill {CALLER}")
    rig.clock.advance(3.0)
    assert not asked.over()
    rig.control.answer(f"uuid_exists {CALLER}", "false")
    asked.answer()
    assert rig.place() == "ended NORMAL_CLEARING"


def answered(rig: Rig) -> tuple[str, str]:
    """A callee has answered, and FreeSWITCH says nothing of joining her in time."""
    uuid, own = rig.dial()
    rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid}).answer(f"uuid_bridge {uuid} {own}")
    rig.clock.advance(OPTIONS.switch_timeout)
    return uuid, own


def test_a_callee_whom_freeswitch_joined_slowly_speaks(rig: Rig) -> None:
    uuid, own = answered(rig)
    rig.lines[uuid].answer(f"uuid_getvar {uuid} signal_bond", own)
    assert rig.place(uuid) == "ann ringing", "the command has been taken; they are not joined yet"
    rig.bridged(uuid, own)
    assert rig.place(uuid) == "ann speaking"
    assert rig.sent(f"uuid_kill {uuid}") == 0
    rig.check()


def test_one_whom_it_was_to_join_and_never_did_is_joined_anew(rig: Rig) -> None:
    uuid, own = answered(rig)
    line = rig.lines[uuid]
    for _ in range(2):
        line.answer(f"uuid_getvar {uuid} signal_bond", own)
        rig.clock.advance(OPTIONS.switch_timeout)
    assert line.heard(f"uuid_bridge {uuid} {own}") == 2
    rig.bridged(uuid, own)
    assert rig.place(uuid) == "ann speaking"
    rig.check()


def overdue_unheard(rig: Rig) -> tuple[str, str]:
    """A callee who was to be joined as her connection broke, some time ago, and her agent's leg."""
    uuid, own = rig.dial()
    line = rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid})
    line.expect(f"uuid_bridge {uuid} {own}")
    rig.lost(line)
    rig.clock.advance(OPTIONS.switch_timeout)
    return uuid, own


def test_a_callee_joined_after_her_connection_broke_speaks(rig: Rig) -> None:
    """Only looked at before that: FreeSWITCH is asked once more when it is overdue."""
    uuid, own = overdue_unheard(rig)
    rig.control.answer(f"uuid_getvar {uuid} signal_bond", own)
    assert rig.place(uuid) == "ann speaking"
    assert rig.sent(f"uuid_kill {uuid}") == 0


def test_one_whom_it_did_not_join_is_joined_anew(rig: Rig) -> None:
    uuid, own = answered(rig)
    rig.lines[uuid].answer(f"uuid_getvar {uuid} signal_bond", "_undef_")
    rig.lines[uuid].answer(f"uuid_bridge {uuid} {own}")
    rig.bridged(uuid, own)
    assert rig.place(uuid) == "ann speaking"
    rig.check()


def test_a_question_about_it_that_is_lost_is_asked_again(rig: Rig) -> None:
    uuid, own = overdue_unheard(rig)
    rig.control.expect(f"uuid_getvar {uuid} signal_bond")
    rig.switch_goes()
    rig.switch_comes()
    rig.clock.advance(OPTIONS.switch_timeout)
    rig.control.answer(f"uuid_getvar {uuid} signal_bond", own)
    assert rig.place(uuid) == "ann speaking"


def test_but_not_for_ever(rig: Rig) -> None:
    uuid, own = answered(rig)
    line = rig.lines[uuid]
    for _ in range(2):
        line.answer(f"uuid_getvar {uuid} signal_bond", "_undef_")
        line.answer(f"uuid_bridge {uuid} {own}")
        rig.clock.advance(OPTIONS.switch_timeout)
    line.answer(f"uuid_getvar {uuid} signal_bond", "_undef_")
    line.expect(f"uuid_kill {uuid}")


def test_a_number_that_failed_ends_though_the_result_is_lost(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.lost(rig.lines[own])
    rig.told_by_control(uuid, "CHANNEL_HANGUP_COMPLETE", cause="USER_BUSY")
    rig.clock.advance(1.5)
    assert rig.place(uuid) == "ended USER_BUSY"


def test_a_leg_let_go_in_a_long_outage_is_hung_up_when_freeswitch_is_back(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    line = rig.lines[own]
    rig.switch_goes()
    rig.lost(line)
    rig.clock.advance(OPTIONS.idle_timeout + 30)
    rig.switch_comes()
    rig.sees(channel(own, fsapp_agent="ann", fsapp_call="x"))
    rig.control.expect(f"uuid_kill {own}")


class Flickering:
    """A control connection that goes between the first look at it and the next."""

    failure = "FreeSWITCH is away"

    def __init__(self, connection: Connection) -> None:
        self._looks = [connection]

    @property
    def connection(self) -> Connection | None:
        return self._looks.pop() if self._looks else None


def test_an_unpark_is_answered_when_freeswitch_goes_midway(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.connects(CALLER)
    rig.lost(rig.park(rig.talk()))
    context = rig.parts.context
    monkeypatch.setattr(rig.desk, "_wait_for_first_look", lambda _verb: None)
    monkeypatch.setattr(context, "control", Flickering(rig.control))  # type: ignore[arg-type]
    assert rig.ask(ANN, "call/unpark", call_id=CALLER).refusal().http == 503
    monkeypatch.undo()
    assert rig.board.agents["ann"].request is None
