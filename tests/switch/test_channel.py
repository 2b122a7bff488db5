"""What FreeSWITCH tells may be a stranger's words: it comes in as harmless text, or not at all."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsapp.switch.channel import LONGEST_TEXT, Channel, Dump, Event, Reply, harmless


class Headers(dict[str, str]):
    """As python-ESL answers for them."""

    body: str | None = None

    def getHeader(self, name: str) -> str | None:
        return self.get(name)

    def getBody(self) -> str | None:
        return self.body


class Everywhere:
    """The same text in every header."""

    def __init__(self, text: str) -> None:
        self._text = text

    def getHeader(self, _name: str) -> str | None:
        return self._text

    def getBody(self) -> str | None:
        return self._text


# What python-ESL hands over: any text, and bytes that are no UTF-8 as lone surrogates.
WIRE = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.binary(
    max_size=300
).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


SOON = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (None, ""),
        ("", ""),
        ("Ann Ö", "Ann Ö"),
        ("a\r\nb\x00c\x7fd", "abcd"),
        ("a\x85b\u2028c\u2029d", "abcd"),
        ("\udcff", "\ufffd"),
        ("\udcc3\udcb6", "ö"),
        ("x" * 300, "x" * LONGEST_TEXT),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_a_text_is_made_harmless(text: str | None, left: str) -> None:
    assert harmless(text) == left


@SOON
@given(WIRE)
def test_whatever_comes_in_can_be_written_anywhere(text: str) -> None:
    assert_harmless(harmless(text))


@SOON
@given(WIRE)
def test_made_harmless_twice_is_made_harmless(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


@SOON
@given(WIRE)
def test_every_field_of_a_channel_is_harmless(text: str) -> None:
    channel = Channel.read(Everywhere(text))
    fields = [channel.uuid, channel.destination, channel.caller_number, channel.caller_name]
    for value in [*fields, channel.context, *channel.variables.values()]:
        assert_harmless(value)


@SOON
@given(
    WIRE,
    st.sampled_from(
        ["CHANNEL_HANGUP", "CHANNEL_EXECUTE_COMPLETE", "BACKGROUND_JOB", "CHANNEL_BRIDGE", "NEW"]
    ),
)
def test_every_field_of_an_event_is_harmless(text: str, name: str) -> None:
    event = Event.read(name, Everywhere(text))
    for field in Event.__slots__:
        value = getattr(event, field)
        assert isinstance(value, bool) or assert_harmless(value) is None


def assert_harmless(text: str) -> None:
    assert len(text) <= LONGEST_TEXT
    assert not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text
    )
    assert json.loads(json.dumps(text)) == text.encode().decode()


def test_a_channel_without_a_header_is_empty_texts() -> None:
    channel = Channel.read(Headers())
    assert (channel.uuid, channel.destination, channel.context) == ("", "", "")
    assert channel.answered is False
    assert set(channel.variables.values()) == {""}


def test_a_channel_is_read_from_its_headers() -> None:
    channel = Channel.read(
        Headers(
            {
                "Unique-ID": "u",
                "Caller-Destination-Number": "5900",
                "Caller-Caller-ID-Number": "204",
                "Caller-Caller-ID-Name": "Cal",
                "Caller-Context": "public",
                "Answer-State": "answered",
                "variable_organization_id": "7",
                "variable_unknown": "x",
            }
        )
    )
    assert (channel.uuid, channel.destination, channel.caller_number) == ("u", "5900", "204")
    assert (channel.caller_name, channel.context, channel.answered) == ("Cal", "public", True)
    assert channel.variables["organization_id"] == "7"
    assert "unknown" not in channel.variables


def test_a_dump_is_read_as_the_channel_it_tells_of() -> None:
    dump = Dump(
        "Event-Name: CHANNEL_DATA\nUnique-ID: u\nAnswer-State: answered\n"
        "Call-Direction: outbound\nCaller-Caller-ID-Name: Ann%20B%0AUnique-ID%3A%20forged\n"
        "Caller-Channel-Answered-Time: 1700000000999999\nCaller-Channel-Bridged-Time: 0\n"
        "variable_signal_bond: other\n\n"
    )
    channel = Channel.read(dump)
    assert (channel.uuid, channel.outbound, channel.answered) == ("u", True, True)
    assert channel.caller_name == "Ann BUnique-ID: forged"
    assert (channel.answered_at, channel.bridged_at) == (1_700_000_000, None)
    assert channel.variables["signal_bond"] == "other"


def test_a_refusal_to_dump_is_no_channel() -> None:
    assert Channel.read(Dump("-ERR No such channel!\n")).uuid == ""


@pytest.mark.parametrize("state", ["", "ringing", "early", "Answered", "answered "])
def test_only_an_answered_channel_is_answered(state: str) -> None:
    assert not Channel.read(Headers({"Answer-State": state})).answered


def test_an_event_is_read_from_its_headers() -> None:
    headers = Headers({"Unique-ID": "u", "Channel-State": "CS_PARK", "Hangup-Cause": "USER_BUSY"})
    headers["Other-Leg-Unique-ID"] = "o"
    headers["Application"] = "playback"
    event = Event.read("CHANNEL_HANGUP", headers)
    assert (event.uuid, event.state, event.cause, event.other_uuid) == (
        "u", "CS_PARK", "USER_BUSY", "o",
    )  # fmt: skip
    assert event.application == ""


@pytest.mark.parametrize(("time", "unanswered"), [("0", True), ("1700000000999999", False)])
def test_an_end_tells_whether_the_channel_was_ever_answered(time: str, unanswered: bool) -> None:
    headers = Headers({"Caller-Channel-Answered-Time": time})
    assert Event.read("CHANNEL_HANGUP", headers).unanswered is unanswered


def test_nothing_said_of_an_answer_is_no_word_of_none() -> None:
    assert not Event.read("CHANNEL_HANGUP", Headers()).unanswered


def test_only_the_end_of_an_application_tells_of_it() -> None:
    headers = Headers({"Application": "playback", "Application-UUID": "i"})
    headers["Application-Response"] = "FILE NOT FOUND"
    event = Event.read("CHANNEL_EXECUTE_COMPLETE", headers)
    assert (event.application, event.application_uuid) == ("playback", "i")
    assert event.response == "FILE NOT FOUND"


def test_a_background_jobs_result_belongs_to_no_channel() -> None:
    headers = Headers({"Job-UUID": "j", "Unique-ID": "u"})
    headers.body = "+OK 7b3f\n"
    event = Event.read("BACKGROUND_JOB", headers)
    assert (event.job, event.body, event.uuid) == ("j", "+OK 7b3f", "")


def test_a_background_job_without_a_body_has_an_empty_one() -> None:
    assert Event.read("BACKGROUND_JOB", Headers({"Job-UUID": "j"})).body == ""


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        (Reply("+OK"), False),
        (Reply(""), False),
        (Reply("true"), False),
        (Reply("-ERR No such channel!"), True),
        (Reply("-USAGE: <uuid>"), True),
        (Reply("", lost=True), True),
    ],
)
def test_no_and_nothing_are_refusals(reply: Reply, refused: bool) -> None:
    assert reply.refused is refused
