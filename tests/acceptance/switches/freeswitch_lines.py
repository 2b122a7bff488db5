"""Callers and phones of the real FreeSWITCH: SIPp is told, FreeSWITCH tells what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .freeswitch_conf import UNREGISTERED
from .watch import Channel

if TYPE_CHECKING:
    from .freeswitch import FreeSwitch

NEVER = 600.0
"""Seconds a silent phone rings: longer than any test waits."""

ACCIDENT = "MEDIA_TIMEOUT"
"""The cause FreeSWITCH gives a leg whose phone sends no more audio."""


@dataclass(frozen=True)
class FreeSwitchCaller:
    """A CallerLine (see base.py), known by the Call-ID of its SIP call."""

    switch: "FreeSwitch"
    call_id: str
    number: str

    @property
    def uuid(self) -> str:
        return self.switch.watch.wait(f"{self.number} has a channel", self._channel).uuid

    def _channel(self, channels: list[Channel]) -> Channel | None:
        return next((c for c in channels if c.call_id == self.call_id), None)

    def _ended(self, channels: list[Channel]) -> Channel | None:
        channel = self._channel(channels)
        return channel if channel is not None and channel.ended else None

    def hang_up(self) -> None:
        self.switch.sipps.callers.tell("INFO", self.call_id)

    def is_alive(self) -> bool:
        self.switch.catch_up()
        channel = self._channel(self.switch.watch.all())
        return channel is not None and not channel.ended

    def wait_ended(self, limit: float = 5.0) -> str:
        return self.switch.watch.wait(f"{self.number} is gone", self._ended, limit).cause


@dataclass(frozen=True)
class FreeSwitchPhone:
    """A PhoneLine (see base.py): the legs to one extension, wherever its dial string leads."""

    switch: "FreeSwitch"
    extension: str

    def answers(self) -> None:
        self._dials(self.switch.dial_string(self.extension))

    def answers_after_ringing(self, seconds: float = 0.5) -> None:
        ringing = self.switch.sipps.ringing(seconds)
        self._dials(self.switch.dial_string(self.extension, ringing))

    def is_busy(self) -> None:
        self._dials(self.switch.dial_string(self.extension, self.switch.sipps.busy))

    def stays_silent(self) -> None:
        self.answers_after_ringing(NEVER)

    def is_unregistered(self) -> None:
        self._dials(UNREGISTERED)

    def _dials(self, dial_string: str) -> None:
        self.switch.set_dial_string(self.extension, dial_string)

    def hang_up(self) -> None:
        self.switch.catch_up()
        for leg in self._legs(self.switch.watch.all()):
            if leg.up:
                self.switch.sipps.at(leg.address).tell("INFO", leg.call_id)

    def dies(self) -> None:
        for leg in self.legs():
            self.switch.api(f"uuid_kill {leg} {ACCIDENT}")

    def wait_ringing(self, limit: float = 5.0) -> str:
        return self._wait("rings", lambda leg: leg.ringing, limit)

    def wait_up(self, limit: float = 5.0) -> str:
        return self._wait("is answered", lambda leg: leg.up, limit)

    def wait_down(self, limit: float = 5.0) -> None:
        def is_down(channels: list[Channel]) -> bool:
            return not self._legs(channels)

        self.switch.watch.wait(f"no leg leads to {self.extension}", is_down, limit)

    def legs(self) -> list[str]:
        self.switch.catch_up()
        return [leg.uuid for leg in self._legs(self.switch.watch.all())]

    def _wait(self, what: str, wanted: Callable[[Channel], bool], limit: float) -> str:
        def first(channels: list[Channel]) -> Channel | None:
            return next((leg for leg in self._legs(channels) if wanted(leg)), None)

        return self.switch.watch.wait(f"{self.extension} {what}", first, limit).uuid

    def _legs(self, channels: list[Channel]) -> list[Channel]:
        return [c for c in channels if c.extension == self.extension and not c.ended]
