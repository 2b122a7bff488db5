"""Text that would like to be a command: it never reaches FreeSWITCH as one.

The canary is a waiting caller: every injected command aims at her line.
"""

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from fsapp.settings import Outbound

from .actors import Agent, Caller, Callers, Desk, Phone
from .app import run_fsapp
from .client import send_raw
from .expect import from_the_table, is_a_clear_refusal
from .switches.base import Switch
from .test_bad_input import NAMED, request_line

HANDSHAKE = Outbound().handshake_timeout
"""How long the listener waits for somebody who says nothing, in seconds."""

BACK = 10.0
"""How long a caller's way back may take after the app was killed, in seconds."""

INJECTIONS = [
    "x\n\napi uuid_kill {canary}\n\n",
    "x\r\n\r\nbgapi uuid_kill {canary}\r\n\r\n",
    "x\nasync: true\n\napi hupall\n\n",
    "1142\n\nsendmsg {canary}\ncall-command: hangup\n\n",
    "x;uuid_kill {canary}",
    "${{uuid_kill({canary})}}",
    "$${{hupall}}",
    "`uuid_kill {canary}`",
    "{{execute_on_ring=hangup}}1142",
    "1142 &system(hupall)",
    "'; DROP TABLE calls; --",
    '" OR 1=1 --',
    "../../etc/passwd",
    "{canary}\x00",
]


@pytest.fixture
def canary(a_caller: Callers, desk: Desk) -> Iterator[Caller]:
    """A caller who waits, and who still waits and hears music afterwards."""
    caller = a_caller.waits(number="100", name="Canary")
    yield caller
    assert caller.is_on_the_line()
    call = desk.call(caller)
    assert call is not None
    assert (call["state"], call["caller_name"]) == ("queued", "Canary")
    caller.hears("music")


injected = pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))


@injected
def test_in_a_parameter(text: str, anna: Agent, canary: Caller):
    value = text.format(canary=canary.id)
    for method, path, name in NAMED:
        answer = anna.client.request(method, path, query={name: value})
        is_a_clear_refusal(answer, 400, 404)
        assert canary.is_on_the_line(), f"{path} {name}"


@injected
def test_in_the_reason_of_a_pause_it_is_refused_or_harmless(text: str, anna: Agent, canary: Caller):
    reason = text.format(canary=canary.id)
    answer = anna.client.post("/agent/state", state="paused", reason=reason)
    assert from_the_table(answer) is None
    if answer.code == 200:
        assert answer.document["agent"]["pause_reason"] == reason
    assert anna.client.post("/agent/state", state="idle").code == 200


@injected
def test_in_the_token(text: str, anna: Agent, canary: Caller):
    address, value = anna.client.address, quote(text.format(canary=canary.id))
    head = f"GET /call/list?token={value} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = send_raw(address, head.encode())
    assert answer is not None
    is_a_clear_refusal(answer, 400, 401)


@pytest.mark.parametrize(
    "key",
    [b"a b", b"a;b,c=d", b"{x=y}", b"'quoted\"", b"x" * 5000, b"\xff\xfe", b"\xc3\xa6",
     b"${hupall}", b"%0a%0aapi hupall", b"a\x01b", b"\t"],
    ids=range(11),
)  # fmt: skip
def test_in_the_idempotency_key(key: bytes, anna: Agent, outside: Phone, canary: Caller):
    head = request_line(anna, "POST", "/call/originate?extension=1142")
    answer = send_raw(anna.client.address, head + b"Idempotency-Key: " + key + b"\r\n\r\n")
    assert answer is not None
    # Refused as a parameter or already as a header: 400 either way, with a reason.
    assert answer.code in (200, 400)
    assert answer.code == 200 or answer.document["description"]


@injected
def test_in_a_header(text: str, anna: Agent, canary: Caller):
    value = text.format(canary=canary.id).encode()
    head = request_line(anna, "GET", "/call/list") + b"X-Forwarded-For: " + value
    answer = send_raw(anna.client.address, head + b"\r\n\r\n")
    assert answer is None or answer.code < 500


