"""Who is in which queue, found without looking at everybody, is what looking at everybody finds."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fsapp.calls.call import Call, State, queue_key, queue_order
from fsapp.desk.board import LiveCall
from fsapp.desk.lines import Lines

BASIS = Call("a", State.QUEUED, True, "5900", "1", 1, 0.0)

calls = st.builds(
    lambda call_id, **fields: replace(BASIS, id=call_id, **fields),
    st.sampled_from("abcdefgh"),
    state=st.sampled_from([State.QUEUED, State.QUEUED, State.CREATED, State.SPEAKING]),
    organization_id=st.integers(1, 3),
    arrival=st.sampled_from([0.0, 1.0, 2.5]),
    priority=st.integers(-1, 1),
    head=st.booleans(),
    assigned_to=st.sampled_from([None, None, "ann", "bob"]),
)
changes = st.lists(st.one_of(calls, st.sampled_from("abcdefgh")))
"""A call as it is from now on, or the id of one that is over."""


class Naive:
    """The same, looking at every call each time."""

    def __init__(self) -> None:
        self.calls: dict[str, LiveCall] = {}

    def of(self, organizations: set[int]) -> list[Call]:
        every = (live.call for live in self.calls.values())
        return [call for call in every if call.organization_id in organizations]

    def position(self, call: Call) -> int:
        queue = queue_order(self.of({call.organization_id}))
        return sum(queue_key(other) < queue_key(call) for other in queue) + 1


def changed(lines: Lines, naive: Naive, change: Call | str) -> None:
    call = None if isinstance(change, str) else change
    call_id = change if isinstance(change, str) else change.id
    live = naive.calls.pop(call_id, None)
    before = live.call if live is not None else None
    if call is not None:
        live = live or LiveCall(call)
        live.call = call
        naive.calls[call_id] = live
    if live is not None:
        lines.file(live, before, call)


@given(changes, st.sets(st.integers(0, 4)))
def test_every_question_is_answered_as_by_looking_at_every_call(
    history: list[Call | str], organizations: set[int]
) -> None:
    lines, naive = Lines(), Naive()
    for change in history:
        changed(lines, naive, change)
    queue = queue_order(naive.of(organizations))
    assert lines.queue(organizations) == queue
    assert lines.first(organizations) == (queue[0] if queue else None)
    live = lines.live(organizations)
    assert {one.call.id for one in live} == {call.id for call in naive.of(organizations)}
    for item in naive.calls.values():
        assert lines.position(item.call) == naive.position(item.call)
    for agent in ("ann", "bob", "nobody"):
        own = {one.call.id for one in naive.calls.values() if one.call.assigned_to == agent}
        assert {one.call.id for one in lines.owned(agent)} == own


@given(changes, calls)
def test_only_a_queue_that_has_changed_is_told(history: list[Call | str], last: Call) -> None:
    lines, naive = Lines(), Naive()
    for change in history:
        changed(lines, naive, change)
    lines.moved()
    before = {one: lines.queue({one}) for one in range(1, 4)}
    changed(lines, naive, last)
    different = {one for one in range(1, 4) if lines.queue({one}) != before[one]}
    moved = lines.moved()
    assert different <= moved
    assert len(moved) <= 2
    assert lines.moved() == set()


def test_nothing_is_left_of_who_has_gone() -> None:
    lines, live = Lines(), LiveCall(replace(BASIS, assigned_to="ann"))
    lines.file(live, None, live.call)
    lines.file(live, live.call, None)
    assert (lines._queues, lines._live, lines._owned) == ({}, {}, {})
