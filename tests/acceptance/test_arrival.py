"""A call arrives: it is there once, in the page's words, and it can still be asked for later."""

import time
from typing import Any

import pytest

from .actors import Agent, Callers, Desk
from .expect import SHORT_STATUS
from .switches.base import Switch
from .wait import wait_for, wait_until

PROTOTYPE: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "state": str,
    "b_leg": str,
    "inbound": bool,
    "destination": str,
    "caller_id": str,
    "assigned_to": (str, type(None)),
    "channel": str,
    "organization_id": int,
    "arrival_time": str,
}
"""The page's prototype, key for key and type for type."""

FURTHER: dict[str, type | tuple[type, ...]] = {
    "caller_name": str,
    "locked": bool,
    "priority": int,
    "position": (int, type(None)),
    "answered_at": (str, type(None)),
    "bridged_at": (str, type(None)),
    "parked_at": (str, type(None)),
    "ended_at": (str, type(None)),
    "hangup_cause": (str, type(None)),
    "handled_by": list,
    "recall_at": (str, type(None)),
    "can": list,
}
"""What protocol §3 adds after those."""


def is_a_whole_call(call: dict[str, Any]) -> None:
    """Every key of protocol §3 is there, in its order and with its type."""
    keys = {**PROTOTYPE, **FURTHER}
    assert list(call) == list(keys)
    wrong = {key: call[key] for key, kind in keys.items() if type(call[key]) not in kinds(kind)}
    assert not wrong


