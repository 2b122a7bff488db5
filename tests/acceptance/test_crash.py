"""After `kill -9` at any moment and a restart everybody is where she was, and can be worked with.

What the dialplan alone does meanwhile is in test_app_away.py; that a call is told from its channel
when its row is lost, too, is in test_lost_database.py.
"""

import time
from collections.abc import Callable
from http.client import HTTPException

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import App
from .expect import missing
from .meanwhile import Pending
from .wait import wait_until

BACK = 10.0
"""How long the dialplan may take to bring a caller back, in seconds."""

MUSIC = "tone_stream://%(400,200,400,450);loops=-1"
"""What callers hear from the app and never from the dialplan: on the lab switch, too, there is no
music but this. It sounds like ringing."""

SETTINGS = {"queue": {"music": MUSIC}, "park": {"music": MUSIC}}

KEPT = ("id", "arrival_time", "caller_id", "destination", "priority", "position", "handled_by")

Step = Callable[[Agent, Desk, str], None]


@pytest.fixture
def crashed(app: App, desk: Desk) -> Callable[[], None]:
    """`crashed()`: the app is killed, once what it shows is on record, and started again.

    What it shows of a number that has just answered may be younger than the record: nobody's
    request waits for that. Kills in between are in test_crash_moments.py.
    """

    def crash() -> None:
        desk.is_on_record()
        app.kill()
        app.start()

    return crash


def nobody_answers(pending: Pending) -> None:
    """The request under way was cut off with the app."""
    with pytest.raises((OSError, HTTPException)):
        pending.answer()


def parks_and_takes_back(anna: Agent, desk: Desk, call: str) -> None:
    leg = anna.phone.is_up()
    anna.parks(call)
    assert desk.sees(call, "parked")["assigned_to"] == "anna"
    anna.unparks(call)
    anna.speaks_with(call)
    assert anna.phone.legs() == [leg], "her leg stayed up through all this"


def hangs_up(anna: Agent, desk: Desk, call: str) -> None:
    assert anna.hangs_up(call)["hangup_cause"] == "NORMAL_CLEARING"
    desk.sees(call, "hungup")
    anna.phone.is_quiet()


def hangs_up_by_phone(anna: Agent, desk: Desk, call: str) -> None:
    anna.phone.hangs_up()
    desk.sees(call, "hungup")


AFTERWARDS = [parks_and_takes_back, hangs_up, hangs_up_by_phone]


def test_who_waits_is_back_with_all_that_is_hers(
    a_caller: Callers, anna: Agent, desk: Desk, crashed: Callable[[], None]
):
    a_caller.wait_in_turn(2)
    a_caller.waits(number="2045559000", fsapp_priority="5")
    before = [{key: call[key] for key in KEPT} for call in desk.queue()]
    crashed()
    for call in before:
        desk.sees(call["id"], "queued", BACK)
    assert [{key: call[key] for key in KEPT} for call in desk.queue()] == before
    assert anna.picks_up()["id"] == before[0]["id"]


def test_who_calls_while_it_is_away_is_served_in_the_order_of_calling(
    a_caller: Callers, desk: Desk, app: App
):
    first = a_caller.waits()
    app.kill()
    second = a_caller.calls(number="2045552000")
    second.hears("tone")
    third = a_caller.calls(number="2045553000")
    third.hears("tone")
    app.start()
    # The first one's row may be lost with the process; she too is there once she is back.
    for caller in (first, second, third):
        caller.is_queued(BACK)
    assert [call["id"] for call in desk.queue()] == [first.id, second.id, third.id]


def test_who_hears_her_greeting_is_queued(
    a_caller: Callers, sounds: dict[str, str], desk: Desk, crashed: Callable[[], None]
):
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    caller.hears("greeting")
    crashed()
    assert caller.is_queued(BACK)["locked"] is False
    caller.hears("ringback", limit=BACK)


