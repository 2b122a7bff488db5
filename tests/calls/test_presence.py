"""An agent's state follows from what is true of her, and no sign keeps her in one for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsapp.calls.call import State
from fsapp.calls.presence import AgentState, Signs, offline_from, presence

NOW, PATIENCE = 1_700_000_000.0, 120.0
THERE = Signs(seen=NOW - 1)
LONG_AGO = NOW - PATIENCE


@pytest.mark.parametrize(
    ("signs", "state"),
    [
        (THERE, "idle"),
        (replace(THERE, paused=True), "paused"),
        (replace(THERE, call=State.SPEAKING), "speaking"),
        (replace(THERE, call=State.SPEAKING, paused=True), "speaking"),
        (replace(THERE, call=State.TRANSFERRING), "ringing"),
        (replace(THERE, call=State.RINGING), "ringing"),
        (replace(THERE, call=State.CREATED), "ringing"),
        (replace(THERE, engaged=True, paused=True), "ringing"),
        (Signs(), "offline"),
        (Signs(paused=True), "offline"),
        (Signs(seen=LONG_AGO), "offline"),
        (Signs(seen=LONG_AGO + 1), "idle"),
        (Signs(seen=LONG_AGO, streams=1), "idle"),
        (Signs(streams=1, paused=True), "paused"),
        (Signs(leg=True), "idle"),
        (Signs(call=State.SPEAKING), "speaking"),
        (Signs(engaged=True), "ringing"),
    ],
    ids=str,
)
def test_the_state_is_the_first_that_holds(signs: Signs, state: str) -> None:
    assert presence(signs, NOW, PATIENCE) == state


_signs = st.builds(
    Signs,
    call=st.none() | st.sampled_from([State.SPEAKING, State.RINGING]),
    engaged=st.booleans(),
    leg=st.booleans(),
    streams=st.integers(0, 3),
    seen=st.none() | st.floats(0, 2 * NOW),
    paused=st.booleans(),
)


@given(_signs, st.floats(0, 3 * NOW))
def test_when_she_will_be_offline_is_said_exactly(signs: Signs, now: float) -> None:
    gone = offline_from(signs, PATIENCE)
    expected = gone is not None and now >= gone
    assert (presence(signs, now, PATIENCE) is AgentState.OFFLINE) == expected
