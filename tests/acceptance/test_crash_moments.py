"""`kill -9` in the middle of every verb leaves a defined state: it was done, or it was not."""

import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPException

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import App
from .client import Answer
from .meanwhile import Pending
from .wait import wait_until

BACK = 10.0
MOMENTS = (0.004, 0.012, 0.035)
"""How long after the request is sent the app dies: before, during and after the bridge, park, …"""

Scene = Callable[[Callers, Agent, Phone], tuple[list[str], Callable[[], Answer]]]


def pickup(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    return [caller.id], lambda: anna.asks("pickup", caller)


def park(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    anna.picks_up(caller)
    return [caller.id], lambda: anna.asks("park", caller)


def unpark(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    return [caller.id], lambda: anna.asks("unpark", caller)


def transfer(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    return [caller.id, call["id"]], lambda: anna.asks("transfer", caller)


def hangup(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    anna.picks_up(caller)
    return [caller.id], lambda: anna.asks("hangup", caller)


OUTCOMES = {
    pickup: (("queued",), ("speaking",)),
    park: (("speaking",), ("parked",)),
    unpark: (("parked",), ("speaking",)),
    transfer: (("parked", "speaking"), ("transferred", "transferred")),
    hangup: (("speaking",), ("hungup",)),
}
"""The calls' states when the verb was not done, and when it was."""


def states(desk: Desk, calls: list[str]) -> tuple[str, ...]:
    """The calls' states."""
    seen = [desk.call(call) for call in calls]
    return tuple(call["state"] if call is not None else "unknown" for call in seen)


def killed_after(moment: float, ask: Callable[[], Answer], app: App) -> bool:
    """Ask, and kill and restart the app meanwhile; whether the answer still was 200."""
    asked = Pending(ask)
    time.sleep(moment)
    app.kill()
    try:
        answered = asked.answer().code == 200
    except (OSError, HTTPException):
        answered = False
    app.start()
    return answered


def is_over(anna: Agent) -> None:
    """All agrees, then everybody goes home: nothing is left, and she is free."""
    desk = anna.desk
    desk.settled_picture()
    desk.is_consistent()
    desk.switch.reset()
    desk.sees_nothing(BACK)
    anna.is_free()
    anna.phone.is_quiet()


@pytest.mark.parametrize("scene", OUTCOMES, ids=lambda scene: scene.__name__)
def test_the_verb_was_done_or_it_was_not(
    scene: Scene, a_caller: Callers, anna: Agent, outside: Phone, app: App
):
    for moment in MOMENTS:
        calls, ask = scene(a_caller, anna, outside)
        answered = killed_after(moment, ask, app)
        allowed = OUTCOMES[scene][1:] if answered else OUTCOMES[scene]
        wait_until(
            partial(states, anna.desk, calls),
            lambda seen, allowed=allowed: seen in allowed,
            limit=BACK,
            promise=f"{scene.__name__}, killed after {moment} s, is one of {allowed}",
        )
        is_over(anna)


def test_a_number_is_dialled_once_or_not_at_all(anna: Agent, outside: Phone, app: App):
    for moment in MOMENTS:
        key = f"killed-after-{moment}"
        dial = partial(anna.asks, "originate", extension="1142", key=key)
        answered = killed_after(moment, dial, app)
        call = anna.dials("1142", key=key)
        wait_until(
            partial(states, anna.desk, [call["id"]]),
            lambda seen, over=not answered: seen == ("speaking",) or (over and seen == ("hungup",)),
            limit=BACK,
        )
        assert len(outside.legs()) <= 1, f"killed after {moment} s: dialled twice"
        is_over(anna)