@pytest.mark.parametrize("afterwards", AFTERWARDS)
def test_a_conversation_is_known_owned_and_worked_with(
    afterwards: Step, a_caller: Callers, anna: Agent, desk: Desk, crashed: Callable[[], None]
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    before = desk.call(caller)
    crashed()
    assert desk.sees(caller, "speaking") == before
    anna.speaks_with(caller)
    afterwards(anna, desk, caller.id)


def test_the_log_says_what_was_found(
    a_caller: Callers, anna: Agent, app: App, crashed: Callable[[], None]
):
    anna.picks_up(a_caller.waits())
    crashed()
    found = "looked at what FreeSWITCH has: 1 conversations that go on"
    wait_until(app.new_log, lambda log: found in log, promise="the log says it")


@pytest.mark.parametrize("afterwards", AFTERWARDS)
def test_an_outbound_conversation_is_known_owned_and_worked_with(
    afterwards: Step, anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    before = anna.calls_the_outside(outside)
    crashed()
    assert desk.sees(before, "speaking") == before
    anna.speaks_with(before)
    afterwards(anna, desk, before["id"])


def test_a_parked_call_hears_music_and_is_taken_back_with_the_leg_that_is_up(
    a_caller: Callers, anna: Agent, desk: Desk, crashed: Callable[[], None]
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    leg = anna.phone.is_up()
    anna.parks()
    before = desk.call(caller)
    crashed()
    caller.hears("ringback", limit=BACK)
    assert desk.call(caller) == before
    anna.unparks(caller)
    anna.speaks_with(caller)
    assert anna.phone.legs() == [leg]


def test_what_was_parked_before_can_be_transferred(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    crashed()
    caller.hears("ringback", limit=BACK)
    anna.speaks_with(call)
    anna.transfers(caller)
    anna.phone.is_quiet()
    anna.is_free()
    caller.hears(call["id"])


def test_transferred_calls_go_on_and_end_together(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    anna.transfers(caller)
    crashed()
    assert desk.sees(caller, "transferred")["b_leg"] == call["id"]
    caller.hears(call["id"])
    caller.hangs_up()
    desk.sees(call, "hungup")


def test_a_number_that_rings_is_still_hers_and_she_speaks_when_it_answers(
    anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    outside.answers_after_ringing(6.0)
    call = anna.dials("1142")
    ringing, leg = outside.rings(), anna.phone.is_up()
    crashed()
    assert desk.sees(call, "ringing")["assigned_to"] == "anna"
    anna.speaks_with(desk.sees(call, "speaking", BACK))
    assert (outside.legs(), anna.phone.legs()) == ([ringing], [leg])


def test_a_number_that_answers_meanwhile_is_joined_with_her(
    anna: Agent, outside: Phone, desk: Desk, app: App
):
    outside.answers_after_ringing(1.0)
    call = anna.dials("1142")
    outside.rings()
    app.kill()
    outside.is_up()
    app.start()
    anna.speaks_with(desk.sees(call, "speaking", BACK))


def test_a_number_that_rings_can_be_hung_up(
    anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    crashed()
    desk.sees(call, "ringing")
    anna.hangs_up()
    outside.is_quiet()
    desk.sees(call, "hungup")


def test_a_number_dialled_for_an_agent_who_has_hung_up_stops_ringing(
    anna: Agent, outside: Phone, desk: Desk, app: App
):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    app.kill()
    anna.phone.hangs_up()
    app.start()
    desk.sees(call, "hungup")
    outside.is_quiet()


def test_a_phone_that_rings_for_a_pickup_stops_and_the_caller_keeps_her_place(
    a_caller: Callers, anna: Agent, bente: Agent, desk: Desk, crashed: Callable[[], None]
):
    anna.phone.stays_silent()
    first, second = a_caller.wait_in_turn(2)
    before = desk.queue()
    pickup = Pending(lambda: anna.asks("pickup", first))
    anna.phone.rings()
    crashed()
    nobody_answers(pickup)
    anna.phone.is_quiet()
    anna.is_free()
    first.hears("ringback", limit=BACK)
    second.hears("ringback", limit=BACK)
    assert desk.queue() == before
    assert bente.picks_up()["id"] == first.id


def test_a_phone_that_rings_for_a_number_stops_and_the_key_dials_once(
    anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    anna.phone.stays_silent()
    key = "before-the-crash"
    dialling = Pending(lambda: anna.asks("originate", extension="1142", key=key))
    anna.phone.rings()
    crashed()
    nobody_answers(dialling)
    anna.phone.is_quiet()
    anna.is_free()
    assert outside.legs() == []
    anna.phone.answers()
    desk.sees(anna.dials("1142", key=key), "speaking")


def test_the_same_key_dials_nothing_after_a_crash(
    anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    first = anna.calls_the_outside(outside, key="dialled-before")
    crashed()
    assert anna.dials("1142", key="dialled-before")["id"] == first["id"]
    assert (len(outside.legs()), desk.ids()) == (1, [first["id"]])


def test_a_leg_that_nobody_needs_is_released(
    anna: Agent, outside: Phone, desk: Desk, crashed: Callable[[], None]
):
    outside.is_busy()
    desk.sees(anna.dials("1142"), "hungup")
    anna.phone.is_up()
    crashed()
    anna.phone.is_quiet()
    anna.is_free()


def test_an_agent_who_hangs_up_meanwhile_has_ended_the_call(
    a_caller: Callers, anna: Agent, desk: Desk, app: App
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    app.kill()
    anna.phone.hangs_up()
    caller.hears("tone")
    app.start()
    assert desk.sees(caller, "hungup", BACK)["hangup_cause"] == "NORMAL_CLEARING"
    anna.is_free()


def test_whose_agents_phone_dies_meanwhile_is_first_in_the_queue(
    a_caller: Callers, anna: Agent, desk: Desk, app: App
):
    spoken, waiting = a_caller.wait_in_turn(2)
    later = a_caller.waits(fsapp_priority="9")
    anna.picks_up(spoken)
    app.kill()
    anna.phone.dies()
    spoken.hears("tone")
    app.start()
    spoken.is_queued(BACK)
    assert [call["id"] for call in desk.queue()] == [spoken.id, later.id, waiting.id]
    anna.is_free()


def test_who_hangs_up_meanwhile_is_closed_with_a_cause(
    a_caller: Callers, anna: Agent, bente: Agent, outside: Phone, app: App
):
    desk = anna.desk
    waiting, spoken, parked = a_caller.wait_in_turn(3)
    anna.picks_up(spoken)
    bente.picks_up(parked)
    bente.parks()
    call = bente.calls_the_outside(outside)
    app.kill()
    for caller in (waiting, spoken, parked):
        caller.hangs_up()
    outside.hangs_up()
    app.start()
    for ended in (waiting.id, spoken.id, parked.id, call["id"]):
        assert desk.sees(ended, "hungup")["hangup_cause"]
        anna.is_refused(missing(ended), "pickup", ended)
    anna.is_free()
    bente.is_free()


def test_two_whom_a_transfer_took_apart_speak_with_each_other_again(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk, app: App
):
    """FreeSWITCH has heard of the transfer, the app is dead, and its source hangs up as the two
    are being joined: FreeSWITCH leaves the other one and the agent's leg in silence."""
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    leg = anna.phone.is_up()
    desk.is_on_record()
    app.kill()
    desk.switch.api(f"uuid_setvar {leg} park_after_bridge true")
    # In one write: heard of later, FreeSWITCH would end the other one itself.
    joins, leaves = f"uuid_bridge {caller.id} {call['id']}", f"uuid_kill {caller.id}"
    joined, left = desk.switch.control().apis(joins, leaves)
    assert joined.startswith("+OK")
    assert left.startswith("+OK")
    wait_until(lambda: desk.switch.hears(call["id"]), lambda heard: heard == "silence")
    app.start()
    desk.sees(caller, "hungup")
    anna.speaks_with(desk.sees(call, "speaking"), BACK)
    assert anna.phone.legs() == [leg]
    anna.hangs_up()
    desk.sees(call, "hungup")


@pytest.mark.parametrize("delay", [0.005, 0.015, 0.025, 0.04])
def test_a_transfer_after_a_crash_whose_source_leaves_just_then_leaves_nobody_in_silence(
    *,
    delay: float,
    a_caller: Callers,
    anna: Agent,
    outside: Phone,
    desk: Desk,
    crashed: Callable[[], None],
):
    """The callee has no connection any more; what FreeSWITCH makes of it is a race."""
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    crashed()
    anna.speaks_with(call)
    caller.hears("ringback", limit=BACK)
    asked = Pending(lambda: anna.asks("transfer", caller))
    time.sleep(delay)
    desk.switch.api(f"uuid_kill {caller.id}")
    asked.answer()
    speaks_or_is_over(anna, call["id"])


def speaks_or_is_over(anna: Agent, call: str) -> None:
    """With her, or, as the transfer was done and its source is gone, not any more."""

    def seen() -> tuple[str, str]:
        shown = anna.desk.call(call)
        return (shown["state"] if shown else "", anna.desk.switch.hears(call))

    def fits(seen: tuple[str, str]) -> bool:
        return seen[0] == "hungup" or (seen[0] == "speaking" and seen[1] in anna.phone.legs())

    wait_until(seen, fits, limit=BACK, promise=f"{call} speaks with {anna.id}, or has ended")
