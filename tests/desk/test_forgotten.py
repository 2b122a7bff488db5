"""The forgotten caller: on hold or queued for too long. Time passes only when told to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.table import Limits
from fsapp.desk.forgotten import AGAIN_SECONDS, SENT_ON
from fsapp.desk.restore import restore
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, FakeConnection, Rig

HOLD, QUEUE = 180.0, 300.0
ON_THE_WAY = ",".join(f"set:{name}={value}" for name, value in SENT_ON.items())
ELSEWHERE = f"uuid_transfer {CALLER} '{ON_THE_WAY},transfer:elsewhere XML public' inline"


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig(limits=Limits(HOLD, QUEUE))
    yield rig
    rig.close()


def on_hold(rig: Rig) -> FakeConnection:
    """Ann has parked the caller, and her leg was released since; the caller's connection."""
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    rig.clock.advance(OPTIONS.idle_timeout)
    rig.control.answer(f"uuid_kill {leg}")
    rig.hangs_up(leg)
    return line


def until_recall(rig: Rig) -> None:
    """Time passes until the call on hold has been on hold for too long."""
    due = rig.live().recall_at
    assert due is not None
    rig.clock.advance(due - rig.clock.now())


def recalled(rig: Rig, line: FakeConnection) -> str:
    """It is time, and her phone rings: the leg's uuid."""
    until_recall(rig)
    return rig.rings(line)


def is_free(rig: Rig, agent: Agent = ANN) -> bool:
    """Whether she has no call and no phone rings; for hours nothing was heard of her."""
    return rig.agent_state(agent) in ("idle", "offline")


# On hold for too long.


def test_when_it_will_ring_back_is_shown_and_is_never_early(rig: Rig) -> None:
    parked = rig.clock.now()
    on_hold(rig)
    shown = rig.live().document()["recall_at"]
    assert isinstance(shown, str)
    assert parked + HOLD <= int(shown) <= rig.clock.now() + HOLD + 1


