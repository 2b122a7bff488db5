"""What every switch of this suite promises to the tests (switches/base.py), whichever it is.

No app takes part: the tests call extension `tone`, which the suite's own dialplan answers, or make
the switch dial phones by itself.
"""

import re
import time
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import fromstring

import pytest

from .switches.base import PhoneLine, Switch, wait_until
from .switches.event_socket import EventSocket

OUTSIDE = (
    ",loopback_export='export_vars,media_mix_inbound_outbound_codecs'"
    ",export_vars=media_mix_inbound_outbound_codecs,media_mix_inbound_outbound_codecs=true"
)
"""Without it FreeSWITCH offers a phone behind `loopback` nothing but loopback's own codec."""


@pytest.fixture(autouse=True)
def quiet_switch(switch: Switch) -> Iterator[None]:
    """Nothing is going on before and after each test."""
    switch.reset()
    yield
    switch.reset()
    wait_until("no channel is left", lambda: not switch.channels())


@pytest.fixture
def phone(switch: Switch) -> PhoneLine:
    return switch.phone("1101")


def dial(switch: Switch, extension: str = "1101", timeout: int = 5) -> str:
    """Have the switch dial a phone and wait; the leg's uuid or `-ERR <cause>`."""
    answer = switch.api(f"originate {{originate_timeout={timeout}}}user/{extension} &park")
    return answer.removeprefix("+OK ")


def dial_in_background(switch: Switch, dial_string: str = "user/1101") -> None:
    with EventSocket.connect(switch.control_address, switch.control_password) as connection:
        connection.command(f"bgapi originate {{originate_timeout=20{OUTSIDE}}}{dial_string} &park")


def cause_of_the_end(switch: Switch, phone: PhoneLine, end: Callable[[], None]) -> str:
    """The cause of a leg of this phone that ends by `end`."""
    leg = dial(switch)
    phone.wait_up()
    with EventSocket.connect(switch.control_address, switch.control_password) as connection:
        connection.command("event plain CHANNEL_HANGUP_COMPLETE")
        end()
        phone.wait_down()
        hangups = (event.headers for event in connection.events())
        return next(h["Hangup-Cause"] for h in hangups if h["Unique-ID"] == leg)


def test_a_caller_is_answered_hears_and_hangs_up(switch: Switch):
    caller = switch.place_call("tone")
    wait_until("she hears the tone", lambda: switch.hears(caller.uuid) == "tone")
    assert caller.is_alive()
    assert [row["uuid"] for row in switch.channels()] == [caller.uuid]
    caller.hang_up()
    assert caller.wait_ended() == "NORMAL_CLEARING"
    assert not caller.is_alive()
    assert switch.hears(caller.uuid) == "nothing"


def test_a_caller_nobody_takes_is_cut_off(switch: Switch):
    caller = switch.place_call("4711")
    assert caller.wait_ended() == switch.no_route


def test_the_switch_ends_a_call(switch: Switch):
    caller = switch.place_call("tone")
    wait_until("she hears the tone", lambda: switch.hears(caller.uuid) == "tone")
    switch.api(f"uuid_kill {caller.uuid} CALL_REJECTED")
    assert caller.wait_ended() == "CALL_REJECTED"


def test_callers_may_come_and_go_together(switch: Switch):
    callers = [switch.place_call("tone", number=f"20455501{n:02}") for n in range(40)]
    assert len({caller.uuid for caller in callers}) == 40
    for caller in callers:
        wait_until("she hears the tone", lambda c=caller: switch.hears(c.uuid) == "tone")
    for caller in callers:
        caller.hang_up()
    assert {caller.wait_ended() for caller in callers} == {"NORMAL_CLEARING"}


def test_a_caller_brings_number_name_and_variables(switch: Switch):
    caller = switch.place_call(
        "tone", number="+4512345678", name="Bo Berg, Århus", variables={"organization_id": "7"}
    )
    wait_until("she hears the tone", lambda: switch.hears(caller.uuid) == "tone")
    wanted = {
        "caller_id_number": "+4512345678",
        "caller_id_name": "Bo Berg, Århus",
        "organization_id": "7",
    }
    assert {name: switch.api(f"uuid_getvar {caller.uuid} {name}") for name in wanted} == wanted


def test_a_new_phone_answers(switch: Switch, phone: PhoneLine):
    leg = dial(switch)
    assert phone.wait_up() == leg
    assert phone.legs() == [leg]


def test_a_phone_takes_several_calls_at_once_and_hangs_up_all(switch: Switch, phone: PhoneLine):
    legs = {dial(switch) for _ in range(3)}
    assert set(phone.legs()) == legs
    phone.hang_up()
    phone.wait_down()


def test_who_hangs_up_her_phone_clears_the_call_normally(switch: Switch, phone: PhoneLine):
    assert cause_of_the_end(switch, phone, phone.hang_up) == "NORMAL_CLEARING"


def test_a_phone_that_dies_does_not(switch: Switch, phone: PhoneLine):
    assert cause_of_the_end(switch, phone, phone.dies) != "NORMAL_CLEARING"


def test_a_busy_phone(switch: Switch, phone: PhoneLine):
    phone.is_busy()
    assert dial(switch) == "-ERR USER_BUSY"


