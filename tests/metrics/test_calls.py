"""Calls are counted and timed by what happens to them, each fact once and exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsapp.calls.call import State
from fsapp.calls.table import Happening
from fsapp.metrics.calls import CALLER_GONE, NOT_JOINED, CallTally
from fsapp.metrics.table import ENDED, PICKUP, PICKUPS_FAILED, STARTED, TALK, WAITING
from tests.desk.fakes import A_WORD, ANN, BOB, CALLER, Rig, channel

from .reading import Reading, counting


def wait(figures: Reading, outcome: str, organization: str = "1") -> tuple[int, float]:
    return figures.times(WAITING, organization=organization, outcome=outcome)


def talk(figures: Reading, direction: str = "inbound") -> tuple[int, float]:
    return figures.times(TALK, direction=direction)


def goes_through(rig: Rig, happening: Happening, **facts: str) -> None:
    """The caller's call, whatever led to it."""
    with rig.board.turn() as turn:
        rig.board.happen(turn, rig.board.calls[CALLER], happening, **facts)


def test_before_the_first_call_all_is_there_and_0(figures: Reading) -> None:
    assert figures.value(STARTED, organization="1", direction="inbound") == 0
    assert figures.value(ENDED, organization="1", direction="inbound", outcome="abandoned") == 0
    assert figures.value(PICKUPS_FAILED, reason=NOT_JOINED) == 0
    assert wait(figures, "answered") == (0, 0)
    assert talk(figures) == talk(figures, "outbound") == (0, 0)


