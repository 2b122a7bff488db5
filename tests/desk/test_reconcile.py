"""After a crash FreeSWITCH is believed: what it has is taken in, and nothing of it taken apart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from fsapp.calls.call import State
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, Asked, FakeConnection, Rig, channel

LEG = "leg"
LOST = ("answered_at", "bridged_at", "waited")
"""What a channel does not tell, or only FreeSWITCH's own."""


def leg(partner: str = "", agent: str = "ann", uuid: str = LEG, **facts: bool) -> dict[str, str]:
    return channel(uuid, partner, fsapp_agent=agent, fsapp_call="x", **facts)  # type: ignore[arg-type]


def customer(partner: str = "", uuid: str = CALLER, **variables: str) -> dict[str, str]:
    return channel(uuid, partner, **{"fsapp_state": "queued", "socket_resume": "true", **variables})


FETCH = f"uuid_transfer {CALLER} 'set:fsapp_fetched="


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """`said()`: what the log says was found, and done, look by look."""
    caplog.set_level(logging.INFO, "fsapp.desk.comparison")
    told = "looked at what FreeSWITCH has: "
    return lambda: [line.removeprefix(told) for line in caplog.messages if line.startswith(told)]


Said = Callable[[], list[str]]


def claimed(rig: Rig) -> None:
    """Ann's phone rings for the caller, who is claimed on record."""
    line = rig.connects(CALLER)
    rig.ask(ANN, "call/pickup", call_id=CALLER)
    line.expect("bgapi originate")


def test_a_claim_that_had_become_a_conversation_is_one(rig: Rig) -> None:
    claimed(rig)
    rig.crashes()
    rig.sees(customer(LEG, fsapp_state="speaking", fsapp_owner="ann"), leg(CALLER))
    assert rig.place() == "ann speaking"
    assert rig.live().b_leg == LEG
    rig.control.expect(f"uuid_setvar_multi {CALLER} socket_resume=false")
    rig.control.expect(f"uuid_setvar_multi {LEG} park_after_bridge=")
    rig.check()


def test_a_conversation_that_had_just_begun_has_freeswitchs_time(rig: Rig) -> None:
    claimed(rig)
    rig.crashes()
    since = int(rig.clock.now()) - 7
    joined = customer(LEG, fsapp_state="speaking", fsapp_owner="ann")
    rig.sees({**joined, "Caller-Channel-Bridged-Time": f"{since}000000"}, leg(CALLER))
    assert rig.live().bridged_at == since
    rig.check()


