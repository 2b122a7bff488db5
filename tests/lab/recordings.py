"""Recordings of real FreeSWITCH, in the form in which the lab switch is compared with them.

A recording (one file of JSON lines, described in its folder's README.md) becomes a
:class:`Scenario`: steps in order of time - what the app sends, what happens outside the wire, how
many frames had arrived on which connection by then - and per connection the frames FreeSWITCH
sent. Everything that differs from run to run (uuids, times, the machine) is normalised away.

Two things are left out of the comparison of order, because the recordings themselves differ in
them: when a connection notices that its channel is down (`Content-Disposition: linger`), and
states a channel only passes through (CS_CONSUME_MEDIA) or enters before `myevents` (CHANNEL_PARK).
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

READ = {
    "Event-Name", "Unique-ID", "Channel-State", "Channel-Call-State", "Answer-State",
    "Call-Direction", "Channel-Call-UUID", "Channel-HIT-Dialplan", "Hangup-Cause", "Application",
    "Application-Data", "Application-Response", "Bridge-A-Unique-ID", "Bridge-B-Unique-ID",
    "Other-Type", "Other-Leg-Unique-ID", "Caller-Unique-ID", "Caller-Destination-Number",
    "Caller-Context", "Caller-Direction", "Caller-RDNIS", "Job-UUID", "Job-Command",
    "Job-Owner-UUID", "Job-Command-Arg", "Content-Disposition", "Controlled-Session-UUID",
    "Channel-State-Number", "Content-Type", "Reply-Text", "Socket-Mode", "Control",
    "DTMF-Digit", "Linger-Time",
    "variable_organization_id", "variable_socket_resume", "variable_hangup_after_bridge",
    "variable_park_after_bridge", "variable_fsapp_state", "variable_bridge_uuid",
    "variable_signal_bond", "variable_call_uuid", "variable_hangup_cause",
    "variable_last_bridge_hangup_cause", "variable_bridge_hangup_cause",
    "variable_origination_uuid", "variable_last_bridge_to", "variable_current_application",
    "variable_current_application_response", "variable_endpoint_disposition",
    "variable_direction", "variable_uuid", "variable_socket_host", "variable_uuid_bridge",
    "variable_hangup_cause_q850", "variable_loopback_leg", "variable_is_outbound",
    "variable_dialed_user", "variable_last_bridge_role",
}  # fmt: skip
"""Headers compared by value; all others by name only."""

NAMES_IGNORED = re.compile(
    r"variable_(sip_|rtp_|switch_r_sdp|.*media|.*_codec|.*rate$|playback_|record_|.*stamp$"
    r"|.*epoch$|.*sec$|.*msec$|.*usec$|duration|mduration|uduration|.*hold_accum.*|dtmf_type"
    r"|last_sent_callee|pre_transfer|channel_cid_flipped|caller_id$|digits_dialed|last_arg"
    r"|last_app|DP_MATCH|proto_specific|originated_legs|originate_causes|ep_codec)"
)
"""Headers FreeSWITCH has that nobody could need from a lab switch: media, SIP, accounting."""

Frame = dict[str, Any]


@dataclass
class Scenario:
    """One recording, normalised."""

    name: str
    steps: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[str, list[Frame]] = field(default_factory=lambda: defaultdict(list))


class Names:
    """Stable names for the uuids of one run, in the order in which they first matter."""

    def __init__(self, address: str = "127.0.0.1:8084") -> None:
        self._known: dict[str, str] = {}
        self._address = address

    def know(self, uuid: str, name: str) -> None:
        self._known.setdefault(uuid, name)

    def actual(self, text: str) -> str:
        """`text` with names turned back into this run's uuids."""
        for uuid, name in self._known.items():
            text = text.replace(f"<{name}>", uuid)
        return text.replace("<app>", self._address)

    def normal(self, text: str) -> str:
        """`text` with known uuids as names, unknown ones as <uuid>."""
        text = text.replace(self._address, "<app>")
        return UUID.sub(lambda found: f"<{self._known.get(found.group(), 'uuid')}>", text)


