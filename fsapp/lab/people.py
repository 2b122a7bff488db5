"""The people at the lab switch: who calls in, and who sits at a phone.

The law of this file: every method may be called from any thread and returns when it is done;
what waits has a limit, and says what it waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from fsapp.lab.callers import hang_up
from fsapp.lab.channels import Channel
from fsapp.lab.phones import PhoneSet

__all__ = ["LIMIT", "Caller", "Phone", "Place"]

T = TypeVar("T")

LIMIT = 5.0
"""How long a wait may take unless it is told otherwise, in seconds."""


class Place(Protocol):
    """The switch these people are at, see :class:`fsapp.lab.switch.LabSwitch`."""

    def do(self, action: Callable[[], T]) -> T:
        """Run ``action`` on the switch's thread."""
        ...

    def wait_for(self, holds: Callable[[], bool], promise: str, limit: float) -> None:
        """Wait until ``holds()``."""
        ...


class Caller:
    """Someone who called in."""

    def __init__(self, switch: Place, channel: Channel) -> None:
        self._switch = switch
        self._channel = channel
        self.uuid = channel.uuid
        self.number = channel.profile.caller_id_number

    def hang_up(self) -> None:
        """Hang up, answered or not."""
        self._switch.do(lambda: hang_up(self._channel))

    def presses(self, keys: str) -> None:
        """Press keys."""

        def pressing() -> None:
            for key in keys:
                self._channel.press(key)

        self._switch.do(pressing)

    @property
    def is_answered(self) -> bool:
        """Whether the switch answered her."""
        return self._switch.do(lambda: self._channel.is_answered)

    @property
    def state(self) -> str:
        """Her channel's state, e.g. ``CS_EXECUTE``."""
        return self._switch.do(lambda: self._channel.state.name)

    @property
    def hangup_cause(self) -> str | None:
        """Why her call ended; None while it has not."""
        return self._switch.do(lambda: self._channel.cause)

    def is_alive(self) -> bool:
        """Whether her call still exists."""
        return self._switch.do(lambda: not self._channel.down)

    def hears(self) -> str:
        """What she hears, see :meth:`LabSwitch.hears`."""
        return self._switch.do(lambda: self._channel.hearing)

    def wait_hears(self, what: str, limit: float = LIMIT) -> None:
        """Wait until she hears ``what``."""
        promise = f"the caller hears {what}"
        self._switch.wait_for(lambda: self._channel.hearing == what, promise, limit)

    def wait_until(self, application: str, limit: float = LIMIT) -> None:
        """Wait until her call executes ``application``."""
        promise = f"the call executes {application}"
        self._switch.wait_for(lambda: self._channel.application == application, promise, limit)

    def wait_ended(self, limit: float = LIMIT) -> str:
        """Wait until her call is over; its cause."""
        self._switch.wait_for(
            lambda: self._channel.call_state == "HANGUP", "the caller's call ends", limit
        )
        return self.hangup_cause or ""


class Phone:
    """A phone and the person at it."""

    def __init__(self, switch: Place, phone: PhoneSet) -> None:
        self._switch = switch
        self._phone = phone
        self.extension = phone.extension

    def answers(self, after: float = 0.0) -> None:
        """Answer from now on, having rung for ``after`` seconds."""
        self._switch.do(lambda: self._phone.answers(after))

    def busy(self) -> None:
        """Refuse from now on: USER_BUSY."""
        self._switch.do(lambda: self._phone.refuses("USER_BUSY"))

    def refuses(self, cause: str) -> None:
        """Refuse from now on with any cause."""
        self._switch.do(lambda: self._phone.refuses(cause))

    def silent(self) -> None:
        """Ring from now on and never answer."""
        self._switch.do(self._phone.stays_silent)

    def unregistered(self) -> None:
        """Be unreachable from now on."""
        self._switch.do(self._phone.is_unregistered)

    def pick_up(self) -> None:
        """Answer what rings now."""
        self._switch.do(self._phone.pick_up)

    def hang_up(self) -> None:
        """Hang up as a person does."""
        self._switch.do(self._phone.hang_up)

    def die(self, cause: str = "MEDIA_TIMEOUT") -> None:
        """Lose every call by accident."""
        self._switch.do(lambda: self._phone.die(cause))

    def legs(self) -> list[str]:
        """Unique-IDs of the legs that lead here, ringing ones included."""
        return self._switch.do(lambda: [leg.uuid for leg in self._phone.legs])

    def wait_ringing(self, limit: float = LIMIT) -> str:
        """Wait until it rings; the leg's Unique-ID."""
        return self._wait_leg(lambda leg: leg.is_ringing and not leg.is_answered, "rings", limit)

    def wait_up(self, limit: float = LIMIT) -> str:
        """Wait until a call is up; the leg's Unique-ID."""
        return self._wait_leg(lambda leg: leg.is_answered, "is up", limit)

    def _wait_leg(self, fits: Callable[[Channel], bool], what: str, limit: float) -> str:
        found: list[str] = []

        def holds() -> bool:
            found[:] = [leg.uuid for leg in self._phone.legs if fits(leg) and not leg.down]
            return bool(found)

        self._switch.wait_for(holds, f"phone {self.extension} {what}", limit)
        return found[0]

    def wait_down(self, limit: float = LIMIT) -> None:
        """Wait until no call rings or is up here."""
        promise = f"phone {self.extension} is down"
        self._switch.wait_for(lambda: not self._phone.legs, promise, limit)
