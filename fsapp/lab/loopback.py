"""Loopback: a pair of channels, what one says the other hears; the B leg runs a dialplan.

Source: the recordings attended-transfer and originate-with-ringback, and mod_loopback's
documentation. A hangup of either leg is a hangup of both, with the same cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fsapp.lab.channels import Channel

__all__ = ["LoopbackEnd", "open_loopback"]


class LoopbackEnd:
    """One end of a loopback pair; what happens to its channel happens to the other."""

    def __init__(self) -> None:
        self.other: Channel | None = None

    def join(self, leg: Channel, variables: Mapping[str, str]) -> Channel:
        """The B leg for an A leg that has this end; it gets the dial string's variables."""
        exchange = leg.exchange
        profile = replace(leg.profile, direction="inbound", index=1)
        end = LoopbackEnd()
        name = f"loopback/{leg.profile.destination_number}-b"
        other = exchange.create(profile, end, name)
        for variable, value in variables.items():
            other.variables.set(variable, value)
        for channel, partner, which in ((leg, other, "A"), (other, leg, "B")):
            channel.variables.set("other_loopback_leg_uuid", partner.uuid)
            channel.variables.set("loopback_leg", which)
        self.other, end.other = other, leg
        return other

    def answered(self, _channel: Channel) -> None:
        """The other leg is answered too."""
        if self.other is not None:
            self.other.answer()

    def ringing(self, channel: Channel) -> None:
        """The other leg rings, or has early media, too."""
        if self.other is None:
            return
        if channel.has_early_media:
            self.other.pre_answer()
        else:
            self.other.ring()

    def ended(self, channel: Channel) -> None:
        """The other leg ends too."""
        channel.variables.set("is_loopback", "1")
        if self.other is not None:
            self.other.hangup(channel.cause or "NORMAL_CLEARING")
            self.other = None


def open_loopback() -> LoopbackEnd:
    """The A end of a new pair."""
    return LoopbackEnd()
