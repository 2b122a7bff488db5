"""The Event Socket's own words: letting in, subscribing, filtering, cutting frames."""

import json

import pytest

from .conftest import Desk
from .wire import NothingCameError


def test_a_wrong_password_is_refused_and_the_connection_closed(desk: Desk) -> None:
    wire = desk.unauthorized()
    wire.next()
    assert wire.ask("auth wrong") == "-ERR invalid"
    assert wire.until_end()[-1]["Content-Type"] == "text/disconnect-notice"


def test_nothing_is_carried_out_before_the_password(desk: Desk) -> None:
    wire = desk.unauthorized()
    wire.next()
    assert wire.ask("api status") == "-ERR command not found"


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("myevents", "-ERR aready enabled."),
        ("nosuchverb", "-ERR command not found"),
        ("event plain", "-ERR no keywords supplied"),
        ("event plain NO_SUCH_EVENT", "-ERR no keywords supplied"),
        ("nixevent", "-ERR no keywords supplied"),
        ("nixevent CHANNEL_STATE NO_SUCH_EVENT", "+OK events nixed"),
        ("noevents", "+OK no longer listening for events"),
        ("filter Unique-ID 1", "+OK filter added. [Unique-ID]=[1]"),
        ("filter delete Unique-ID", "+OK filter deleted. [Unique-ID][]"),
        ("linger", "+OK will linger"),
        ("linger 7", "+OK will linger 7 seconds"),
        ("nolinger", "+OK will not linger"),
        ("divert_events on", "+OK events diverted"),
        ("getvar socket_resume", "true"),
        ("getvar nothing_of_that_name", "-ERR command not found"),
        ("resume", "+OK"),
        ("sendmsg nobody\ncall-command: hangup", "-ERR invalid session id [nobody]"),
    ],
)
def test_a_command_gets_freeswitchs_words(desk: Desk, command: str, reply: str) -> None:
    _, wire = desk.caller()
    assert wire.ask(command) == reply


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("nosuchcommand x", "-ERR nosuchcommand Command not found!"),
        ("uuid_setvar", "-USAGE: <uuid> <var> [value]"),
        ("uuid_park nobody", "-ERR No such channel!"),
        ("uuid_getvar nobody x", "-ERR No such channel!"),
        ("uuid_exists nobody", "false"),
        ("uuid_kill nobody", "-ERR No such channel!"),
        ("uuid_transfer nobody 5900", "-ERR No such channel!"),
        ("uuid_break nobody all", "-ERR No such channel!"),
        ("uuid_dump nobody", "-ERR No such channel!"),
        ("uuid_bridge a b", "-ERR Invalid uuid"),
    ],
)
def test_an_api_command_gets_freeswitchs_words(desk: Desk, command: str, answer: str) -> None:
    assert desk.control().api(command) == answer


def test_variables_are_set_read_and_removed(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid = caller.uuid
    assert wire.api(f"uuid_getvar {uuid} colour") == "_undef_"
    assert wire.api(f"uuid_setvar {uuid} colour light blue") == "+OK"
    assert wire.api(f"uuid_getvar {uuid} colour") == "light blue"
    assert wire.api(f"uuid_setvar {uuid} colour") == "+OK"
    assert wire.api(f"uuid_getvar {uuid} colour") == "_undef_"
    assert wire.api(f"uuid_setvar_multi {uuid} a=1;b='2;3';c=") == "+OK"
    assert [wire.api(f"uuid_getvar {uuid} {name}") for name in "abc"] == ["1", "2;3", "_undef_"]
    assert "variable_b: 2%3B3" in wire.api(f"uuid_dump {uuid}")


def test_nixevent_removes_kinds_and_noevents_all(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.ask("nixevent CHANNEL_EXECUTE")
    wire.execute("set", "a=b")
    assert wire.event("CHANNEL_EXECUTE_COMPLETE", Application="set")
    assert "CHANNEL_EXECUTE set" not in wire.story()
    wire.ask("noevents")
    caller.hang_up()
    caller.wait_ended()
    assert wire.next()["Content-Disposition"] == "linger"


def test_a_filter_lets_through_what_fits(desk: Desk) -> None:
    control = desk.control()
    control.ask("event plain CHANNEL_HANGUP_COMPLETE")
    first, second = (desk.lab.place_call("77") for _ in range(2))
    assert control.event("CHANNEL_HANGUP_COMPLETE")["Unique-ID"] == first.uuid
    assert control.event("CHANNEL_HANGUP_COMPLETE")["Unique-ID"] == second.uuid
    control.ask("filter Caller-Caller-ID-Number 7")
    desk.lab.place_call("77")
    third = desk.lab.place_call("77", "7")
    assert control.event("CHANNEL_HANGUP_COMPLETE")["Unique-ID"] == third.uuid


def test_the_control_connection_hears_of_every_channel(desk: Desk) -> None:
    control = desk.control()
    control.ask("event plain ALL")
    caller = desk.lab.place_call("77")
    story = ["CHANNEL_CREATE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"]
    assert [control.event(name)["Unique-ID"] for name in story] == [caller.uuid] * 4


def test_channels_are_listed_as_json(desk: Desk) -> None:
    assert desk.lab.api("show channels as json") == '{"row_count": 0}\n'
    caller, wire = desk.caller()
    wire.execute("playback", "silence_stream://-1")
    wire.event("CHANNEL_EXECUTE", Application="playback")
    document = json.loads(wire.api("show channels as json"))
    assert document["row_count"] == 1
    row = document["rows"][0]
    assert (row["uuid"], row["state"], row["callstate"]) == (caller.uuid, "CS_EXECUTE", "ACTIVE")
    assert (row["application"], row["application_data"]) == ("playback", "silence_stream://-1")


def test_commands_may_come_in_pieces_and_together(desk: Desk) -> None:
    control = desk.control()
    for byte in b"api uuid_exists nobody\n\n":
        control.socket.sendall(bytes([byte]))
    assert control.reply() == "false"
    control.socket.sendall(b"api echo a\r\n\r\napi echo b\n\n\n\napi echo c\n\n")
    assert [control.reply() for _ in range(3)] == ["a", "b", "c"]


def test_bytes_that_are_no_utf8_come_back_as_they_are(desk: Desk) -> None:
    control = desk.control()
    control.socket.sendall(b"api echo \xff\xfe\n\n")
    assert control.socket.recv(65536).endswith(b"\n\n\xff\xfe")
    assert desk.control().api("echo fine") == "fine"


def test_a_listener_without_full_may_only_command_its_own_call(desk: Desk) -> None:
    caller, wire = desk.caller()
    where = f"socket:{desk.listener.address} async"
    wire.api(f"uuid_transfer {caller.uuid} '{where}' inline")
    single = desk.listener.accept()
    single.send("connect")
    assert single.next()["Control"] == "single-channel"
    assert single.ask("api status") == "-ERR command not found"
    single.execute("answer")


def test_exit_says_bye_and_closes(desk: Desk) -> None:
    wire = desk.control()
    wire.send("exit")
    assert [f["Content-Type"] for f in wire.until_end()] == [
        "command/reply",
        "text/disconnect-notice",
    ]


def test_who_says_nothing_gets_nothing(desk: Desk) -> None:
    desk.lab.place_call("5900")
    with pytest.raises(NothingCameError):
        desk.listener.accept().next(limit=0.05)
