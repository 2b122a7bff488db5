"""What the acceptance suite may ask of a switch, and the parts every switch shares.

A test never knows which switch it runs on. Whatever is in this file must therefore hold on the lab
switch and on a real FreeSWITCH alike; what only one of them can do belongs into its own driver.
Every wait has a limit and ends with WaitTooLong, naming what was waited for and what was there.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from .event_socket import EventSocket

T = TypeVar("T")

NOTHING: Mapping[str, str] = {}
RINGBACK_CADENCES = ("400,200,400,450", "2000,4000,440,480")


class WaitTooLong(AssertionError):
    """Something the test waited for did not happen within its limit."""


class SwitchUnavailable(Exception):
    """This switch cannot be run here; the text says what is missing."""


class CallerLine(Protocol):
    """A customer who called in. She hangs up by herself only when told to."""

    number: str

    @property
    def uuid(self) -> str:
        """Unique-ID of her channel on the switch; waits up to 5 s until the switch has it."""

    def hang_up(self) -> None:
        """Hang up as a person does, answered or not; returns at once."""

    def is_alive(self) -> bool:
        """Whether her channel still exists on the switch."""

    def wait_ended(self, limit: float = 5.0) -> str:
        """Wait until her channel is gone; returns its hangup cause, e.g. `NORMAL_CLEARING`."""


class PhoneLine(Protocol):
    """The phone of one extension; any number of calls may reach it, one after another or at once.

    A new phone answers at once. What a verb sets holds for later calls, from when it returns.
    """

    extension: str

    def answers(self) -> None:
        """Pick up at once."""

    def answers_after_ringing(self, seconds: float = 0.5) -> None:
        """Ring for so long, then pick up."""

    def is_busy(self) -> None:
        """Refuse with USER_BUSY."""

    def stays_silent(self) -> None:
        """Ring and never pick up."""

    def is_unregistered(self) -> None:
        """Be unreachable: dialling it fails with USER_NOT_REGISTERED."""

    def hang_up(self) -> None:
        """Hang up every call that is up, as a person does (cause NORMAL_CLEARING)."""

    def dies(self) -> None:
        """Lose every call by accident: its legs end with a cause that no person causes."""

    def wait_ringing(self, limit: float = 5.0) -> str:
        """Wait until a call rings here; returns the Unique-ID of its leg."""

    def wait_up(self, limit: float = 5.0) -> str:
        """Wait until a call is answered here; returns the Unique-ID of its leg."""

    def wait_down(self, limit: float = 5.0) -> None:
        """Wait until no call rings or is up here."""

    def legs(self) -> list[str]:
        """Unique-IDs of the legs that lead to this phone now, ringing ones included."""


class Switch(Protocol):
    """A switch with contexts `public` and `default`, both including the shipped dialplan."""

    name: str
    control_address: str
    control_password: str
    outbound_address: str
    """Where the shipped dialplan's `socket` action connects to: the app has to listen there."""
    no_route: str
    """The cause with which a call to a number ends that nobody takes."""

    def start(self) -> None:
        """Start and wait until it takes calls. Raises SwitchUnavailable when it cannot be run."""

    def stop(self) -> None:
        """Stop it and every caller and phone; nothing is left behind."""

    def place_call(
        self,
        destination: str = "5900",
        *,
        number: str = "2045550100",
        name: str = "Caller",
        variables: Mapping[str, str] = NOTHING,
    ) -> CallerLine:
        """Call in from outside, into context `public`; returns without waiting for an answer.

        `variables` become channel variables before the shipped dialplan sees the call.
        """

    def phone(self, extension: str) -> PhoneLine:
        """The phone behind dial string `user/<extension>`, created when first asked for."""

    def reset(self) -> None:
        """Between tests: end every call, put every phone back to answering."""

    def needs_its_process(self) -> None:
        """Skip the test when freeze() and crash() cannot be done here."""

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does (SIGSTOP): its connections stand."""

    def thaw(self) -> None:
        """Let it go on; nothing happens when it is not frozen."""

    def crash(self) -> None:
        """Kill it (SIGKILL): every call and connection is gone."""

    def come_back(self) -> None:
        """Start it again on the same addresses; nothing happens when it runs."""

    def settle(self) -> None:
        """Until `channels()` shows what has happened so far."""

    def api(self, command: str) -> str:
        """The result of one Event Socket api command."""

    def channels(self) -> list[dict[str, str]]:
        """The rows of `show channels as json`; [] when there are none."""

    def hears(self, uuid: str) -> str:
        """What a channel hears now, see `heard`; `nothing` when the channel does not exist."""


def wait_until(
    promise: str, happened: Callable[[], T | None], limit: float = 5.0, every: float = 0.01
) -> T:
    """The first true answer of `happened`, asked again and again for `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        answer = happened()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise WaitTooLong(f"not within {limit} s: {promise}")
        time.sleep(every)


def heard(application: str, argument: str) -> str:
    """What a running dialplan application sounds like to the channel it runs on.

    `music` (local_stream, or a file named music…), `announcement` (a file named announcement…),
    `ringback` (a tone with a ringing cadence), `tone` (any other), `greeting` (any other file),
    `silence` (everything that plays nothing).
    """
    if application not in {"playback", "endless_playback", "loop_playback"}:
        return "tone" if application == "gentones" else "silence"
    if argument.startswith("tone_stream://"):
        return "ringback" if any(c in argument for c in RINGBACK_CADENCES) else "tone"
    if argument.startswith("silence_stream://"):
        return "silence"
    if argument.startswith("local_stream://"):
        return "music"
    name = argument.rpartition("/")[2]
    return next((kind for kind in ("music", "announcement") if name.startswith(kind)), "greeting")


class EventSocketSwitch:
    """The parts of a Switch that need nothing but its Event Socket."""

    control_address: str
    control_password: str
    no_route = "NO_ROUTE_DESTINATION"
    _control: EventSocket | None = None

    def needs_its_process(self) -> None:
        """It is ours."""

    def settle(self) -> None:
        """What is asked of this switch is answered as things are: nothing to wait for."""

    def control(self) -> EventSocket:
        """The suite's own connection to the control port, opened on first use."""
        if self._control is None:
            self._control = EventSocket.connect(self.control_address, self.control_password)
        return self._control

    def disconnect(self) -> None:
        """Close the suite's own connection; the next api() opens a new one."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def api(self, command: str) -> str:
        """The result of one api command, e.g. `+OK` or `-ERR No such channel!`."""
        return self.control().api(command)

    def variable(self, uuid: str, name: str) -> str:
        """A channel variable, "" when it is unset or the channel is gone."""
        value = self.api(f"uuid_getvar {uuid} {name}")
        return "" if value == "_undef_" or value.startswith("-ERR") else value

    def channels(self) -> list[dict[str, str]]:
        """The rows of `show channels as json`; [] when there are none."""
        rows: list[dict[str, str]] = json.loads(self.api("show channels as json")).get("rows", [])
        return rows

    def wait_idle(self, limit: float = 5.0) -> None:
        """Wait until no channel is left."""
        wait_until("no channel is left", lambda: not self.channels(), limit)
