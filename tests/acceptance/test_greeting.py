"""The greeting: the call is locked while it plays, and then waits like any other."""

from .actors import Agent, Callers, Desk
from .expect import locked, nothing_to_pick_up
from .musics import RINGING
from .wait import wait_until

SETTINGS = {"queue": {"music": RINGING}}

MUSIC = "ringback"
"""As what that is heard: neither the greeting nor the dialplan's tone."""


def test_a_greeted_call_is_created_and_locked(
    a_caller: Callers, desk: Desk, sounds: dict[str, str]
):
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    call = desk.sees(caller, "created")
    wait_until(lambda: desk.call(caller), lambda seen: seen and seen["locked"])
    assert (call["status"], call["position"], call["assigned_to"]) == ("created", None, None)
    assert (desk.ids(), desk.queue()) == ([caller.id], [])


def test_the_caller_hears_it(a_caller: Callers, sounds: dict[str, str]):
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    caller.hears("greeting")


def test_pickup_of_a_locked_call_is_refused(
    a_caller: Callers, anna: Agent, desk: Desk, sounds: dict[str, str]
):
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    caller.hears("greeting")
    anna.is_refused(locked(caller), "pickup", caller)


def test_a_locked_call_asked_for_never_becomes_another(
    a_caller: Callers, anna: Agent, sounds: dict[str, str]
):
    waiting = a_caller.waits()
    greeted = a_caller.calls(fsapp_greeting=sounds["greeting"])
    greeted.hears("greeting")
    anna.is_refused(locked(greeted), "pickup", greeted)
    assert waiting.call["state"] == "queued"


def test_next_does_not_hand_out_a_locked_call(
    a_caller: Callers, anna: Agent, sounds: dict[str, str]
):
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    caller.hears("greeting")
    anna.is_refused(nothing_to_pick_up(), "pickup")


def test_then_it_is_queued_and_not_locked(a_caller: Callers, desk: Desk, sounds: dict[str, str]):
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    caller.hears("greeting")
    call = caller.is_queued()
    assert (call["locked"], call["position"]) == (False, 1)
    caller.hears(MUSIC)


def test_then_it_can_be_picked_up(a_caller: Callers, anna: Agent, sounds: dict[str, str]):
    caller = a_caller.waits(fsapp_greeting=sounds["greeting"])
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_it_is_heard_once(a_caller: Callers, anna: Agent, sounds: dict[str, str]):
    caller = a_caller.waits(fsapp_greeting=sounds["greeting"])
    anna.picks_up(caller)
    anna.phone.dies()
    # Back from the conversation she is queued at once: a greeting would lock the call.
    back = caller.is_queued(limit=1.0)
    assert back["locked"] is False
    caller.hears(MUSIC)


def test_a_missing_greeting_holds_nobody_up(a_caller: Callers, desk: Desk):
    caller = a_caller.waits(fsapp_greeting="/no/such/greeting.wav")
    caller.hears(MUSIC)


def test_without_a_greeting_it_is_never_locked(a_caller: Callers):
    caller = a_caller.waits()
    assert caller.call["locked"] is False


def test_who_leaves_during_it_has_freeswitchs_own_cause(
    a_caller: Callers, desk: Desk, sounds: dict[str, str]
):
    """As in test_caller_gives_up.py: nobody here hangs up with such a cause."""
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    caller.hears("greeting")
    desk.switch.api(f"uuid_kill {caller.id} MEDIA_TIMEOUT")
    ended = desk.sees(caller, "hungup")
    assert (ended["hangup_cause"], ended["locked"]) == ("MEDIA_TIMEOUT", False)
