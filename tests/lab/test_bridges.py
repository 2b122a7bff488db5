"""Bridges: how they come about, and what becomes of each leg when they end."""

import pytest

from .conftest import MUSIC, Desk
from .wire import NothingCameError

RETURN = "5900:XML:public"


def test_a_bridge_is_begun_at_once_and_told_on_as_connection_only(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.talk(caller, wire)
    caller.wait_hears(uuid)
    desk.lab.wait_hears(uuid, caller.uuid)
    assert "CHANNEL_BRIDGE" not in " ".join(own.story())
    bridge = next(f for f in wire.frames if f.event == "CHANNEL_BRIDGE")
    assert bridge["Bridge-A-Unique-ID"] == caller.uuid
    assert bridge["Bridge-B-Unique-ID"] == bridge["Other-Leg-Unique-ID"] == uuid


@pytest.mark.parametrize("which", ["caller", "leg", "both"])
def test_who_does_not_exist_cannot_be_bridged(desk: Desk, which: str) -> None:
    caller, wire = desk.caller()
    uuid, _ = desk.leg(wire)
    a = "nobody" if which in {"caller", "both"} else caller.uuid
    b = "nobody" if which in {"leg", "both"} else uuid
    assert wire.api(f"uuid_bridge {a} {b}") == "-ERR Invalid uuid"
    assert caller.is_alive()


def test_music_stops_for_a_bridge(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.execute("playback", MUSIC)
    caller.wait_hears(MUSIC)
    desk.talk(caller, wire)
    done = next(f for f in wire.frames if f.get("Application-Response") == "PLAYBACK ERROR")
    assert done["Application"] == "playback"


# -- the agent leaves first -----------------------------------------------------------------


def test_the_caller_runs_on_in_her_dialplan_and_comes_back(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.talk(caller, wire)
    desk.lab.phone("1101").hang_up()
    wire.event("CHANNEL_UNBRIDGE")
    assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid


def test_hangup_after_bridge_ends_the_caller_with_the_agents_cause(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.talk(caller, wire)
    wire.api(f"uuid_setvar {caller.uuid} hangup_after_bridge true")
    desk.lab.phone("1101").die("MEDIA_TIMEOUT")
    assert caller.wait_ended() == "MEDIA_TIMEOUT"


def test_transfer_after_bridge_is_used_once(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.api(f"uuid_setvar {caller.uuid} transfer_after_bridge {RETURN}")
    desk.talk(caller, wire)
    desk.lab.phone("1101").hang_up()
    wire.event("CHANNEL_UNBRIDGE")
    back = desk.listener.accept()
    data = back.hello()
    assert data["Caller-RDNIS"] == "5900"
    assert data.get("variable_transfer_after_bridge") is None


def test_park_after_bridge_wins_over_transfer_and_hangup(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.api(
        f"uuid_setvar_multi {caller.uuid} "
        f"park_after_bridge=true;transfer_after_bridge={RETURN};hangup_after_bridge=true"
    )
    desk.talk(caller, wire)
    desk.lab.phone("1101").hang_up()
    wire.event("CHANNEL_PARK", Channel_State="CS_PARK")
    assert caller.is_alive()


# -- the caller leaves first ----------------------------------------------------------------


def test_the_agents_leg_ends_with_the_caller(desk: Desk) -> None:
    caller, wire = desk.caller()
    _, own = desk.talk(caller, wire)
    caller.hang_up()
    assert own.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "NORMAL_CLEARING"
    desk.lab.phone("1101").wait_down()


def test_a_leg_with_park_after_bridge_stays(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.talk(caller, wire)
    wire.api(f"uuid_setvar {uuid} park_after_bridge true")
    caller.hang_up()
    own.event("CHANNEL_PARK", Channel_State="CS_PARK")
    own.execute("playback", MUSIC)
    own.event("CHANNEL_EXECUTE", Application="playback")
    desk.lab.wait_hears(uuid, MUSIC)


# -- park, unpark, transfer ---------------------------------------------------------------


def test_a_caller_parked_through_the_dialplan_arrives_again_and_the_leg_stays(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.talk(caller, wire)
    wire.send(
        f"api uuid_setvar {caller.uuid} socket_resume false",
        f"api uuid_setvar {uuid} park_after_bridge true",
        f"api uuid_transfer {caller.uuid} 5900 XML public",
        "exit",
    )
    again = desk.listener.accept()
    assert again.hello()["variable_socket_resume"] == "true"
    own.event("CHANNEL_PARK", Channel_State="CS_PARK")
    wire.until_end()
    again.execute("playback", MUSIC)
    caller.wait_hears(MUSIC)
    again.send(f"api uuid_bridge {caller.uuid} {uuid}")
    again.event("CHANNEL_BRIDGE")
    caller.wait_hears(uuid)


def test_two_connections_of_one_call_both_get_its_events(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.send(
        f"api uuid_setvar {caller.uuid} socket_resume false",
        f"api uuid_transfer {caller.uuid} 5900 XML public",
    )
    again = desk.listener.accept()
    again.hello()
    again.execute("playback", MUSIC)
    again.event("CHANNEL_EXECUTE", Application="playback")
    wire.event("CHANNEL_EXECUTE", Application="playback")


def test_closing_the_old_connection_throws_the_caller_out_of_the_new_one(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.send(f"api uuid_transfer {caller.uuid} 5900 XML public")
    new = desk.listener.accept()
    new.hello()
    new.execute("playback", MUSIC)
    caller.wait_hears(MUSIC)
    wire.close()
    third = desk.listener.accept()
    assert third.hello()["Unique-ID"] == caller.uuid


def test_bridging_a_bridged_leg_elsewhere_ends_who_is_left(desk: Desk) -> None:
    caller, wire = desk.caller()
    other, other_wire = desk.caller()
    _, own = desk.talk(other, other_wire)
    assert wire.api(f"uuid_bridge {caller.uuid} {other.uuid}") == f"+OK {other.uuid}"
    wire.event("CHANNEL_BRIDGE")
    assert own.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "NORMAL_CLEARING"
    caller.wait_hears(other.uuid)


# -- a leg dies between +OK and the bridge --------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "outcome"),
    [
        ("", "hung up"),
        ("uuid_bridge_continue_on_cancel", "goes on"),
        ("uuid_bridge_park_on_cancel", "parked"),
    ],
)
def test_the_leg_dies_while_the_bridge_is_being_made(
    slow_desk: Desk, variable: str, outcome: str
) -> None:
    desk = slow_desk
    caller, wire = desk.caller()
    uuid, _ = desk.leg(wire)
    if variable:
        wire.api(f"uuid_setvar {caller.uuid} {variable} true")
    wire.send(f"api uuid_bridge {caller.uuid} {uuid}")
    wire.event("CHANNEL_STATE", Channel_State="CS_SOFT_EXECUTE")
    wire.send(f"api uuid_kill {uuid} MEDIA_TIMEOUT")
    match outcome:
        case "hung up":
            assert caller.wait_ended() == "ORIGINATOR_CANCEL"
        case "goes on":
            assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid
        case "parked":
            wire.event("CHANNEL_PARK", Channel_State="CS_PARK")
    assert "CHANNEL_BRIDGE" not in " ".join(wire.story())


@pytest.mark.parametrize("variable", ["", "park_after_bridge", "transfer_after_bridge"])
def test_the_leg_is_gone_before_the_bridge_is_made(desk: Desk, variable: str) -> None:
    caller, wire = desk.caller()
    uuid, _ = desk.leg(wire)
    value = RETURN if variable == "transfer_after_bridge" else "true"
    if variable:
        wire.api(f"uuid_setvar {caller.uuid} {variable} {value}")
    wire.send(f"api uuid_bridge {caller.uuid} {uuid}", f"api uuid_kill {uuid}")
    match variable:
        case "":
            assert caller.wait_ended() == "DESTINATION_OUT_OF_ORDER"
        case "park_after_bridge":
            wire.event("CHANNEL_PARK", Channel_State="CS_PARK")
        case _:
            assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid


def test_the_caller_dies_first_and_the_leg_waits_for_ever(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.leg(wire)
    wire.send(f"api uuid_bridge {caller.uuid} {uuid}", f"api uuid_kill {caller.uuid}")
    own.event("CHANNEL_STATE", Channel_State="CS_RESET")
    with pytest.raises(NothingCameError):
        own.event("CHANNEL_HANGUP", limit=0.1)
    assert own.api(f"uuid_transfer {uuid} tone XML default") == "+OK"
    own.event("CHANNEL_EXECUTE", Application="playback")


# -- the app dies -------------------------------------------------------------------------


def test_a_queued_caller_with_socket_resume_comes_back(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.execute("playback", MUSIC)
    caller.wait_hears(MUSIC)
    wire.close()
    assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid


def test_a_queued_caller_without_socket_resume_stays_in_her_music(desk: Desk) -> None:
    caller, wire = desk.caller("once")
    wire.execute("playback", MUSIC)
    caller.wait_hears(MUSIC)
    wire.close()
    assert desk.listener.nobody_comes()
    assert caller.hears() == MUSIC


@pytest.mark.parametrize("resumes", [True, False])
def test_a_conversation_lives_on_unless_socket_resume_is_true(desk: Desk, resumes: bool) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.talk(caller, wire)
    wire.api(f"uuid_setvar {caller.uuid} socket_resume {str(resumes).lower()}")
    wire.close()
    own.close()
    if resumes:
        assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid
    else:
        assert desk.listener.nobody_comes()
        assert caller.hears() == uuid
        desk.lab.phone("1101").hang_up()
        assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid


def test_a_caller_parked_by_uuid_park_is_in_limbo(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.talk(caller, wire)
    wire.api(f"uuid_setvar {uuid} park_after_bridge true")
    wire.api(f"uuid_park {caller.uuid}")
    wire.event("CHANNEL_PARK", Channel_State="CS_PARK")
    wire.execute("playback", MUSIC)
    caller.wait_hears(MUSIC)
    wire.close()
    own.close()
    assert desk.listener.nobody_comes()
    assert caller.is_alive()
    assert caller.state == "CS_RESET"


def test_a_stranded_leg_gets_a_new_connection_through_an_inline_dialplan(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.talk(caller, wire)
    wire.api(f"uuid_setvar {uuid} park_after_bridge true")
    own.close()
    caller.hang_up()
    wire.event("CHANNEL_HANGUP_COMPLETE")
    where = f"set:found=again,socket:{desk.listener.address} async full"
    assert wire.api(f"uuid_transfer {uuid} '{where}' inline") == "+OK"
    data = desk.listener.accept().hello()
    assert data["Unique-ID"] == uuid
    assert data["variable_found"] == "again"


def test_what_is_sent_to_a_bridged_leg_is_carried_out(desk: Desk) -> None:
    caller, wire = desk.caller()
    uuid, own = desk.talk(caller, wire)
    own.execute("set", "spoken=to")
    own.event("CHANNEL_EXECUTE_COMPLETE", Application="set")
    assert own.api(f"uuid_getvar {uuid} spoken") == "to"
    assert caller.hears() == uuid


# -- the bridge application -----------------------------------------------------------------


def test_who_is_sent_elsewhere_while_a_phone_rings_for_her_goes_there(desk: Desk) -> None:
    caller, wire = desk.caller()
    phone = desk.lab.phone("1101")
    phone.silent()
    only_busy = "set:continue_on_fail=USER_BUSY"
    wire.api(f"uuid_transfer {caller.uuid} '{only_busy},bridge:user/1101' inline")
    phone.wait_ringing()
    wire.api(f"uuid_transfer {caller.uuid} 'sleep:60000' inline")
    caller.wait_until("sleep")
    phone.wait_down()


def test_she_goes_on_when_nobody_answers(desk: Desk) -> None:
    """Without ``continue_on_fail`` (``switch_channel_handle_cause``)."""
    caller, wire = desk.caller()
    desk.lab.phone("1101").silent()
    rings = "set:call_timeout=1,bridge:user/1101"
    wire.api(f"uuid_transfer {caller.uuid} '{rings},sleep:60000' inline")
    caller.wait_until("sleep")


def test_and_has_ended_when_the_phone_is_busy(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.phone("1101").busy()
    wire.api(f"uuid_transfer {caller.uuid} 'bridge:user/1101,sleep:60000' inline")
    assert caller.wait_ended() == "USER_BUSY"
