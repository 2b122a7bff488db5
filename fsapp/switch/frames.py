"""What may come before python-ESL's eyes: whole frames, built anew from what fsapp reads.

The law of this file: nothing a peer sends reaches python-ESL as it was sent. python-ESL dies of a
``Content-Length`` that is negative or absurd, takes gigabytes for an ``ARRAY::`` in an ``ARRAY::``
(which a caller's name may hold), waits for ever behind a NUL and searches a line without an end
again with every read (all measured, docs/freeswitch.md §8). Here a frame is cut out of the stream
within limits; of its headers those that somebody reads are kept, once each, their text made
harmless. Whatever breaks the rules is a :class:`BadFrame`, which ends that connection and no other.

It also pays: of 190 headers python-ESL parses a dozen, and of a frame that nobody is told of none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes, unquote_to_bytes

from fsapp.switch.channel import EVENT_HEADERS, HEADERS

__all__ = ["MOST_BODY", "BadFrame", "Frame", "Frames"]

MOST_HEAD = 262_144
"""Bytes of a frame's headers; FreeSWITCH's largest, a channel's data, has about 15,000."""
MOST_BODY = 1_048_576
"""Bytes of a frame's body, unless a connection expects lists."""
LONGEST_VALUE = 8192
_MOST_KEPT = 65_000
"""python-ESL cuts a frame's headers at 65,535 bytes."""
_LONGEST_JOB = 4096

_KEPT = frozenset(name.encode() for name in HEADERS)
_KEPT_OF_EVENT = tuple((name.encode(), f"\n{name}:".encode()) for name in EVENT_HEADERS)
_KEPT_OF_FRAME = _KEPT | {b"Content-Type", b"Content-Disposition", b"Reply-Text"}
_LENGTH = b"content-length"
_DIGITS = re.compile(rb"[0-9]{1,18}")
_LIST = re.compile(rb"(?:A|%41)(?:R|%52){2}(?:A|%41)(?:Y|%59)(?::|%3[Aa]){2}")
"""``ARRAY::``, each character as it is or percent-encoded."""
_KINDS = {
    kind.encode(): kind
    for kind in ("api/response", "command/reply", "text/disconnect-notice", "text/event-plain")
}

_Lines = dict[bytes, bytes]


class BadFrame(Exception):
    """The peer does not speak Event Socket as FreeSWITCH does; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its ``Content-Type``, and what is kept of its headers and its body.

    ``event``: what is kept of an event, as it was sent (percent-encoded); for whoever decides
    whether it is worth decoding.
    """

    kind: str
    head: Mapping[bytes, bytes]
    body: bytes = b""
    event: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def reply(self) -> str:
        """The answer to a command, without the blanks around it."""
        text = unquote_to_bytes(self.head.get(b"Reply-Text", b""))
        return text.decode("utf-8", "replace").strip()

    @property
    def answer(self) -> str:
        """The answer to a command of whatever kind."""
        if self.kind == "api/response":
            return self.body.decode("utf-8", "replace").strip()
        return self.reply

    @property
    def data(self) -> bytes:
        """The bytes python-ESL may have. Raises :class:`BadFrame`."""
        return _built(self.head, _built(self.event, self.body) if self.event else self.body)


