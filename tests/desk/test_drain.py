"""The drain (protocol §8): new work is refused, after every other reason to refuse it."""

from __future__ import annotations

import threading

import pytest

from fsapp.calls.call import State
from fsapp.desk.drain import Drain
from tests.desk.fakes import ANN, BOB, CALLER, Rig


@pytest.fixture
def draining(rig: Rig) -> Rig:
    """A desk whose drain has begun, with one caller queued and Bob speaking with another."""
    rig.connects("spoken")
    rig.talk(BOB, "spoken")
    rig.connects(CALLER)
    rig.parts.context.drain.begin()
    return rig


def refused(rig: Rig, verb: str, **parameters: str) -> tuple[int, str]:
    refusal = rig.ask(ANN, verb, **parameters).refusal()
    return refusal.http, refusal.error


@pytest.mark.parametrize("parameters", [{"call_id": CALLER}, {}], ids=["named", "next"])
def test_a_new_call_cannot_be_picked_up_and_is_shown(
    draining: Rig, parameters: dict[str, str]
) -> None:
    refusal = draining.ask(ANN, "call/pickup", **parameters).refusal()
    assert (refusal.http, refusal.error) == (503, "draining")
    assert refusal.call is not None
    assert (refusal.call["id"], refusal.call["position"]) == (CALLER, 1)
    draining.check()


def test_nobody_is_dialled(draining: Rig) -> None:
    assert refused(draining, "call/originate", extension="1142") == (503, "draining")
    assert draining.control.heard("originate") == 0


def test_a_call_that_does_not_exist_is_404_all_the_same(draining: Rig) -> None:
    assert refused(draining, "call/pickup", call_id="nobody") == (404, "call-not-found")


def test_anothers_call_is_403_all_the_same(draining: Rig) -> None:
    assert refused(draining, "call/pickup", call_id="spoken") == (403, "call-owned")


def test_an_agent_in_a_call_is_409_all_the_same(draining: Rig) -> None:
    assert draining.ask(BOB, "call/pickup", call_id=CALLER).refusal().error == "agent-busy"
    assert draining.ask(BOB, "call/originate", extension="1142").refusal().error == "agent-busy"


def test_an_unknown_contact_is_404_all_the_same(draining: Rig) -> None:
    assert refused(draining, "call/originate", cm_id="7") == (404, "contact-not-found")


def test_draining_comes_before_a_freeswitch_that_is_away(draining: Rig) -> None:
    draining.switch_goes()
    assert refused(draining, "call/pickup", call_id=CALLER) == (503, "draining")


def test_a_conversation_is_worked_on_as_before(draining: Rig) -> None:
    leg = draining.board.status(BOB).leg
    assert leg is not None
    draining.park(leg.uuid, BOB, "spoken")
    assert draining.live("spoken").state is State.PARKED
    draining.check()


def test_it_is_not_ready_and_says_so(draining: Rig) -> None:
    assert draining.desk.readiness() == {"draining": "fsapp is shutting down"}


def test_a_missing_switch_is_refused_with_the_call_it_is_about(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.switch_goes()
    refusal = rig.ask(ANN, "call/pickup", call_id=CALLER).refusal()
    assert (refusal.http, refusal.description) == (503, "FreeSWITCH is away")
    assert refusal.call is not None
    assert refusal.call["id"] == CALLER


def test_whoever_asked_is_told_once_when_it_begins() -> None:
    drain, told = Drain(), []
    drain.on_begin(lambda: told.append("early"))
    assert (drain.begun, told) == (False, [])
    drain.begin()
    drain.begin()
    assert (drain.begun, told) == (True, ["early"])


def test_whoever_asks_too_late_is_told_at_once() -> None:
    drain, told = Drain(), []
    drain.begin()
    drain.on_begin(lambda: told.append("late"))
    assert told == ["late"]


def test_one_who_fails_does_not_keep_the_news_from_others() -> None:
    drain, told = Drain(), threading.Event()
    drain.on_begin(fail)
    drain.on_begin(told.set)
    drain.begin()
    assert told.is_set()


def fail() -> None:
    raise OSError("a mistake")
