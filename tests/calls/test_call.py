"""The call's documents and its place in the queue."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fsapp.calls.call import SHORT_STATUS, Call, State, queue_key, queue_order

CALL = Call(
    id="86c83e07-f020-4c06-9e80-8e9f296fbfe3",
    state=State.QUEUED,
    inbound=True,
    destination="5900",
    caller_id="1001",
    organization_id=1,
    arrival=1387566878.25,
)

PROTOTYPE = {
    "id": "86c83e07-f020-4c06-9e80-8e9f296fbfe3",
    "state": "queued",
    "b_leg": "<null>",
    "inbound": True,
    "destination": "5900",
    "caller_id": "1001",
    "assigned_to": None,
    "channel": "86c83e07-f020-4c06-9e80-8e9f296fbfe3",
    "organization_id": 1,
    "arrival_time": "1387566878",
}
"""The page *Protocol Call*, key for key."""


def test_the_document_begins_with_the_pages_prototype_key_for_key():
    document = CALL.document()
    assert dict(list(document.items())[: len(PROTOTYPE)]) == PROTOTYPE
    assert list(document)[: len(PROTOTYPE)] == list(PROTOTYPE)


def test_times_are_strings_of_whole_seconds_or_null():
    document = replace(CALL, answered_at=5, ended_at=None).document()
    assert (document["answered_at"], document["ended_at"]) == ("5", None)


def test_the_short_call_names_the_extension_or_the_contact_method():
    assert CALL.short_document() == {
        "call_id": CALL.id,
        "status": "queued",
        "type": "extension",
        "callee": "5900",
    }
    by_contact = replace(CALL, cm_id=42, state=State.TRANSFERRED).short_document()
    assert (by_contact["type"], by_contact["callee"], by_contact["status"]) == (
        "cm_id",
        42,
        "bridged",
    )


def test_every_state_has_a_short_status():
    assert set(SHORT_STATUS) == set(State)


def test_the_queue_is_served_by_head_then_priority_then_arrival_then_id():
    first = replace(CALL, id="z", head=True, arrival=9.0)
    second = replace(CALL, id="y", priority=2, arrival=8.0)
    third = replace(CALL, id="a", arrival=1.0)
    fourth = replace(CALL, id="b", arrival=1.0)
    gone = replace(CALL, id="c", state=State.HUNGUP, priority=9)
    calls = [fourth, gone, third, second, first]
    assert [call.id for call in queue_order(calls)] == ["z", "y", "a", "b"]


@given(
    st.lists(
        st.builds(
            lambda number, priority, arrival, head: replace(
                CALL, id=str(number), priority=priority, arrival=arrival, head=head
            ),
            st.integers(0, 9999),
            st.integers(-2, 2),
            st.floats(0, 3),
            st.booleans(),
        ),
        unique_by=lambda call: call.id,
    )
)
def test_the_queues_order_is_total(calls):
    ordered = queue_order(calls)
    assert ordered == queue_order(reversed(calls))
    assert len({queue_key(call) for call in calls}) == len(calls)
