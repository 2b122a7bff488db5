"""What could not be put on record is refused and undone, in memory as in the rows (503)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fsapp.calls.call import State
from fsapp.desk import pickup
from tests.desk.fakes import ANN, CALLER, OPTIONS, Asked, Rig, wait_until

OPTIONS_HERE = replace(OPTIONS, database_timeout=0.05)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig(OPTIONS_HERE)
    yield rig
    rig.close()


def refused(rig: Rig, verb: str, **parameters: str) -> None:
    refusal = rig.ask(ANN, verb, **parameters).refusal()
    assert (refusal.http, refusal.error) == (503, "unavailable")


def test_a_pickup_that_could_not_be_recorded_is_not_recorded_later_either(rig: Rig) -> None:
    line = rig.connects(CALLER)
    before = rig.events()
    rig.database.hold()
    refusal = rig.ask(ANN, "call/pickup", call_id=CALLER).refusal()
    assert refusal.call is not None
    assert (refusal.call["state"], refusal.call["assigned_to"]) == ("queued", None)
    rig.database.let_go()
    assert [name for name in rig.events() if name.startswith(("call", "queue"))] == before
    assert (rig.place(), rig.agent_state(), line.heard("originate")) == ("queue", "idle", 0)
    rig.check()


def test_she_can_be_picked_up_once_the_database_is_back(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.database.hold()
    refused(rig, "call/pickup", call_id=CALLER)
    rig.database.let_go()
    rig.talk()
    rig.check()


def test_a_conversation_begun_while_the_database_is_away_for_a_while_is_answered_once_on_record(
    rig: Rig,
) -> None:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.database.hold()
    rig.answers(leg)
    line.answer("api uuid_bridge")
    rig.bridged(CALLER, leg)
    assert not asked.over(4 * OPTIONS_HERE.database_timeout)
    rig.database.let_go()
    assert asked.answer()["call"]["state"] == "speaking"
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_conversation_begun_while_the_database_is_away_is_shown_and_recorded_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pickup, "GRACE_SECONDS", 0.0)
    rig = Rig(replace(OPTIONS_HERE, ring_timeout=0.2, switch_timeout=0.0))
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.database.hold()
    rig.answers(leg)
    line.answer("api uuid_bridge")
    rig.bridged(CALLER, leg)
    refusal = asked.refusal()
    assert refusal.http == 503
    assert refusal.call is not None
    assert (refusal.call["state"], refusal.call["assigned_to"]) == ("speaking", "ann")
    assert rig.place() == "ann transferring"
    rig.database.let_go()
    assert (rig.place(), told(rig)[-1]) == ("ann speaking", "call_state")
    rig.check()
    rig.close()


def test_who_hangs_up_during_a_claim_that_comes_to_nothing_is_ended(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.database.hold()
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    wait_until(lambda: rig.database.held() >= 1, "no claim was made")
    rig.hangs_up(CALLER)
    asked.refusal()
    rig.database.let_go()
    assert (rig.place(), rig.agent_state()) == ("ended NORMAL_CLEARING", "idle")
    assert told(rig) == ["call_offer", "queue_join", "queue_leave", "call_hangup"]
    row = rig.calls.find(CALLER)
    assert row is not None
    assert (row.assigned_to, row.outcome) == (None, "abandoned"), "nobody ever had her"
    rig.check()


def test_who_hangs_up_during_a_claim_that_is_recorded_late_was_claimed(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.database.hold()
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    wait_until(lambda: rig.database.held() >= 1, "no claim was made")
    rig.hangs_up(CALLER)
    rig.database.let_go()
    asked.refusal()
    claimed = ["queue_leave", "call_pickup", "call_hangup"]
    assert told(rig) in (
        ["call_offer", "queue_join", *claimed],
        ["call_offer", "queue_join", "queue_leave", "call_hangup"],
    )
    rig.check()


def test_a_number_that_was_taken_back_while_her_phone_hung_up_has_no_row(rig: Rig) -> None:
    asked = rig.ask(ANN, "call/originate", extension="1142")
    leg = rig.rings(rig.control)
    rig.database.hold()
    rig.answers(leg)
    wait_until(lambda: rig.database.held() >= 1, "nothing was to be recorded")
    rig.hangs_up(leg)
    rig.clock.advance(1.5)
    asked.refusal()
    rig.database.let_go()
    assert told(rig) == ["call_state", "call_hangup"]
    assert rig.database.query("SELECT id FROM calls") == []
    assert (rig.board.calls, rig.agent_state()) == ({}, "idle")
    rig.check()


def told(rig: Rig) -> list[str]:
    """The calls' events on record."""
    return [name for name in rig.events() if name.startswith(("call", "queue"))]


