"""Attended transfer: a parked caller and a called party are joined, and the agent is free."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from .actors import Agent, Caller, Callers, Desk, Phone
from .switches.base import Switch
from .wait import wait_for

Staff = Callable[[int], Sequence[Agent]]


def consulted(a_caller: Callers, agent: Agent, outside: Phone) -> tuple[Caller, dict[str, Any]]:
    """A parked caller and an answered outbound call of this agent."""
    caller = a_caller.waits()
    agent.picks_up(caller)
    agent.parks()
    return caller, agent.calls_the_outside(outside)


def transferred(a_caller: Callers, agent: Agent, outside: Phone) -> tuple[Caller, dict[str, Any]]:
    caller, call = consulted(a_caller, agent, outside)
    agent.transfers(caller)
    return caller, call


def test_the_answer_is_two_short_calls(a_caller: Callers, anna: Agent, outside: Phone):
    caller, call = consulted(a_caller, anna, outside)
    assert anna.transfers(caller) == {
        "status": "success",
        "source_call": {
            "call_id": caller.id,
            "status": "bridged",
            "type": "extension",
            "callee": "5900",
        },
        "destination_call": {
            "call_id": call["id"],
            "status": "bridged",
            "type": "extension",
            "callee": "1142",
        },
    }


def test_a_call_by_contact_method_is_named_by_it(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.does("originate", cm_id="42").call
    desk.sees(call, "speaking")
    destination = anna.transfers(caller)["destination_call"]
    assert (destination["type"], destination["callee"]) == ("cm_id", 42)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_answers_to_both_verbs(method: str, a_caller: Callers, anna: Agent, outside: Phone):
    caller, _ = consulted(a_caller, anna, outside)
    answer = anna.client.request(method, "/call/transfer", query={"source": caller.id})
    assert answer.code == 200, str(answer)


def test_the_list_goes_from_one_to_two_to_two_to_none(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    lengths = [len(desk.calls())]
    anna.calls_the_outside(outside)
    lengths.append(len(desk.calls()))
    anna.transfers(caller)
    lengths.append(len(desk.calls()))
    caller.hangs_up()
    desk.sees_nothing()
    lengths.append(len(desk.calls()))
    assert lengths == [1, 2, 2, 0]


def test_both_are_joined_on_the_switch(
    a_caller: Callers, anna: Agent, outside: Phone, switch: Switch
):
    caller, call = transferred(a_caller, anna, outside)
    wait_for(
        lambda: (switch.hears(caller.id), switch.hears(call["id"])),
        (call["id"], caller.id),
        promise="each hears the other",
    )


def test_both_live_on_and_belong_to_nobody(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = transferred(a_caller, anna, outside)
    calls = {each["id"]: each for each in desk.calls()}
    assert {(each["state"], each["assigned_to"]) for each in calls.values()} == {
        ("transferred", None)
    }
    assert (calls[caller.id]["b_leg"], calls[call["id"]]["b_leg"]) == (call["id"], caller.id)
    assert {tuple(each["handled_by"]) for each in calls.values()} == {("anna",)}


def test_the_agents_leg_is_gone_and_she_takes_the_next_call(
    a_caller: Callers, anna: Agent, outside: Phone
):
    transferred(a_caller, anna, outside)
    anna.phone.is_quiet()
    anna.is_free()
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_she_takes_the_next_call_at_once(a_caller: Callers, anna: Agent, outside: Phone):
    caller, _ = consulted(a_caller, anna, outside)
    following = a_caller.waits()
    anna.transfers(caller)
    anna.picks_up(following)
    anna.speaks_with(following)


def test_the_caller_hangs_up_and_the_other_call_ends(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = transferred(a_caller, anna, outside)
    caller.hangs_up()
    desk.sees(caller, "hungup")
    desk.sees(call, "hungup")
    outside.is_quiet()
    desk.sees_no_channel()


def test_the_called_party_hangs_up_and_the_caller_is_let_go(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = transferred(a_caller, anna, outside)
    outside.hangs_up()
    caller.is_cut_off()
    desk.sees(call, "hungup")
    desk.sees(caller, "hungup")
    desk.sees_no_channel()


def test_two_transfers_one_after_the_other(
    a_caller: Callers, anna: Agent, outside: Phone, another_outside: Phone, switch: Switch
):
    pairs = [transferred(a_caller, anna, phone) for phone in (outside, another_outside)]
    for caller, call in pairs:
        wait_for(lambda c=caller: switch.hears(c.id), call["id"], promise="each pair is joined")


def test_two_agents_transfer_at_once_without_mixing(
    a_caller: Callers, agents: Staff, outside: Phone, another_outside: Phone, desk: Desk
):
    anna, bente = agents(2)
    first, one = consulted(a_caller, anna, outside)
    second, other = consulted(a_caller, bente, another_outside)
    transfers = [anna.starts("transfer", first), bente.starts("transfer", second)]
    assert [pending.answer().code for pending in transfers] == [200, 200]
    wait_for(
        lambda: (desk.switch.hears(first.id), desk.switch.hears(second.id)),
        (one["id"], other["id"]),
        promise="the right pairs are joined",
    )


def test_an_originated_call_can_be_the_source(
    anna: Agent, outside: Phone, another_outside: Phone, switch: Switch
):
    source = anna.calls_the_outside(outside)
    anna.parks()
    destination = anna.calls_the_outside(another_outside)
    anna.transfers(source)
    wait_for(lambda: switch.hears(source["id"]), destination["id"], promise="both are joined")


def test_a_parked_bystander_stays_parked(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    bystander = a_caller.waits()
    anna.picks_up(bystander)
    anna.parks()
    caller, _ = consulted(a_caller, anna, outside)
    anna.transfers(caller)
    assert anna.is_now()["parked_calls"] == [bystander.id]
    bystander.hears("music")
    anna.unparks(bystander)
    anna.speaks_with(bystander)


def test_nothing_is_played_over_what_the_two_say(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    """Music that ends because a bridge begins must not be started again into the bridge."""
    caller, call = consulted(a_caller, anna, outside)
    anna.transfers(caller)

    def heard() -> tuple[str, str]:
        return desk.switch.hears(caller.id), desk.switch.hears(call["id"])

    wait_for(heard, (call["id"], caller.id), promise="the two hear each other")
    # When the next pickup is answered, whatever the app made of the music's end is done.
    anna.picks_up(a_caller.waits())
    assert heard() == (call["id"], caller.id)
    running = {row["uuid"]: row["application"] for row in desk.switch.channels()}
    assert (running[caller.id], running[call["id"]]) == ("uuid_bridge", "uuid_bridge")
