"""A waiting caller hears music, else a soft tone, never silence."""

from __future__ import annotations

import pytest

from fsapp.desk.music import SOFT_TONE
from tests.desk.fakes import ANN, CALLER, FakeConnection, Rig


def identity(line: FakeConnection) -> str:
    """Of the playback that was ordered last."""
    last = next(sent for sent in reversed(line.sent) if "playback" in sent)
    return last.partition("Event-UUID: ")[2].partition("\n")[0]


def ends(rig: Rig, response: str = "FILE PLAYED", which: str = "", next_state: str = "4") -> None:
    rig.happens(
        CALLER,
        "CHANNEL_EXECUTE_COMPLETE",
        application="playback",
        application_uuid=which or identity(rig.lines[CALLER]),
        response=response,
        next_state=next_state,
    )


def test_a_queued_caller_hears_the_queues_music(rig: Rig) -> None:
    rig.connects(CALLER)
    assert rig.hears() == "local_stream://queue"


def test_the_dialplan_may_choose_the_music(rig: Rig) -> None:
    rig.connects(CALLER, variables={"fsapp_music": "/music/own.wav"})
    assert rig.hears() == "/music/own.wav"


def test_a_source_that_is_missing_is_replaced_by_the_tone(rig: Rig) -> None:
    rig.connects(CALLER)
    ends(rig, "FILE NOT FOUND")
    assert rig.hears() == SOFT_TONE


def test_a_source_that_ends_is_started_again(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(60)
    ends(rig)
    assert rig.hears() == "local_stream://queue"
    assert line.heard("playback") == 2


def test_who_was_sent_elsewhere_in_the_dialplan_hears_nothing_of_ours_there(rig: Rig) -> None:
    line = rig.connects(CALLER)
    ends(rig, "PLAYBACK ERROR", next_state="2")
    assert line.heard("playback") == 1
    assert rig.returns().heard("playback") == 1


def test_a_source_too_short_to_repeat_is_replaced_by_the_tone(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.clock.advance(0.5)
    ends(rig)
    assert rig.hears() == SOFT_TONE


def test_a_tone_that_cannot_be_played_is_tried_again_with_pauses(rig: Rig) -> None:
    line = rig.connects(CALLER)
    ends(rig, "FILE NOT FOUND")
    ends(rig, "FILE NOT FOUND")
    assert line.heard("playback") == 2
    rig.clock.advance(1)
    assert rig.hears() == SOFT_TONE
    assert line.heard("playback") == 3


def test_the_end_of_an_older_playback_means_nothing(rig: Rig) -> None:
    line = rig.connects(CALLER)
    first = identity(line)
    rig.clock.advance(60)
    ends(rig)
    ends(rig, which=first)
    ends(rig, which=first)
    assert line.heard("playback") == 2


def test_an_end_told_twice_starts_the_music_once(rig: Rig) -> None:
    line = rig.connects(CALLER)
    first = identity(line)
    rig.clock.advance(60)
    for _ in range(2):
        ends(rig, which=first)
    assert line.heard("playback") == 2


def test_the_music_that_ends_because_of_the_bridge_is_not_started_again(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    line.expect("api uuid_bridge ")
    ends(rig)
    rig.bridged(CALLER, leg)
    assert line.heard("playback") == 1
    rig.check()


def test_the_music_comes_back_when_the_bridge_that_ended_it_fails(rig: Rig) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    line.expect("api uuid_bridge ")
    ends(rig)
    rig.hangs_up(leg, "NORMAL_TEMPORARY_FAILURE")
    asked.refusal()
    assert rig.hears() == "local_stream://queue"
    rig.check()


def test_the_music_that_ends_because_of_a_transfer_is_not_started_again(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    parked = rig.park(leg)
    music = identity(parked)
    callee, _ = rig.speak_outbound(leg=leg)
    rig.clock.advance(60)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    parked.expect(f"api uuid_bridge {CALLER} {callee}")
    ends(rig, which=music)
    rig.bridged(CALLER, callee)
    asked.answer()
    assert parked.heard("playback") == 1
    rig.hangs_up(leg)
    rig.check()


def test_a_parked_caller_hears_the_parks_music(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.park(rig.talk())
    assert rig.hears() == "local_stream://park"


def test_a_caller_back_on_a_new_connection_hears_music_there(rig: Rig) -> None:
    rig.connects(CALLER)
    line = rig.returns()
    assert line.heard("playback") == 1


@pytest.mark.parametrize("response", ["FILE PLAYED", "FILE NOT FOUND"])
def test_the_end_of_the_greeting_queues_the_caller(rig: Rig, response: str) -> None:
    rig.connects(CALLER, variables={"fsapp_greeting": "/greeting.wav"})
    assert rig.live().locked
    ends(rig, response)
    assert rig.place() == "queue"
    assert rig.hears() == "local_stream://queue"
    rig.check()


def test_a_tone_ordered_for_later_is_not_played_into_a_conversation(rig: Rig) -> None:
    line = rig.connects(CALLER)
    ends(rig, "FILE NOT FOUND")
    ends(rig, "FILE NOT FOUND")
    rig.talk()
    rig.clock.advance(2)
    assert line.heard("playback") == 2


@pytest.mark.parametrize("variable", ["fsapp_music", "fsapp_greeting"])
def test_a_source_that_may_not_be_sent_is_not_and_the_caller_is_queued(
    rig: Rig, variable: str
) -> None:
    """FreeSWITCH would run it; and a tone in a greeting's place would never end."""
    line = rig.connects(CALLER, variables={variable: "${system(reboot)}"})
    assert line.heard("system") == 0
    assert rig.place() == "queue"
    assert rig.hears()
    rig.check()