@pytest.mark.parametrize("verb", ["call/park", "call/hangup"])
def test_a_conversation_is_left_alone(rig: Rig, verb: str) -> None:
    line = rig.connects(CALLER)
    rig.talk()
    sent = len(line.sent)
    rig.database.hold()
    refused(rig, verb)
    assert len(line.sent) == sent
    assert rig.live().state is State.SPEAKING
    rig.database.let_go()
    assert rig.place() == "ann speaking"
    rig.check()


@pytest.mark.parametrize("verb", ["call/pickup", "call/unpark"])
def test_a_call_on_hold_stays_on_hold(rig: Rig, verb: str) -> None:
    rig.connects(CALLER)
    line = rig.park(rig.talk())
    rig.database.hold()
    refused(rig, verb, call_id=CALLER)
    assert line.heard("uuid_bridge") == 0
    rig.database.let_go()
    assert rig.place() == "ann parked"
    rig.check()


def parked_off_the_record(rig: Rig) -> tuple[Asked, str]:
    """FreeSWITCH has put her on hold, and the database does not take it in time."""
    rig.connects(CALLER)
    leg = rig.talk()
    asked, old = rig.ask(ANN, "call/park", call_id=CALLER), rig.lines[CALLER]
    old.expect(f"uuid_transfer {CALLER} fsapp_return")
    rig.database.hold()
    rig.returns()
    rig.parks(leg)
    return asked, leg


def test_a_park_that_could_not_be_recorded_is_undone(rig: Rig) -> None:
    asked, leg = parked_off_the_record(rig)
    rig.lines[CALLER].answer(f"uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    refusal = asked.refusal()
    assert (refusal.http, refusal.call["state"]) == (503, "speaking")
    rig.database.let_go()
    assert rig.place() == "ann speaking"
    assert told(rig)[-3:] == ["call_park", "call_unpark", "call_pickup"]
    rig.check()


def test_one_whose_leg_is_gone_by_then_stays_on_hold_and_the_answer_says_so(rig: Rig) -> None:
    asked, leg = parked_off_the_record(rig)
    rig.lines[CALLER].expect(f"uuid_bridge {CALLER} {leg}")
    rig.hangs_up(leg)
    refusal = asked.refusal()
    assert (refusal.http, refusal.call["state"]) == (503, "parked")
    rig.database.let_go()
    assert rig.place() == "ann parked"
    rig.check()


def test_a_transfer_leaves_both_where_they_are(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    uuid, _ = rig.speak_outbound(leg=leg)
    rig.database.hold()
    refused(rig, "call/transfer", source=CALLER)
    assert line.heard("uuid_bridge") == 0
    rig.database.let_go()
    assert (rig.place(), rig.place(uuid)) == ("ann parked", "ann speaking")
    rig.check()


def test_an_originate_rings_nobody(rig: Rig) -> None:
    rig.database.hold()
    refused(rig, "call/originate", extension="1142")
    assert rig.control.heard("originate") == 0
    rig.database.let_go()
    assert (rig.board.calls, rig.calls.live(), rig.agent_state()) == ({}, [], "idle")
    rig.check()


def test_an_originate_whose_phone_was_answered_is_forgotten_and_its_key_is_free(rig: Rig) -> None:
    asked = rig.ask(ANN, "call/originate", extension="1142", idempotency_key="k")
    leg = rig.rings(rig.control)
    rig.database.hold()
    line = rig.answers(leg)
    assert asked.refusal().http == 503
    rig.database.let_go()
    assert line.heard("originate") == 0
    assert (rig.board.calls, rig.calls.live()) == ({}, [])
    assert rig.calls.used_key("ann", "k") is None
    assert rig.agent_state() == "idle"
    rig.check()


def test_a_pause_that_could_not_be_recorded_is_no_pause(rig: Rig) -> None:
    rig.database.hold()
    refused(rig, "agent/state", state="paused")
    rig.database.let_go()
    assert rig.ask(ANN, "agent").answer()["agent"]["state"] == "idle"


def test_a_check_comes_before_the_database(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.database.hold()
    for verb in ("call/park", "call/unpark", "call/hangup"):
        assert rig.ask(ANN, verb, call_id="nobody").refusal().http == 404
        assert rig.ask(ANN, verb, call_id=CALLER).refusal().http == 409
    rig.database.let_go()
    rig.check()


def test_callers_come_and_go_while_the_database_is_away(rig: Rig) -> None:
    rig.database.hold()
    rig.connects(CALLER)
    rig.connects("other")
    queue = rig.ask(ANN, "call/queue").answer()["calls"]
    assert [call["id"] for call in queue] == [CALLER, "other"]
    assert rig.hears() == OPTIONS.queue_music
    rig.hangs_up("other")
    rig.database.let_go()
    assert (rig.place(), rig.place("other")) == ("queue", "ended NORMAL_CLEARING")
    rig.check()
