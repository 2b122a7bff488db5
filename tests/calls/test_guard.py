"""The ownership guard: verb by state by owner, and that nothing else decides."""

from dataclasses import replace

import pytest

from fsapp.calls import guard
from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.refusals import Refusal

ANNA = Agent("anna", "Anna", "user/1101")
CALL = Call(
    id="c1",
    state=State.QUEUED,
    inbound=True,
    destination="5900",
    caller_id="1001",
    organization_id=1,
    arrival=1.0,
)
CURRENT = replace(CALL, id="c2", state=State.SPEAKING, assigned_to="anna", inbound=False)

CHECKS = {
    "pickup": lambda call: guard.may_pick_up(ANNA, call, None),
    "unpark": lambda call: guard.may_unpark(ANNA, call, None),
    "park": lambda call: guard.may_park(ANNA, call),
    "hangup": lambda call: guard.may_hang_up(ANNA, call),
    "transfer": lambda call: guard.may_transfer(ANNA, call),
}
ALLOWED = {
    ("pickup", State.QUEUED, None),
    ("pickup", State.PARKED, "anna"),
    ("unpark", State.PARKED, "anna"),
    ("park", State.SPEAKING, "anna"),
    ("transfer", State.PARKED, "anna"),
    *(("hangup", state, "anna") for state in State),
}
REFUSED = {
    "pickup": {"call-owned", "wrong-state", "agent-busy"},
    "unpark": {"call-owned", "wrong-state"},
    "park": {"call-owned", "wrong-state"},
    "hangup": {"call-owned", "wrong-state"},
    "transfer": {"call-owned", "bridge-failed"},
}


def verdict(verb: str, call: Call) -> Refusal | None:
    try:
        CHECKS[verb](call)
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("owner", [None, "anna", "bente"])
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", CHECKS)
def test_a_verb_is_allowed_exactly_where_the_protocol_says(verb, state, owner):
    refusal = verdict(verb, replace(CALL, state=state, assigned_to=owner))
    if (verb, state, owner) in ALLOWED:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.error in REFUSED[verb]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", CHECKS)
def test_anothers_call_is_forbidden_to_the_letter_whatever_its_state(verb, state):
    refusal = verdict(verb, replace(CALL, state=state, assigned_to="bente"))
    assert refusal is not None
    assert (refusal.http, refusal.status) == (403, "forbidden")
    assert refusal.description == "Call|c1 belongs to bente"


def test_a_call_of_another_organization_does_not_exist():
    with pytest.raises(Refusal, match=r"c1 does not exist\.") as caught:
        guard.visible(ANNA, replace(CALL, organization_id=2, assigned_to="bente"), "c1")
    assert caught.value.http == 404


def test_an_ended_call_does_not_exist():
    with pytest.raises(Refusal, match=r"c1 does not exist\."):
        guard.visible(ANNA, replace(CALL, state=State.HUNGUP), "c1")


def test_a_greeting_is_not_interrupted():
    with pytest.raises(Refusal, match="c1 is hearing its greeting") as caught:
        guard.may_pick_up(ANNA, replace(CALL, state=State.CREATED, locked=True), None)
    assert (caught.value.http, caught.value.status) == (409, "locked")


def test_an_agent_with_a_current_call_is_busy_with_it():
    with pytest.raises(Refusal, match=r"Agent\|anna already has call c2") as caught:
        guard.may_pick_up(ANNA, CALL, CURRENT)
    assert (caught.value.http, caught.value.status) == (409, "busy")


SOURCE = replace(CALL, state=State.PARKED, assigned_to="anna")


@pytest.mark.parametrize(
    ("current", "just_ended", "why"),
    [
        (None, False, "Bad destination"),
        (None, True, "Destination hung up before process could complete"),
        (replace(CURRENT, inbound=True), False, "Cannot transfer to an inbound call."),
        (replace(CURRENT, state=State.RINGING), False, "Bad destination"),
        (replace(CURRENT, id="c1"), False, "Bad destination"),
    ],
)
def test_a_transfer_without_a_good_destination_says_why(current, just_ended, why):
    with pytest.raises(Refusal) as caught:
        guard.transfer_destination(SOURCE, current, just_ended=just_ended)
    assert (caught.value.http, caught.value.status) == (400, "bridge failed")
    assert caught.value.description == why


def test_a_transfer_goes_to_the_outbound_call_she_speaks_in():
    assert guard.transfer_destination(SOURCE, CURRENT, just_ended=False) is CURRENT
