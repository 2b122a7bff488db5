"""Whoever FreeSWITCH takes out of a conversation and joins with nobody is not left in silence.

A transfer whose source hangs up just then leaves the destination in CS_RESET and her agent's leg
parked (measured); who hears of that depends on the connections that are still there.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, FakeConnection, Rig, channel

SPEAKS = {"fsapp_state": "speaking", "fsapp_owner": "ann"}


def customer(partner: str = "", uuid: str = CALLER, **variables: str) -> dict[str, str]:
    return channel(uuid, partner, **{"fsapp_state": "queued", "socket_resume": "true", **variables})


def spoken_to(callee: str, partner: str = "") -> dict[str, str]:
    return customer(partner, callee, fsapp_call=callee, **SPEAKS)


def leg(uuid: str, partner: str = "", agent: str = "ann") -> dict[str, str]:
    return channel(uuid, partner, fsapp_agent=agent, fsapp_call="x")


def looked_at(rig: Rig, seconds: float, *there: dict[str, str]) -> None:
    """Time passes; whenever FreeSWITCH is asked for its channels, it has these."""
    shown = rig.control.heard("show channels")
    for _ in range(int(seconds * 2)):
        rig.clock.advance(0.5)
        while rig.control.heard("show channels") > shown:
            rig._shows(there)
            shown += 1


def consulted(rig: Rig) -> tuple[FakeConnection, str, str]:
    """Ann has put the caller on hold and speaks with somebody she has dialled: the caller's
    connection, the callee and Ann's leg."""
    rig.connects(CALLER)
    own = rig.talk()
    source = rig.park(own)
    callee, _ = rig.speak_outbound(leg=own)
    return source, callee, own


def restarted(rig: Rig) -> tuple[FakeConnection, str, str]:
    """The same, after a crash: the callee and the leg have no connections any more."""
    _, callee, own = consulted(rig)
    rig.crashes()
    source = rig.returns()
    rig.sees(spoken_to(callee, own), leg(own, callee))
    return source, callee, own


def torn(rig: Rig, callee: str, leaves: Callable[[], None]) -> None:
    """FreeSWITCH is told of the transfer, the leg ``leaves`` its conversation, the source hangs up:
    nothing comes of it."""
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {callee}")
    leaves()
    rig.hangs_up(CALLER)
    asked.refusal()


def parked_by_control(rig: Rig, own: str) -> None:
    """The leg, which has no connection, has come out of its bridge."""
    rig.told_by_control(own, "CHANNEL_PARK", state="CS_PARK")


def rejoined(rig: Rig, callee: str, own: str) -> None:
    """The callee was fetched; she comes, and is joined with the leg."""
    rig.control.expect(f"uuid_transfer {callee}")
    line = rig.returns(callee)
    line.answer(f"uuid_bridge {callee} {own}")
    rig.bridged(callee, own)
    assert rig.place(callee) == "ann speaking"
    rig.check()


def test_after_a_restart_the_two_are_joined_again(rig: Rig) -> None:
    _, callee, own = restarted(rig)
    torn(rig, callee, lambda: parked_by_control(rig, own))
    rejoined(rig, callee, own)


def test_when_the_callees_connection_is_lost_they_are_joined_again(rig: Rig) -> None:
    _, callee, own = consulted(rig)
    rig.lost(rig.lines[callee])
    rig.clock.advance(6)
    torn(rig, callee, lambda: rig.parks(own))
    rejoined(rig, callee, own)


def test_when_her_legs_connection_is_lost_the_control_connection_tells_of_it(rig: Rig) -> None:
    _, callee, own = consulted(rig)
    rig.lost(rig.lines[own])
    rig.clock.advance(3)
    torn(rig, callee, lambda: None)
    before = rig.sent(f"uuid_bridge {callee} {own}")
    parked_by_control(rig, own)
    assert rig.sent(f"uuid_bridge {callee} {own}") == before + 1


def test_who_could_not_be_fetched_is_fetched_once_more(rig: Rig) -> None:
    _, callee, own = restarted(rig)
    torn(rig, callee, lambda: parked_by_control(rig, own))
    looked_at(rig, 40, spoken_to(callee), leg(own))
    assert rig.sent(f"uuid_transfer {callee}") == 2


def test_a_transfer_told_of_too_late_leaves_each_where_the_record_says(rig: Rig) -> None:
    source, callee, own = restarted(rig)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    source.expect(f"uuid_bridge {CALLER} {callee}")
    rig.clock.advance(OPTIONS.switch_timeout)
    assert asked.refusal().http == 504
    rig.bridged(CALLER, callee)
    parked_by_control(rig, own)
    assert rig.place() == "ann parked"
    rejoined(rig, callee, own)