NAMES = [
    "Robert'); DROP TABLE calls;--",
    "${hupall}",
    "<script>alert(1)</script>",
    "100% %0A%0Aapi hupall",
    "a,b;c=d|e",
    "{x=y}[u=v]",
    "J\u00fcrgen \u7535\u8bdd",
    "J\udcfcrgen",
    "x" * 300,
    "{}",
    "^^:a=b",
    "}1142",
    "it's",
]
LINE_BREAKS = ["x\n\napi hupall\n\n", "x\r\nContent-Length: 99999", "a\x00b", "\x1b[2J"]

only_lab = pytest.mark.lab_only("SIP cannot carry a control character in a display name")


@pytest.mark.parametrize(
    "name", [*NAMES, *(pytest.param(text, marks=only_lab) for text in LINE_BREAKS)], ids=ascii
)
def test_in_the_callers_name(name: str, a_caller: Callers, anna: Agent, canary: Caller, desk: Desk):
    caller = a_caller.waits(name=name)
    shown = caller.call["caller_name"]
    assert is_harmless(shown, name), f"{name!r} is shown as {shown!r}"
    anna.picks_up(caller)
    anna.speaks_with(caller)


BYTES = {"J\udcfcrgen": "J\ufffdrgen", "\udcff\udcfe": "\ufffd\ufffd", "a\udc80b": "a\ufffdb"}
"""Names that are no UTF-8 (the first is Latin-1), and how they are shown."""


@pytest.mark.parametrize("name", BYTES, ids=ascii)
def test_a_name_that_is_no_utf_8_outlives_the_app(
    name: str, a_caller: Callers, anna: Agent, canary: Caller, desk: Desk
):
    caller = a_caller.waits(name=name)
    assert caller.call["caller_name"] == BYTES[name]
    desk.is_on_record()
    desk.app.kill()
    desk.app.start()
    assert caller.is_queued(limit=BACK)["caller_name"] == BYTES[name]
    anna.picks_up(caller)
    anna.speaks_with(caller)
    anna.parks()
    assert anna.unparks(caller)["caller_name"] == BYTES[name]


def is_harmless(shown: str, sent: str) -> bool:
    """Shown as it was sent, or shortened or cleaned; never longer and never something else.

    (FreeSWITCH itself shows `%{` for `${`.)
    """
    return shown == sent or (len(shown) <= len(sent) and set(shown) <= {*sent, *" ?_%\ufffd"})


NUMBERS = ["+4512345678", "anonymous", "100%25", "1" * 100, "12\udcff34"]
ODD_NUMBERS = ["a,b", "x\n\napi hupall\n\n", "{x=y}", "'", "${hupall}", "}1142", "1 2", "\u7535"]


@pytest.mark.parametrize("number", [*NUMBERS, *ODD_NUMBERS], ids=ascii)
def test_in_the_callers_number(
    number: str, a_caller: Callers, anna: Agent, canary: Caller, desk: Desk
):
    caller = a_caller.waits(number=number)
    assert is_harmless(caller.call["caller_id"], number)
    anna.picks_up(caller)
    anna.speaks_with(caller)


@pytest.mark.parametrize("destination", ["5900x", "59001", "x5900", "5900%0Aapi%20hupall"])
def test_in_the_destination(destination: str, a_caller: Callers, canary: Caller, desk: Desk):
    a_caller.calls(destination).is_cut_off()
    assert desk.ids() == [canary.id]


@pytest.mark.parametrize(
    "destination", ["5900\n\napi hupall\n\n", "5900\r\nx", "\n5900", "59\x0000"], ids=ascii
)
def test_a_control_character_in_the_destination(
    destination: str, a_caller: Callers, canary: Caller, desk: Desk
):
    a_caller.calls(destination).is_cut_off()
    assert desk.ids() == [canary.id]


def test_a_line_break_behind_the_destination_is_taken_off(
    a_caller: Callers, anna: Agent, canary: Caller
):
    """FreeSWITCH's `$` also matches before a last line break (PCRE): she is for us."""
    caller = a_caller.waits("5900\n")
    assert caller.call["destination"] == "5900"
    anna.picks_up(caller)
    anna.speaks_with(caller)
    anna.parks()
    caller.hears("music")


