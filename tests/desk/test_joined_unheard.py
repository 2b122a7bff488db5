"""A connection breaks as FreeSWITCH joins two, or after: whom it joined speak, and are left alone.

FreeSWITCH tells of a bridge on one connection only (freeswitch.md §2), so it is looked at.
"""

from __future__ import annotations

import pytest

from tests.desk.fakes import ANN, CALLER, Asked, Rig, channel

SOON = 0.35


def customer(partner: str, uuid: str = CALLER) -> dict[str, str]:
    return channel(uuid, partner, fsapp_state="speaking", fsapp_owner="ann")


def leg(partner: str, uuid: str) -> dict[str, str]:
    return channel(uuid, partner, fsapp_agent="ann", fsapp_call=CALLER)


def broken(rig: Rig) -> tuple[Asked, str]:
    """FreeSWITCH is told to join the caller with Ann's leg, and her connection breaks."""
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    own = rig.rings(line)
    rig.answers(own)
    line.expect(f"uuid_bridge {CALLER} {own}")
    rig.lost(line)
    rig.clock.advance(SOON)
    return asked, own


def test_a_pickup_whose_bridge_nobody_told_of_is_done(rig: Rig) -> None:
    asked, own = broken(rig)
    rig._shows([customer(own), leg(CALLER, own)])
    assert asked.answer()["call"]["state"] == "speaking"
    assert rig.place() == "ann speaking"
    rig.clock.advance(10.0)
    assert rig.control.heard("uuid_kill") == 0
    rig.check()


def test_a_bridge_that_has_not_come_is_not_taken_for_one(rig: Rig) -> None:
    asked, own = broken(rig)
    rig._shows([customer(""), leg("", own)])
    assert not asked.over()
    line = rig.returns()
    line.answer(f"uuid_bridge {CALLER} {own}")
    rig.bridged(CALLER, own)
    asked.answer()
    rig.check()


@pytest.mark.parametrize("lost", ["source", "destination", "both"])
def test_a_transfer_whose_bridge_nobody_told_of_is_done(rig: Rig, lost: str) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    source = rig.park(own)
    callee, _ = rig.speak_outbound(leg=own)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    source.expect(f"uuid_bridge {CALLER} {callee}")
    for uuid, side in ((CALLER, "source"), (callee, "destination")):
        if lost in (side, "both"):
            rig.lost(rig.lines[uuid])
    rig.clock.advance(SOON)
    rig._shows([customer(callee), customer(CALLER, callee)])
    asked.answer()
    assert rig.place() == rig.place(callee) == "nobody transferred"
    rig.control.expect(f"uuid_kill {own}")
    rig.happens(own, "CHANNEL_HANGUP", cause="NORMAL_CLEARING")
    rig.check()


def test_a_conversation_is_not_taken_apart_because_her_leg_has_its_connection(rig: Rig) -> None:
    line = rig.connects(CALLER)
    own = rig.talk()
    rig.lost(line)
    rig.switch_goes()
    rig.switch_comes()
    there = customer(own), leg(CALLER, own)
    rig.sees(*there)
    for _ in range(3):
        rig.clock.advance(5.0)
        if rig.control.heard("show channels") > 2:
            rig._shows(there)
    assert rig.control.heard("uuid_transfer") == 0
    assert rig.place() == "ann speaking"
    rig.check()


def test_who_was_not_fetched_after_all_hears_music_again(rig: Rig) -> None:
    """The command was lost with the control connection, and nobody is joined with her."""
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    own = rig.rings(line)
    rig.lost(line)
    rig.switch_goes()
    rig.switch_comes()
    rig.sees(channel(CALLER, fsapp_state="transferring", socket_resume="true"))
    rig.control.expect(f"uuid_transfer {CALLER}")
    rig.answers(own)
    line = rig.connects(CALLER, "fsapp_return", {"fsapp_fetched": ""})
    rig.happens(own, "CHANNEL_HANGUP", cause="NORMAL_CLEARING")
    asked.refusal()
    assert line.heard("execute-app-name: playback") == 0, "she may still be taken away"
    rig.clock.advance(5.0)
    assert line.heard("execute-app-name: playback") == 1
    assert rig.place() == "queue"
    rig.check()
