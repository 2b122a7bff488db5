"""The state table: every pair of state and happening is walked."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsapp.calls.call import Call, State
from fsapp.calls.table import EVENTS, TABLE, Facts, Happening, UnknownTransition, happen

FACTS = Facts(now=1000, agent="anna", channel="leg-1", cause="NORMAL_CLEARING")


def call(state: State, **fields: object) -> Call:
    return Call(
        id="c1",
        state=state,
        inbound=True,
        destination="5900",
        caller_id="2045550100",
        organization_id=1,
        arrival=999.5,
        **fields,
    )


@pytest.mark.parametrize(("state", "happening"), list(itertools.product(State, Happening)))
def test_a_pair_leads_where_the_table_says_or_is_refused_and_changes_nothing(state, happening):
    before = call(state)
    step = TABLE.get((state, happening))
    if step is None:
        with pytest.raises(UnknownTransition, match=f"{happening.value}.*{state.value}"):
            happen(before, happening, FACTS)
    else:
        after, events = happen(before, happening, FACTS)
        assert (after.state, events) == (step.state, step.events)
    assert before == call(state)


def test_nothing_happens_to_a_call_that_has_ended():
    assert not [pair for pair in TABLE if pair[0] is State.HUNGUP]


def test_every_other_state_can_end():
    assert {state for state, what in TABLE if what is Happening.HANGUP} == set(State) - {
        State.HUNGUP
    }


def test_every_event_of_the_table_is_one_of_the_protocols():
    told = {name for step in TABLE.values() for name in step.events}
    assert told <= set(EVENTS)


@pytest.mark.parametrize("pair", TABLE)
def test_leaving_the_queue_or_the_hold_is_told_before_what_explains_it(pair):
    state, _ = pair
    step = TABLE[pair]
    leaving = {State.QUEUED: "queue_leave", State.PARKED: "call_unpark"}.get(state)
    if leaving is not None and step.state is not state:
        assert step.events[0] == leaving


def test_a_greeting_locks_the_call_and_queueing_unlocks_it_first():
    greeted, events = happen(call(State.CREATED), Happening.GREETING, FACTS)
    assert (greeted.locked, events) == (True, ("call_lock",))
    queued, events = happen(greeted, Happening.QUEUE, FACTS)
    assert (queued.locked, events) == (False, ("call_unlock", "queue_join"))


def test_a_caller_who_gives_up_in_the_greeting_is_unlocked_and_hung_up():
    greeted = call(State.CREATED, locked=True)
    ended, events = happen(greeted, Happening.HANGUP, FACTS)
    assert events == ("call_unlock", "call_hangup")
    assert (ended.locked, ended.ended_at, ended.hangup_cause) == (False, 1000, "NORMAL_CLEARING")


def test_a_claim_names_the_agent_and_its_release_forgets_her_but_not_the_place():
    queued = call(State.QUEUED, priority=3)
    claimed, _ = happen(queued, Happening.CLAIM, FACTS)
    assert claimed.assigned_to == "anna"
    released, _ = happen(claimed, Happening.RELEASE, FACTS)
    assert released == queued


def test_a_bridge_says_with_which_channel_and_who_handled_the_call():
    claimed = call(State.TRANSFERRING, assigned_to="anna", head=True)
    speaking, _ = happen(claimed, Happening.BRIDGE, FACTS)
    assert (speaking.b_leg, speaking.bridged_at, speaking.handled_by) == ("leg-1", 1000, ("anna",))
    assert not speaking.head


def test_who_handled_a_call_twice_is_named_once():
    claimed = call(State.TRANSFERRING, assigned_to="anna", handled_by=("bente", "anna"))
    assert happen(claimed, Happening.BRIDGE, FACTS)[0].handled_by == ("bente", "anna")


def test_park_and_unpark_change_nothing_but_state_b_leg_and_times():
    speaking = call(State.SPEAKING, assigned_to="anna", b_leg="leg-1", handled_by=("anna",))
    parked, _ = happen(speaking, Happening.PARK, FACTS)
    assert parked == replace(speaking, state=State.PARKED, b_leg=None, parked_at=1000)
    back, _ = happen(parked, Happening.BRIDGE, FACTS)
    assert back == replace(speaking, bridged_at=1000, answered_at=1000, waited=back.waited)


def test_a_caller_whose_agent_was_lost_goes_to_the_head_of_the_queue():
    speaking = call(State.SPEAKING, assigned_to="anna", b_leg="leg-1")
    queued, _ = happen(speaking, Happening.LOSE_AGENT, FACTS)
    assert (queued.state, queued.head, queued.assigned_to) == (State.QUEUED, True, None)


def test_a_transferred_call_belongs_to_nobody_and_knows_its_partner():
    parked = call(State.PARKED, assigned_to="anna", parked_at=5)
    joined, _ = happen(parked, Happening.TRANSFER, FACTS)
    assert (joined.assigned_to, joined.b_leg, joined.parked_at) == (None, "leg-1", None)


@given(st.lists(st.sampled_from(list(Happening)), max_size=40))
def test_whatever_happens_an_owner_is_known_exactly_while_an_agent_has_the_call(happenings):
    now = call(State.CREATED)
    for happening in happenings:
        try:
            now, _ = happen(now, happening, FACTS)
        except UnknownTransition:
            continue
        owned = (State.TRANSFERRING, State.RINGING, State.SPEAKING, State.PARKED)
        if now.state is not State.HUNGUP:
            assert (now.assigned_to is not None) == (now.state in owned)
        assert not (now.locked and now.state is not State.CREATED)
        assert (now.parked_at is not None) <= (now.state in (State.PARKED, State.HUNGUP))
