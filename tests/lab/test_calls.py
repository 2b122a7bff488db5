"""A single call on the lab switch: what it hears, what is sent to it, how it ends."""

import wave
from pathlib import Path

import pytest

from .conftest import MUSIC, Desk
from .wire import NothingCameError


def test_a_caller_is_handed_over_with_her_numbers(desk: Desk) -> None:
    desk.lab.place_call("5900", "2045550111", "Ada", {"organization_id": "7"})
    data = desk.listener.accept().hello()
    assert data["Caller-Caller-ID-Number"] == "2045550111"
    assert data["Caller-Caller-ID-Name"] == "Ada"
    assert data["Caller-Destination-Number"] == "5900"
    assert data["Caller-Context"] == "public"
    assert data["variable_organization_id"] == "7"
    assert data["Answer-State"] == "ringing"


def test_a_hostile_name_arrives_as_one_header(desk: Desk) -> None:
    desk.lab.place_call("5900", name="a\nReply-Text: +OK\n\nb æ%0A")
    assert desk.listener.accept().hello()["Caller-Caller-ID-Name"] == "a\nReply-Text: +OK\n\nb æ%0A"


def test_a_playback_is_heard_until_it_ends(desk: Desk, tmp_path: Path) -> None:
    caller, wire = desk.caller()
    sound = tmp_path / "greeting.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 8000, 800, "NONE", ""))
        file.writeframes(bytes(1600))
    wire.execute("playback", str(sound), "Event-UUID: greeting-1")
    wire.event("CHANNEL_EXECUTE", Application="playback")
    assert caller.hears() == str(sound)
    done = wire.event("CHANNEL_EXECUTE_COMPLETE")
    assert done["Application-Response"] == "FILE PLAYED"
    assert done["Application-UUID"] == "greeting-1"
    assert caller.hears() == "silence"


@pytest.mark.parametrize("source", ["local_stream://moh", "/nowhere/x.wav", "x" * 5000, "\0"])
def test_what_does_not_exist_is_not_found_and_the_caller_hears_silence(
    desk: Desk, source: str
) -> None:
    caller, wire = desk.caller()
    wire.execute("playback", source)
    assert wire.event("CHANNEL_EXECUTE_COMPLETE")["Application-Response"] == "FILE NOT FOUND"
    assert caller.hears() == "silence"
    assert caller.is_alive()


