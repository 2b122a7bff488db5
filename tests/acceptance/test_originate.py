"""Originate: her phone first, then the other party; one id from the first answer to the last."""

import time
from typing import Any

import pytest

from .actors import Agent, Callers, Desk, Phone
from .expect import busy, is_a_clear_refusal

BAD_EXTENSIONS = [
    "",
    " ",
    "11 42",
    "abc",
    "1142a",
    "+45-1142",
    "1" * 33,
    "1142\n",
    "1142\r\napi status",
    "1142,1143",
    "1142|1143",
    "1142/default",
    "{a=b}1142",
    "[a=b]1142",
    "${hangup}",
    "&park()",
    "1142 XML public",
    "'1142'",
    "\u0661\u0661\u0664\u0662",
    "user/1102",
    "\x00",
]


def test_it_answers_as_soon_as_dialling_started(anna: Agent, outside: Phone):
    outside.stays_silent()
    answer = anna.does("originate", extension="1142")
    assert answer.document["status"] == "success"
    assert answer.call["state"] in ("created", "ringing")
    assert answer.seconds < 2.0


def test_the_call_is_outbound_and_hers(anna: Agent, outside: Phone, desk: Desk):
    outside.stays_silent()
    call = anna.dials("1142")
    assert (call["inbound"], call["destination"], call["assigned_to"]) == (False, "1142", "anna")
    assert (call["channel"], call["organization_id"]) == (call["id"], 1)
    assert abs(int(call["arrival_time"]) - time.time()) < 5
    assert desk.ids() == [call["id"]]


def test_the_callee_answers_and_both_talk(anna: Agent, outside: Phone, desk: Desk):
    call = anna.dials("1142")
    spoken = desk.sees(call, "speaking")
    anna.speaks_with(call)
    outside.is_up()
    assert spoken["b_leg"] == anna.phone.is_up()
    assert spoken["answered_at"] is not None


def test_the_call_id_is_a_channel_on_the_switch(anna: Agent, outside: Phone, desk: Desk):
    call = anna.calls_the_outside(outside)
    assert call["id"] in desk.channels()
    assert call["id"] not in anna.phone.legs()


def test_the_id_is_the_same_from_the_first_answer_to_the_last(
    anna: Agent, outside: Phone, desk: Desk
):
    outside.answers_after_ringing(0.3)
    seen = [anna.dials("1142")["id"]]
    seen.append(desk.sees_one_call("ringing")["id"])
    seen.append(desk.sees_one_call("speaking")["id"])
    seen += [str(anna.is_now()["current_call"])]
    seen += [anna.parks()["id"], anna.unparks(seen[0])["id"], anna.hangs_up()["id"]]
    ended = desk.call(seen[0])
    assert ended is not None
    assert ended["state"] == "hungup"
    assert set(seen) == {ended["id"]}


def test_her_phone_rings_before_the_other_one(anna: Agent, outside: Phone):
    anna.phone.stays_silent()
    anna.starts("originate", extension="1142")
    anna.phone.rings()
    assert outside.legs() == []


def test_the_agent_hears_ringing(anna: Agent, outside: Phone, desk: Desk):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    desk.sees(call, "ringing")
    anna.phone.hears("ringback")


def test_while_it_rings_it_is_her_current_call(anna: Agent, outside: Phone, a_caller: Callers):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    assert anna.is_now()["current_call"] == call["id"]
    anna.is_refused(busy(anna, call), "pickup", a_caller.waits())


def test_she_gives_up_while_it_rings_and_the_phone_stops(anna: Agent, outside: Phone, desk: Desk):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    assert anna.hangs_up(call)["state"] == "hungup"
    outside.is_quiet(limit=2.0)
    ended = desk.call(call)
    assert ended is not None
    assert ended["hangup_cause"]
    anna.is_free()


def test_she_hangs_up_her_phone_while_it_rings_and_the_other_stops(
    anna: Agent, outside: Phone, desk: Desk
):
    outside.stays_silent()
    call = anna.dials("1142")
    outside.rings()
    anna.phone.hangs_up()
    outside.is_quiet(limit=2.0)
    desk.sees(call, "hungup")
    anna.is_free()


def test_the_callee_hangs_up(anna: Agent, outside: Phone, desk: Desk):
    call = anna.calls_the_outside(outside)
    outside.hangs_up()
    assert desk.sees(call, "hungup")["hangup_cause"] == "NORMAL_CLEARING"
    anna.is_free()


def test_with_her_leg_up_it_is_used_at_once(a_caller: Callers, anna: Agent, outside: Phone):
    anna.picks_up(a_caller.waits())
    anna.parks()
    leg = anna.phone.legs()
    anna.calls_the_outside(outside)
    assert anna.phone.legs() == leg


def test_an_agent_with_a_call_dials_nobody(a_caller: Callers, anna: Agent, outside: Phone):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.is_refused(busy(anna, caller), "originate", extension="1142")
    assert outside.legs() == []


@pytest.mark.parametrize("extension", BAD_EXTENSIONS, ids=ascii)
def test_a_bad_extension_is_refused(extension: str, anna: Agent):
    answer = anna.asks("originate", extension=extension)
    is_a_clear_refusal(answer, 400)
    assert anna.phone.legs() == []


@pytest.mark.parametrize("extension", ["0", "*97", "#1", "+4512345678", "1" * 32])
def test_every_allowed_character_may_be_dialled(extension: str, anna: Agent, desk: Desk):
    call = anna.dials(extension)
    assert call["destination"] == extension
    desk.sees(call, "hungup")


def test_neither_extension_nor_contact_is_refused(anna: Agent):
    is_a_clear_refusal(anna.asks("originate"), 400)


def test_both_extension_and_contact_are_refused(anna: Agent):
    is_a_clear_refusal(anna.asks("originate", extension="1142", cm_id="42"), 400)


def test_by_contact_method_the_number_is_dialled(anna: Agent, outside: Phone, desk: Desk):
    call = anna.does("originate", cm_id="42").call
    assert (call["destination"], call["organization_id"]) == ("1142", 1)
    seen = desk.sees(call, "speaking")
    assert short(seen) == {
        "call_id": call["id"],
        "status": "answered",
        "type": "cm_id",
        "callee": 42,
    }
    outside.is_up()


def short(call: dict[str, Any]) -> dict[str, Any]:
    """The short form in a `/call/state` answer."""
    return {key: call[key] for key in ("call_id", "status", "type", "callee")}


def test_by_extension_the_short_form_says_so(anna: Agent, outside: Phone, desk: Desk):
    call = anna.calls_the_outside(outside)
    assert short(call) == {
        "call_id": call["id"],
        "status": "answered",
        "type": "extension",
        "callee": "1142",
    }


@pytest.mark.parametrize("cm_id", ["7", "43"], ids=["unknown", "of another organization"])
def test_a_contact_that_does_not_exist_for_her_is_refused(cm_id: str, anna: Agent, desk: Desk):
    is_a_clear_refusal(anna.asks("originate", cm_id=cm_id), 400, 404)
    assert desk.calls() == []
