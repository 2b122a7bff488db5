"""Stuck calls are counted: rows FreeSWITCH has no channel for, channels of ours without a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from fsapp.desk.audit import FRESH_SECONDS, NO_CHANNEL, NO_ROW, OTHERS_SECONDS, Audit
from tests.desk.fakes import ANN, CALLER, LIMIT, OPTIONS, Asked, Rig, channel, wait_until

OURS = OPTIONS.advertise


@pytest.fixture
def audit(rig: Rig) -> Audit:
    return Audit(rig.parts.context, LIMIT)


def stuck(no_channel: int = 0, no_row: int = 0) -> Mapping[str, int]:
    return {NO_CHANNEL: no_channel, NO_ROW: no_row}


class Look:
    """One look, on a thread of its own; the test is FreeSWITCH and has these channels."""

    def __init__(self, rig: Rig, audit: Audit, *channels: dict[str, str]) -> None:
        self.rig = rig
        self._asked = Asked(lambda: {"stuck": audit.stuck()})
        rows = [{"uuid": one["Unique-ID"]} for one in channels]
        rig.control.answer("show channels", json.dumps({"rows": rows}))

    def says(self, command: str, reply: str) -> Look:
        self.rig.control.answer(command, reply)
        return self

    def dumps(self, one: dict[str, str]) -> Look:
        text = "".join(f"{name}: {quote(value)}\n" for name, value in one.items())
        return self.says(f"uuid_dump {one['Unique-ID']}", text)

    def finds(self) -> Any:
        return self._asked.answer()["stuck"]


def test_where_both_know_the_same_nothing_is_stuck(rig: Rig, audit: Audit) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    assert Look(rig, audit, channel(CALLER, leg), channel(leg, CALLER)).finds() == stuck()


def test_a_call_without_a_channel_is_stuck(rig: Rig, audit: Audit) -> None:
    rig.connects(CALLER)
    look = Look(rig, audit).says(f"uuid_exists {CALLER}", "false")
    assert look.finds() == stuck(no_channel=1)


def test_a_leg_without_a_channel_is_stuck(rig: Rig, audit: Audit) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    look = Look(rig, audit, channel(CALLER, leg)).says(f"uuid_exists {leg}", "false")
    assert look.finds() == stuck(no_channel=1)


def test_a_channel_that_the_list_does_not_show_yet_is_there(rig: Rig, audit: Audit) -> None:
    rig.connects(CALLER)
    assert Look(rig, audit).says(f"uuid_exists {CALLER}", "true").finds() == stuck()


def test_a_call_that_ends_meanwhile_is_not_stuck(rig: Rig, audit: Audit) -> None:
    rig.connects(CALLER)
    look = Look(rig, audit)
    wait_until(lambda: rig.control.heard("uuid_exists"), "nobody asks about her")
    rig.happens(CALLER, "CHANNEL_HANGUP", cause="NORMAL_CLEARING")
    assert look.says("uuid_exists", "false").finds() == stuck()


def test_a_number_that_will_be_dialled_has_no_channel_yet_and_is_not_stuck(
    rig: Rig, audit: Audit
) -> None:
    asked = rig.ask(ANN, "call/originate", extension="1142")
    leg = rig.rings(rig.control)
    assert Look(rig, audit).finds() == stuck()
    rig.answers(leg)
    rig.lines[leg].answer("bgapi originate")
    number = asked.answer()["call"]["id"]
    rig.clock.advance(FRESH_SECONDS)
    look = Look(rig, audit, channel(leg)).says(f"uuid_exists {number}", "false")
    assert look.finds() == stuck(no_channel=1)


@pytest.mark.parametrize(
    "variables",
    [{"fsapp_state": "queued"}, {"fsapp_agent": "ann", "fsapp_call": "other"}],
    ids=["call", "leg"],
)
def test_a_channel_of_ours_that_nobody_here_knows_is_stuck(
    rig: Rig, audit: Audit, variables: dict[str, str]
) -> None:
    stray = channel("stray", **variables)
    look = Look(rig, audit, stray).says("uuid_getvar stray fsapp_app", OURS).dumps(stray)
    assert look.finds() == stuck(no_row=1)


@pytest.mark.parametrize(
    "stray",
    [
        channel("stray", fsapp_state="queued", fsapp_call="in-front"),
        channel("stray"),
        {**channel("stray", fsapp_state="queued"), "Answer-State": "hangup"},
    ],
    ids=["behind a loopback", "never was a call", "has hung up"],
)
def test_not_every_channel_that_bears_our_mark_should_be_a_call(
    rig: Rig, audit: Audit, stray: dict[str, str]
) -> None:
    look = Look(rig, audit, stray).says("uuid_getvar stray fsapp_app", OURS).dumps(stray)
    assert look.finds() == stuck()


def test_a_channel_that_connects_meanwhile_is_not_stuck(rig: Rig, audit: Audit) -> None:
    stray = channel("stray", fsapp_state="queued")
    look = Look(rig, audit, stray).says("uuid_getvar stray fsapp_app", OURS)
    wait_until(lambda: rig.control.heard("uuid_dump stray"), "nobody asks what it is")
    rig.connects("stray")
    assert look.dumps(stray).finds() == stuck()


def test_a_channel_that_ends_meanwhile_is_not_stuck(rig: Rig, audit: Audit) -> None:
    look = Look(rig, audit, channel("stray")).says("uuid_getvar stray fsapp_app", OURS)
    assert look.says("uuid_dump stray", "-ERR No such channel!").finds() == stuck()


@pytest.mark.parametrize("answer", ["_undef_", "192.0.2.7:8084", "-ERR No such channel!"])
def test_a_channel_of_somebody_else_is_none_of_ours_and_not_asked_about_each_time(
    rig: Rig, audit: Audit, answer: str
) -> None:
    other = channel("other")
    assert Look(rig, audit, other).says("uuid_getvar other", answer).finds() == stuck()
    rig.clock.advance(FRESH_SECONDS)
    assert Look(rig, audit, other).finds() == stuck()
    rig.clock.advance(OTHERS_SECONDS)
    look = Look(rig, audit, other).says("uuid_getvar other", answer)
    assert look.finds() == stuck()


def test_who_asks_again_at_once_gets_the_same(rig: Rig, audit: Audit) -> None:
    Look(rig, audit).finds()
    assert audit.stuck() == stuck()
    assert rig.control.heard("show channels") == 1


def test_who_asks_while_somebody_looks_does_not_wait(rig: Rig, audit: Audit) -> None:
    look = Asked(lambda: {"stuck": audit.stuck()})
    rig.control.expect("show channels")
    assert audit.stuck() is None
    rig.control.lose()
    assert look.answer() == {"stuck": None}


def test_without_freeswitch_nothing_is_said(rig: Rig, audit: Audit) -> None:
    rig.switch_goes()
    assert audit.stuck() is None


def test_a_freeswitch_that_does_not_answer_in_time_is_not_waited_for(rig: Rig) -> None:
    assert Audit(rig.parts.context, 0.01).stuck() is None


@pytest.mark.parametrize("answer", ["-ERR", "", "not JSON"])
def test_a_list_that_cannot_be_read_says_nothing(rig: Rig, audit: Audit, answer: str) -> None:
    asked = Asked(lambda: {"stuck": audit.stuck()})
    rig.control.answer("show channels", answer)
    assert asked.answer() == {"stuck": None}
