"""What FreeSWITCH tells: a channel's data on connecting, and events.

Everything here may have been written by a stranger's telephone: it is made harmless text once,
on the way in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

__all__ = ["EVENT_HEADERS", "HEADERS", "Channel", "Dump", "Event", "Headers", "Reply", "harmless"]

LONGEST_TEXT = 256
LONGEST_VALUE = 2048
"""A channel variable may be a path, which must not become another one."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_VARIABLES = (
    "organization_id",
    "fsapp_priority",
    "fsapp_greeting",
    "fsapp_music",
    "fsapp_destination",
    "fsapp_context",
    "fsapp_agent",
    "fsapp_call",
    # What desk/kept.py left there.
    "fsapp_app",
    "fsapp_state",
    "fsapp_owner",
    "fsapp_arrival",
    "fsapp_head",
    "fsapp_handled_by",
    "fsapp_parked_at",
    "fsapp_fetched",
    "fsapp_cm_id",
    "fsapp_caller_id",
    "fsapp_caller_name",
    # FreeSWITCH's own.
    "socket_resume",
    "signal_bond",
    "last_bridge_hangup_cause",
)


EVENT_HEADERS = (
    "Event-Name",
    "Unique-ID",
    "Channel-State",
    "Channel-State-Number",
    "Hangup-Cause",
    "Caller-Channel-Answered-Time",
    "Other-Leg-Unique-ID",
    "Application",
    "Application-UUID",
    "Application-Response",
    "Job-UUID",
)
"""Every header of an event that is read here; see :data:`HEADERS`."""

HEADERS = frozenset(
    {
        *EVENT_HEADERS,
        "Answer-State",
        "Call-Direction",
        "Caller-Caller-ID-Name",
        "Caller-Caller-ID-Number",
        "Caller-Channel-Bridged-Time",
        "Caller-Context",
        "Caller-Destination-Number",
        "Hangup-Cause",
        "Unique-ID",
        *(f"variable_{name}" for name in _VARIABLES),
    }
)
"""Every header that is read here. The others are left out before python-ESL sees them
(``frames.py``): whoever reads one more adds it."""


class Headers(Protocol):
    """What python-ESL's event offers; values are already percent-decoded."""

    def getHeader(self, name: str) -> str | None: ...

    def getBody(self) -> str | None: ...


def harmless(text: str | None, longest: int = LONGEST_TEXT) -> str:
    """Valid Unicode without control characters, at most ``longest`` characters of it."""
    if not text:
        return ""
    if text.isascii() and text.isprintable():
        return text[:longest]
    # python-ESL hands over bytes that are no UTF-8 as lone surrogates.
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("", whole)[:longest]


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that has connected (``CHANNEL_DATA``)."""

    uuid: str
    destination: str
    caller_number: str
    caller_name: str
    context: str
    answered: bool
    ended: bool = False
    """Whether it had hung up by the time it connected."""
    cause: str = ""
    outbound: bool = False
    """Whether FreeSWITCH has called it."""
    executing: bool = False
    """Whether it is in the dialplan, where applications are executed (CS_EXECUTE)."""
    answered_at: int | None = None
    bridged_at: int | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, headers: Headers) -> Channel:
        """From the answer to ``connect``; what is missing is an empty text."""

        def text(name: str) -> str:
            return harmless(headers.getHeader(name))

        return cls(
            uuid=text("Unique-ID"),
            destination=text("Caller-Destination-Number"),
            caller_number=text("Caller-Caller-ID-Number"),
            caller_name=text("Caller-Caller-ID-Name"),
            context=text("Caller-Context"),
            answered=text("Answer-State") == "answered",
            ended=text("Answer-State") == "hangup",
            cause=text("Hangup-Cause"),
            outbound=text("Call-Direction") == "outbound",
            executing=text("Channel-State") == "CS_EXECUTE",
            answered_at=_seconds(text("Caller-Channel-Answered-Time")),
            bridged_at=_seconds(text("Caller-Channel-Bridged-Time")),
            variables={
                name: harmless(headers.getHeader(f"variable_{name}"), LONGEST_VALUE)
                for name in _VARIABLES
            },
        )


def _seconds(microseconds: str) -> int | None:
    """FreeSWITCH's times are microseconds, 0 for never."""
    return int(microseconds) // 1_000_000 or None if microseconds.isdecimal() else None


class Dump:
    """The answer to ``uuid_dump`` as :class:`Headers`."""

    def __init__(self, text: str) -> None:
        pairs = (line.partition(": ") for line in text.splitlines())
        self._headers = {name: value for name, _, value in pairs}

    def getHeader(self, name: str) -> str | None:
        value = self._headers.get(name)
        return None if value is None else unquote(value, errors="surrogateescape")

    def getBody(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Event:
    """One event, with the few headers that anybody here reads."""

    name: str
    uuid: str = ""
    state: str = ""
    cause: str = ""
    unanswered: bool = False
    """Of a channel's end: whether it was never answered."""
    other_uuid: str = ""
    application: str = ""
    application_uuid: str = ""
    response: str = ""
    next_state: str = ""
    """Of an execution's end: the number of the state the channel goes into, or is in."""
    job: str = ""
    body: str = ""

    @classmethod
    def read(cls, name: str, headers: Headers) -> Event:
        if name == "BACKGROUND_JOB":
            return cls(
                name,
                job=harmless(headers.getHeader("Job-UUID")),
                body=harmless((headers.getBody() or "").strip()),
            )
        return cls(
            name,
            uuid=harmless(headers.getHeader("Unique-ID")),
            state=harmless(headers.getHeader("Channel-State")),
            cause=harmless(headers.getHeader("Hangup-Cause")),
            unanswered=headers.getHeader("Caller-Channel-Answered-Time") == "0",
            other_uuid=harmless(headers.getHeader("Other-Leg-Unique-ID")),
            **_of_execution(name, headers),
        )


def _of_execution(name: str, headers: Headers) -> dict[str, str]:
    if name != "CHANNEL_EXECUTE_COMPLETE":
        return {}
    return {
        "application": harmless(headers.getHeader("Application")),
        "application_uuid": harmless(headers.getHeader("Application-UUID")),
        "response": harmless(headers.getHeader("Application-Response")),
        "next_state": harmless(headers.getHeader("Channel-State-Number")),
    }


@dataclass(frozen=True, slots=True)
class Reply:
    """FreeSWITCH's answer to one command; ``lost`` when the connection ended first."""

    text: str
    lost: bool = False

    @property
    def refused(self) -> bool:
        """Whether FreeSWITCH said no, or nothing."""
        return self.lost or self.text.startswith(("-ERR", "-USAGE"))
