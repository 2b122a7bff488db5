"""The guard in front of python-ESL: what FreeSWITCH says gets through, nothing else does."""

from __future__ import annotations

import ast
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsapp.switch
from fsapp.switch import frames as frames_module
from fsapp.switch.channel import EVENT_HEADERS, HEADERS, Event
from fsapp.switch.frames import LONGEST_VALUE, MOST_BODY, MOST_HEAD, BadFrame, Frame, Frames

REPLY = b"Content-Type: command/reply\nReply-Text: +OK\n\n"


def event(text: bytes) -> bytes:
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(text), text)


def only(data: bytes) -> Frame:
    """The one frame that ``data`` is."""
    frames = Frames().feed(data)
    assert len(frames) == 1
    return frames[0]


def inner(data: bytes) -> bytes:
    """What python-ESL sees of an event."""
    return only(event(data)).data.partition(b"\n\n")[2]


def test_a_reply_gets_through_as_it_is() -> None:
    frame = only(REPLY)
    assert (frame.kind, frame.reply, frame.data) == ("command/reply", "+OK", REPLY)


def test_a_channels_data_is_recognized_though_its_values_are_encoded() -> None:
    frame = only(
        b"Event-Name: CHANNEL_DATA\nContent-Type: command%2Freply\nReply-Text: %2BOK%0A\n\n"
    )
    assert (frame.kind, frame.reply) == ("command/reply", "+OK")


def test_of_an_event_what_is_read_gets_through_and_nothing_else() -> None:
    sent = b"Event-Name: CHANNEL_ANSWER\nFoo: x\nUnique-ID: a%20b\nvariable_sip_h_X-1[4000]: y\n\n"
    assert inner(sent) == b"Event-Name: CHANNEL_ANSWER\nUnique-ID: a%20b\n\n"


def test_whoever_reads_a_header_of_an_event_has_it_let_through() -> None:
    """A header that is read but not in EVENT_HEADERS would silently be missing."""
    asked: set[str] = set()

    class Asked:
        def getHeader(self, name: str) -> None:
            asked.add(name)

        def getBody(self) -> None: ...

    for name in ("BACKGROUND_JOB", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_BRIDGE"):
        Event.read(name, Asked())
    assert asked <= set(EVENT_HEADERS)


@given(st.dictionaries(st.sampled_from(EVENT_HEADERS), st.text(alphabet="aB-:% ", max_size=9)))
def test_an_event_is_searched_as_if_line_by_line(headers: dict[str, str]) -> None:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\n".join(["X-Unique-ID: no", *lines, *reversed(lines)]).encode()
    names = frozenset(name.encode() for name in EVENT_HEADERS)
    assert frames_module._found(head) == frames_module._kept(head.split(b"\n"), names)


def test_the_result_of_a_background_job_gets_through() -> None:
    sent = b"Event-Name: BACKGROUND_JOB\nJob-UUID: j\nContent-Length: 6\n\n+OK x\n"
    assert inner(sent) == sent


def test_a_response_gets_through_with_its_body() -> None:
    body = b"-ERR no reply\n\n\0 Content-Length: -1\n\n"
    frame = only(b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body))
    assert frame.data.endswith(b"\n\n" + body)


def test_bodies_nobody_asked_for_are_left_out() -> None:
    """python-ESL crashes on deeply nested JSON."""
    body = b'{"a":' + b"[" * 100_000
    frame = only(b"Content-Type: text/event-json\nContent-Length: %d\n\n%s" % (len(body), body))
    assert frame.data == b"Content-Type: text/event-json\n\n"


def test_frames_are_found_however_they_are_cut() -> None:
    stream = REPLY + event(b"Event-Name: CHANNEL_ANSWER\n\n") + b"\n" + REPLY
    whole = Frames().feed(stream)
    assert len(whole) == 3
    by_byte = Frames()
    assert [frame for byte in stream for frame in by_byte.feed(bytes([byte]))] == whole


@pytest.mark.parametrize(
    "length",
    [
        b"-1",
        b"-5",
        b"-100000",
        b"9223372036854775000",
        b"30000000000",
        b"1e3",
        b"abc",
        b"",
        b"+1",
        b"0x10",
        b"1\nContent-Length: 2",
        b"%31",
        b"1 1",
        b"\xb2",
        str(MOST_BODY + 1).encode(),
    ],
)
def test_a_length_that_is_none_is_no_frame(length: bytes) -> None:
    with pytest.raises(BadFrame):
        Frames().feed(b"Content-Type: api/response\ncontent-LENGTH: " + length + b"\n\nabc")