def test_a_transfer_is_on_record_of_both_or_of_neither(rig: Rig) -> None:
    """Her leg has left for it; then all connections break, and FreeSWITCH is away for a while."""
    source, callee, own = consulted(rig)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    source.expect(f"uuid_bridge {CALLER} {callee}")
    rig.parks(own)
    for line in (rig.lines[callee], source, rig.lines[own]):
        rig.lost(line)
    rig.switch_goes()
    rig.clock.advance(OPTIONS.switch_timeout + 1)
    asked.refusal()
    rig.switch_comes()
    there = customer(callee, **SPEAKS), spoken_to(callee, CALLER), leg(own)
    rig.sees(*there)
    looked_at(rig, 30, *there)
    assert rig.place() == rig.place(callee) == "nobody transferred"


def test_nor_is_half_of_one_written_while_something_is_done_to_the_other(rig: Rig) -> None:
    """FreeSWITCH has joined the two late, and Ann puts the callee on hold, as she thinks."""
    source, callee, own = consulted(rig)
    rig.lost(source)
    parking = rig.ask(ANN, "call/park", call_id=callee)
    rig.lines[callee].expect(f"uuid_transfer {callee} fsapp_return")
    rig.lost(rig.lines[callee])
    rig.switch_goes()
    rig.switch_comes()
    rig.sees(customer(callee, **SPEAKS), spoken_to(callee, CALLER), leg(own))
    assert (rig.place(), rig.place(callee)) == ("ann parked", "ann speaking")
    rig.returns(callee)
    rig.parks(own)
    parking.answer()


@pytest.mark.parametrize("first", ["she", "the look"])
def test_who_comes_back_by_herself_speaks_on_with_the_leg_that_is_up(rig: Rig, first: str) -> None:
    """The cause on her channel is the source's, not her agent's."""
    _, callee, own = consulted(rig)
    rig.crashes()
    rig.told_by_control(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    there = {**spoken_to(callee), "Channel-State": "CS_EXECUTE"}, leg(own)
    if first == "the look":
        rig.sees(*there)
    back = {**SPEAKS, "fsapp_call": callee, "last_bridge_hangup_cause": "NORMAL_CLEARING"}
    line = rig.connects(callee, "fsapp_return", back)
    if first == "she":
        rig.sees(*there)
    line.answer(f"uuid_getvar {own} hangup_cause", "_undef_")
    line.answer(f"uuid_bridge {callee} {own}")
    rig.bridged(callee, own)
    assert rig.place(callee) == "ann speaking"
    assert rig.sent(f"uuid_kill {callee}") == 0
    rig.check()


def test_a_look_that_is_refused_is_repeated(rig: Rig) -> None:
    _, callee, own = consulted(rig)
    rig.crashes()
    rig.told_by_control(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    there = spoken_to(callee), leg(own)
    rig.sees(*there)
    rig.clock.advance(5)
    rig.control.answer("show channels as json", "-ERR busy")
    looked_at(rig, 15, *there)
    assert rig.sent(f"uuid_transfer {callee}") == 1


def test_who_is_seen_apart_for_the_first_time_may_just_be_being_joined(rig: Rig) -> None:
    _, callee, own = consulted(rig)
    rig.connects("other")
    bobs = rig.talk(BOB, "other")
    rig.crashes()
    rig.told_by_control(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    torn = spoken_to(callee), leg(own)
    with_bob = {"fsapp_state": "speaking", "fsapp_owner": "bob"}
    rig.sees(*torn, customer(bobs, "other", **with_bob), leg(bobs, "other", "bob"))
    rig.clock.advance(5)
    rig._shows([*torn, customer("", "other", **with_bob), leg(bobs, agent="bob")])
    assert rig.sent(f"uuid_transfer {callee}") == 1
    assert rig.sent("uuid_transfer other") == 0


def test_who_is_on_her_way_for_long_is_not_sent_back_to_its_beginning(rig: Rig) -> None:
    """The example configuration waits ten seconds in each pass of its context ``default``."""
    rig.connects(CALLER)
    rig.crashes()
    there = {**customer(), "Channel-State": "CS_EXECUTE"}
    rig.sees(there)
    looked_at(rig, 15, there)
    assert rig.sent(f"uuid_transfer {CALLER}") == 1
