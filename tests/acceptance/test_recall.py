"""A caller left on hold too long rings her agent back, then returns to the head of the queue."""

import time
from collections.abc import Callable, Iterator

import pytest

from .actors import Agent, Caller, Callers, Desk
from .app import App, Settings, merged
from .expect import owned
from .musics import QUEUED, two_musics
from .record import on_record
from .wait import wait_until

HOLD = 1
RING = 3

SETTINGS = {
    "park": {"recall_after": HOLD},
    "phone": {"ring_timeout": RING, "idle_timeout": 60},
}

BACK = 10.0
"""How long the dialplan may take to bring a caller back, in seconds."""


@pytest.fixture(scope="module")
def settings(sounds: dict[str, str]) -> Settings:
    return merged(SETTINGS, two_musics(sounds))


@pytest.fixture
def on_hold(a_caller: Callers, anna: Agent) -> Caller:
    """Anna has put a caller on hold."""
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    return caller


def test_it_is_shown_when_she_will_ring_back(on_hold: Caller, desk: Desk):
    call = desk.call(on_hold)
    assert call is not None
    assert 0 <= int(call["recall_at"]) - int(call["parked_at"]) - HOLD <= 1


def test_she_rings_her_agents_phone_anew_and_is_her_call_again(
    on_hold: Caller, anna: Agent, desk: Desk, app: App
):
    held = anna.phone.is_up()
    anna.phone.answers_after_ringing(0.5)
    leg = anna.phone.rings()
    assert leg != held
    desk.sees(on_hold, "speaking")
    anna.speaks_with(on_hold)
    call = desk.call(on_hold)
    assert call is not None
    assert (call["recall_at"], call["assigned_to"]) == (None, "anna")
    told = on_record(app, on_hold, "call_unpark")
    assert told[told.index("call_park") :] == ["call_park", "call_unpark", "call_pickup"]
    anna.hangs_up(on_hold)
    on_hold.is_cut_off()


def test_an_agent_who_does_not_answer_loses_her_to_the_head_of_the_queue(
    on_hold: Caller, a_caller: Callers, anna: Agent, bente: Agent, desk: Desk
):
    anna.phone.stays_silent()
    earlier = a_caller.waits(fsapp_priority="9")
    anna.phone.rings()
    assert anna.is_now()["state"] == "ringing"
    on_hold.is_queued(limit=RING + 5)
    assert [call["id"] for call in desk.queue()] == [on_hold.id, earlier.id]
    anna.phone.is_quiet()
    on_hold.hears(QUEUED)
    told = on_record(desk.app, on_hold, "call_unpark")
    assert told[told.index("call_park") :] == ["call_park", "call_unpark", "queue_join"]
    assert bente.picks_up()["id"] == on_hold.id
    bente.speaks_with(on_hold)


def test_an_agent_in_another_conversation_is_not_rung(
    on_hold: Caller, a_caller: Callers, anna: Agent, desk: Desk
):
    other = a_caller.waits()
    anna.picks_up(other)
    on_hold.is_queued()
    anna.speaks_with(other)
    assert len(anna.phone.legs()) == 1


def test_a_paused_agent_is_not_rung(on_hold: Caller, anna: Agent, desk: Desk):
    anna.phone.stays_silent()
    anna.client.request("POST", "/agent/state", query={"state": "paused"})
    try:
        # Sooner than a phone that rings could be given up.
        on_hold.is_queued(limit=RING)
    finally:
        anna.client.request("POST", "/agent/state", query={"state": "idle"})


def test_a_phone_that_cannot_be_reached_costs_no_time(on_hold: Caller, anna: Agent):
    anna.phone.is_unregistered()
    on_hold.is_queued(limit=RING)


def test_a_caller_who_hangs_up_while_it_rings_stops_the_phone(
    on_hold: Caller, anna: Agent, desk: Desk
):
    anna.phone.stays_silent()
    anna.phone.rings()
    on_hold.hangs_up()
    anna.phone.is_quiet()
    assert desk.sees(on_hold, "hungup")["hangup_cause"]
    anna.is_free()


def test_her_own_hangup_while_it_rings_ends_the_call_and_stops_the_phone(
    on_hold: Caller, anna: Agent
):
    anna.phone.stays_silent()
    anna.phone.rings()
    anna.hangs_up(on_hold)
    on_hold.is_cut_off()
    anna.phone.is_quiet()
    anna.is_free()


def test_who_is_taken_back_in_time_is_left_in_peace(on_hold: Caller, anna: Agent, app: App):
    anna.unparks(on_hold)
    # The promise is a time: what was set by park must not ring into this conversation.
    time.sleep(HOLD + 1.2)
    anna.speaks_with(on_hold)
    assert on_record(app, on_hold, "call_unpark").count("call_park") == 1


def test_an_unpark_when_it_is_time_has_a_defined_answer(on_hold: Caller, anna: Agent, desk: Desk):
    """Hers or the recall's: one of them joins the two."""
    call = desk.call(on_hold)
    assert call is not None
    time.sleep(max(0.0, int(call["recall_at"]) - time.time()))
    answer = anna.asks("unpark", on_hold)
    assert answer.code in (200, 409), str(answer)
    desk.sees(on_hold, "speaking")
    anna.speaks_with(on_hold)
    desk.is_consistent()


@pytest.fixture
def patient(app: App) -> Iterator[Callable[[], App]]:
    """`patient()` starts the app with a time on hold so long that a test does not see its end:
    who is rung back goes on with the time she had, which did not begin anew."""
    before = app.settings

    def start() -> App:
        app.settings = merged(before, {"park": {"recall_after": 10 * BACK}})
        return app.start()

    yield start
    app.settings = before
    app.restart()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_time_survives_a_restart(
    end: str, on_hold: Caller, anna: Agent, patient: Callable[[], App], desk: Desk
):
    anna.phone.stays_silent()
    due = on_hold.call["recall_at"]
    getattr(desk.app, end)()
    patient()
    assert on_hold.call["recall_at"] == due
    anna.phone.rings(limit=BACK)
    assert time.time() >= int(due)
    on_hold.is_queued(limit=BACK)


def test_a_crash_while_she_rings_her_agent_back_loses_nobody(
    on_hold: Caller, anna: Agent, bente: Agent, app: App, desk: Desk
):
    anna.phone.stays_silent()
    first = anna.phone.rings()
    app.kill()
    app.start()
    wait_until(
        anna.phone.legs,
        lambda legs: len(legs) == 1 and legs != [first],
        limit=BACK,
        promise="what rang for a process that is no more stops; still on hold, she rings anew",
    )
    on_hold.is_queued(limit=RING + 5)
    anna.phone.is_quiet()
    anna.is_free()
    bente.picks_up(on_hold)
    bente.speaks_with(on_hold)
    desk.is_consistent()


def test_what_was_hers_is_no_longer(on_hold: Caller, anna: Agent, bente: Agent, desk: Desk):
    anna.phone.is_unregistered()
    on_hold.is_queued()
    anna.is_free()
    bente.picks_up(on_hold)
    anna.is_refused(owned(on_hold, bente), "unpark", on_hold)
