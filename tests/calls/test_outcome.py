"""Every ended call has one outcome, and a wait that is over does not change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsapp.calls.call import Call, State
from fsapp.calls.outcome import HISTORY_COLUMNS, Outcome, history_document
from fsapp.calls.table import Facts, Happening, UnknownTransition, happen

H = Happening
ARRIVAL = 1000.75
PICKED_UP = (H.QUEUE, H.CLAIM, H.BRIDGE)
DIALLED = (H.DIAL, H.ANSWER, H.BRIDGE)


def through(*happenings: Happening, inbound: bool = True) -> Call:
    """A call to which these happen, ten seconds apart, from ten seconds after its arrival on."""
    now = Call("c", State.CREATED, inbound, "5900", "204", 1, ARRIVAL)
    for place, happening in enumerate(happenings, 1):
        facts = Facts(1000 + 10 * place, agent="ann", channel="leg", cause="NORMAL_CLEARING")
        now, _ = happen(now, happening, facts)
    return now


@pytest.mark.parametrize(
    ("happenings", "outcome", "waited"),
    [
        ((H.HANGUP,), "abandoned", 10),
        ((H.GREETING, H.HANGUP), "abandoned", 20),
        ((H.QUEUE, H.HANGUP), "abandoned", 20),
        ((H.QUEUE, H.CLAIM, H.HANGUP), "abandoned", 30),
        ((H.QUEUE, H.CLAIM, H.RELEASE, H.HANGUP), "abandoned", 40),
        ((*PICKED_UP, H.HANGUP), "answered", 30),
        ((*PICKED_UP, H.PARK, H.HANGUP), "answered", 30),
        ((*PICKED_UP, H.PARK, H.BRIDGE, H.HANGUP), "answered", 30),
        ((*PICKED_UP, H.LOSE_AGENT, H.HANGUP), "answered", 30),
        ((*PICKED_UP, H.PARK, H.TRANSFER, H.HANGUP), "transferred", 30),
        ((H.QUEUE, H.OVERFLOW, H.HANGUP), "overflowed", 20),
        ((H.QUEUE, H.OVERFLOW, H.QUEUE, H.HANGUP), "abandoned", 40),
        ((H.QUEUE, H.OVERFLOW, *PICKED_UP, H.HANGUP), "answered", 50),
        ((*PICKED_UP, H.LOSE_AGENT, H.OVERFLOW, H.HANGUP), "overflowed", 30),
    ],
    ids=str,
)
def test_what_an_inbound_call_comes_to(
    happenings: tuple[Happening, ...], outcome: str, waited: int
) -> None:
    ended = through(*happenings)
    assert (ended.outcome, ended.waited) == (outcome, waited)


@pytest.mark.parametrize(
    ("happenings", "outcome"),
    [
        ((H.HANGUP,), "failed"),
        ((H.DIAL, H.HANGUP), "failed"),
        ((H.DIAL, H.ANSWER, H.HANGUP), "failed"),
        ((*DIALLED, H.HANGUP), "answered"),
        ((*DIALLED, H.TRANSFER, H.HANGUP), "transferred"),
    ],
    ids=str,
)
def test_what_an_outbound_call_comes_to(happenings: tuple[Happening, ...], outcome: str) -> None:
    ended = through(*happenings, inbound=False)
    assert (ended.outcome, ended.waited) == (outcome, None)


@given(st.lists(st.sampled_from(list(Happening)), max_size=30), st.booleans())
def test_whatever_happens_exactly_the_ended_have_an_outcome(
    happenings: list[Happening], inbound: bool
) -> None:
    now = Call("c", State.CREATED, inbound, "5900", "204", 1, ARRIVAL)
    for place, happening in enumerate(happenings, 1):
        facts = Facts(1000 + place, agent="ann", channel="leg", cause="NORMAL_CLEARING")
        try:
            now, _ = happen(now, happening, facts)
        except UnknownTransition:
            continue
        assert (now.outcome is not None) == (now.state is State.HUNGUP)
        if now.outcome is not None:
            assert now.outcome in list(Outcome)
            assert (now.waited is not None) == inbound
        elif now.bridged_at is not None and inbound:
            assert now.waited is not None


def test_an_entry_is_the_call_object_and_what_came_of_it() -> None:
    ended = through(*PICKED_UP, H.HANGUP)
    entry = history_document(ended)
    assert (*ended.document(), "outcome", "waited", "duration") == HISTORY_COLUMNS
    assert set(entry) == {*HISTORY_COLUMNS, "can"}
    assert entry["can"] == []
    assert (entry["outcome"], entry["waited"], entry["duration"]) == ("answered", 30, 40)
