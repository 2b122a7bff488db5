"""Crossing events: whatever happens at the same moment, every answer is one of the table's,
and afterwards the lists, the agents and the switch agree.

Which of the two comes first is chance, so every crossing is tried several times; `lag` lets the
second one follow the first by so many milliseconds.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from .actors import Agent, Caller, Callers, Desk, Phone, together
from .client import Answer
from .conftest import IDLE_TIMEOUT
from .expect import from_the_table
from .test_transfer import consulted
from .wait import wait_until

LAGS = (0.0, 2.0, 7.0, 25.0)

GONE = "Destination hung up before process could complete"

crossing = pytest.mark.parametrize("lag", LAGS, ids=lambda lag: f"{lag:.0f}ms")


def cross(first: Callable[[], Any], second: Callable[[], Any], lag: float) -> tuple[Any, Any]:
    """Both at the same moment, the second ``lag`` milliseconds behind."""

    def later() -> Any:
        # The lag is what is tried here, not a wait for anything.
        time.sleep(lag / 1000)
        return second()

    one, other = together(first, later)
    return one, other


def twice(action: Callable[[], Answer], lag: float) -> tuple[Answer, Answer]:
    """The same action a second time, ``lag`` milliseconds behind."""
    one, other = cross(action, action, lag)
    return one, other


def all_from_the_table(*answers: Answer) -> None:
    """FreeSWITCH is there and answers at once: neither 503 nor 504 is an answer here."""
    assert [from_the_table(answer) for answer in answers] == [None] * len(answers)
    assert [answer for answer in answers if answer.code >= 500] == []


def codes(*answers: Answer) -> list[int]:
    return sorted(answer.code for answer in answers)


def spoken(a_caller: Callers, agent: Agent) -> Caller:
    caller = a_caller.waits()
    agent.picks_up(caller)
    return caller


def is_over(desk: Desk, caller: Caller, *agents: Agent) -> None:
    """The call has ended, nobody is stuck with it, and nothing of it is left on the switch."""
    is_ended(desk, caller, *agents)
    for agent in agents:
        agent.phone.is_quiet()
    desk.is_consistent()


def is_over_and_she_rests(desk: Desk, caller: Caller, agent: Agent) -> None:
    """As `is_over`, but should the caller have hung up while on hold, the agent's leg stays for
    its idle time."""
    is_ended(desk, caller, agent)
    desk.is_consistent(agent)
    agent.phone.is_quiet(IDLE_TIMEOUT + 5.0)


def is_ended(desk: Desk, caller: Caller, *agents: Agent) -> None:
    """The call has ended, and these agents are free."""
    desk.sees(caller, "hungup")
    caller.is_cut_off()
    assert caller.id not in desk.ids()
    for agent in agents:
        agent.is_free()


@crossing
def test_double_pickup_by_the_same_agent(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    answers = twice(lambda: anna.asks("pickup", caller), lag)
    all_from_the_table(*answers)
    assert codes(*answers) == [200, 409]
    anna.speaks_with(caller)
    assert len(desk.channels()) == 2
    desk.is_consistent()


@crossing
def test_the_same_agent_reaches_for_two_calls(
    lag: float, a_caller: Callers, anna: Agent, desk: Desk
):
    first, second = a_caller.wait_in_turn(2)
    answers = cross(lambda: anna.asks("pickup", first), lambda: anna.asks("pickup", second), lag)
    all_from_the_table(*answers)
    assert codes(*answers) == [200, 409]
    assert len(desk.queue()) == 1
    desk.is_consistent()


@crossing
def test_pickup_against_originate_by_the_same_agent(
    lag: float, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller = a_caller.waits()
    answers = cross(
        lambda: anna.asks("pickup", caller),
        lambda: anna.asks("originate", extension="1142"),
        lag,
    )
    all_from_the_table(*answers)
    assert codes(*answers) == [200, 409]
    assert len(anna.phone.legs()) == 1
    desk.is_consistent()


@crossing
def test_pickup_against_the_callers_hangup(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    answer, _ = cross(lambda: anna.asks("pickup", caller), caller.line.hang_up, lag)
    all_from_the_table(answer)
    assert answer.code in (200, 404)
    is_over(desk, caller, anna)


@crossing
def test_park_against_the_callers_hangup(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    answer, _ = cross(lambda: anna.asks("park", caller), caller.line.hang_up, lag)
    all_from_the_table(answer)
    assert answer.code in (200, 404)
    is_over_and_she_rests(desk, caller, anna)


@crossing
def test_park_against_hangup(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    parking, hanging_up = cross(
        lambda: anna.asks("park", caller), lambda: anna.asks("hangup", caller), lag
    )
    all_from_the_table(parking, hanging_up)
    assert hanging_up.code == 200
    is_over(desk, caller, anna)


@crossing
def test_hangup_against_park(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    hanging_up, parking = cross(
        lambda: anna.asks("hangup", caller), lambda: anna.asks("park", caller), lag
    )
    all_from_the_table(parking, hanging_up)
    assert hanging_up.code == 200
    is_over(desk, caller, anna)


@crossing
def test_two_parks_at_once(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    answers = twice(lambda: anna.asks("park", caller), lag)
    all_from_the_table(*answers)
    assert 200 in codes(*answers)
    desk.sees(caller, "parked")
    caller.hears("music")
    desk.is_consistent()
    anna.unparks(caller)
    anna.speaks_with(caller)


@crossing
def test_two_unparks_at_once(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    anna.parks()
    answers = twice(lambda: anna.asks("unpark", caller), lag)
    all_from_the_table(*answers)
    assert codes(*answers) == [200, 409]
    anna.speaks_with(caller)
    desk.is_consistent()


@crossing
def test_unpark_against_the_callers_hangup(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    anna.parks()
    answer, _ = cross(lambda: anna.asks("unpark", caller), caller.line.hang_up, lag)
    all_from_the_table(answer)
    assert answer.code in (200, 404)
    if answer.code == 200:
        is_over(desk, caller, anna)
    else:
        is_over_and_she_rests(desk, caller, anna)


@crossing
def test_unpark_against_hangup(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    anna.parks()
    taking, hanging_up = cross(
        lambda: anna.asks("unpark", caller), lambda: anna.asks("hangup", caller), lag
    )
    all_from_the_table(taking, hanging_up)
    assert hanging_up.code == 200
    is_over(desk, caller, anna)


@crossing
def test_two_hangups_at_once(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    answers = twice(lambda: anna.asks("hangup", caller), lag)
    all_from_the_table(*answers)
    assert codes(*answers) in ([200, 200], [200, 404])
    is_over(desk, caller, anna)


@crossing
def test_hangup_against_the_callers_hangup(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    answer, _ = cross(lambda: anna.asks("hangup", caller), caller.line.hang_up, lag)
    all_from_the_table(answer)
    assert answer.code in (200, 404)
    is_over(desk, caller, anna)


@crossing
def test_both_hang_up_their_phones(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    anna.phone.is_up()
    cross(anna.phone.hangs_up, caller.line.hang_up, lag)
    is_over(desk, caller, anna)


@crossing
def test_the_phone_dies_while_she_hangs_up(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    anna.phone.is_up()
    answer, _ = cross(lambda: anna.asks("hangup", caller), anna.phone.dies, lag)
    all_from_the_table(answer)
    # Either she was first and the call is over, or it was hers no longer and waits again.
    if answer.code == 200:
        is_over(desk, caller, anna)
    else:
        desk.sees(caller, "queued")
        anna.is_free()
        desk.is_consistent()


@crossing
def test_the_phone_dies_while_she_parks(lag: float, a_caller: Callers, anna: Agent, desk: Desk):
    caller = spoken(a_caller, anna)
    anna.phone.is_up()
    answer, _ = cross(lambda: anna.asks("park", caller), anna.phone.dies, lag)
    all_from_the_table(answer)
    desk.sees(caller, "parked" if answer.code == 200 else "queued")
    caller.hears("music")
    desk.is_consistent()


def speaks_on_or_is_over(desk: Desk, agent: Agent, call: object) -> None:
    """FreeSWITCH itself hangs up a channel whose partner dies at the very moment it is joined
    (measured); otherwise the agent goes on speaking with it."""
    wait_until(
        lambda: desk.call(call),
        lambda seen: (
            seen is None
            or seen["state"] == "hungup"
            or (seen["assigned_to"] == agent.id and desk.switch.hears(seen["id"]) == seen["b_leg"])
        ),
        promise=f"{agent.id} speaks with the destination, or it is over",
    )


def is_transferred(desk: Desk, caller: Caller, call: dict[str, Any], agent: Agent) -> None:
    """The two speak with each other and end together, and the agent's phone is put down."""
    agent.phone.is_quiet()
    agent.is_free()
    wait_until(
        lambda: (desk.switch.hears(caller.id), desk.switch.hears(call["id"])),
        lambda heard: heard == (call["id"], caller.id),
        promise="each hears the other",
    )
    desk.is_consistent()
    assert [(one["state"], one["assigned_to"]) for one in desk.calls()] == [
        ("transferred", None)
    ] * 2
    caller.line.hang_up()
    desk.sees(call, "hungup")
    desk.sees_nothing()
    desk.sees_no_channel()


