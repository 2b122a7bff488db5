"""`kill -9` in the middle of every verb leaves a defined state: it was done, or it was not."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException

import pytest

from fsapp.desk.park import YOUNG_SECONDS

from .actors import WAITING, Agent, Callers, Phone
from .app import App
from .client import Answer
from .meanwhile import Pending
from .wait import wait_until

BACK = 10.0
SHARES = (0.05, 0.4, 0.75, 1.1)
"""When the app dies, in shares of what the verb takes here undisturbed: before FreeSWITCH is told,
while it bridges, parks, …, and about when the answer has been sent."""

Scene = Callable[[Callers, Agent, Phone], tuple[list[str], Callable[[], Answer]]]


def pickup(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    return [caller.id], lambda: anna.asks("pickup", caller)


def park(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    anna.picks_up(caller)
    # Sooner, park would only wait, and no kill would meet what it does.
    time.sleep(YOUNG_SECONDS)
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


def states(anna: Agent, calls: list[str]) -> tuple[str, ...]:
    """The calls' states. One that is not what the switch does is no state: what was on record when
    the app was killed stands there until it has looked."""
    fitting = {
        "queued": WAITING,
        "parked": WAITING,
        "speaking": anna.phone.legs(),
        "transferred": calls,
        "hungup": ["nothing"],
    }
    seen = []
    for call in calls:
        shown, heard = anna.desk.call(call), anna.desk.switch.hears(call)
        state = shown["state"] if shown is not None else "unknown"
        fits = heard in fitting.get(state, ())
        seen.append(state if fits else f"{state}, but hears {heard}")
    return tuple(seen)


@dataclass
class Kills:
    """Kills of the app within requests of one kind."""

    app: App
    seconds: float
    """How long such a request takes at most, as far as is known."""
    cut_off: int = 0
    """How many requests were not answered any more."""

    def after(self, share: float, ask: Callable[[], Answer]) -> bool:
        """Ask, and kill and restart the app meanwhile; whether the answer still was 200."""
        moment, asked = share * self.seconds, Pending(ask)
        time.sleep(moment)
        self.app.kill()
        try:
            answered = asked.answer().code == 200
        except (OSError, HTTPException):
            answered = False
        self.app.start()
        if answered:
            self.seconds = min(self.seconds, moment)
        self.cut_off += not answered
        return answered


def undisturbed(ask: Callable[[], Answer], anna: Agent, app: App) -> Kills:
    """What is to be killed, done once; how long it took is the measure of the kills to come."""
    answer = ask()
    assert answer.code == 200, str(answer)
    is_over(anna)
    return Kills(app, answer.seconds)


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
    kills = undisturbed(scene(a_caller, anna, outside)[1], anna, app)
    for share in SHARES:
        calls, ask = scene(a_caller, anna, outside)
        answered = kills.after(share, ask)
        allowed = OUTCOMES[scene][1:] if answered else OUTCOMES[scene]
        wait_until(
            partial(states, anna, calls),
            lambda seen, allowed=allowed: seen in allowed,
            limit=BACK,
            promise=f"{scene.__name__}, killed at {share} of its time, is one of {allowed}",
        )
        is_over(anna)
    assert kills.cut_off, "no kill came before the answer"


def test_a_number_is_dialled_once_or_not_at_all(anna: Agent, outside: Phone, app: App):
    kills = undisturbed(partial(anna.asks, "originate", extension="1142"), anna, app)
    for share in SHARES:
        key = f"killed-at-{share}"
        answered = kills.after(share, partial(anna.asks, "originate", extension="1142", key=key))
        call = anna.dials("1142", key=key)
        wait_until(
            partial(states, anna, [call["id"]]),
            lambda seen, over=not answered: seen == ("speaking",) or (over and seen == ("hungup",)),
            limit=BACK,
        )
        assert len(outside.legs()) <= 1, f"killed at {share} of its time: dialled twice"
        is_over(anna)
    assert kills.cut_off, "no kill came before the answer"
