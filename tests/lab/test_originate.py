"""Originating: who is reached, who is not and why, and what the answered channel does."""

import pytest

from .conftest import MUSIC, Desk
from .wire import Frame, Wire


def originate(wire: Wire, target: str, then: str = "&park()") -> Frame:
    wire.ask(f"bgapi originate {target} {then}")
    return wire.event("BACKGROUND_JOB")


@pytest.mark.parametrize(
    ("behaviour", "answer"),
    [
        ("busy", "-ERR USER_BUSY"),
        ("unregistered", "-ERR USER_NOT_REGISTERED"),
        ("unknown", "-ERR SUBSCRIBER_ABSENT"),
        ("answers", "+OK leg"),
    ],
)
def test_what_a_phone_does_is_what_originate_answers(
    desk: Desk, behaviour: str, answer: str
) -> None:
    _, wire = desk.caller()
    if behaviour != "unknown":
        getattr(desk.lab.phone("1101"), behaviour)()
    assert originate(wire, "{origination_uuid=leg}user/1101@127.0.0.1").body == f"{answer}\n"


def test_a_phone_that_only_rings_is_left_when_the_time_is_over(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1101").silent()
    assert originate(wire, "{originate_timeout=1}user/1101").body == "-ERR NO_ANSWER\n"
    desk.lab.phone("1101").wait_down()


def test_a_phone_that_is_put_down_while_ringing_declines(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1101").silent()
    wire.ask("bgapi originate user/1101 &park()")
    desk.lab.phone("1101").wait_ringing()
    desk.lab.phone("1101").hang_up()
    assert wire.event("BACKGROUND_JOB").body == "-ERR CALL_REJECTED\n"


def test_a_phone_rings_as_long_as_it_was_told(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1101").answers(after=0.05)
    wire.ask("bgapi originate user/1101 &park()")
    uuid = desk.lab.phone("1101").wait_ringing()
    assert wire.event("BACKGROUND_JOB").body == f"+OK {uuid}\n"
    assert desk.lab.phone("1101").wait_up() == uuid


def test_the_job_keeps_the_id_it_was_given_and_names_its_owner(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.send("bgapi status\nJob-UUID: my-job")
    assert wire.next()["Job-UUID"] == "my-job"
    job = wire.event("BACKGROUND_JOB")
    assert job["Job-UUID"] == "my-job"
    assert job["Job-Owner-UUID"] == caller.uuid
    assert job["Job-Command"] == "status"


def test_jobs_of_others_are_not_told(desk: Desk) -> None:
    _, wire = desk.caller()
    _, other = desk.caller()
    wire.ask("bgapi status")
    other.ask("bgapi version")
    assert other.event("BACKGROUND_JOB")["Job-Command"] == "version"
    assert wire.event("BACKGROUND_JOB")["Job-Command"] == "status"


@pytest.mark.parametrize("cause", ["", "ORIGINATOR_CANCEL", "MANAGER_REQUEST"])
def test_a_killed_ringing_leg_stops_the_phone(desk: Desk, cause: str) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1103").silent()
    wire.ask("bgapi originate {origination_uuid=ringing}user/1103 &park()")
    desk.lab.phone("1103").wait_ringing()
    assert desk.control().api(f"uuid_kill ringing {cause}") == "+OK"
    assert wire.event("BACKGROUND_JOB").body == f"-ERR {cause or 'NORMAL_CLEARING'}\n"
    desk.lab.phone("1103").wait_down()


def test_a_uuid_in_use_is_not_given_twice(desk: Desk) -> None:
    caller, wire = desk.caller()
    job = originate(wire, f"{{origination_uuid={caller.uuid}}}user/1101")
    assert job.body.startswith("-ERR")


def test_variables_and_caller_id_reach_the_leg(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1101")
    wire.ask(
        "bgapi originate {origination_uuid=leg,fsapp_agent=anna,origination_caller_id_number=42,"
        f"origination_caller_id_name='Ada L'}}user/1101 &socket('{desk.listener.address} full')"
    )
    data = desk.listener.accept().hello()
    assert data["variable_fsapp_agent"] == "anna"
    assert data["Channel-HIT-Dialplan"] == "true"
    assert data["Caller-Callee-ID-Number"] == "42"
    assert data["Caller-Callee-ID-Name"] == "Ada L"


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("error/USER_BUSY", "-ERR USER_BUSY"),
        ("nosuch/1", "-ERR CHAN_NOT_IMPLEMENTED"),
        ("{a=b", "-ERR DESTINATION_OUT_OF_ORDER"),
        ("loopback/1199/default", "-ERR SUBSCRIBER_ABSENT"),
        ("loopback/nobody/default", "-ERR NO_ROUTE_DESTINATION"),
        ("error/USER_BUSY|error/NO_ANSWER", "-ERR NO_ANSWER"),
    ],
)
def test_what_cannot_be_dialled(desk: Desk, target: str, answer: str) -> None:
    assert desk.lab.api(f"originate {target} &park()").strip() == answer


def test_an_originate_without_its_words_is_told_how(desk: Desk) -> None:
    assert desk.lab.api("originate user/1101").startswith("-USAGE: <call url>")


# -- outside parties, through loopback ------------------------------------------------------------


def test_an_outside_party_has_the_uuid_it_was_given_and_goes_into_the_dialplan(
    desk: Desk,
) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1142").answers(after=0.02)
    job = originate(wire, "{origination_uuid=callee}loopback/1142/default", "5900 XML default")
    assert job.body == "+OK callee\n"
    data = desk.listener.accept().hello()
    assert data["Unique-ID"] == "callee"
    assert data["Caller-Context"] == "default"
    desk.lab.phone("1142").wait_up()


def test_why_an_outside_party_was_not_reached_comes_through(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1142").busy()
    assert originate(wire, "loopback/1142/default").body == "-ERR USER_BUSY\n"


@pytest.mark.parametrize("who", ["the app", "the party"])
def test_an_outside_party_and_its_channel_end_together(desk: Desk, who: str) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1142")
    originate(wire, "{origination_uuid=callee}loopback/1142/default", "5900 XML default")
    own = desk.listener.accept()
    own.hello()
    if who == "the app":
        own.api("uuid_kill callee")
    else:
        desk.lab.phone("1142").hang_up()
    assert own.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "NORMAL_CLEARING"
    desk.lab.phone("1142").wait_down()


def test_giving_up_while_an_outside_party_rings_stops_its_phone(desk: Desk) -> None:
    _, wire = desk.caller()
    desk.lab.phone("1142").silent()
    wire.ask("bgapi originate {origination_uuid=callee}loopback/1142/default &park()")
    desk.lab.phone("1142").wait_ringing()
    assert wire.api("uuid_kill callee ORIGINATOR_CANCEL") == "+OK"
    assert wire.event("BACKGROUND_JOB").body == "-ERR ORIGINATOR_CANCEL\n"
    desk.lab.phone("1142").wait_down()


# -- the bridge application -----------------------------------------------------------------------


def test_the_bridge_application_rings_then_connects(desk: Desk) -> None:
    caller, wire = desk.caller()
    wire.api(f"uuid_setvar {caller.uuid} ringback {MUSIC}")
    desk.lab.phone("1101").silent()
    wire.execute("bridge", "{origination_uuid=leg}user/1101")
    desk.lab.phone("1101").wait_ringing()
    caller.wait_hears(MUSIC)
    desk.lab.phone("1101").pick_up()
    assert wire.event("CHANNEL_BRIDGE")["Bridge-B-Unique-ID"] == "leg"
    caller.wait_hears("leg")
    desk.lab.phone("1101").hang_up()
    wire.event("CHANNEL_UNBRIDGE")
    wire.event("CHANNEL_EXECUTE_COMPLETE", Application="bridge")


@pytest.mark.parametrize(
    ("variable", "lives"), [("", False), ("true", True), ("USER_BUSY,NO_ANSWER", True)]
)
def test_a_failed_bridge_ends_the_caller_unless_told_to_continue(
    desk: Desk, variable: str, lives: bool
) -> None:
    caller, wire = desk.caller()
    desk.lab.phone("1101").busy()
    wire.api(f"uuid_setvar {caller.uuid} continue_on_fail {variable}")
    wire.execute("bridge", "user/1101")
    done = wire.event("CHANNEL_EXECUTE_COMPLETE", Application="bridge")
    assert done["variable_originate_disposition"] == "USER_BUSY"
    assert caller.is_alive() is lives


def test_a_caller_who_gives_up_stops_the_phone_she_rings(desk: Desk) -> None:
    caller, wire = desk.caller()
    desk.lab.phone("1101").silent()
    wire.execute("bridge", "user/1101")
    desk.lab.phone("1101").wait_ringing()
    caller.hang_up()
    desk.lab.phone("1101").wait_down()
