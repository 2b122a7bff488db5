"""What becomes of a call behind the socket: led on, told something, or hung up on."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

import pytest

from fsapp.doctor import behind_socket, dialplan, sources
from fsapp.doctor.behind_socket import Fates
from fsapp.doctor.dialplan import Entry

from .test_dialplan import BACK, RESUME, SOCKET, TONE, context, extension, only, shipped

THERE = "/sounds/closed.wav"


def action(application: str, data: str = "", kind: str = "action") -> str:
    return f'<{kind} application="{application}" data="{data}"/>'


def lasts(source: str) -> bool:
    """On a FreeSWITCH that has one file, and no stream."""
    return sources.lasts(source, lambda plain: plain == THERE)


ANSWER, HANGUP = action("answer"), action("hangup")
CLOSED = action("playback", THERE)
MISSING = action("playback", "/sounds/none.wav")


def becomes(actions: Iterable[str], *others: str, more: str = "") -> behind_socket.Fate:
    """Of a call, behind an extension with a socket and these actions; ``others`` stand beside it in
    context public."""
    whole = context([extension(RESUME, SOCKET, *actions, more=more), *others])
    (entry,) = dialplan.entries(whole, {})
    return behind_socket.fate(entry, {"public": whole}, lasts)


def entries_of(whole: Element) -> tuple[Entry, Entry]:
    inbound, back = dialplan.entries(whole, {"fsapp_socket": ""})
    return inbound, back


def test_the_shipped_files_lead_on_and_back_with_a_pause() -> None:
    whole = shipped()
    inbound, back = entries_of(whole)
    contexts = {"public": whole}
    assert behind_socket.fate(inbound, contexts, lasts).what is Fates.LED_ON
    assert behind_socket.leads_back(back, contexts)
    assert behind_socket.pauses(back, lasts)


@pytest.mark.parametrize(
    "actions",
    [
        [],
        [TONE],
        [HANGUP],
        [ANSWER, TONE, HANGUP],
        [action("pre_answer"), action("ring_ready"), action("sleep", "1000")],
        [ANSWER, action("playback", "silence_stream://1000"), HANGUP],
        [ANSWER, MISSING, HANGUP],
        [action("respond", "503")],
        [action("respond", "503"), BACK],
        [action("redirect", "sip:desk@elsewhere.example"), BACK],
        [HANGUP, CLOSED, BACK],
    ],
)
def test_a_call_that_ends_without_a_word_is_lost(actions: list[str]) -> None:
    assert becomes(actions).what is Fates.LOST


@pytest.mark.parametrize(
    "actions",
    [
        [ANSWER, CLOSED, HANGUP],
        [ANSWER, CLOSED],
        [ANSWER, action("playback", "ivr/closed.wav"), HANGUP],
        [ANSWER, action("playback", "${closed}"), HANGUP],
        [ANSWER, action("loop_playback", f"+2 {THERE}"), HANGUP],
        [ANSWER, action("phrase", "closed"), action("respond", "486")],
    ],
)
def test_a_call_that_ends_behind_an_announcement_is_told(actions: list[str]) -> None:
    def known(source: str) -> bool:
        return sources.lasts(source, lambda plain: plain in (THERE, "ivr/closed.wav"))

    entry = only([extension(RESUME, SOCKET, *actions)])
    assert behind_socket.fate(entry, {}, known).what is Fates.TOLD


@pytest.mark.parametrize(
    "actions",
    [
        [BACK],
        [TONE, BACK],
        [CLOSED, BACK],
        [ANSWER, action("bridge", "user/1000"), HANGUP],
        [ANSWER, action("voicemail", "default example.com 5100")],
        # What nobody here knows is trusted.
        [action("lua", "away.lua"), HANGUP],
        [action("respond", "183"), BACK],
    ],
)
def test_a_call_that_somebody_takes_is_led_on(actions: list[str]) -> None:
    assert becomes(actions).what is Fates.LED_ON


@pytest.mark.parametrize("target", ["8000", "8000 XML", "8000 XML public", "8000 XML ${context}"])
def test_a_transfer_leads_on_where_an_extension_takes_it(target: str) -> None:
    there = extension(action("voicemail"), expression="^8000$", name="mailbox")
    assert becomes([action("transfer", target)], there).what is Fates.LED_ON
    fate = becomes([action("transfer", target)])
    assert fate.what is Fates.LOST
    assert fate.why == "it transfers to 8000, which context public does not have"


@pytest.mark.parametrize(
    "target", ["${mailbox}", "8000 XML ${domain}", "8000 enum", "-both 8000", ""]
)
def test_a_transfer_of_which_the_target_is_not_known_is_trusted(target: str) -> None:
    assert becomes([action("transfer", target)]).what is Fates.LED_ON


def test_a_transfer_to_a_context_that_is_not_there_is_looked_up_in_the_global_one() -> None:
    entry = only([extension(SOCKET, action("transfer", "8000 XML elsewhere"))])
    mailbox = context([extension(action("voicemail"), expression="^8000$")])
    assert behind_socket.fate(entry, {}, lasts).what is Fates.LOST
    assert behind_socket.fate(entry, {"global": mailbox}, lasts).what is Fates.LED_ON


def test_the_return_point_of_its_own_context_is_asked_about_elsewhere() -> None:
    assert becomes([BACK]).what is Fates.LED_ON
    assert becomes([action("transfer", "fsapp_return XML nowhere")]).what is Fates.LOST


def test_an_extension_that_lets_the_search_go_on_is_trusted() -> None:
    assert becomes([TONE], more='continue="true"').what is Fates.LED_ON


def test_what_depends_on_the_call_counts_against_nobody() -> None:
    at_night = f'<condition field="${{night}}" expression="true" break="never">{HANGUP}</condition>'
    always = f"<condition>{BACK}</condition>"
    inside = f'<condition field="destination_number" expression="^5">{SOCKET}</condition>'
    entry = only([f'<extension name="own">{inside}{at_night}{always}</extension>'])
    assert behind_socket.fate(entry, {}, lasts).what is Fates.LED_ON
    entry = only([f'<extension name="own">{inside}<condition>{HANGUP}</condition></extension>'])
    assert behind_socket.fate(entry, {}, lasts).what is Fates.LOST


def back(*actions: str, before: str = "") -> Entry:
    return only([extension(before, SOCKET, *actions, expression="^fsapp_return$")])


@pytest.mark.parametrize(
    "pause",
    [
        TONE,
        CLOSED,
        action("sleep", "200"),
        action("sleep", "${pause}"),
        action("playback", "silence_stream://500"),
        action("playback", "{x=y}tone_stream://%(300,1500,440)"),
        action("playback", f"file_string:///none.wav!{THERE}"),
        action("gentones", "%(500,0,440)"),
    ],
)
def test_what_takes_time_behind_the_socket_is_a_pause(pause: str) -> None:
    entry = back(pause, BACK)
    assert entry.is_return_point
    assert behind_socket.pauses(entry, lasts)


@pytest.mark.parametrize(
    "pause",
    [
        "",
        MISSING,
        action("sleep", "0"),
        action("sleep"),
        action("playback"),
        action("playback", "silence_stream://0"),
        action("playback", "tone_stream://%(0,0,440)"),
        action("playback", "local_stream://moh"),
        action("set", "sleep=200"),
    ],
)
def test_what_is_over_at_once_is_none(pause: str) -> None:
    assert not behind_socket.pauses(back(pause, BACK), lasts)


def test_a_pause_before_the_socket_or_behind_the_way_back_is_none() -> None:
    assert not behind_socket.pauses(back(BACK, before=TONE), lasts)
    assert not behind_socket.pauses(back(BACK, TONE), lasts)


@pytest.mark.parametrize(
    ("actions", "leads"),
    [
        ([TONE, BACK], True),
        ([TONE, action("bridge", "user/1000"), BACK], True),
        ([TONE, BACK, HANGUP], True),
        ([TONE, action("transfer", "fsapp_return")], True),
        ([TONE], False),
        ([TONE, action("park")], False),
        ([TONE, HANGUP, BACK], False),
        ([TONE, action("respond", "503"), BACK], False),
        ([action("endless_playback", THERE), BACK], False),
        ([TONE, action("transfer", "8000 XML public"), BACK], False),
        ([TONE, action("transfer", "fsapp_return XML nowhere")], False),
    ],
)
def test_a_loop_is_one_when_every_call_gets_to_its_end(actions: list[str], leads: bool) -> None:
    assert behind_socket.leads_back(back(*actions), {}) is leads
