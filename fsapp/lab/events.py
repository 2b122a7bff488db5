"""Events as they go over the wire.

The law of this file: what is written here is byte for byte FreeSWITCH's way of writing an
event: one ``Name: value`` per line, the value percent-encoded, a blank line at the end, a
body announced by ``Content-Length``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

__all__ = ["EVENT_NAMES", "MYEVENTS", "Event", "encode_value", "header_line", "to_wire"]

_PLAIN = re.compile(r"[A-Za-z0-9_.\-~!$'()*,/]*")
_SAFE = "!$'()*,/"

MYEVENTS = frozenset(
    {
        "CHANNEL_ANSWER",
        "CHANNEL_APPLICATION",
        "CHANNEL_BRIDGE",
        "CHANNEL_CREATE",
        "CHANNEL_DATA",
        "CHANNEL_DESTROY",
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_ORIGINATE",
        "CHANNEL_UUID",
        "CHANNEL_OUTGOING",
        "CHANNEL_PARK",
        "CHANNEL_PROGRESS",
        "CHANNEL_PROGRESS_MEDIA",
        "CHANNEL_STATE",
        "CHANNEL_UNBRIDGE",
        "CHANNEL_UNPARK",
        "DETECTED_SPEECH",
        "DTMF",
        "NOTALK",
        "TALK",
    }
)
"""What ``myevents`` subscribes to."""

EVENT_NAMES = MYEVENTS | {
    "ALL",
    "API",
    "BACKGROUND_JOB",
    "CALL_UPDATE",
    "CHANNEL_CALLSTATE",
    "CHANNEL_HOLD",
    "CHANNEL_UNHOLD",
    "CODEC",
    "COMMAND",
    "CUSTOM",
    "HEARTBEAT",
    "LOG",
    "MEDIA_BUG_START",
    "MEDIA_BUG_STOP",
    "MESSAGE",
    "MODULE_LOAD",
    "MODULE_UNLOAD",
    "PLAYBACK_START",
    "PLAYBACK_STOP",
    "PRESENCE_IN",
    "PRIVATE_COMMAND",
    "RECORD_START",
    "RECORD_STOP",
    "RELOADXML",
    "RE_SCHEDULE",
    "SHUTDOWN",
    "STARTUP",
    "TRAP",
}
"""Event names ``event`` and ``nixevent`` understand; others are passed over, as FreeSWITCH does."""


@lru_cache(maxsize=65536)
def encode_value(value: str) -> str:
    """A header's value, percent-encoded as FreeSWITCH does it."""
    if _PLAIN.fullmatch(value):
        return value
    return quote(value, safe=_SAFE, errors="surrogateescape")


def header_line(name: str, value: str) -> str:
    """One header with its line end."""
    return f"{name}: {encode_value(value)}\n"


def to_wire(text: str) -> bytes:
    """Text as bytes; bytes that are no UTF-8 pass through unchanged."""
    return text.encode("utf-8", "surrogateescape")


class Event:
    """One event: its name, the channel it is about, and its text.

    ``unique_id`` and ``job_owner`` decide which ``myevents`` connections get it.
    """

    __slots__ = ("_frame", "_text", "job_owner", "name", "unique_id")

    def __init__(
        self,
        name: str,
        text: str,
        *,
        unique_id: str | None = None,
        job_owner: str | None = None,
        body: str | None = None,
    ) -> None:
        self.name = name
        self.unique_id = unique_id
        self.job_owner = job_owner
        length = f"Content-Length: {len(to_wire(body))}\n" if body is not None else ""
        self._text = f"{text}{length}\n{body or ''}"
        self._frame: bytes | None = None

    @property
    def text(self) -> str:
        """The event without the frame around it."""
        return self._text

    def frame(self) -> bytes:
        """The event as ``text/event-plain``."""
        if self._frame is None:
            text = to_wire(self._text)
            head = f"Content-Length: {len(text)}\nContent-Type: text/event-plain\n\n"
            self._frame = head.encode() + text
        return self._frame

    def get(self, header: str) -> str | None:
        """The header's value, decoded; None when the event does not carry it."""
        pattern = rf"^{re.escape(header)}: (.*)$"
        found = re.search(pattern, self._text, re.MULTILINE | re.IGNORECASE)
        return unquote(found.group(1), errors="surrogateescape") if found else None


def preamble(name: str, core_uuid: str, now: float, sequence: int) -> Iterable[str]:
    """The headers every event begins with; ``now`` in seconds since the epoch."""
    yield f"Event-Name: {name}\nCore-UUID: {core_uuid}\n"
    yield "FreeSWITCH-Hostname: lab\nFreeSWITCH-Switchname: lab\n"
    yield "FreeSWITCH-IPv4: 127.0.0.1\nFreeSWITCH-IPv6: %3A%3A1\n"
    yield _date_lines(int(now))
    yield f"Event-Date-Timestamp: {round(now * 1_000_000)}\n"
    yield "Event-Calling-File: lab\nEvent-Calling-Function: lab\nEvent-Calling-Line-Number: 1\n"
    yield f"Event-Sequence: {sequence}\n"


@lru_cache(maxsize=8)
def _date_lines(second: int) -> str:
    local = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
    gmt = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second))
    return header_line("Event-Date-Local", local) + header_line("Event-Date-GMT", gmt)