@crossing
def test_transfer_against_the_callers_hangup(
    lag: float, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = consulted(a_caller, anna, outside)
    answer, _ = cross(lambda: anna.asks("transfer", caller), caller.line.hang_up, lag)
    all_from_the_table(answer)
    assert answer.code in (200, 400, 404)
    desk.sees(caller, "hungup")
    if answer.code == 200:
        desk.sees(call, "hungup")
        outside.is_quiet()
        anna.phone.is_quiet()
        desk.is_consistent()
    else:
        # Who leaves while FreeSWITCH joins the two may take the other along, who then ends first.
        gone = ("Call on hold hung up", GONE)
        assert answer.code != 400 or answer.document["description"] in gone
        speaks_on_or_is_over(desk, anna, call)
        # Should it be over, her leg may stay, as after any call whose other side hangs up.
        desk.is_consistent(anna)


@crossing
def test_transfer_against_the_callees_hangup(
    lag: float, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = consulted(a_caller, anna, outside)
    answer, _ = cross(lambda: anna.asks("transfer", caller), outside.hangs_up, lag)
    all_from_the_table(answer)
    assert answer.code in (200, 400)
    desk.sees(call, "hungup")
    outside.is_quiet()
    if answer.code == 200:
        is_over(desk, caller, anna)
    else:
        assert desk.sees(caller, "parked")["assigned_to"] == "anna"
        caller.hears("music")
    desk.is_consistent()


@crossing
def test_two_transfers_at_once(
    lag: float, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = consulted(a_caller, anna, outside)
    answers = twice(lambda: anna.asks("transfer", caller), lag)
    all_from_the_table(*answers)
    assert [answer.code for answer in answers].count(200) == 1
    is_transferred(desk, caller, call, anna)


@pytest.mark.parametrize("lag", [*LAGS, 4.0, 10.0, 14.0], ids=lambda lag: f"{lag:.0f}ms")
def test_transfer_against_hangup_of_the_destination(
    lag: float, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller, call = consulted(a_caller, anna, outside)
    transfer, hanging_up = cross(
        lambda: anna.asks("transfer", caller), lambda: anna.asks("hangup", call), lag
    )
    all_from_the_table(transfer, hanging_up)
    if hanging_up.code == 200:
        desk.sees(call, "hungup")
        outside.is_quiet()
        if transfer.code == 200:
            # Joined by then, they end together.
            is_over(desk, caller, anna)
        else:
            # Hung up as they were being joined, or before anybody was to be.
            assert transfer.document["description"] in (GONE, "Bad destination"), str(transfer)
            assert desk.sees(caller, "parked")["assigned_to"] == "anna"
            caller.hears("music")
        desk.is_consistent()
    else:
        assert (transfer.code, hanging_up.code) == (200, 409), str(hanging_up)
        is_transferred(desk, caller, call, anna)


@crossing
def test_originate_against_hangup(lag: float, anna: Agent, outside: Phone, desk: Desk):
    dialling, hanging_up = cross(
        lambda: anna.asks("originate", extension="1142"), lambda: anna.asks("hangup"), lag
    )
    all_from_the_table(dialling, hanging_up)
    if hanging_up.code == 200:
        desk.sees_nothing()
        outside.is_quiet()
    else:
        desk.sees(dialling.call, "speaking")
    desk.is_consistent()


@crossing
def test_one_agents_hangup_against_anothers_pickup(
    lag: float, a_caller: Callers, anna: Agent, bente: Agent, desk: Desk
):
    caller = spoken(a_caller, anna)
    hanging_up, picking_up = cross(
        lambda: anna.asks("hangup", caller), lambda: bente.asks("pickup", caller), lag
    )
    all_from_the_table(hanging_up, picking_up)
    assert (hanging_up.code, picking_up.code) in ((200, 403), (200, 404))
    is_over(desk, caller, anna, bente)