def test_a_caller_on_hold_for_too_long_rings_her_agent_back(rig: Rig) -> None:
    line = on_hold(rig)
    leg = recalled(rig, line)
    assert (rig.place(), rig.agent_state()) == ("ann parked", "ringing")
    rig.answers(leg)
    line.answer(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    assert rig.place() == "ann speaking"
    assert rig.live().recall_at is None
    assert rig.events()[-4:] == ["agent_state", "call_unpark", "call_pickup", "agent_state"]
    rig.clock.advance(HOLD * 2)
    rig.check()


def test_an_agent_who_does_not_answer_loses_the_call_to_the_head_of_the_queue(rig: Rig) -> None:
    line = on_hold(rig)
    rig.connects("earlier")
    recalled(rig, line)
    rig.clock.advance(OPTIONS.ring_timeout + 2)
    assert rig.place() == "queue"
    assert is_free(rig)
    assert rig.live().head
    told = [name for name in rig.events() if name.startswith(("call_", "queue_"))]
    assert told[-2:] == ["call_unpark", "queue_join"]
    assert rig.hears() == OPTIONS.queue_music
    rig.check()


@pytest.mark.parametrize("cause", ["USER_BUSY", "USER_NOT_REGISTERED"])
def test_a_phone_that_refuses_the_recall_sends_it_to_the_queue_at_once(
    rig: Rig, cause: str
) -> None:
    line = on_hold(rig)
    until_recall(rig)
    rig.job(line.answer("bgapi originate"), f"-ERR {cause}", on=line)
    assert rig.place() == "queue"
    assert is_free(rig)
    rig.check()


def test_the_phone_rings_once_only(rig: Rig) -> None:
    line = on_hold(rig)
    until_recall(rig)
    rung = line.heard("bgapi originate")
    rig.job(line.answer("bgapi originate"), "-ERR USER_BUSY", on=line)
    rig.clock.advance(QUEUE / 2)
    assert line.heard("bgapi originate") == rung


def test_a_leg_that_is_still_up_is_let_go_and_the_phone_rings() -> None:
    """Only a phone that is answered now says that she is there."""
    rig = Rig(replace(OPTIONS, idle_timeout=HOLD * 2), Limits(HOLD, QUEUE))
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    until_recall(rig)
    rig.control.answer(f"uuid_kill {leg}")
    assert line.heard("uuid_bridge") == 0
    rig.hangs_up(leg)
    again = rig.rings(line)
    rig.answers(again)
    line.answer(f"api uuid_bridge {CALLER} {again}")
    rig.bridged(CALLER, again)
    assert rig.place() == "ann speaking"
    rig.check()
    rig.close()


def test_an_agent_in_another_conversation_is_not_rung(rig: Rig) -> None:
    line = on_hold(rig)
    rig.connects("other")
    rig.talk(uuid="other")
    rung = line.heard("bgapi originate")
    until_recall(rig)
    assert (rig.place(), rig.place("other")) == ("queue", "ann speaking")
    assert line.heard("bgapi originate") == rung
    rig.check()


def test_a_paused_agent_is_not_rung(rig: Rig) -> None:
    on_hold(rig)
    rig.ask(ANN, "agent/state", state="paused").answer()
    until_recall(rig)
    assert rig.place() == "queue"
    rig.check()


def test_an_agent_who_was_removed_is_not_rung(rig: Rig) -> None:
    line = on_hold(rig)
    rung = line.heard("bgapi originate")
    rig.agents.remove(ANN.id)
    until_recall(rig)
    assert rig.place() == "queue"
    assert line.heard("bgapi originate") == rung
    rig.check()


def test_a_database_that_does_not_answer_keeps_nobody_on_hold(rig: Rig) -> None:
    line = on_hold(rig)
    rig.database.hold()
    until_recall(rig)
    rig.clock.advance(OPTIONS.database_timeout)
    rig.rings(line)
    rig.database.let_go()
    assert line.heard("bgapi originate") == 1
    rig.clock.advance(OPTIONS.ring_timeout + 5)
    assert rig.place() == "queue"


def test_a_database_that_fails_keeps_nobody_on_hold(rig: Rig) -> None:
    line = on_hold(rig)
    rig.database.fail_next.append(sqlite3.OperationalError("disk I/O error"))
    until_recall(rig)
    rig.rings(line)


def test_without_a_limit_nobody_is_rung_back() -> None:
    rig = Rig()
    on_hold(rig)
    assert rig.live().recall_at is None
    rig.clock.advance(86400)
    assert rig.place() == "ann parked"
    rig.close()


def test_who_is_taken_back_in_time_is_not_rung_back(rig: Rig) -> None:
    line = on_hold(rig)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.clock.advance(HOLD * 2)
    assert rig.place() == "ann speaking"
    rig.check()


def test_each_hold_has_its_own_time(rig: Rig) -> None:
    line = on_hold(rig)
    first = rig.live().recall_at
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    line.answer("api uuid_bridge")
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.clock.advance(100)
    rig.park(leg)
    second = rig.live().recall_at
    assert first is not None
    assert second is not None
    assert second > first
    rig.clock.advance(first - rig.clock.now() + 1)
    assert rig.place() == "ann parked"


# What crosses a recall.


def test_an_unpark_under_way_when_it_is_time_is_not_disturbed(rig: Rig) -> None:
    line = on_hold(rig)
    rig.clock.advance(HOLD - OPTIONS.idle_timeout - 2)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    leg = rig.rings(line)
    rig.clock.advance(5)
    rig.answers(leg)
    line.answer(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.clock.advance(HOLD)
    assert rig.place() == "ann speaking"
    assert line.heard("bgapi originate") == 1
    rig.check()


def test_an_unpark_that_fails_when_it_is_time_is_followed_by_the_recall(rig: Rig) -> None:
    line = on_hold(rig)
    rig.clock.advance(HOLD - OPTIONS.idle_timeout - 2)
    asked = rig.ask(ANN, "call/unpark", call_id=CALLER)
    command = line.answer("bgapi originate")
    rig.clock.advance(5)
    rig.job(command, "-ERR USER_BUSY", on=line)
    assert asked.refusal().http == 409
    rig.clock.advance(AGAIN_SECONDS)
    assert line.heard("bgapi originate") == 2


def test_an_unpark_while_it_rings_back_is_refused_and_the_ringing_goes_on(rig: Rig) -> None:
    line = on_hold(rig)
    leg = recalled(rig, line)
    assert rig.ask(ANN, "call/unpark", call_id=CALLER).refusal().http == 409
    rig.answers(leg)
    line.answer("api uuid_bridge")
    rig.bridged(CALLER, leg)
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_hangup_while_it_rings_back_ends_the_call_and_stops_the_phone(rig: Rig) -> None:
    line = on_hold(rig)
    leg = recalled(rig, line)
    asked = rig.ask(ANN, "call/hangup", call_id=CALLER)
    line.expect(f"uuid_kill {CALLER}")
    rig.hangs_up(CALLER)
    asked.answer()
    rig.control.answer(f"uuid_kill {leg}")
    rig.clock.advance(OPTIONS.ring_timeout + 5)
    assert rig.place() == "ended NORMAL_CLEARING"
    assert is_free(rig)
    rig.check()


def test_a_caller_who_hangs_up_while_it_rings_back_stops_the_phone(rig: Rig) -> None:
    line = on_hold(rig)
    leg = recalled(rig, line)
    rig.hangs_up(CALLER)
    rig.control.answer(f"uuid_kill {leg}")
    rig.clock.advance(OPTIONS.ring_timeout + 5)
    assert rig.place() == "ended NORMAL_CLEARING"
    assert is_free(rig)
    rig.check()


def test_a_caller_who_hangs_up_in_time_rings_nobody(rig: Rig) -> None:
    line = on_hold(rig)
    rig.hangs_up(CALLER)
    rig.clock.advance(HOLD * 2)
    assert line.heard("bgapi originate") == 0
    rig.check()


def test_a_hangup_under_way_when_it_is_time_rings_nobody(rig: Rig) -> None:
    line = on_hold(rig)
    asked = rig.ask(ANN, "call/hangup", call_id=CALLER)
    line.expect(f"uuid_kill {CALLER}")
    until_recall(rig)
    assert line.heard("bgapi originate") == 0
    rig.hangs_up(CALLER)
    asked.answer()
    rig.clock.advance(HOLD)
    rig.check()


def test_a_transfer_under_way_when_it_is_time_is_not_disturbed(rig: Rig) -> None:
    line = on_hold(rig)
    callee, _ = rig.speak_outbound()
    due = rig.live().recall_at
    assert due is not None
    rig.clock.advance(due - rig.clock.now() - 1)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    line.expect(f"uuid_bridge {CALLER} {callee}")
    rig.clock.advance(2)
    assert rig.place() == "ann parked"
    rig.bridged(CALLER, callee)
    asked.answer()
    rig.clock.advance(HOLD)
    assert rig.place() == "nobody transferred"


def test_a_caller_whose_connection_is_away_when_it_is_time_is_waited_for(rig: Rig) -> None:
    line = on_hold(rig)
    rig.lost(line)
    until_recall(rig)
    assert rig.place() == "ann parked"
    back = rig.returns()
    rig.clock.advance(AGAIN_SECONDS)
    rig.rings(back)


def test_without_freeswitch_the_recall_waits(rig: Rig) -> None:
    line = on_hold(rig)
    rig.switch_goes()
    until_recall(rig)
    assert (rig.place(), line.heard("bgapi originate")) == ("ann parked", 0)
    rig.switch_comes()
    rig.clock.advance(AGAIN_SECONDS)
    rig.rings(line)


def test_a_caller_whose_connection_breaks_while_it_rings_back_is_joined_on_the_next(
    rig: Rig,
) -> None:
    line = on_hold(rig)
    leg = recalled(rig, line)
    rig.lost(line)
    rig.answers(leg)
    rig.returns().answer(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    assert rig.place() == "ann speaking"
    rig.check()


def test_a_caller_who_does_not_come_back_does_not_keep_the_agent(rig: Rig) -> None:
    line = on_hold(rig)
    leg = recalled(rig, line)
    rig.lost(line)
    rig.answers(leg)
    rig.clock.advance(OPTIONS.ring_timeout + 15)
    rig.hangs_up(leg)
    assert is_free(rig)
    rig.returns()
    rig.clock.advance(AGAIN_SECONDS)
    assert rig.place() == "queue"
    rig.check()


def test_two_callers_who_are_due_at_once_do_not_wait_for_each_other(rig: Rig) -> None:
    """The phone rings for one of them; the other one goes to the queue."""
    on_hold(rig)
    rig.connects("second")
    leg = rig.talk(uuid="second")
    rig.park(leg, uuid="second")
    rig.hangs_up(leg)
    rig.switch_goes()
    rig.clock.advance(HOLD * 2)
    rig.switch_comes()
    rig.clock.advance(AGAIN_SECONDS)
    assert sorted([rig.place(), rig.place("second")]) == ["ann parked", "queue"]


def test_the_time_survives_a_restart(rig: Rig) -> None:
    """Whatever the settings say by then: what was shown is what happens."""
    on_hold(rig)
    rig.clock.advance(60)
    later = Rig()
    restarted(later, rig.calls.live(), rig.clock.now())
    back = later.returns()
    assert back.heard("bgapi originate") == 0
    due = later.live().recall_at
    assert due is not None
    later.clock.advance(due - later.clock.now())
    later.rings(back)
    later.close()


def test_what_fell_due_during_a_restart_happens_when_she_is_back(rig: Rig) -> None:
    on_hold(rig)
    later = Rig()
    restarted(later, rig.calls.live(), rig.clock.now() + HOLD * 2)
    later.clock.advance(5)
    assert later.live().state is State.PARKED
    back = later.returns()
    later.clock.advance(AGAIN_SECONDS)
    later.rings(back)
    later.close()


def restarted(later: Rig, rows: list[Call], now: float) -> None:
    """The calls on record are taken in by another process."""
    later.clock.advance(now - later.clock.now())
    restore(later.board, rows, [ANN])


# Queued for too long.


def test_a_caller_queued_for_too_long_is_sent_on_in_one_write(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE - 1)
    assert rig.place() == "queue"
    rig.clock.advance(2)
    assert rig.place() == "nobody transferred"
    assert line.sent[-2:] == [f"api {ELSEWHERE}", "exit"]
    assert rig.events()[-2:] == ["queue_leave", "call_transfer"]
    assert rig.live().overflowed_at is not None


def test_a_destination_may_name_its_context() -> None:
    rig = Rig(replace(OPTIONS, overflow_to="8000 XML default"), Limits(HOLD, QUEUE))
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE + 1)
    line.expect("transfer:8000 XML default'")
    rig.close()


def test_where_she_was_sent_she_ends_with_freeswitchs_cause(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE + 1)
    line.answer(ELSEWHERE)
    rig.lost(line)
    rig.happens(CALLER, "CHANNEL_HANGUP_COMPLETE", on=rig.control, cause="NORMAL_CLEARING")
    assert rig.place() == "ended NORMAL_CLEARING"
    ended = rig.calls.find(CALLER)
    assert ended is not None
    assert ended.overflowed_at is not None
    rig.check()


def test_who_is_led_back_is_queued_with_her_place_and_a_new_time(rig: Rig) -> None:
    line = rig.connects(CALLER)
    arrival = rig.live().arrival
    rig.clock.advance(QUEUE + 1)
    line.answer(ELSEWHERE)
    rig.lost(line)
    rig.clock.advance(30)
    back = rig.returns()
    assert (rig.place(), rig.live().arrival) == ("queue", arrival)
    assert rig.live().overflowed_at is None
    assert rig.hears() == OPTIONS.queue_music
    rig.clock.advance(QUEUE - 1)
    assert rig.place() == "queue"
    rig.clock.advance(2)
    back.expect(ELSEWHERE)


def test_a_caller_whose_own_connection_leads_nowhere_is_sent_on_by_the_control_connection(
    rig: Rig,
) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE + 1)
    line.expect(ELSEWHERE)
    rig.clock.advance(OPTIONS.switch_timeout)
    assert rig.control.heard(ELSEWHERE) == 1


def test_a_connection_lost_as_she_is_sent_on_loses_nobody(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE + 1)
    line.expect(ELSEWHERE)
    rig.lost(line)
    assert rig.control.heard(ELSEWHERE) == 1
    rig.clock.advance(OPTIONS.switch_timeout)
    assert rig.control.heard(ELSEWHERE) == 1


def test_she_is_sent_on_once_more_if_freeswitch_refused_it(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE + 1)
    line.answer(ELSEWHERE, "-ERR refused")
    rig.control.answer(ELSEWHERE, "+OK")
    rig.clock.advance(OPTIONS.switch_timeout)
    assert rig.control.heard(ELSEWHERE) == 1


def test_without_a_limit_nobody_is_sent_on() -> None:
    rig = Rig()
    rig.connects(CALLER)
    rig.clock.advance(86400)
    assert rig.place() == "queue"
    rig.close()


def test_who_is_picked_up_in_time_is_not_sent_on(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE - 10)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.clock.advance(15)
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    asked.answer()
    rig.clock.advance(QUEUE)
    assert rig.place() == "ann speaking"
    assert line.heard(ELSEWHERE) == 0
    rig.check()


def test_a_pickup_that_fails_after_her_time_sends_her_on(rig: Rig) -> None:
    line = rig.connects(CALLER)
    rig.clock.advance(QUEUE - 10)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    command = line.answer("bgapi originate")
    rig.clock.advance(15)
    rig.job(command, "-ERR USER_BUSY", on=line)
    assert asked.refusal().http == 409
    rig.clock.advance(AGAIN_SECONDS)
    assert rig.place() == "nobody transferred"


def test_a_pickup_after_the_overflow_is_refused(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.clock.advance(QUEUE + 1)
    refusal = rig.ask(BOB, "call/pickup", call_id=CALLER).refusal()
    assert (refusal.http, refusal.description) == (409, f"{CALLER} is transferred")
    assert is_free(rig, BOB)


def test_the_time_in_the_queue_survives_a_restart(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.clock.advance(QUEUE - 10)
    later = Rig()
    restarted(later, rig.calls.live(), rig.clock.now())
    later.returns()
    later.clock.advance(9)
    assert later.live().state is State.QUEUED
    later.clock.advance(2)
    assert later.live().state is State.TRANSFERRED
    later.close()


def test_who_was_sent_on_before_a_restart_is_known_and_may_come_back(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.clock.advance(QUEUE + 1)
    later = Rig()
    restarted(later, rig.calls.live(), rig.clock.now())
    later.returns()
    assert later.place() == "queue"
    later.close()


def test_a_caller_who_is_back_from_her_agent_waits_anew(rig: Rig) -> None:
    line = on_hold(rig)
    until_recall(rig)
    rig.job(line.answer("bgapi originate"), "-ERR USER_BUSY", on=line)
    rig.clock.advance(QUEUE - 1)
    assert rig.place() == "queue"
    rig.clock.advance(2)
    assert rig.place() == "nobody transferred"
    assert rig.live().state is State.TRANSFERRED
