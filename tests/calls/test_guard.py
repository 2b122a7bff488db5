"""The ownership guard: verb by state by owner, and that nothing else decides."""

from dataclasses import replace
from itertools import product

import pytest

from fsapp.calls import guard
from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.guard import Situation, Subject
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
FREE = Situation()
SPEAKING = Situation(current=Subject(CURRENT))
AS_FOR = {"transfer": SPEAKING}
"""A transfer needs a destination; every other verb here is asked by an agent who is free."""

CHECKS = {
    "pickup": guard.may_pick_up,
    "unpark": guard.may_unpark,
    "park": guard.may_park,
    "hangup": guard.may_hang_up,
    "transfer": guard.may_transfer,
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


def verdict(verb: str, subject: Subject, situation: Situation) -> Refusal | None:
    try:
        CHECKS[verb](ANNA, subject, situation)
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("owner", [None, "anna", "bente"])
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", CHECKS)
def test_a_verb_is_allowed_exactly_where_the_protocol_says(verb, state, owner):
    subject = Subject(replace(CALL, state=state, assigned_to=owner))
    refusal = verdict(verb, subject, AS_FOR.get(verb, FREE))
    if (verb, state, owner) in ALLOWED:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.error in REFUSED[verb]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", CHECKS)
def test_anothers_call_is_forbidden_to_the_letter_whatever_its_state(verb, state):
    subject = Subject(replace(CALL, state=state, assigned_to="bente"))
    refusal = verdict(verb, subject, AS_FOR.get(verb, FREE))
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
    greeting = Subject(replace(CALL, state=State.CREATED, locked=True))
    with pytest.raises(Refusal, match="c1 is hearing its greeting") as caught:
        guard.may_pick_up(ANNA, greeting, FREE)
    assert (caught.value.http, caught.value.status) == (409, "locked")


def test_an_agent_with_a_current_call_is_busy_with_it():
    with pytest.raises(Refusal, match=r"Agent\|anna already has call c2") as caught:
        guard.may_pick_up(ANNA, Subject(CALL), SPEAKING)
    assert (caught.value.http, caught.value.status) == (409, "busy")


SOURCE = Subject(replace(CALL, state=State.PARKED, assigned_to="anna"))


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
    subject = Subject(current) if current is not None else None
    situation = Situation(current=subject, lost_destination=just_ended)
    with pytest.raises(Refusal) as caught:
        guard.may_transfer(ANNA, SOURCE, situation)
    assert (caught.value.http, caught.value.status) == (400, "bridge failed")
    assert caught.value.description == why


def test_a_transfer_goes_to_the_outbound_call_she_speaks_in():
    guard.may_transfer(ANNA, SOURCE, SPEAKING)


@pytest.mark.parametrize(
    ("source", "destination", "error"),
    [
        (replace(SOURCE, ending=True), Subject(CURRENT), "bridge-failed"),
        (SOURCE, Subject(CURRENT, ending=True), "bridge-failed"),
        (replace(SOURCE, verb="call/transfer"), Subject(CURRENT), "agent-busy"),
        (SOURCE, Subject(CURRENT, "call/park"), "agent-busy"),
    ],
)
def test_a_transfer_waits_for_nothing_that_is_under_way(source, destination, error):
    refusal = verdict("transfer", source, Situation(current=destination))
    assert refusal is not None
    assert refusal.error == error


def test_parking_twice_is_parking_once_and_nothing_else_may_come_between():
    assert verdict("park", Subject(CURRENT, "call/park"), SPEAKING) is None
    refusal = verdict("park", Subject(CURRENT, "call/transfer"), SPEAKING)
    assert refusal is not None
    assert refusal.error == "agent-busy"


@pytest.mark.parametrize("verb", ["pickup", "unpark"])
def test_an_agent_who_is_being_put_into_another_call_is_busy_with_it(verb):
    refusal = verdict(verb, SOURCE, Situation(engaged="c3"))
    assert refusal is not None
    assert refusal.description == "Agent|anna already has call c3"


SITUATIONS = (
    FREE,
    SPEAKING,
    Situation(engaged="c3"),
    Situation(current=Subject(replace(CURRENT, inbound=True))),
    Situation(current=Subject(replace(CURRENT, state=State.RINGING))),
    Situation(current=Subject(CURRENT, "call/transfer")),
    Situation(current=Subject(CURRENT, ending=True)),
    Situation(lost_destination=True),
)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("state", State)
def test_what_she_can_do_is_what_no_question_of_the_guard_refuses(state, situation):
    for owner, under_way, locked in product(
        (None, "anna", "bente"), (None, "call/park", "call/transfer"), (False, True)
    ):
        call = replace(CALL, state=state, assigned_to=owner, locked=locked)
        subject = Subject(call, under_way)
        allowed = [verb for verb in guard.VERBS if verdict(verb, subject, situation) is None]
        assert guard.can(ANNA, subject, situation) == (allowed if call.live else [])


def test_nothing_can_be_done_with_a_call_that_does_not_exist_for_her():
    for gone in (replace(CALL, organization_id=2), replace(CALL, state=State.HUNGUP)):
        mine = replace(gone, assigned_to="anna")
        assert guard.can(ANNA, Subject(mine), FREE) == []


def test_the_verbs_come_in_the_protocols_order():
    assert guard.VERBS == ("pickup", "park", "unpark", "hangup", "transfer")


SUBJECTS = [
    Subject(
        replace(CALL, id=name, state=state, assigned_to=owner, organization_id=one, locked=locked),
        verb,
        ending,
    )
    for state, owner, one, locked, verb, ending, name in product(
        State,
        (None, "anna", "bente"),
        (1, 2),
        (False, True),
        (None, "call/park"),
        (False, True),
        ("c1", "c2"),
    )
]


@pytest.mark.parametrize(
    "situation",
    [
        FREE,
        SPEAKING,
        Situation(engaged="c1"),
        Situation(current=Subject(CURRENT), lost_destination=True),
    ],
    ids=["free", "speaking", "engaged", "lost"],
)
def test_what_she_can_do_with_many_calls_is_what_she_can_do_with_each(situation: Situation) -> None:
    abilities = guard.Abilities(ANNA, situation)
    for subject in SUBJECTS:
        assert abilities.on(subject) == guard.can(ANNA, subject, situation), subject