class Frames:
    """Cuts one connection's stream into frames whose bodies have at most ``most_body`` bytes."""

    def __init__(self, most_body: int = MOST_BODY) -> None:
        self._most_body = most_body
        self._buffer = bytearray()
        self._searched = 0
        self._head: _Lines | None = None
        self._head_length = 0
        self._length = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes. Raises :class:`BadFrame`."""
        self._buffer += data
        frames = []
        while self._has_head() and len(self._buffer) >= self._head_length + self._length:
            frames.append(self._take())
        return frames

    def _has_head(self) -> bool:
        if self._head is not None:
            return True
        if self._buffer[:1] == b"\n":  # a reply's text may end with one more
            self._buffer = self._buffer.lstrip(b"\n")
        end = self._buffer.find(b"\n\n", self._searched)
        if (len(self._buffer) if end < 0 else end) > MOST_HEAD:
            raise BadFrame(f"its headers have more than {MOST_HEAD} bytes")
        if end < 0:
            if b"\r\n" in self._buffer:
                raise BadFrame("its lines end otherwise")
            self._searched = max(0, len(self._buffer) - 1)
            return False
        self._begin(bytes(self._buffer[:end]).split(b"\n"), end + 2)
        return True

    def _begin(self, head: list[bytes], length: int) -> None:
        self._head, self._head_length, self._searched = _kept(head, _KEPT_OF_FRAME), length, 0
        self._length = self._body_length(head)

    def _body_length(self, head: list[bytes]) -> int:
        start = len(_LENGTH)
        lines = [line for line in head if line[:1] in b"Cc" and line[:start].lower() == _LENGTH]
        if not lines:
            return 0
        length = lines[0][start:].partition(b":")[2].strip()
        if len(lines) > 1 or not _DIGITS.fullmatch(length):
            raise BadFrame("its Content-Length is no length")
        if int(length) > self._most_body:
            raise BadFrame(f"its Content-Length is over {self._most_body}")
        return int(length)

    def _take(self) -> Frame:
        assert self._head is not None
        end = self._head_length + self._length
        body = bytes(self._buffer[self._head_length : end])
        del self._buffer[:end]
        head, self._head = self._head, None
        kind = _kind(head)
        if kind == "text/event-plain":
            return Frame(kind, head, *_event(body))
        # Nobody here asked for the bodies of other kinds.
        seen = kind in ("api/response", "text/disconnect-notice")
        return Frame(kind, head, body if seen else b"")


def _kind(head: _Lines) -> str:
    sent = head.get(b"Content-Type")
    if sent is None:
        # FreeSWITCH sends none; python-ESL would make nothing of it, and wait for the next.
        raise BadFrame("it has no Content-Type")
    return _KINDS.get(sent) or unquote_to_bytes(sent).decode("latin-1").lower()


def _event(body: bytes) -> tuple[bytes, _Lines]:
    """What is kept of an event: a background job has its result as body, the others none."""
    head, _, rest = body.partition(b"\n\n")
    lines = _found(head)
    is_job = lines.get(b"Event-Name") == b"BACKGROUND_JOB"
    return rest[:_LONGEST_JOB] if is_job else b"", lines


def _built(lines: Mapping[bytes, bytes], body: bytes) -> bytes:
    head = b"".join([b"%s: %s\n" % line for line in lines.items()])
    if len(head) > _MOST_KEPT:
        raise BadFrame(f"what is read of its headers has more than {_MOST_KEPT} bytes")
    if body:
        return b"%s%s: %d\n\n%s" % (head, b"Content-Length", len(body), body)
    return head + b"\n"


def _kept(head: list[bytes], names: frozenset[bytes]) -> _Lines:
    """The lines of these names, the first of each, their values harmless."""
    lines: _Lines = {}
    for line in head:
        name, _, value = line.partition(b":")
        if name in names and name not in lines:
            value = _harmless(value.strip())
            if value:
                lines[name] = value
    return lines


def _found(head: bytes) -> _Lines:
    """As :func:`_kept` for the few names of an event: looking for them costs a tenth of looking at
    each of its lines."""
    head, lines = b"\n%s\n" % head, {}
    for name, mark in _KEPT_OF_EVENT:
        start = head.find(mark)
        if start >= 0:
            start += len(mark)
            value = _harmless(head[start : head.find(b"\n", start)].strip())
            if value:
                lines[name] = value
    return lines


def _harmless(value: bytes) -> bytes:
    """``value``, as long as it may be, and no list: python-ESL would take it apart."""
    value = value[:LONGEST_VALUE].replace(b"\0", b"")
    if not _LIST.search(value):
        return value
    return quote_from_bytes(
        unquote_to_bytes(value).replace(b"ARRAY::", b"ARRAY :"), safe=" "
    ).encode()
