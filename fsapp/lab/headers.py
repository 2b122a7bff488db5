"""A channel's headers in an event.

Source: the recordings; names, order and which events carry variables are theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsapp.lab.events import header_line
from fsapp.lab.states import Flag

if TYPE_CHECKING:
    from fsapp.lab.channels import Channel

__all__ = ["channel_headers"]

_WITHOUT_VARIABLES = frozenset({"CHANNEL_STATE", "CHANNEL_CALLSTATE", "DTMF"})

_CODEC_LINES = "".join(
    f"Channel-{side}-Codec-Name: PCMU\nChannel-{side}-Codec-Rate: 8000\n"
    f"Channel-{side}-Codec-Bit-Rate: 64000\n"
    for side in ("Read", "Write")
)


def channel_headers(channel: Channel, event: str = "CHANNEL_DATA") -> str:
    """The headers that an event of that name carries about the channel."""
    variables = "" if event in _WITHOUT_VARIABLES else channel.variables.lines()
    caller = channel.profile.lines("Caller", channel.times)
    return f"{_basic(channel)}{_codecs(channel)}{caller}{_other_leg(channel)}{variables}"


def _basic(channel: Channel) -> str:
    pairs = (
        ("Channel-State", channel.running_state.name),
        ("Channel-Call-State", channel.call_state),
        ("Channel-State-Number", str(int(channel.state))),
        ("Channel-Name", channel.name),
        ("Unique-ID", channel.uuid),
        ("Call-Direction", channel.direction),
        ("Presence-Call-Direction", channel.direction),
        ("Channel-HIT-Dialplan", "true" if Flag.DIALPLAN in channel.flags else "false"),
        ("Channel-Presence-ID", channel.presence_id),
        ("Channel-Call-UUID", channel.variables.get("call_uuid") or channel.uuid),
        ("Answer-State", _answer_state(channel)),
        ("Hangup-Cause", channel.cause or ""),
    )
    return "".join(header_line(name, value) for name, value in pairs if value)


def _answer_state(channel: Channel) -> str:
    if channel.down:
        return "hangup"
    if channel.is_answered:
        return "answered"
    return "early" if channel.has_early_media else "ringing"


def _codecs(channel: Channel) -> str:
    """Codecs are known where sound flows, and to who called."""
    known = channel.media_ready or channel.direction == "inbound"
    return _CODEC_LINES if known or channel.name.startswith("loopback/") else ""


def _other_leg(channel: Channel) -> str:
    if channel.other_leg is None:
        return ""
    kind, lines = channel.other_leg
    return f"Other-Type: {kind}\n{lines}"
