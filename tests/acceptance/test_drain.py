"""SIGTERM (protocol §8): nothing new, callers to the dialplan, conversations untouched, exit 0."""

import threading
import time
from collections.abc import Iterator

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import App
from .client import Answer, Client
from .expect import is_a_clear_refusal
from .switches.base import Switch
from .wait import wait_until

BACK = 10.0
"""How long the dialplan may take to bring a caller back, in seconds."""


@pytest.fixture
def ending(app: App) -> Iterator[App]:
    """The app; it runs again when the test is over."""
    yield app
    app.wait_exit(limit=10.0)
    app.start()


def begins_to_drain(app: App) -> None:
    app.terminate()
    wait_until(lambda: says_what_is_missing(app), lambda said: "draining" in said)


def says_what_is_missing(app: App) -> dict[str, str]:
    missing: dict[str, str] = asks_readyz(app).document.get("missing", {})
    return missing


def asks_readyz(app: App) -> Answer:
    client = Client(app.address)
    try:
        return client.get("/readyz")
    finally:
        client.close()


def test_in_a_drain_nothing_new_begins_and_it_says_so(
    a_caller: Callers, anna: Agent, bente: Agent, carl: Agent, ending: App
):
    first, second, spoken = a_caller.wait_in_turn(3)
    carl.picks_up(spoken)
    anna.phone.stays_silent()
    # While this phone rings the app is still there to be asked.
    ringing = anna.starts("pickup", first)
    anna.phone.rings()
    begins_to_drain(ending)
    refused = bente.asks("pickup", second)
    is_a_clear_refusal(refused, 503)
    assert (refused.document["error"], refused.call["id"]) == ("draining", second.id)
    assert bente.asks("originate", extension="1142").document["error"] == "draining"
    assert carl.asks("pickup", second).document["error"] == "agent-busy"
    assert bente.asks("pickup", spoken).document["error"] == "call-owned"
    assert "shutting down" in asks_readyz(ending).document["missing"]["draining"]
    answer = ringing.answer()
    assert (answer.code, answer.document["error"]) == (503, "draining")
    assert ending.wait_exit() == 0
    anna.phone.is_quiet()
    carl.speaks_with(spoken)


def test_who_calls_in_a_drain_hears_a_tone_and_is_queued_afterwards(
    a_caller: Callers, anna: Agent, app: App
):
    first = a_caller.waits()
    anna.phone.stays_silent()
    anna.starts("pickup", first)
    anna.phone.rings()
    begins_to_drain(app)
    late = a_caller.calls(number="2045559999")
    late.hears("tone")
    assert app.wait_exit() == 0
    app.start()
    assert late.is_queued(limit=BACK)["caller_id"] == "2045559999"
    assert first.is_queued(limit=BACK)["position"] == 1


def test_a_pickup_that_can_be_finished_is_finished(a_caller: Callers, anna: Agent, ending: App):
    caller = a_caller.waits()
    anna.phone.answers_after_ringing(0.5)
    pickup = anna.starts("pickup", caller)
    anna.phone.rings()
    begins_to_drain(ending)
    assert pickup.answer().code == 200
    assert ending.wait_exit() == 0
    anna.speaks_with(caller)


def test_a_number_still_ringing_is_stopped_and_the_agent_is_free_afterwards(
    anna: Agent, outside: Phone, desk: Desk, app: App
):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    assert app.stop() == 0
    outside.is_quiet()
    anna.phone.is_quiet()
    app.start()
    desk.sees(call, "hungup")
    anna.is_free()


def test_a_call_on_hold_stays_hers_and_her_idle_leg_is_let_go(
    a_caller: Callers, anna: Agent, desk: Desk, app: App
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    assert app.stop() == 0
    anna.phone.is_quiet()
    caller.hears("tone")
    app.start()
    assert desk.sees(caller, "parked", limit=BACK)["assigned_to"] == "anna"
    anna.unparks(caller)
    anna.speaks_with(caller)


def test_it_ends_in_time_while_callers_come_and_go(desk: Desk, ending: App, switch: Switch):
    over, before = threading.Event(), desk.last_event()

    def come_and_go() -> None:
        while not over.wait(0.05):
            switch.place_call("5900").hang_up()

    coming = [threading.Thread(target=come_and_go) for _ in range(2)]
    for one in coming:
        one.start()
    try:
        wait_until(desk.last_event, lambda last: last > before + 20, promise="calls come and go")
        assert ending.stop(limit=10.0) == 0
    finally:
        over.set()
        for one in coming:
            one.join()


def test_it_ends_in_time_beside_a_frozen_freeswitch_and_everybody_is_still_there(
    a_caller: Callers, anna: Agent, bente: Agent, app: App, switch: Switch
):
    spoken, ringing, waiting = a_caller.wait_in_turn(3)
    anna.picks_up(spoken)
    bente.phone.stays_silent()
    pickup = bente.starts("pickup", ringing)
    bente.phone.rings()
    switch.freeze()
    began = time.monotonic()
    assert app.stop(limit=10.0) == 0
    assert time.monotonic() - began < 10.0
    switch.thaw()
    assert pickup.answer().code in (503, 504)
    bente.phone.is_quiet()
    app.start()
    for caller in (ringing, waiting):
        caller.is_queued(limit=BACK)
    anna.speaks_with(spoken)
