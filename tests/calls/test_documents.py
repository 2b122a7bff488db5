"""A call object as JSON and as a mapping are the same object."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fsapp.calls.call import Call, State
from fsapp.calls.documents import CallJson, Shown
from fsapp.calls.guard import VERBS

CALL = Call("c1", State.QUEUED, True, "5900", "1001", 1, 1.5)

texts = st.text() | st.sampled_from(['"position":null', '\\"position\\":null', "}", '","can":[]'])


calls = st.builds(
    lambda **fields: replace(CALL, **fields),
    caller_name=texts,
    caller_id=texts,
    destination=texts,
    hangup_cause=st.none() | texts,
    handled_by=st.lists(texts).map(tuple),
)


@given(calls, st.none() | st.integers(1), st.lists(st.sampled_from(VERBS)))
def test_json_and_mapping_say_the_same_key_for_key(
    call: Call, position: int | None, verbs: list[str]
) -> None:
    shown = Shown(CallJson(call), position, verbs)
    assert dict(shown) == {**call.document(position), "can": verbs}
    assert list(json.loads(shown.json()).items()) == list(shown.items())
    assert len(shown) == len(dict(shown))


@given(calls, st.none() | st.integers(1), st.lists(st.sampled_from(VERBS)))
def test_the_state_is_the_short_call_with_the_whole_object_merged_in(
    call: Call, position: int | None, verbs: list[str]
) -> None:
    whole = {**call.document(position), "can": verbs}
    state = Shown(CallJson(call), position, verbs, state=True)
    assert list(state.items()) == list({**call.short_document(), **whole}.items())
    assert list(json.loads(state.json()).items()) == list(state.items())
    assert not call.short_document().keys() & whole.keys()