def kinds(kind: type | tuple[type, ...]) -> tuple[type, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


def test_a_listed_call_has_the_pages_keys_in_its_order_and_types(a_caller: Callers, desk: Desk):
    a_caller.waits("5900")
    is_a_whole_call(desk.calls()[0])


def test_a_call_in_conversation_has_them_too(a_caller: Callers, anna: Agent, desk: Desk):
    anna.picks_up(a_caller.waits())
    is_a_whole_call(desk.calls()[0])


def test_an_originated_call_has_them_too(anna: Agent, outside: Any, desk: Desk):
    anna.calls_the_outside(outside)
    is_a_whole_call(desk.calls()[0])


def test_a_waiting_call_has_the_pages_values(a_caller: Callers, desk: Desk):
    caller = a_caller.waits("5900", number="1001", name="Ada")
    call = desk.calls()[0]
    arrival = int(call["arrival_time"])
    assert abs(arrival - time.time()) < 5
    assert {key: call[key] for key in PROTOTYPE} == {
        "id": caller.id,
        "state": "queued",
        "b_leg": "<null>",
        "inbound": True,
        "destination": "5900",
        "caller_id": "1001",
        "assigned_to": None,
        "channel": caller.id,
        "organization_id": 1,
        "arrival_time": str(arrival),
    }


def test_a_waiting_call_has_the_further_values(a_caller: Callers, desk: Desk):
    a_caller.waits("5900", number="1001", name="Ada")
    call = desk.calls()[0]
    found = {key: call[key] for key in FURTHER if key != "answered_at"}
    assert found == {
        "caller_name": "Ada",
        "locked": False,
        "priority": 0,
        "position": 1,
        "bridged_at": None,
        "parked_at": None,
        "ended_at": None,
        "hangup_cause": None,
        "handled_by": [],
        "recall_at": None,
        "can": ["pickup"],
    }


def test_the_dialplan_says_which_organization_is_called(a_caller: Callers, olga: Agent, desk: Desk):
    caller = a_caller.waits(organization_id="2")
    assert desk.calls()[0]["organization_id"] == 2
    assert olga.does("list").document["calls"][0]["id"] == caller.id


@pytest.mark.parametrize("destination", ["5000", "5999"])
def test_the_shipped_dialplan_hands_in_every_destination_from_5000_to_5999(
    destination: str, a_caller: Callers, desk: Desk
):
    a_caller.waits(destination)
    assert desk.calls()[0]["destination"] == destination


def test_other_destinations_are_none_of_its_business(a_caller: Callers, desk: Desk):
    a_caller.calls("6000").is_cut_off()
    assert desk.calls() == []


def test_a_call_is_listed_once_and_soon(a_caller: Callers, desk: Desk):
    caller = a_caller.calls("5900")
    wait_until(desk.ids, limit=2.0, promise="the call is listed")
    caller.is_queued()
    assert desk.ids() == [caller.id]
    assert [call["id"] for call in desk.queue()] == [caller.id]


def test_no_agents_leg_ever_appears_as_a_call(
    a_caller: Callers, anna: Agent, bente: Agent, outside: Any, desk: Desk
):
    caller = a_caller.waits()
    bente.phone.stays_silent()
    bente.starts("pickup", a_caller.waits())
    leg_ringing = bente.phone.rings()
    anna.picks_up(caller)
    leg_up = anna.phone.is_up()
    anna.parks()
    anna.calls_the_outside(outside)
    mine = {leg_ringing, leg_up} | set(outside.legs())
    assert len(desk.ids()) == 3
    assert mine.isdisjoint(desk.ids())


def test_a_call_that_arrives_in_context_default_is_worked_like_any_other(
    a_caller: Callers, anna: Agent, switch: Switch, desk: Desk
):
    # 5900 and 5901 of this context belong to others in FreeSWITCH's example configuration.
    assert switch.api("originate loopback/5902/default &park").startswith("+OK")
    call = desk.sees_one_call("queued")
    assert call["destination"] == "5902"
    anna.picks_up(call)
    anna.parks()
    anna.unparks(call)
    anna.hangs_up(call)


def test_a_waiting_caller_is_answered_and_hears_music(a_caller: Callers, switch: Switch):
    caller = a_caller.waits()
    caller.hears("music")

    def call_state() -> str:
        return next(row["callstate"] for row in switch.channels() if row["uuid"] == caller.id)

    # The table lags by up to 0.3 s.
    wait_for(call_state, "ACTIVE", promise="she is answered")


def test_the_state_of_a_call_is_the_short_form_and_the_whole_object(
    a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits("5901")
    answer = anna.does("state", caller)
    assert answer.document["status"] == "success"
    short = {"call_id": caller.id, "status": "queued", "type": "extension", "callee": "5901"}
    assert answer.call == {**desk.calls()[0], **short}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_state_answers_to_both_verbs(method: str, a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    answer = anna.client.request(method, "/call/state", query={"call_id": caller.id})
    assert (answer.code, answer.call["id"]) == (200, caller.id)


def test_an_ended_call_still_answers_state(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    caller.hangs_up()
    ended = desk.sees(caller, "hungup")
    assert (ended["status"], ended["b_leg"], ended["position"]) == ("hungup", "<null>", None)
    assert abs(int(ended["ended_at"]) - time.time()) < 10
    assert anna.does("state", caller).call["id"] == caller.id


def test_the_short_status_follows_the_call_all_its_way(
    a_caller: Callers, anna: Agent, outside: Any, desk: Desk
):
    caller = a_caller.waits()
    seen = [desk.call(caller)]
    anna.phone.answers_after_ringing(0.3)
    picking_up = anna.starts("pickup", caller)
    seen.append(desk.sees(caller, "transferring"))
    picking_up.answer()
    seen.append(desk.call(caller))
    anna.parks()
    seen.append(desk.call(caller))
    anna.calls_the_outside(outside)
    anna.transfers(caller)
    seen.append(desk.call(caller))
    caller.hangs_up()
    seen.append(desk.sees(caller, "hungup"))
    states = [call["state"] for call in seen if call]
    assert states == ["queued", "transferring", "speaking", "parked", "transferred", "hungup"]
    assert [call["status"] for call in seen if call] == [SHORT_STATUS[state] for state in states]