def parse_headers(text: str) -> dict[str, str]:
    headers = {}
    for line in text.split("\n"):
        name, colon, value = line.partition(": ")
        if colon:
            headers.setdefault(name, unquote(value))
    return headers


class Stream:
    """Cuts the bytes of one connection into frames."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str) -> list[tuple[dict[str, str], str]]:
        """The frames completed by `text`: their headers and bodies."""
        self._text += text
        frames = []
        while (frame := self._take()) is not None:
            frames.append(frame)
        return frames

    def _take(self) -> tuple[dict[str, str], str] | None:
        self._text = self._text.lstrip("\n")
        end = self._text.find("\n\n")
        if end < 0:
            return None
        headers = parse_headers(self._text[:end])
        length = 0 if "Event-Name" in headers else int(headers.get("Content-Length", 0))
        body = self._text[end + 2 : end + 2 + length]
        if len(body.encode()) < length:
            return None
        self._text = self._text[end + 2 + length :]
        return headers, body


def normal_frame(headers: dict[str, str], body: str, names: Names) -> Frame:
    """A frame in the form that is compared."""
    kind = headers.get("Content-Type", "")
    if kind == "text/event-plain":
        head, _, rest = body.partition("\n\n")
        return _event(parse_headers(head), rest, names)
    if "Event-Name" in headers:
        return _event(headers, "", names)
    frame = {"kind": kind, **_values(headers, names)}
    if kind == "api/response":
        frame["body"] = _answer(body, names)
    return frame


def _event(headers: dict[str, str], body: str, names: Names) -> Frame:
    if job := headers.get("Job-UUID"):
        names.know(job, "job")
    frame = {
        "kind": "event",
        **_values(headers, names),
        "names": sorted(name for name in headers if not NAMES_IGNORED.match(name)),
    }
    if body:
        frame["body"] = names.normal(body)
    return frame


def _values(headers: dict[str, str], names: Names) -> dict[str, str]:
    return {name: names.normal(headers[name]) for name in sorted(headers) if name in READ}


def _answer(body: str, names: Names) -> Any:
    """An api answer: documents by their shape, everything else to the letter."""
    if body.startswith("{"):
        document = json.loads(body)
        rows = [sorted(row) for row in document.get("rows", [])]
        return {"row_count": document["row_count"], "columns": rows}
    if body.startswith("Event-Name"):
        return _event(parse_headers(body), "", names)
    if body.startswith("UP "):
        return re.sub(r"\(Version.*\)|[\d.]+", "#", body).splitlines()
    return names.normal(body)


def is_floating(frame: Frame) -> bool:
    """Whether the recordings themselves disagree on where such a frame stands."""
    return (
        frame.get("Content-Disposition") == "linger"
        or frame.get("Channel-State") == "CS_CONSUME_MEDIA"
    )


def in_order(frames: list[Frame]) -> list[Frame]:
    """The frames whose order is compared."""
    kept = [frame for frame in frames if not is_floating(frame)]
    events = [frame for frame in kept if frame["kind"] == "event"]
    early = [
        frame
        for frame in events[:2]
        if frame.get("Event-Name") == "CHANNEL_PARK" and frame is not events[0]
    ]
    return [frame for frame in kept if not any(frame is other for other in early)]


RACING = {"Channel-Call-UUID", "variable_call_uuid", "variable_bridge_hangup_cause"}
"""What FreeSWITCH's two legs of an ending bridge write about each other, whoever is first."""


def without_races(frames: list[Frame]) -> list[Frame]:
    """The frames without what differs between recordings of one and the same happening."""
    kept, ending = [], False
    for frame in frames:
        ending = ending or frame.get("Event-Name") == "CHANNEL_HANGUP"
        leaving = frame.get("Channel-State") in {"CS_PARK", "CS_HIBERNATE"}
        racing = RACING if ending or leaving else set()
        names = [name for name in frame.get("names", ()) if name not in racing]
        kept.append({k: v for k, v in frame.items() if k not in racing} | {"names": names})
    return kept


def recorded_lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
