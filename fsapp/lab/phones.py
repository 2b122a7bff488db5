"""Phones: what a dialled extension does.

The law of this file: a phone is on the other side of the wire. It rings, answers, refuses and
hangs up; it knows nothing of the app.

Source: the recordings pickup-agent-busy, -no-answer and -unregistered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsapp.lab.channels import Channel

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["PhoneBook", "PhoneSet"]


class PhoneSet:
    """One phone. Any number of legs may lead to it."""

    def __init__(self, exchange: Exchange, extension: str) -> None:
        self.exchange = exchange
        self.extension = extension
        self.legs: list[Channel] = []
        self.unreachable = False
        self._refusal = ""
        self._answers_after: float | None = 0.0

    # -- what it does with the next call ---------------------------------------------------

    def answers(self, after: float = 0.0) -> None:
        """Answer, having rung for ``after`` seconds."""
        self.unreachable, self._refusal, self._answers_after = False, "", after

    def refuses(self, cause: str) -> None:
        """Refuse at once with a cause, e.g. ``USER_BUSY``."""
        self.unreachable, self._refusal = False, cause

    def stays_silent(self) -> None:
        """Ring and never answer."""
        self.unreachable, self._refusal, self._answers_after = False, "", None

    def is_unregistered(self) -> None:
        """Be unreachable."""
        self.unreachable = True

    # -- being called ------------------------------------------------------------------

    def dialled(self, leg: Channel) -> None:
        """A leg leads here."""
        self.legs.append(leg)
        answers_after = self._answers_after
        delay = self.exchange.latency.ring

        def reached() -> None:
            if leg.down:
                return
            leg.profile.network_addr = "127.0.0.1"
            if self._refusal:
                leg.hangup(self._refusal)
                return
            leg.ring()
            if answers_after is not None:
                self.exchange.clock.call_later(answers_after, leg.answer)

        self.exchange.clock.call_later(delay, reached)

    def answered(self, channel: Channel) -> None:
        """The leg is up."""

    def ringing(self, channel: Channel) -> None:
        """The leg rings."""

    def ended(self, channel: Channel) -> None:
        """A leg is over; the phone stops."""
        if channel in self.legs:
            self.legs.remove(channel)
        self.exchange.changed()

    # -- what its owner does -----------------------------------------------------------

    def hang_up(self) -> None:
        """Hang up what is up, decline what rings."""
        for leg in list(self.legs):
            leg.hangup("NORMAL_CLEARING" if leg.is_answered else "CALL_REJECTED")

    def pick_up(self) -> None:
        """Answer what rings."""
        for leg in self.legs:
            leg.answer()

    def die(self, cause: str) -> None:
        """Lose every call by accident."""
        for leg in list(self.legs):
            leg.hangup(cause)


class PhoneBook:
    """Every phone by its extension."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._phones: dict[str, PhoneSet] = {}

    def find(self, extension: str) -> PhoneSet | None:
        """The phone, if there is one."""
        return self._phones.get(extension)

    def phone(self, extension: str) -> PhoneSet:
        """The phone, new (answering at once) when there was none."""
        if extension not in self._phones:
            self._phones[extension] = PhoneSet(self._exchange, extension)
        return self._phones[extension]

    def all(self) -> list[PhoneSet]:
        """Every phone."""
        return list(self._phones.values())
