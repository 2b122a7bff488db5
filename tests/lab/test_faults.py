"""Ordered faults happen once, to what they were ordered for, and nothing else goes wrong."""

import pytest

from .conftest import MUSIC, Desk
from .wire import NothingCameError


def test_a_lost_event_does_not_arrive_and_the_next_one_does(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.faults.drop_next("CHANNEL_EXECUTE_COMPLETE")
    wire.execute("set", "a=1")
    wire.execute("set", "b=2")
    assert wire.event("CHANNEL_EXECUTE_COMPLETE")["Application-Data"] == "b=2"
    assert desk.lab.faults.pending() == []


def test_a_lost_event_is_lost_on_every_connection(desk: Desk) -> None:
    caller, wire = desk.caller()
    control = desk.control()
    control.ask("event plain CHANNEL_EXECUTE_COMPLETE")
    desk.lab.faults.drop_next("CHANNEL_EXECUTE_COMPLETE", uuid=caller.uuid)
    wire.execute("set", "a=1")
    wire.execute("set", "b=2")
    for connection in (wire, control):
        assert connection.event("CHANNEL_EXECUTE_COMPLETE")["Application-Data"] == "b=2"


def test_a_fault_ordered_for_one_channel_spares_the_others(desk: Desk) -> None:
    first, first_wire = desk.caller()
    _, second_wire = desk.caller()
    desk.lab.faults.drop_next("CHANNEL_EXECUTE", uuid=first.uuid)
    second_wire.execute("set", "a=1")
    second_wire.event("CHANNEL_EXECUTE", Application="set")
    first_wire.execute("set", "a=1")
    first_wire.event("CHANNEL_EXECUTE_COMPLETE", Application="set")
    assert "CHANNEL_EXECUTE set" not in first_wire.story()


def test_a_late_event_comes_after_what_came_meanwhile(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.delay_next("CHANNEL_HANGUP", 0.05)
    caller.hang_up()
    wire.event("CHANNEL_HANGUP_COMPLETE")
    wire.event("CHANNEL_HANGUP")


def test_a_doubled_event_comes_twice(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.double_next("CHANNEL_HANGUP")
    caller.hang_up()
    wire.event("CHANNEL_HANGUP_COMPLETE")
    assert wire.story("CHANNEL_HANGUP") == ["CHANNEL_HANGUP"] * 2


def test_a_refused_command_is_not_carried_out(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.refuse_next("uuid_kill", "-ERR Invalid uuid")
    assert wire.api(f"uuid_kill {caller.uuid}") == "-ERR Invalid uuid"
    assert caller.is_alive()
    assert wire.api(f"uuid_kill {caller.uuid}") == "+OK"


def test_a_refused_job_is_told_as_one(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.faults.refuse_next("originate", "-ERR NORMAL_TEMPORARY_FAILURE")
    wire.ask("bgapi originate user/1101 &park()")
    assert wire.event("BACKGROUND_JOB").body == "-ERR NORMAL_TEMPORARY_FAILURE\n"


@pytest.mark.parametrize("command", ["uuid_setvar", "api"])
def test_an_ignored_command_never_gets_a_reply(desk: Desk, command: str) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.ignore_next(command)
    wire.send(f"api uuid_setvar {caller.uuid} a 1", f"api uuid_getvar {caller.uuid} a")
    assert wire.reply() == "_undef_"


def test_an_unanswered_command_is_carried_out(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.leave_unanswered("uuid_setvar")
    wire.send(f"api uuid_setvar {caller.uuid} a 1", f"api uuid_getvar {caller.uuid} a")
    assert wire.reply() == "1"


def test_a_stall_keeps_everything_back_and_then_lets_it_go(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.stall()
    wire.send(f"api uuid_exists {caller.uuid}")
    with pytest.raises(NothingCameError):
        wire.next(limit=0.05)
    desk.lab.faults.go_on()
    assert wire.reply() == "true"


def test_bytes_one_by_one_are_the_same_frames(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.faults.dribble()
    wire.execute("set", "a=1")
    assert wire.event("CHANNEL_EXECUTE_COMPLETE")["Application-Data"] == "a=1"


def test_a_connection_cut_in_a_frame_ends_there(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.cut_in_next("CHANNEL_EXECUTE_COMPLETE")
    wire.execute("playback", MUSIC)
    wire.event("CHANNEL_EXECUTE", Application="playback")
    wire.send(f"api uuid_break {caller.uuid}")
    wire.until_end()
    assert "CHANNEL_EXECUTE_COMPLETE playback" not in wire.story()


def test_a_vanished_peer_is_silent_and_never_closes(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.faults.vanish(caller.uuid)
    desk.lab.wait_for(lambda: desk.lab.faults._vanished, "the peer has vanished")
    wire.send("api status")
    caller.hang_up()
    caller.wait_ended()
    with pytest.raises(NothingCameError):
        wire.next(limit=0.05)
    assert not wire.ended


def test_broken_connections_end_for_both_and_the_caller_comes_back(desk: Desk) -> None:
    caller, wire = desk.caller()
    control = desk.control()
    desk.lab.faults.break_connections()
    wire.until_end()
    control.until_end()
    assert desk.listener.accept().hello()["Unique-ID"] == caller.uuid


def test_cleared_faults_do_not_happen(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.faults.drop_next("CHANNEL_EXECUTE", count=5)
    desk.lab.faults.refuse_next("status")
    assert len(desk.lab.faults.pending()) == 2
    desk.lab.faults.clear()
    wire.execute("set", "a=1")
    wire.event("CHANNEL_EXECUTE", Application="set")
    assert wire.api("status").startswith("UP ")