def test_a_silent_phone(switch: Switch, phone: PhoneLine):
    phone.stays_silent()
    assert dial(switch, timeout=1) == "-ERR NO_ANSWER"
    phone.wait_down()


def test_an_unregistered_phone(switch: Switch, phone: PhoneLine):
    phone.is_unregistered()
    assert dial(switch) == "-ERR USER_NOT_REGISTERED"


def test_an_extension_that_does_not_exist(switch: Switch):
    assert dial(switch, "1199") == "-ERR SUBSCRIBER_ABSENT"


def test_a_phone_that_rings_a_while(switch: Switch, phone: PhoneLine):
    phone.answers_after_ringing(0.5)
    dial_in_background(switch)
    assert phone.wait_ringing() == phone.wait_up()


def test_a_ringing_phone_stops_when_the_leg_is_killed(switch: Switch, phone: PhoneLine):
    phone.stays_silent()
    dial_in_background(switch)
    switch.api(f"uuid_kill {phone.wait_ringing()}")
    phone.wait_down()


def test_what_a_phone_does_may_change_from_call_to_call(switch: Switch, phone: PhoneLine):
    for _ in range(3):
        phone.is_busy()
        assert dial(switch) == "-ERR USER_BUSY"
        phone.answers()
        assert dial(switch) in phone.legs()


def test_every_phone_is_a_phone_of_its_own(switch: Switch, phone: PhoneLine):
    phone.is_busy()
    other = switch.phone("1102")
    leg = dial(switch, "1102")
    assert (phone.legs(), other.legs()) == ([], [leg])


def test_after_a_reset_every_phone_answers(switch: Switch, phone: PhoneLine):
    phone.is_busy()
    switch.reset()
    dial(switch)
    phone.wait_up()


def test_whoever_is_joined_hears_the_other(switch: Switch, phone: PhoneLine):
    caller, leg = switch.place_call("tone"), dial(switch)
    wait_until("she is answered", lambda: switch.hears(caller.uuid) == "tone")
    switch.api(f"uuid_bridge {caller.uuid} {leg}")
    wait_until(
        "they hear each other",
        lambda: (switch.hears(caller.uuid), switch.hears(leg)) == (leg, caller.uuid),
    )
    caller.hang_up()
    caller.wait_ended()
    wait_until("the other is alone", lambda: switch.hears(leg) in ("silence", "nothing"))


def test_an_outside_party_is_reached_through_the_default_context(switch: Switch):
    outside = switch.phone("1142")
    dial_in_background(switch, "loopback/1142/default")
    outside.wait_up()
    outside.hang_up()
    outside.wait_down()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("module_exists mod_dptools", "true"),
        ("module_exists mod_of_nobody", "false"),
        ("file_exists /", "true"),
        ("file_exists /nowhere/music.wav", "false"),
        ("user_data 1999@127.0.0.1 param dial-string", "-ERR no reply"),
        ("sofia_contact */1999@127.0.0.1", "error/user_not_registered"),
        ("xml_locate nothing", "can't find anything"),
        ("timer_test 0 10", "parameter missing: <10|20|40|60|120> [<1..200>] [<timer_name>]"),
        ("timer_test 20 10 nobodys", "Timer Error!"),
    ],
)
def test_what_it_is_asked_about_itself(switch: Switch, question: str, answer: str):
    assert switch.api(question) == answer


def test_it_shows_its_dialplan_and_its_event_socket(switch: Switch):
    section = fromstring(switch.api("xml_locate dialplan"))
    contexts = {context.get("name"): context for context in section.iter("context")}
    for name in ("public", "default"):
        extensions = {extension.get("name") for extension in contexts[name].iter("extension")}
        assert {"fsapp_inbound", "fsapp_return"} <= extensions
    question = "xml_locate configuration configuration name event_socket.conf"
    parameters = fromstring(switch.api(question)).iter("param")
    values = {parameter.get("name"): parameter.get("value") for parameter in parameters}
    port = switch.control_address.rpartition(":")[2]
    # What it listens at unless told.
    assert (values["listen-ip"], values["listen-port"] or "8021") == ("127.0.0.1", port)
    assert values["password"] == switch.control_password


def test_it_has_the_time_and_a_timer(switch: Switch):
    assert abs(int(switch.api("strepoch")) - time.time()) < 5
    answer = re.fullmatch(
        r"Avg: ([0-9.]+)ms Total Time: ([0-9.]+)ms", switch.api("timer_test 20 5 soft")
    )
    assert answer is not None
    assert 99 < float(answer[2]) < 5000
    assert float(answer[1]) == pytest.approx(float(answer[2]) / 5, abs=0.01)


def test_nobody_can_be_dialled_and_answers_at_once(switch: Switch):
    assert switch.api("originate {origination_uuid=nobody}null/x &park") == "+OK nobody"
    assert [row["uuid"] for row in switch.channels()] == ["nobody"]


def test_a_phone_can_be_rung_until_it_says_so(switch: Switch, phone: PhoneLine):
    phone.stays_silent()
    ring = "originate {return_ring_ready=true,originate_timeout=5}user/1101 &hangup"
    assert switch.api(ring).startswith("+OK ")
    phone.wait_down()
    phone.is_busy()
    assert switch.api(ring) == "-ERR USER_BUSY"
