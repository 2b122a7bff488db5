"""A call can be told from its channel: what is written there is read back as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsapp.calls.call import Call, State
from fsapp.desk.kept import app_of, first_seen, identity, is_customer, present, rebuilt, speaking
from fsapp.switch.channel import Channel, Dump
from fsapp.switch.commands import api_set
from tests.desk.fakes import OPTIONS

NOW = 1_700_000_100.0
CALL = Call(
    id="caller",
    state=State.PARKED,
    inbound=True,
    destination="5900",
    caller_id="2045550100",
    caller_name="Cal",
    organization_id=2,
    arrival=1_700_000_000.123456,
    assigned_to="ann",
    priority=3,
    head=True,
    context="public",
    parked_at=1_700_000_050,
    handled_by=("bob", "ann"),
)


def carries(call: Call, **variables: str) -> Channel:
    """The channel of the call, with what the dialplan and we wrote on it."""
    dialplan = {
        "organization_id": str(call.organization_id),
        "fsapp_priority": str(call.priority),
        "fsapp_context": call.context,
    }
    kept = {**dialplan, **identity(call, OPTIONS), **present(call), **variables}
    return Channel(call.id, "fsapp_return", "", "", "default", answered=True, variables=kept)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"state": State.QUEUED, "assigned_to": None, "parked_at": None},
        {"state": State.SPEAKING, "head": False},
        {"state": State.TRANSFERRED, "assigned_to": None, "handled_by": ()},
        {"cm_id": 42, "caller_name": "Ánna B", "destination": "+44#7*"},
    ],
)
def test_what_was_written_is_read_back(changes: dict[str, object]) -> None:
    call = replace(CALL, **changes)  # type: ignore[arg-type]
    assert rebuilt(carries(call), NOW, "default") == call


def test_an_outbound_call_is_one_again() -> None:
    call = replace(CALL, inbound=False)
    assert rebuilt(carries(call, fsapp_call=call.id), NOW, "default") == call


def test_all_of_it_can_be_sent_and_is_read() -> None:
    channel = carries(CALL)
    api_set(CALL.id, channel.variables)
    known = Channel.read(Dump("")).variables
    assert set(channel.variables) <= set(known)


def test_what_cannot_stand_in_a_command_is_left_to_freeswitchs_own_data() -> None:
    call = replace(CALL, caller_name="O'Brien; ${x}", destination="a b;c=d")
    assert "fsapp_caller_name" not in identity(call, OPTIONS)
    assert "fsapp_destination" not in identity(call, OPTIONS)


def test_a_conversation_about_to_begin_is_its_owners() -> None:
    kept = speaking(replace(CALL, state=State.QUEUED, assigned_to=None), "carl")
    assert kept["fsapp_state"] == "speaking"
    assert (kept["fsapp_owner"], kept["fsapp_handled_by"]) == ("carl", "bob:ann:carl")
    assert (kept["fsapp_head"], kept["fsapp_parked_at"]) == ("", "")


@pytest.mark.parametrize("state", ["", "nonsense", "hungup", "transferring"])
def test_a_state_that_cannot_be_kept_is_queued(state: str) -> None:
    call = rebuilt(carries(CALL, fsapp_state=state), NOW, "default")
    assert (call.state, call.assigned_to) == (State.QUEUED, None)


@pytest.mark.parametrize("owner", ["", "no agent", "-x"])
def test_a_call_on_hold_for_nobody_is_queued(owner: str) -> None:
    call = rebuilt(carries(CALL, fsapp_owner=owner), NOW, "default")
    assert (call.state, call.assigned_to) == (State.QUEUED, None)


@pytest.mark.parametrize("arrival", ["", "soon", "1700000000", "-ERR no such command", "9" * 16])
def test_an_arrival_that_cannot_be_is_now(arrival: str) -> None:
    assert first_seen(carries(CALL, fsapp_arrival=arrival), NOW, "default").arrival == NOW


def test_a_new_caller_arrived_when_the_dialplan_says() -> None:
    call = first_seen(carries(CALL, fsapp_arrival="1700000000123456"), NOW, "default")
    assert (call.arrival, call.state) == (1_700_000_000.123456, State.CREATED)


def test_a_leg_and_what_is_behind_a_loopback_are_no_customers() -> None:
    assert is_customer(carries(CALL))
    assert is_customer(carries(CALL, fsapp_call=CALL.id))
    assert not is_customer(carries(CALL, fsapp_call="in front"))
    assert not is_customer(carries(CALL, fsapp_agent="ann"))
    assert not is_customer(carries(CALL, fsapp_state=""))


def test_the_mark_can_stand_in_a_command() -> None:
    options = replace(OPTIONS, advertise="[::1]:8084")
    api_set("x", {"fsapp_app": app_of(options)})
    assert app_of(options) != app_of(OPTIONS)