@pytest.mark.parametrize(
    "value", ["abc", "-", "1.5", "9" * 30, "2;x", "0x2", "1e3", "\u0662"], ids=ascii
)
def test_an_organization_that_is_no_number_is_the_first(
    value: str, a_caller: Callers, canary: Caller
):
    assert a_caller.waits(organization_id=value).call["organization_id"] == 1


@pytest.mark.parametrize("value", ["high", "-", "1.5", "9" * 30, "1;x", "1e3"])
def test_a_priority_that_is_no_number_is_none(value: str, a_caller: Callers, canary: Caller):
    assert a_caller.waits(fsapp_priority=value).call["priority"] == 0


@pytest.mark.parametrize(
    "value", ["|hupall", "${hupall}", "tone_stream://", "x" * 2000, "{a=b}nonsense", "!!x!y"]
)
@pytest.mark.parametrize("variable", ["fsapp_music", "fsapp_greeting"])
def test_in_the_name_of_a_sound(
    variable: str, value: str, a_caller: Callers, anna: Agent, canary: Caller
):
    caller = a_caller.waits(**{variable: value})
    anna.picks_up(caller)
    anna.speaks_with(caller)


@pytest.mark.lab_only("a SIP header cannot carry a line break")
@pytest.mark.parametrize(
    "variable", ["fsapp_music", "fsapp_greeting", "organization_id", "fsapp_priority"]
)
def test_a_line_break_in_a_channel_variable(
    variable: str, a_caller: Callers, anna: Agent, canary: Caller
):
    caller = a_caller.waits(**{variable: f"2\n\napi uuid_kill {canary.id}\n\n"})
    assert (caller.call["organization_id"], caller.call["priority"]) == (1, 0)
    anna.picks_up(caller)
    anna.speaks_with(caller)


@pytest.mark.parametrize("number", ["1142\n\napi hupall", "{a=b}1142", "1142/default"], ids=ascii)
def test_in_the_number_of_a_contact_method(number: str, anna: Agent, canary: Caller, desk: Desk):
    row = number.replace('"', '""')
    contacts = desk.app.directory / "hostile.csv"
    contacts.write_text(
        f'cm_id,name,number,organization_id\n666,Hostile,"{row}",1\n', encoding="utf-8"
    )
    imported = run_fsapp(
        "contact", "import", str(contacts),
        directory=desk.app.directory, FSAPP_DATABASE_PATH=str(desk.app.database),
    )  # fmt: skip
    assert "Traceback" not in imported.stderr
    # Whether the file or the request is refused: nothing is dialled.
    is_a_clear_refusal(anna.asks("originate", cm_id="666"), 400, 404)
    assert anna.phone.legs() == []


CUT_OFF = [b"nonsense\n\n", b"Content-Length: abc\n\n", b"\n\nnonsense\n\n"]
"""No FreeSWITCH says that: the listener ends the connection, though the peer stays."""

IGNORED = [b"", b"\n\n", b"\x00" * 100]
"""That is no word yet: the listener waits for more, until the peer leaves."""


@pytest.mark.parametrize("talk", [*CUT_OFF, *IGNORED], ids=range(6))
def test_who_connects_like_freeswitch_and_talks_nonsense_is_cut_off_or_ignored(
    talk: bytes, switch: Switch, a_caller: Callers, anna: Agent, canary: Caller
):
    heard = heard_until_the_end(switch.outbound_address, talk, leaves=talk in IGNORED)
    assert heard == b"connect\n\n"
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.speaks_with(caller)


def heard_until_the_end(address: str, talk: bytes, *, leaves: bool) -> bytes:
    """Send ``talk`` to the call listener, and leave or not; what it says until it hangs up."""
    host, _, port = address.rpartition(":")
    heard = b""
    with socket.create_connection((host, int(port)), timeout=HANDSHAKE - 1) as stream:
        stream.sendall(talk)
        if leaves:
            stream.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while data := stream.recv(4096):
                heard += data
    return heard