def test_a_number_that_answered_while_nobody_looked_has_freeswitchs_times(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.crashes()
    answered, bridged = int(rig.clock.now()) - 9, int(rig.clock.now()) - 8
    joined = customer(own, uuid, fsapp_call=uuid, fsapp_state="speaking", fsapp_owner="ann")
    times = {
        "Caller-Channel-Answered-Time": f"{answered}000000",
        "Caller-Channel-Bridged-Time": f"{bridged}000000",
    }
    rig.sees({**joined, **times}, leg(uuid, uuid=own))
    assert (rig.live(uuid).answered_at, rig.live(uuid).bridged_at) == (answered, bridged)
    rig.check()


def test_a_claim_whose_phone_still_rings_is_undone_and_the_phone_stops(
    rig: Rig, said: Said
) -> None:
    claimed(rig)
    rig.crashes()
    assert rig.place() == "ann transferring", "nothing is undone before FreeSWITCH was looked at"
    rig.sees(customer(), leg(answered=False), whole=False)
    assert rig.place() == "queue"
    assert said() == ["1 legs released, 1 pickups undone"]
    rig.control.expect(f"uuid_kill {LEG}")
    assert rig.control.heard("uuid_transfer") == 0, "not fetched while her old connection lives on"
    rig.returns()
    rig.check()


def test_a_caller_back_before_anybody_looked_is_queued_again(rig: Rig) -> None:
    claimed(rig)
    rig.crashes()
    rig.returns()
    assert rig.place() == "queue"
    rig.sees(customer())
    rig.check()


def test_who_waits_is_fetched_once(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.crashes()
    rig.sees(customer())
    rig.control.expect(f"uuid_setvar_multi {CALLER} fsapp_attempts=")
    rig.control.expect(FETCH)
    rig.clock.advance(15)
    assert rig.control.heard("uuid_transfer") == 1, "sent once more she would begin her way anew"
    rig.looks_again(customer())
    assert rig.control.heard("uuid_transfer") == 2, "and again when she has not come for long"
    rig.returns()
    rig.clock.advance(30)
    assert rig.control.heard("uuid_transfer") == 2
    rig.check()


def joined_as_she_comes(rig: Rig) -> tuple[Asked, FakeConnection, str]:
    """She is fetched, and has come by herself; Ann picks her up, and her phone is answered."""
    rig.connects(CALLER)
    rig.crashes()
    rig.sees(customer())
    line = rig.connects(CALLER, "fsapp_return", {"fsapp_fetched": ""})
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    own = rig.rings(line)
    rig.answers(own)
    assert line.heard("uuid_bridge") == 0, "she will be taken away from here once more"
    return asked, line, own


def test_who_comes_by_herself_as_she_is_fetched_is_joined_once_she_comes_for_that(
    rig: Rig,
) -> None:
    asked, first, own = joined_as_she_comes(rig)
    line = rig.returns()
    line.answer(f"uuid_bridge {CALLER} {own}")
    rig.bridged(CALLER, own)
    asked.answer()
    assert first.heard("uuid_bridge") == 0
    rig.check()


@pytest.mark.parametrize("refused", [True, False])
def test_who_was_not_taken_away_by_the_fetch_is_joined_where_she_is(
    rig: Rig, refused: bool
) -> None:
    asked, line, own = joined_as_she_comes(rig)
    if refused:
        rig.control.answer(FETCH, "-ERR No such channel!")
    else:
        rig.clock.advance(5)
    line.answer(f"uuid_bridge {CALLER} {own}")
    rig.bridged(CALLER, own)
    asked.answer()
    rig.check()


def test_a_callee_who_comes_by_herself_as_she_is_fetched_is_joined_once(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.crashes()
    known = {"fsapp_call": uuid, "fsapp_state": "ringing", "fsapp_owner": "ann"}
    rig.sees(channel(uuid, **known), leg(uuid=own))
    rig.answers(own)
    first = rig.connects(uuid, "fsapp_return", {**known, "fsapp_fetched": ""})
    line = rig.connects(uuid, "fsapp_return", known)
    line.answer(f"uuid_bridge {uuid} {own}")
    rig.bridged(uuid, own)
    assert first.heard("uuid_bridge") == 0
    assert rig.place(uuid) == "ann speaking"
    rig.check()


def test_a_conversation_that_goes_on_can_be_parked_and_her_leg_comes_back(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.crashes()
    rig.sees(customer(own, fsapp_state="speaking"), leg(CALLER, uuid=own))
    parking = rig.ask(ANN, "call/park")
    rig.control.expect(f"uuid_transfer {CALLER} fsapp_return")
    rig.returns()
    rig.told_by_control(own, "CHANNEL_PARK", state="CS_PARK")
    rig.control.expect(f"uuid_transfer {own} 'socket:{OPTIONS.advertise} async full' inline")
    assert not parking.over()
    rig.answers(own)
    parking.answer()
    assert rig.place() == "ann parked"
    taking = rig.ask(ANN, "call/unpark", call_id=CALLER)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {own}")
    rig.bridged(CALLER, own)
    taking.answer()
    rig.check()


def test_a_park_of_which_only_the_channel_tells_is_a_park(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.crashes()
    since = int(rig.clock.now()) - 4
    kept = {"fsapp_state": "parked", "fsapp_owner": "ann", "fsapp_parked_at": str(since)}
    rig.connects(CALLER, "fsapp_return", kept)
    assert (rig.place(), rig.live().parked_at) == ("ann parked", since)
    rig.clock.advance(1.5)
    rig.control.expect(f"uuid_transfer {own} 'socket:")
    rig.answers(own)
    rig.check()


def test_since_when_she_is_on_hold_stands_on_the_channel_with_the_park_itself(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    line, since = rig.lines[CALLER], int(rig.clock.now())
    rig.park(own)
    (sent,) = (text for text in line.sent if "fsapp_state=parked" in text)
    assert f"fsapp_parked_at={since}" in sent
    rig.check()


@pytest.mark.parametrize(
    ("cause", "place"),
    [("NORMAL_CLEARING", "ann speaking"), ("MEDIA_TIMEOUT", "queue"), ("", "queue")],
)
def test_what_ended_the_conversation_is_read_from_the_channel(
    rig: Rig, cause: str, place: str
) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.crashes()
    line = rig.connects(CALLER, "fsapp_return", {"last_bridge_hangup_cause": cause})
    if cause:
        line.answer(f"uuid_getvar {own} hangup_cause", "-ERR No such channel!")
    rig.clock.advance(2.5)
    assert rig.place() == place
    if cause == "NORMAL_CLEARING":
        line.expect(f"uuid_kill {CALLER}")
        rig.hangs_up(CALLER)
    rig.clock.advance(1)
    assert rig.agent_state() == "idle"


def test_an_idle_leg_is_brought_back_for_who_has_a_call_on_hold(rig: Rig, said: Said) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    rig.crashes()
    rig.returns()
    rig.sees(leg(uuid=own), whole=False)
    assert said() == ["1 legs brought back"]
    rig.control.expect(f"uuid_transfer {own} 'socket:")
    taking = rig.ask(ANN, "call/unpark", call_id=CALLER)
    rig.answers(own)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {own}")
    rig.bridged(CALLER, own)
    taking.answer()
    rig.check()


def test_a_leg_that_does_not_come_back_is_released_and_the_phone_rung(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    rig.crashes()
    rig.returns()
    rig.sees(leg(uuid=own))
    taking = rig.ask(ANN, "call/unpark", call_id=CALLER)
    rig.clock.advance(4)
    rig.control.answer(f"uuid_kill {own}")
    rig.told_by_control(own, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    new = rig.rings(rig.lines[CALLER])
    rig.answers(new)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {new}")
    rig.bridged(CALLER, new)
    taking.answer()
    rig.check()


def test_a_leg_that_nobody_needs_is_released_once_all_is_seen(rig: Rig, said: Said) -> None:
    rig.crashes()
    rig.sees(leg(), whole=False)
    assert (rig.control.heard("uuid_kill"), said()) == (0, [])
    rig.clock.advance(0.35)
    rig._shows([leg()])
    rig.control.expect(f"uuid_kill {LEG}")
    assert said() == ["1 legs released"]
    rig.check()


def test_an_outbound_call_that_rings_is_joined_with_the_leg_that_waited(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.crashes()
    callee = channel(uuid, answered=False, fsapp_call=uuid, fsapp_state="ringing")
    rig.sees(callee, leg(uuid=own))
    assert rig.place(uuid) == "ann ringing"
    assert rig.answers(own).heard(OPTIONS.ringback) == 1, "she hears again that it rings"
    rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid})
    rig.lines[uuid].answer(f"uuid_bridge {uuid} {own}")
    rig.bridged(uuid, own)
    assert rig.place(uuid) == "ann speaking"
    rig.check()


def test_a_callee_who_answered_before_anybody_looked_waits_for_the_leg(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.crashes()
    line = rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid})
    assert line.heard("uuid_kill") == 0
    rig.sees(leg(uuid=own))
    rig.answers(own)
    line.answer(f"uuid_bridge {uuid} {own}")
    rig.bridged(uuid, own)
    assert rig.place(uuid) == "ann speaking"
    rig.check()


@pytest.mark.parametrize("back", [True, False])
def test_an_outbound_call_whose_agent_is_gone_is_hung_up(rig: Rig, back: bool) -> None:
    uuid, _ = rig.dial()
    rig.crashes()
    callee = channel(uuid, answered=False, fsapp_call=uuid, fsapp_state="ringing")
    way = rig.connects(uuid, "fsapp_return", {"fsapp_call": uuid}) if back else rig.control
    rig.sees(*([] if back else [callee]))
    way.expect(f"uuid_kill {uuid}")


def test_an_outbound_call_that_fails_afterwards_ends_with_its_cause(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.crashes()
    rig.sees(channel(uuid, answered=False, fsapp_call=uuid, fsapp_state="ringing"), leg(uuid=own))
    rig.answers(own)
    rig.told_by_control(uuid, "CHANNEL_HANGUP_COMPLETE", cause="USER_BUSY")
    assert rig.place(uuid) == "ended USER_BUSY"
    rig.check()


def test_a_transfer_that_nobody_wrote_down_is_one(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    uuid, _ = rig.speak_outbound(leg=own)
    rig.crashes()
    speaking = {"fsapp_state": "speaking", "fsapp_owner": "ann"}
    since = int(rig.clock.now()) - 3
    times = {"Caller-Channel-Bridged-Time": f"{since}000000"}
    rig.sees(
        {**customer(uuid, **speaking), **times},
        {**customer(CALLER, uuid, fsapp_call=uuid, **speaking), **times},
        leg(uuid=own),
    )
    assert (rig.place(), rig.place(uuid)) == ("nobody transferred", "nobody transferred")
    assert {rig.live().bridged_at, rig.live(uuid).bridged_at} == {since}
    rig.control.expect(f"uuid_setvar_multi {CALLER} hangup_after_bridge=true")
    rig.control.expect(f"uuid_setvar_multi {uuid} hangup_after_bridge=true")
    rig.control.answer(f"uuid_kill {own}")
    rig.told_by_control(own, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    assert rig.agent_state() == "idle"
    rig.check()


def ends_before_the_first_look(rig: Rig, leg_of_hers: str, state: str) -> None:
    """After the crash her leg's end is heard of first; her channel says what it is in."""
    rig.crashes()
    rig.told_by_control(leg_of_hers, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    assert rig.control.heard("uuid_kill") == 0
    rig.control.answer(f"uuid_getvar {CALLER} fsapp_state", state)


@pytest.mark.parametrize("state", ["parked", "transferred", "queued"])
def test_who_was_taken_out_of_her_conversation_just_before_the_crash_is_not_hung_up(
    rig: Rig, state: str
) -> None:
    """Her row still says speaking, and the leg ended because it was of no more use."""
    rig.connects(CALLER)
    own = rig.talk()
    ends_before_the_first_look(rig, own, state)
    assert rig.control.heard(f"uuid_kill {CALLER}") == 0
    hers = {"fsapp_state": state, "fsapp_owner": "ann"}
    rig.connects(CALLER, "fsapp_return", {**hers, "last_bridge_hangup_cause": ""})
    rig.clock.advance(10)
    wanted = {"parked": "ann parked", "transferred": "queue", "queued": "queue"}[state]
    assert rig.place() == wanted
    rig.check()


@pytest.mark.parametrize("state", ["speaking", "_undef_"])
def test_an_agent_who_hangs_up_right_after_the_crash_ends_her_call(rig: Rig, state: str) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    ends_before_the_first_look(rig, own, state)
    rig.control.expect(f"uuid_kill {CALLER}")


def test_who_cannot_be_asked_after_is_not_hung_up(rig: Rig) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    rig.crashes()
    rig.told_by_control(own, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    control = rig.control
    rig.switch_goes()
    assert control.heard("uuid_kill") == 0
    assert not rig.board.calls[CALLER].ending
    assert rig.live().state is State.SPEAKING


def given_up_and_joined_all_the_same(rig: Rig) -> str:
    """The bridge is not heard of in time, her leg is released by a command that is lost with the
    connection, and then both are seen to speak with each other; answers the leg."""
    line = rig.connects(CALLER)
    rig.ask(ANN, "call/pickup", call_id=CALLER)
    own = rig.rings(line)
    rig.answers(own)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {own}")
    rig.clock.advance(30)
    rig.control.expect(f"uuid_kill {own}")
    rig.switch_goes()
    rig.switch_comes()
    hers = {"fsapp_state": "speaking", "fsapp_owner": "ann"}
    for line in (rig.lines[CALLER], rig.lines[own]):
        rig.lost(line)
    rig.sees(customer(own, **hers), leg(CALLER, uuid=own))
    assert rig.place() == "ann speaking"
    return own


def test_a_leg_that_was_given_up_and_speaks_all_the_same_is_not_told_to_end_again(
    rig: Rig,
) -> None:
    own = given_up_and_joined_all_the_same(rig)
    rig.clock.advance(10)
    assert rig.control.heard(f"uuid_kill {own}") == 0
    assert rig.place() == "ann speaking"


def test_nor_is_its_end_taken_for_her_hanging_up(rig: Rig) -> None:
    """FreeSWITCH may have heard of it after all."""
    own = given_up_and_joined_all_the_same(rig)
    rig.told_by_control(own, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    assert rig.control.heard(f"uuid_kill {CALLER}") == 0
    rig.clock.advance(3)
    assert rig.place() == "queue"


def test_a_transfer_right_after_the_crash_whose_source_hangs_up_parts_nobody(rig: Rig) -> None:
    """The callee comes back from a bridge that has ended with the source's cause."""
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    callee, _ = rig.speak_outbound(leg=own)
    rig.crashes()
    source = rig.returns()
    speaking = {"fsapp_state": "speaking", "fsapp_owner": "ann", "fsapp_call": callee}
    rig.sees(customer(own, callee, **speaking), leg(callee, uuid=own))
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    source.answer(f"uuid_bridge {CALLER} {callee}")
    rig.told_by_control(own, "CHANNEL_PARK", state="CS_PARK")
    rig.hangs_up(CALLER)
    asked.refusal()
    line = rig.connects(callee, "fsapp_return", {"last_bridge_hangup_cause": "NORMAL_CLEARING"})
    line.answer(f"uuid_bridge {callee} {own}")
    rig.bridged(callee, own)
    assert rig.place(callee) == "ann speaking"
    rig.check()


def torn(rig: Rig) -> tuple[str, str]:
    """Killed in a transfer whose source hangs up just then: FreeSWITCH has taken the callee and
    Ann's leg apart, and both hear nothing. Who they are."""
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    callee, _ = rig.speak_outbound(leg=own)
    rig.crashes()
    rig.told_by_control(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    return callee, own


def alone(callee: str, own: str) -> list[dict[str, str]]:
    speaking = {"fsapp_state": "speaking", "fsapp_owner": "ann", "fsapp_call": callee}
    return [customer(uuid=callee, **speaking), leg(uuid=own)]


def test_two_who_spoke_and_stand_apart_are_joined_again(rig: Rig) -> None:
    callee, own = torn(rig)
    rig.sees(*alone(callee, own))
    assert rig.control.heard(f"uuid_transfer {callee}") == 0, "they may just be being joined"
    rig.clock.advance(5.0)
    rig._shows(alone(callee, own))
    rig.control.expect(f"uuid_transfer {callee}")
    ended = {"fsapp_fetched": rig.mark(callee), "last_bridge_hangup_cause": "NORMAL_CLEARING"}
    line = rig.connects(callee, "fsapp_return", ended)
    line.answer(f"uuid_bridge {callee} {own}")
    rig.bridged(callee, own)
    assert rig.place(callee) == "ann speaking"
    rig.check()


def test_who_was_just_being_joined_is_left_in_her_conversation(rig: Rig) -> None:
    callee, own = torn(rig)
    rig.sees(*alone(callee, own))
    rig.clock.advance(5.0)
    speaking = {"fsapp_state": "speaking", "fsapp_owner": "ann", "fsapp_call": callee}
    rig._shows([customer(own, callee, **speaking), leg(callee, uuid=own)])
    assert rig.control.heard(f"uuid_transfer {callee}") == 0
    assert rig.place(callee) == "ann speaking"


def test_who_stands_apart_from_a_leg_that_has_ended_is_first_in_the_queue(rig: Rig) -> None:
    callee, own = torn(rig)
    rig.sees(*alone(callee, own))
    rig.clock.advance(5.0)
    rig._shows(alone(callee, own)[:1])
    rig.returns(callee)
    rig.clock.advance(2.0)
    assert rig.place(callee) == "queue"


def test_who_was_led_elsewhere_from_her_conversation_is_left_there(rig: Rig) -> None:
    """By a phone's own transfer into a conference, say: she is in the dialplan, with others."""
    callee, own = torn(rig)
    elsewhere = [{**one, "Channel-State": "CS_EXECUTE"} for one in alone(callee, own)]
    rig.sees(*elsewhere)
    rig.clock.advance(30.0)
    assert rig.control.heard("show channels") == 2
    assert rig.control.heard(f"uuid_transfer {callee}") == 0


def test_who_was_sent_on_after_a_pickup_of_which_the_record_knows_more(rig: Rig) -> None:
    """The claim is on record; that its phone did not answer, and the overflow, are not."""
    claimed(rig)
    rig.crashes()
    elsewhere = channel("voicemail", CALLER, fsapp_app="")
    rig.sees(customer("voicemail", fsapp_state="", socket_resume="false"), elsewhere)
    assert rig.place() == "nobody transferred"
    rig.clock.advance(30)
    assert rig.control.heard("uuid_transfer") == 0
    rig.check()


@pytest.mark.parametrize("partner", ["", "voicemail"])
def test_who_was_sent_on_and_is_not_on_record_so_stays_where_she_is(
    rig: Rig, said: Said, partner: str
) -> None:
    """The app was killed before the overflow was written down."""
    rig.connects(CALLER)
    rig.crashes()
    rig.sees(customer(partner, fsapp_state="", socket_resume="false"))
    assert rig.place() == "nobody transferred"
    assert rig.live().overflowed_at is not None
    assert rig.control.heard("uuid_transfer") == 0
    assert said()[0] == "1 sent on, and not on record so"
    rig.check()


def test_a_row_older_than_the_conversation_is_corrected(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.crashes()
    rig.sees(customer(LEG, fsapp_state="speaking", fsapp_owner="bob"), leg(CALLER, "bob"))
    assert rig.place() == "bob speaking"
    told = [name for name in rig.events() if name != "agent_state"]
    assert told == ["call_offer", "queue_join", "queue_leave", "call_state"]
    assert rig.live().handled_by == ("bob",)
    assert rig.agent_state(BOB) == "speaking"
    rig.check()


def unparked_again(rig: Rig) -> tuple[str, FakeConnection]:
    """Ann has the caller on hold and speaks with another, on record; answers her leg."""
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    line = rig.connects("other")
    asked = rig.ask(ANN, "call/pickup", call_id="other")
    line.answer(f"uuid_bridge other {own}")
    rig.bridged("other", own)
    asked.answer()
    return own, line


@pytest.mark.parametrize(
    ("now", "place"), [("parked", "ann parked"), ("speaking", "queue"), ("", "ended")]
)
def test_who_was_left_for_the_one_she_speaks_with_makes_room(
    rig: Rig, now: str, place: str
) -> None:
    """She had left the other and taken the caller back, and nothing of that was written down."""
    own, _ = unparked_again(rig)
    rig.crashes()
    there = [customer(uuid="other", fsapp_state=now, fsapp_owner="ann")] if now else []
    rig.clock.advance(0)
    rig.control.answer("uuid_exists other", "true" if now else "false")
    rig.sees(
        customer(own, fsapp_state="speaking", fsapp_owner="ann"), leg(CALLER, uuid=own), *there
    )
    assert rig.place() == "ann speaking"
    assert rig.place("other").startswith(place)
    rig.clock.advance(3)
    assert rig.control.heard(f"uuid_kill {own}") == 0, "the conversation goes on"
    rig.check()


def test_a_conversation_whose_row_is_lost_is_rebuilt(rig: Rig, said: Said) -> None:
    rig.connects(CALLER)
    own = rig.talk()
    before = rig.live()
    rig.crashes(rows_lost=True)
    rig.sees(
        customer(
            own,
            fsapp_state="speaking",
            fsapp_owner="ann",
            fsapp_arrival=str(round(before.arrival * 1_000_000)),
            fsapp_destination=before.destination,
            fsapp_handled_by="ann",
        ),
        leg(CALLER, uuid=own),
    )
    after = rig.live()
    lost = {name: getattr(before, name) for name in (*LOST, "caller_name")}
    assert replace(after, **lost) == before
    assert [name for name in rig.events() if name != "agent_state"] == ["call_offer"]
    assert said()[0] == "1 conversations that go on, 1 rebuilt from the channel"
    rig.check()


@pytest.mark.parametrize("state", ["queued", "parked"])
def test_who_comes_back_and_is_not_on_record_is_rebuilt(rig: Rig, state: str) -> None:
    rig.crashes(rows_lost=True)
    kept = {"fsapp_state": state, "fsapp_owner": "ann", "fsapp_parked_at": "1699999999"}
    rig.connects(CALLER, "fsapp_return", {**kept, "fsapp_priority": "4", "fsapp_head": "true"})
    call = rig.live()
    assert rig.place() == ("queue" if state == "queued" else "ann parked")
    assert (call.priority, call.head, call.parked_at) == (4, True, 1699999999)
    rig.check()


def test_an_outbound_call_that_rings_and_is_not_on_record_is_rebuilt(rig: Rig) -> None:
    uuid, own = rig.dial()
    rig.crashes(rows_lost=True)
    kept = {"fsapp_state": "ringing", "fsapp_owner": "ann", "fsapp_destination": "1142"}
    rig.sees(
        channel(uuid, answered=False, fsapp_call=uuid, **kept),
        channel("behind", answered=False, fsapp_call=uuid, **kept),
        leg(uuid=own),
    )
    call = rig.live(uuid)
    assert (call.inbound, call.destination, call.state) == (False, "1142", State.RINGING)
    assert list(rig.board.calls) == [uuid], "what is behind a loopback is no call"
    rig.answers(own)
    rig.check()


def test_another_fsapps_channels_are_left_alone(rig: Rig) -> None:
    rig.crashes()
    theirs = {"fsapp_app": "192.0.2.1:8084"}
    agents = channel(LEG, fsapp_agent="ann", **theirs)
    rig.sees(customer(**theirs), agents, channel("stranger", fsapp_app=""))
    assert rig.board.calls == {}
    assert rig.board.legs == {}
    assert not [sent for sent in rig.control.sent if "kill" in sent or "transfer" in sent]


def test_a_call_joined_with_a_strangers_channel_is_left_alone(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.crashes()
    stranger = channel("stranger", CALLER, fsapp_app="")
    rig.sees(customer("stranger"), stranger)
    rig.looks_again(customer("stranger"), stranger)
    assert rig.control.heard("uuid_transfer") == 0


def test_an_id_that_has_ended_is_not_opened_again(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.hangs_up(CALLER)
    rig.crashes()
    rig.sees(customer())
    rig.control.expect(f"uuid_kill {CALLER}")
    assert rig.board.calls == {}


def test_an_answer_that_is_no_list_changes_nothing(rig: Rig) -> None:
    claimed(rig)
    rig.crashes()
    rig.clock.advance(0)
    rig.control.answer("show channels as json", "-ERR no database")
    assert rig.place() == "ann transferring"


def test_a_switch_that_cannot_list_yet_is_asked_again(rig: Rig) -> None:
    """FreeSWITCH's Event Socket answers before its other modules are loaded."""
    rig.connects(CALLER)
    rig.crashes()
    for seconds in (0, 0.35):
        rig.clock.advance(seconds)
        rig.control.answer("show channels as json", "-ERR show command not found!")
    assert rig.board.looked is not None
    rig.clock.advance(5.0)
    rig._shows([customer()])
    assert rig.board.looked is None
    assert rig.board.reconciled


def test_nothing_is_done_to_calls_before_it_is_known_who_speaks_with_whom(rig: Rig) -> None:
    """Else she would be given a second call, and the phone taken from the first."""
    rig.connects(CALLER)
    own = rig.talk()
    rig.park(own)
    rig.connects("other")
    rig.crashes()
    asked = rig.ask(ANN, "call/pickup", call_id="other")
    assert rig.ask(ANN, "call/list").answer()["calls"], "looking is free"
    assert not asked.over()
    there = (customer(own, fsapp_state="speaking", fsapp_owner="ann"), leg(CALLER, uuid=own))
    rig.sees(*there, customer(uuid="other"))
    assert asked.refusal().error == "agent-busy"
    assert rig.place() == "ann speaking"
    assert rig.control.heard("uuid_kill") == 0


def test_a_switch_that_does_not_tell_keeps_nobody_waiting_for_ever(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.crashes()
    rig.switch_goes()
    assert rig.ask(ANN, "call/pickup", call_id=CALLER).refusal().http == 503


def test_who_is_wanted_before_she_is_back_is_fetched(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.crashes()
    rig.sees(customer(), whole=False)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    own = rig.rings(rig.control)
    rig.clock.advance(0.35)
    rig._shows([customer(), leg(uuid=own, answered=False)])
    rig.control.expect(FETCH)
    rig.returns()
    rig.answers(own)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {own}")
    rig.bridged(CALLER, own)
    asked.answer()
    rig.check()