def test_a_caller_who_is_answered(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    rig.clock.advance(12)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(rig.lines[CALLER])
    rig.clock.advance(4)
    rig.answers(leg)
    rig.bridged(CALLER, leg)
    asked.answer()
    assert wait(figures, "answered") == (1, 16)
    assert figures.times(PICKUP) == (1, 4)
    assert figures.within(PICKUP, "3.0") == 0
    assert figures.within(PICKUP, "5.0") == 1
    rig.clock.advance(61)
    rig.hangs_up(CALLER)
    assert talk(figures) == (1, 61)
    assert figures.series(STARTED) == {("1", "inbound"): 1}
    assert figures.series(ENDED) == {("1", "inbound", "answered"): 1}
    assert figures.series(PICKUPS_FAILED) == {}


def test_a_caller_who_gives_up(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    rig.clock.advance(45)
    rig.hangs_up(CALLER)
    assert wait(figures, "abandoned") == (1, 45)
    assert wait(figures, "answered") == (0, 0)
    assert figures.series(ENDED) == {("1", "inbound", "abandoned"): 1}
    assert talk(figures) == (0, 0)


def test_a_caller_who_gives_up_while_the_phone_rings(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(rig.lines[CALLER])
    rig.clock.advance(3)
    rig.hangs_up(CALLER)
    rig.control.answer(f"uuid_kill {leg}")
    asked.refusal()
    assert figures.series(PICKUPS_FAILED) == {(CALLER_GONE,): 1}
    assert figures.times(PICKUP) == (0, 0)
    assert wait(figures, "abandoned") == (1, 3)


def test_a_phone_that_cannot_be_rung(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    rig.job(rig.lines[CALLER].answer("bgapi originate"), "-ERR USER_BUSY")
    asked.refusal()
    assert figures.series(PICKUPS_FAILED) == {(NOT_JOINED,): 1}
    assert wait(figures, "answered") == (0, 0)


def test_park_and_unpark_are_two_conversations_and_one_wait(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.clock.advance(10 - A_WORD)
    rig.park(leg)
    assert talk(figures) == (1, 10)
    rig.clock.advance(100)
    goes_through(rig, Happening.BRIDGE, channel=leg)
    rig.clock.advance(5)
    rig.hangs_up(CALLER)
    assert talk(figures) == (2, 15)
    assert wait(figures, "answered")[0] == 1
    assert figures.times(PICKUP)[0] == 1


def test_a_call_transferred_from_hold_was_no_conversation_then(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    told = talk(figures)
    goes_through(rig, Happening.TRANSFER, channel="other")
    rig.clock.advance(100)
    rig.hangs_up(CALLER)
    assert talk(figures) == told
    assert figures.series(ENDED) == {("1", "inbound", "transferred"): 1}


def test_a_caller_whose_agent_was_lost_has_waited_once(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    rig.talk()
    goes_through(rig, Happening.LOSE_AGENT)
    assert talk(figures) == (1, A_WORD)
    rig.clock.advance(30)
    rig.hangs_up(CALLER)
    assert wait(figures, "answered") == (1, 0)
    assert wait(figures, "abandoned") == (0, 0)
    assert figures.series(ENDED) == {("1", "inbound", "answered"): 1}


def test_a_caller_who_is_sent_on(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    rig.clock.advance(90)
    goes_through(rig, Happening.OVERFLOW)
    assert wait(figures, "overflowed") == (1, 90)
    rig.hangs_up(CALLER)
    assert wait(figures, "abandoned") == (0, 0)
    assert figures.series(ENDED) == {("1", "inbound", "overflowed"): 1}


def test_a_number_that_is_dialled(rig: Rig, figures: Reading) -> None:
    number, _ = rig.speak_outbound()
    assert figures.series(STARTED) == {("1", "outbound"): 1}
    rig.clock.advance(20 - A_WORD)
    rig.hangs_up(number)
    assert talk(figures, "outbound") == (1, 20)
    assert figures.series(ENDED) == {("1", "outbound", "answered"): 1}
    assert figures.times(PICKUP) == (0, 0)
    assert wait(figures, "answered") == (0, 0)


def test_a_number_that_does_not_answer(rig: Rig, figures: Reading) -> None:
    rig.dial()
    rig.job(rig.dialled, "-ERR NO_ANSWER")
    assert figures.series(ENDED) == {("1", "outbound", "failed"): 1}
    assert talk(figures, "outbound") == (0, 0)


def test_a_call_of_an_organization_that_nobody_has_configured_is_one_of_the_others(
    rig: Rig, figures: Reading
) -> None:
    rig.connects(CALLER, variables={"organization_id": "204555"})
    rig.hangs_up(CALLER)
    assert figures.series(STARTED) == {("other", "inbound"): 1}
    assert wait(figures, "abandoned", "other") == (1, 0)


def test_a_conversation_that_outlived_a_restart_is_timed_by_its_row(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.crashes()
    figures = counting(rig)
    rig.sees(channel(CALLER, leg), channel(leg, CALLER, fsapp_agent="ann"))
    rig.clock.advance(60)
    rig.told_by_control(CALLER, "CHANNEL_HANGUP_COMPLETE", cause="NORMAL_CLEARING")
    count, seconds = talk(figures)
    assert count == 1
    # The row has whole seconds.
    assert seconds == pytest.approx(60, abs=2)
    assert wait(figures, "answered") == (0, 0)
    assert figures.series(STARTED) == {}


def test_a_conversation_found_after_a_crash_began_when_freeswitch_says(
    rig: Rig, figures: Reading
) -> None:
    rig.connects(CALLER)
    arrived = rig.clock.now()
    rig.clock.advance(50)
    with rig.board.turn() as turn:
        live = rig.board.calls[CALLER]
        rig.board.happen(turn, live, Happening.CLAIM, agent="ann")
        rig.board.happen(turn, live, Happening.BRIDGE, at=int(arrived) + 20, channel="leg")
    assert wait(figures, "answered") == (1, 20)
    rig.hangs_up(CALLER)
    assert talk(figures) == (1, 30)


@pytest.mark.parametrize(
    ("happening", "facts"), [(Happening.PARK, {}), (Happening.TRANSFER, {"channel": "other"})]
)
def test_and_ended_when_freeswitch_says(
    rig: Rig, figures: Reading, happening: Happening, facts: dict[str, str]
) -> None:
    rig.connects(CALLER)
    rig.talk()
    began = rig.clock.now() - A_WORD
    rig.clock.advance(100)
    with rig.board.turn() as turn:
        live = rig.board.calls[CALLER]
        rig.board.happen(turn, live, happening, at=int(began) + 40, **facts)
    count, seconds = talk(figures)
    assert count == 1
    assert seconds == pytest.approx(40, abs=1)


def test_nothing_is_remembered_of_calls_that_have_ended(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    rig.talk()
    rig.connects("gone")
    asked = rig.ask(BOB, "call/pickup", call_id="gone")
    leg = rig.rings(rig.lines["gone"])
    rig.hangs_up("gone")
    rig.control.answer(f"uuid_kill {leg}")
    asked.refusal()
    rig.hangs_up(CALLER)
    assert remembered(rig) == set()


def test_nor_of_a_call_whose_conversation_was_corrected_away(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    live = rig.board.calls[CALLER]
    with rig.board.turn() as turn:
        rig.board.happen(turn, live, Happening.CLAIM, agent="ann")
        rig.board.happen(turn, live, Happening.BRIDGE, channel="leg")
        waiting = replace(live.call, state=State.QUEUED, assigned_to=None)
        rig.board.correct(turn, live, waiting)
    rig.hangs_up(CALLER)
    assert remembered(rig) == set()


def remembered(rig: Rig) -> set[str]:
    """Ids of the calls of which the tally remembers something."""
    tally = rig.board.tally
    assert isinstance(tally, CallTally)
    return {*tally._claimed, *tally._joined}


def test_a_claim_that_is_not_put_on_record_is_none(rig: Rig, figures: Reading) -> None:
    rig.connects(CALLER)
    live = rig.board.calls[CALLER]
    with rig.board.turn() as turn:
        rig.board.claim(turn, live, ANN)
        rig.board.unclaim(turn, live)
    assert live.call.state is State.QUEUED
    rig.hangs_up(CALLER)
    assert figures.series(PICKUPS_FAILED) == {}