def test_a_frame_of_no_kind_is_no_frame() -> None:
    """python-ESL would make no event of it, and wait for one for ever (found by the fuzz)."""
    with pytest.raises(BadFrame):
        Frames().feed(b"Content-Length: 4\nFrom: a stranger\n\nabcd")


def test_the_largest_body_gets_through() -> None:
    body = b"x" * MOST_BODY
    assert only(b"Content-Type: api/response\nContent-Length: %d\n\n" % MOST_BODY + body)


@pytest.mark.parametrize("text", [b"x", b"A: b\n", b"\0", b"\r", b"\xff"], ids=repr)
def test_headers_that_do_not_end_are_given_up(text: bytes) -> None:
    frames, chunk = Frames(), text * (1000 // len(text))

    def go_on() -> None:
        for _ in range(MOST_HEAD // 1000 + 2):
            frames.feed(chunk)

    with pytest.raises(BadFrame):
        go_on()


def test_another_protocol_is_recognized_at_its_first_line() -> None:
    with pytest.raises(BadFrame):
        Frames().feed(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize(
    "value", [b"ARRAY::" * 1000, b"xARRAY::y", b"%41RRAY%3a%3Ax", b"ARRAY::" + b"a|:" * 1000]
)
def test_a_caller_cannot_make_a_list_of_her_name(value: bytes) -> None:
    """python-ESL needs 555 MB for 64 KB of ``ARRAY::``, and endless time for a long list."""
    seen = only(REPLY[:-1] + b"Caller-Caller-ID-Name: " + value + b"\n\n").data
    assert b"ARRAY::" not in seen
    assert b"ARRAY%20%3A" in seen or b"ARRAY %3A" in seen


@given(st.lists(st.sampled_from([*"ARAY::aray %", "%41", "%52", "%59", "%3A", "%3a", "%25"])))
def test_a_list_is_recognized_however_it_is_encoded(parts: list[str]) -> None:
    value = "".join(parts).encode()
    seen = frames_module._harmless(value)
    assert b"ARRAY::" not in unquote_to_bytes(seen)
    assert seen == value or b"ARRAY::" in unquote_to_bytes(value)


def test_a_nul_never_reaches_python_esl() -> None:
    """It would wait behind it for ever."""
    assert inner(b"Event-Name: CHANNEL\0_ANSWER\n\0: x\n\n") == b"Event-Name: CHANNEL_ANSWER\n\n"


def test_a_value_has_a_limit_and_a_header_is_taken_once() -> None:
    sent = (
        b"Unique-ID: first\n" + b"Unique-ID: again\n" * 50_000 + b"Hangup-Cause: " + b"x" * 50_000
    )
    seen = inner(sent + b"\n\n")
    assert seen == b"Unique-ID: first\nHangup-Cause: " + b"x" * LONGEST_VALUE + b"\n\n"


def test_what_is_kept_never_exceeds_what_python_esl_holds() -> None:
    lines = b"".join(
        b"%s: %s\n" % (name.encode(), b"x" * LONGEST_VALUE) for name in sorted(HEADERS)[:9]
    )
    frame = only(b"Content-Type: command/reply\n" + lines + b"\n")
    with pytest.raises(BadFrame):
        assert frame.data


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_whatever_comes_python_esl_gets_whole_frames_without_a_nul_or_a_list(
    chunks: list[bytes],
) -> None:
    frames = Frames()
    try:
        built = [frame.data for chunk in chunks for frame in frames.feed(chunk + b"\n\n")]
    except BadFrame:
        return
    for data in built:
        head, end, _ = data.partition(b"\n\n") if data != b"\n" else (b"", b"\n", b"")
        assert end
        assert b"\0" not in head
        assert b"ARRAY::" not in head


def test_whoever_reads_a_header_has_it_let_through() -> None:
    """A header that is read but not in HEADERS would silently be missing."""
    of_the_frame = {"Content-Type", "Reply-Text"}
    read = set()
    for path in Path(fsapp.switch.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in ("getHeader", "text"):
                read |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    assert read - of_the_frame <= HEADERS
    assert "Unique-ID" in read


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))
