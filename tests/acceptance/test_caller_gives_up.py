"""The caller may hang up at any moment: nothing of her is left, and it is known why."""

import time

import pytest

from .actors import Agent, Caller, Callers, Desk
from .expect import missing
from .switches.base import Switch
from .wait import wait_for

UNANSWERED = "ORIGINATOR_CANCEL"
"""FreeSWITCH's cause of a call whose caller hung up before it was answered."""
MOST_TRIES = 100


def is_over(desk: Desk, caller: Caller) -> None:
    """The call has left queue and list and has ended with FreeSWITCH's cause."""
    ended = desk.sees(caller, "hungup")
    assert ended["hangup_cause"] == caller.line.wait_ended()
    assert (desk.calls(), desk.queue()) == ([], [])
    desk.sees_no_channel()


def never_answered(a_caller: Callers, desk: Desk) -> Caller:
    """One who hung up after the app had heard of her, and before FreeSWITCH had answered her.

    How many milliseconds that is depends on the switch and on what else goes on: so one after the
    other calls, each with a little more patience, until it has happened.
    """
    for attempt in range(MOST_TRIES):
        caller = a_caller.calls()
        time.sleep(attempt % 10 / 1000)
        caller.line.hang_up()
        cause = caller.is_cut_off()
        if is_known(desk, caller):
            is_over(desk, caller)
            if cause == UNANSWERED:
                return caller
    raise AssertionError(f"of {MOST_TRIES} callers none is on record and was not answered")


def is_known(desk: Desk, caller: Caller) -> bool:
    """Whether the app has heard of her, who is gone, or does so a moment later."""
    until = time.monotonic() + 0.2
    while desk.call(caller) is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_who_hangs_up_before_the_answer_leaves_nothing_but_the_cause(a_caller: Callers, desk: Desk):
    caller = never_answered(a_caller, desk)
    ended = desk.sees(caller, "hungup")
    assert (ended["hangup_cause"], ended["answered_at"]) == (UNANSWERED, None)


def test_twenty_who_hang_up_at_once_leave_nothing(a_caller: Callers, desk: Desk):
    """Some before anybody has heard of them, some before they are answered, some afterwards."""
    callers = []
    for number in range(20):
        callers.append(a_caller.calls())
        time.sleep(number / 4000)
        callers[-1].line.hang_up()
    causes = {caller.id: caller.is_cut_off(10) for caller in callers}
    assert set(causes.values()) <= {UNANSWERED, "NORMAL_CLEARING"}

    def otherwise() -> list[tuple[str, str, str]]:
        known = [call for call in map(desk.call, callers) if call]
        said = [(call["state"], call["hangup_cause"], call["id"]) for call in known]
        return [one for one in said if one != ("hungup", causes[one[2]], one[2])]

    # FreeSWITCH may be rid of them before the app has heard that the last ones called.
    wait_for(otherwise, [], promise="whoever is known at all has hung up, with FreeSWITCH's cause")
    desk.sees_nothing()
    assert (desk.calls(), desk.queue()) == ([], [])
    desk.sees_no_channel()


def test_in_the_greeting(a_caller: Callers, desk: Desk, sounds: dict[str, str]):
    caller = a_caller.calls(fsapp_greeting=sounds["greeting"])
    caller.hears("greeting")
    caller.hangs_up()
    is_over(desk, caller)


def test_in_the_queue(a_caller: Callers, desk: Desk):
    caller = a_caller.waits()
    caller.hangs_up()
    is_over(desk, caller)


def test_the_next_in_the_queue_moves_up(a_caller: Callers, desk: Desk):
    first, second = a_caller.wait_in_turn(2)
    first.hangs_up()
    desk.sees(first, "hungup")
    assert [(call["id"], call["position"]) for call in desk.queue()] == [(second.id, 1)]


def test_while_the_phone_rings_the_phone_stops(a_caller: Callers, anna: Agent, desk: Desk):
    anna.phone.stays_silent()
    caller = a_caller.waits()
    picking_up = anna.starts("pickup", caller)
    anna.phone.rings()
    caller.hangs_up()
    missing(caller).check(picking_up.answer())
    anna.phone.is_quiet()
    is_over(desk, caller)
    anna.is_free()


def test_while_parked(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    caller.hangs_up()
    assert desk.sees(caller, "hungup")["hangup_cause"] == "NORMAL_CLEARING"
    assert desk.calls() == []
    anna.is_free()


def test_in_conversation_the_agent_is_free_again(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    caller.hangs_up()
    ended = desk.sees(caller, "hungup")
    assert ended["hangup_cause"] == "NORMAL_CLEARING"
    assert (desk.calls(), desk.queue()) == ([], [])
    anna.is_free()
    anna.picks_up(a_caller.waits())


@pytest.mark.parametrize("phase", ["queued", "ringing", "parked", "speaking"])
def test_the_cause_on_record_is_freeswitchs_own(
    phase: str, a_caller: Callers, anna: Agent, desk: Desk, switch: Switch
):
    """Nobody here hangs up with such a cause: only FreeSWITCH can have told it."""
    caller = a_caller.waits()
    if phase == "ringing":
        anna.phone.stays_silent()
        anna.starts("pickup", caller)
        anna.phone.rings()
    elif phase != "queued":
        anna.picks_up(caller)
    if phase == "parked":
        anna.parks()
    switch.api(f"uuid_kill {caller.id} MEDIA_TIMEOUT")
    assert desk.sees(caller, "hungup")["hangup_cause"] == "MEDIA_TIMEOUT"
    anna.is_free()


@pytest.mark.parametrize("verb", ["pickup", "park", "unpark", "hangup", "transfer"])
def test_an_ended_call_exists_only_for_state(verb: str, a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    caller.hangs_up()
    desk.sees(caller, "hungup")
    anna.is_refused(missing(caller), verb, caller)


def test_a_call_nobody_spoke_to_was_handled_by_nobody(a_caller: Callers, desk: Desk, anna: Agent):
    caller = a_caller.waits()
    caller.hangs_up()
    ended = desk.sees(caller, "hungup")
    assert (ended["handled_by"], ended["assigned_to"]) == ([], None)
