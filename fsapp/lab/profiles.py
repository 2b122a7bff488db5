"""A channel's caller profile: who calls whom, and when what happened to the channel.

Source: the ``Caller-``, ``Channel-`` and ``Other-Leg-`` headers of the recordings, in their order.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from fsapp.lab.events import header_line

__all__ = ["Profile", "Times"]


@dataclass(slots=True)
class Times:
    """When what happened to a channel, in microseconds since the epoch; 0 for not yet."""

    created: int = 0
    answered: int = 0
    progress: int = 0
    progress_media: int = 0
    hangup: int = 0
    transfer: int = 0
    bridged: int = 0

    def lines(self, prefix: str) -> str:
        """The headers that tell these times."""
        known = (
            ("Created", self.created),
            ("Answered", self.answered),
            ("Progress", self.progress),
            ("Progress-Media", self.progress_media),
            ("Hangup", self.hangup),
            ("Transfer", self.transfer),
            ("Resurrect", 0),
            ("Bridged", self.bridged),
        )
        lines = "".join(f"{prefix}-Channel-{name}-Time: {value}\n" for name, value in known)
        return f"{lines}{prefix}-Channel-Last-Hold: 0\n{prefix}-Channel-Hold-Accum: 0\n"


@dataclass(slots=True)
class Profile:
    """One caller profile; a transfer or a bridge starts a new one from the old."""

    direction: str = "inbound"
    username: str = ""
    dialplan: str = ""
    caller_id_name: str = ""
    caller_id_number: str = ""
    original_name: str = ""
    original_number: str = ""
    callee_id_name: str = ""
    callee_id_number: str = ""
    network_addr: str = ""
    ani: str = ""
    rdnis: str = ""
    destination_number: str = ""
    unique_id: str = ""
    source: str = "mod_sofia"
    transfer_source: str = ""
    context: str = "default"
    channel_name: str = ""
    index: int = 1
    created: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def next(self, now: float) -> Profile:
        """The profile that follows this one."""
        created = round(now * 1_000_000)
        return replace(
            self, index=self.index + 1, created=created, id=str(uuid.uuid4()), transfer_source=""
        )

    def swap_parties(self) -> None:
        """Caller and callee change places."""
        self.caller_id_name, self.callee_id_name = self.callee_id_name, self.caller_id_name
        self.caller_id_number, self.callee_id_number = self.callee_id_number, self.caller_id_number

    def lines(self, prefix: str, times: Times) -> str:
        """The profile as event headers that begin with ``prefix``."""
        pairs = (
            ("Direction", self.direction),
            ("Logical-Direction", self.direction),
            ("Username", self.username),
            ("Dialplan", self.dialplan),
            ("Caller-ID-Name", self.caller_id_name),
            ("Caller-ID-Number", self.caller_id_number),
            ("Orig-Caller-ID-Name", self.original_name),
            ("Orig-Caller-ID-Number", self.original_number),
            ("Callee-ID-Name", self.callee_id_name),
            ("Callee-ID-Number", self.callee_id_number),
            ("Network-Addr", self.network_addr),
            ("ANI", self.ani),
            ("RDNIS", self.rdnis),
            ("Destination-Number", self.destination_number),
            ("Unique-ID", self.unique_id),
            ("Source", self.source),
            ("Transfer-Source", self.transfer_source),
            ("Context", self.context),
            ("Channel-Name", self.channel_name),
        )
        named = "".join(header_line(f"{prefix}-{name}", value) for name, value in pairs if value)
        index = f"{prefix}-Profile-Index: {self.index}\n" if prefix != "Other-Leg" else ""
        return (
            f"{named}{index}{prefix}-Profile-Created-Time: {self.created}\n{times.lines(prefix)}"
            f"{prefix}-Screen-Bit: true\n{prefix}-Privacy-Hide-Name: false\n"
            f"{prefix}-Privacy-Hide-Number: false\n"
        )

    def field(self, name: str) -> str | None:
        """A field as a dialplan condition names it; None for a name that is no field."""
        attribute = _FIELDS.get(name)
        return getattr(self, attribute) if attribute else None


_FIELDS = {
    "dialplan": "dialplan",
    "username": "username",
    "caller_id_name": "caller_id_name",
    "caller_id_number": "caller_id_number",
    "callee_id_name": "callee_id_name",
    "callee_id_number": "callee_id_number",
    "orig_caller_id_name": "original_name",
    "orig_caller_id_number": "original_number",
    "network_addr": "network_addr",
    "ani": "ani",
    "rdnis": "rdnis",
    "uuid": "unique_id",
    "source": "source",
    "context": "context",
    "chan_name": "channel_name",
    "destination_number": "destination_number",
}