def test_what_is_sent_during_a_playback_runs_inside_it(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.execute("playback", MUSIC)
    wire.event("CHANNEL_EXECUTE", Application="playback")
    wire.execute("playback", "tone_stream://%(10,10,500)")
    wire.event("CHANNEL_EXECUTE_COMPLETE", Application_Data="tone_stream://%(10,10,500)")
    assert caller.hears() == MUSIC


def test_a_break_ends_what_runs_inside_and_what_runs_around_it(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.execute("playback", MUSIC)
    wire.execute("playback", "silence_stream://-1")
    wire.event("CHANNEL_EXECUTE", Application_Data="silence_stream://-1")
    assert wire.api(f"uuid_break {caller.uuid}") == "+OK"
    wire.event("CHANNEL_EXECUTE_COMPLETE", Application_Data="silence_stream://-1")
    wire.event("CHANNEL_EXECUTE_COMPLETE", Application_Data=MUSIC)
    caller.wait_hears("silence")


def test_a_playback_sent_after_a_break_is_heard(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.execute("playback", MUSIC)
    wire.event("CHANNEL_EXECUTE", Application="playback")
    wire.send(f"api uuid_break {caller.uuid}", _playback("silence_stream://-1"))
    caller.wait_hears("silence_stream://-1")


def _playback(source: str) -> str:
    return f"sendmsg\ncall-command: execute\nexecute-app-name: playback\nexecute-app-arg: {source}"


def test_a_playback_before_answering_is_early_media(desk: Desk) -> None:
    desk.lab.place_call("5900")
    wire = desk.listener.accept()
    wire.hello()
    wire.execute("playback", MUSIC)
    assert wire.event("CHANNEL_PROGRESS_MEDIA")["Answer-State"] == "early"


def test_an_unknown_application_hangs_the_call_up(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.execute("nosuchapp", "x")
    assert wire.event("CHANNEL_HANGUP")["Hangup-Cause"] == "DESTINATION_OUT_OF_ORDER"
    assert caller.wait_ended() == "DESTINATION_OUT_OF_ORDER"


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("sendmsg\ncall-command: hangup\nhangup-cause: USER_BUSY", "USER_BUSY"),
        ("sendmsg\ncall-command: hangup", "NORMAL_CLEARING"),
        ("api uuid_kill {uuid}", "NORMAL_CLEARING"),
        ("api uuid_kill {uuid} CALL_REJECTED", "CALL_REJECTED"),
        ("api uuid_kill {uuid} NO_SUCH_CAUSE", "NORMAL_CLEARING"),
    ],
)
def test_the_app_hangs_up_with_a_cause(desk: Desk, command: str, cause: str) -> None:
    caller, wire = desk.caller()
    wire.execute("playback", MUSIC)
    wire.send(command.format(uuid=caller.uuid))
    assert wire.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == cause
    assert caller.hangup_cause == cause


def test_a_reply_comes_before_what_its_command_causes(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.send(f"api uuid_kill {caller.uuid}")
    assert wire.next().body == "+OK\n"
    assert wire.next().event == "CHANNEL_HANGUP"


@pytest.mark.parametrize(
    ("answered", "cause"), [(True, "NORMAL_CLEARING"), (False, "ORIGINATOR_CANCEL")]
)
def test_a_caller_who_gives_up(desk: Desk, answered: bool, cause: str) -> None:
    caller = desk.lab.place_call("5900")
    wire = desk.listener.accept()
    wire.hello()
    if answered:
        wire.execute("answer")
        wire.event("CHANNEL_ANSWER")
    caller.hang_up()
    assert wire.event("CHANNEL_HANGUP")["Hangup-Cause"] == cause
    assert wire.event("CHANNEL_HANGUP_COMPLETE")["variable_hangup_cause"] == cause
    notice = wire.next()
    assert notice["Content-Disposition"] == "linger"
    assert notice["Controlled-Session-UUID"] == caller.uuid


def test_an_ended_call_is_unknown_but_shown_until_its_connections_are_over(desk: Desk) -> None:
    caller, wire = desk.caller()
    caller.hang_up()
    wire.event("CHANNEL_HANGUP_COMPLETE")
    assert wire.api(f"uuid_exists {caller.uuid}") == "false"
    assert wire.api(f"uuid_kill {caller.uuid}") == "-ERR No such channel!"
    assert "1 total." in wire.api("show channels count")
    assert wire.ask("exit") == "+OK bye"
    wire.until_end()
    assert desk.lab.api("show channels count") == "\n0 total.\n"


def test_without_linger_the_connection_closes_with_the_call(desk: Desk) -> None:
    caller = desk.lab.place_call("5900")
    wire = desk.listener.accept()
    wire.send("connect", "myevents")
    wire.event("CHANNEL_DATA")
    caller.hang_up()
    assert wire.until_end()[-1]["Content-Disposition"] == "disconnect"


def test_a_connection_made_to_a_call_that_is_gone_ends_without_a_word(desk: Desk) -> None:
    caller = desk.lab.place_call("5900")
    wire = desk.listener.accept()
    caller.hang_up()
    wire.send("connect", "linger 5", "myevents")
    assert [frame["Content-Type"] for frame in wire.until_end()] == ["text/disconnect-notice"]


def test_keys_pressed_are_told(desk: Desk) -> None:
    caller, wire = desk.caller()
    caller.presses("1#")
    assert wire.event("DTMF")["DTMF-Digit"] == "1"
    assert wire.event("DTMF")["DTMF-Digit"] == "#"


def test_a_call_ends_when_its_transfers_are_used_up(desk: Desk) -> None:
    caller, wire = desk.caller()
    assert wire.api(f"uuid_setvar {caller.uuid} max_forwards 2") == "+OK"
    assert wire.api(f"uuid_transfer {caller.uuid} tone XML public") == "+OK"
    caller.wait_hears(MUSIC)
    assert wire.api(f"uuid_transfer {caller.uuid} tone XML public") == "-ERR"
    assert caller.wait_ended() == "EXCHANGE_ROUTING_ERROR"


def test_a_destination_nobody_knows_is_refused(desk: Desk) -> None:
    assert desk.lab.place_call("77").wait_ended() == "NO_ROUTE_DESTINATION"


def test_when_no_listener_answers_the_dialplan_goes_on(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.listener.close()
    wire.close()
    caller.wait_until("sleep")
    assert caller.is_alive()


def test_listeners_are_tried_in_turn(desk: Desk) -> None:
    caller, wire = desk.caller()
    where = f"socket:127.0.0.1:1|{desk.listener.address} async full"
    assert wire.api(f"uuid_transfer {caller.uuid} '{where}' inline") == "+OK"
    assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid


def test_a_listener_that_says_nothing_is_waited_for(desk: Desk) -> None:
    caller = desk.lab.place_call("5900")
    wire = desk.listener.accept()
    with pytest.raises(NothingCameError):
        wire.next(limit=0.05)
    assert caller.state == "CS_EXECUTE"
