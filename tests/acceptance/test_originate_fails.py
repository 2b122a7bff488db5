"""Originate comes to nothing: the callee's phone fails, or hers; she is not stuck."""

import pytest

from .actors import Agent, Callers, Desk, Phone
from .expect import phone_unavailable
from .switches.base import Switch

RINGS = 1
"""`phone.ring_timeout` and `dial.ring_timeout` here, in seconds: it is waited for."""

SETTINGS = {"phone": {"ring_timeout": RINGS}, "dial": {"ring_timeout": RINGS}}

ABSENT = "1999"
"""An extension of no phone and no route."""


def test_the_callee_is_busy(anna: Agent, outside: Phone, desk: Desk):
    outside.is_busy()
    ended = desk.sees(anna.dials("1142"), "hungup")
    assert (ended["hangup_cause"], ended["bridged_at"]) == ("USER_BUSY", None)


def test_the_callee_does_not_answer(anna: Agent, outside: Phone, desk: Desk):
    outside.stays_silent()
    ended = desk.sees(anna.dials("1142"), "hungup", limit=RINGS + 3)
    assert ended["hangup_cause"] == "NO_ANSWER"
    outside.is_quiet()


def test_the_callee_does_not_exist(anna: Agent, desk: Desk, switch: Switch):
    ended = desk.sees(anna.dials(ABSENT), "hungup")
    assert ended["hangup_cause"] in ("UNALLOCATED_NUMBER", switch.no_route)


@pytest.mark.parametrize("failure", ["is_busy", "stays_silent"])
def test_after_a_failed_callee_her_leg_stays_as_after_park(
    failure: str, anna: Agent, outside: Phone, desk: Desk, a_caller: Callers
):
    getattr(outside, failure)()
    desk.sees(anna.dials("1142"), "hungup", limit=RINGS + 3)
    leg = anna.phone.is_up()
    anna.is_free()
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.speaks_with(caller)
    assert anna.phone.legs() == [leg]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        ("is_busy", "USER_BUSY"),
        ("stays_silent", "NO_ANSWER"),
        ("is_unregistered", "USER_NOT_REGISTERED"),
    ],
)
def test_her_phone_fails_and_nothing_is_left_behind(
    failure: str, cause: str, anna: Agent, outside: Phone, desk: Desk
):
    getattr(anna.phone, failure)()
    phone_unavailable(anna, cause).check(anna.asks("originate", extension="1142"))
    assert (desk.calls(), desk.channels(), outside.legs()) == ([], [], [])
    anna.is_free()


def test_her_phone_does_not_exist(ghost: Agent, desk: Desk):
    refused = phone_unavailable(ghost, "SUBSCRIBER_ABSENT")
    ghost.is_refused(refused, "originate", extension="1142")
