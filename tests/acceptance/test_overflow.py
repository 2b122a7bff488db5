"""A caller queued too long goes to a dialplan destination; here it is an outside party's phone."""

import time
from collections.abc import Callable, Iterator

import pytest

from .actors import Agent, Caller, Callers, Desk, Phone, together
from .app import App, merged
from .expect import wrong_state
from .record import on_record
from .wait import wait_until

QUEUED = 1

RING = 3

SETTINGS = {
    "phone": {"ring_timeout": RING},
    "queue": {"overflow_after": QUEUED, "overflow_to": "1142 XML default"},
}


def test_she_is_sent_on_and_known_until_she_ends(
    a_caller: Callers, outside: Phone, desk: Desk, app: App
):
    caller = a_caller.waits()
    call = desk.sees(caller, "transferred")
    assert (call["assigned_to"], call["position"], call["handled_by"]) == (None, None, [])
    leg = outside.is_up()
    caller.hears(leg)
    assert desk.queue() == []
    caller.hangs_up()
    assert desk.sees(caller, "hungup")["hangup_cause"] == "NORMAL_CLEARING"
    told = ["call_offer", "queue_join", "queue_leave", "call_transfer", "call_hangup"]
    assert on_record(app, caller, "call_hangup") == told


def test_the_other_partys_hangup_ends_her_call(a_caller: Callers, outside: Phone, desk: Desk):
    caller = a_caller.waits()
    caller.hears(outside.is_up())
    outside.hangs_up()
    caller.is_cut_off()
    desk.sees(caller, "hungup")


def test_a_restart_of_the_app_does_not_touch_her(
    a_caller: Callers, outside: Phone, desk: Desk, app: App
):
    caller = a_caller.waits()
    leg = outside.is_up()
    caller.hears(leg)
    app.restart()
    desk.sees(caller, "transferred")
    assert caller.hears_now() == leg
    caller.hangs_up()
    desk.sees(caller, "hungup")


@pytest.fixture
def patient(app: App) -> Iterator[Callable[[], App]]:
    """`patient()` starts the app with a time in the queue so long that a test does not see its
    end: who is sent on goes on with the time she had, which did not begin anew."""
    before = app.settings

    def start() -> App:
        app.settings = merged(before, {"queue": {"overflow_after": 100}})
        return app.start()

    yield start
    app.settings = before
    app.restart()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_time_in_the_queue_survives_a_restart(
    end: str, a_caller: Callers, outside: Phone, desk: Desk, patient: Callable[[], App]
):
    caller = a_caller.waits()
    desk.is_on_record()
    getattr(desk.app, end)()
    patient()
    desk.sees(caller, "transferred", limit=15.0)
    caller.hears(outside.is_up())


def test_who_is_picked_up_in_time_is_not_sent_on(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    anna.picks_up(caller)
    # The promise is a time: what queueing set must not end this conversation.
    time.sleep(QUEUED + 1.2)
    anna.speaks_with(caller)
    assert outside.legs() == []


def test_a_phone_that_rings_on_keeps_her_and_one_that_fails_sends_her_on(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller = a_caller.waits()
    anna.phone.stays_silent()
    pickup = anna.starts("pickup", caller)
    anna.phone.rings()
    assert pickup.answer().document["error"] == "phone-unavailable"
    desk.sees(caller, "transferred")
    caller.hears(outside.is_up())


def test_after_the_overflow_she_cannot_be_picked_up(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller = a_caller.waits()
    desk.sees(caller, "transferred")
    caller.hears(outside.is_up())
    anna.is_refused(wrong_state(caller, "transferred"), "pickup", caller)


def test_a_pickup_at_the_very_moment_has_one_outcome(
    a_caller: Callers, agents, outside: Phone, desk: Desk
):
    """Six callers due at about the same time, six agents who ask just then."""
    crew = agents(6)
    callers = a_caller.wait_in_turn(6)
    time.sleep(max(0.0, QUEUED - 0.3))
    pairs = list(zip(crew, callers, strict=True))
    answers = together(*(lambda who=who, to=to: who.asks("pickup", to) for who, to in pairs))
    for caller, answer in zip(callers, answers, strict=True):
        assert answer.code in (200, 409), str(answer)
        desk.sees(caller, "speaking" if answer.code == 200 else "transferred")
        if answer.code == 409:
            assert answer.document["error"] == "wrong-state"
    wait_until(lambda: all(map(is_spoken_to, callers)), promise="each hears somebody")
    desk.is_consistent()


def is_spoken_to(caller: Caller) -> bool:
    return caller.hears_now() not in ("music", "tone", "nothing", "silence")
