"""A timeline says who did what, in words."""

from __future__ import annotations

from fsapp.calls.call import Call, State
from fsapp.calls.table import EVENTS, Facts, Happening, happen
from fsapp.calls.timeline import TIMELINE_COLUMNS, timeline

H = Happening


def story(*happenings: Happening, inbound: bool = True) -> list[dict[str, object]]:
    call = Call("c", State.CREATED, inbound, "5900", "204", 1, 1000.0)
    events = [("call_offer", 1000.0, call.document())] if inbound else []
    for place, happening in enumerate(happenings, 1):
        facts = Facts(1000 + place, agent="ann", channel="leg", cause="NORMAL_CLEARING")
        call, names = happen(call, happening, facts)
        events += [(name, 1000.0 + place, call.document()) for name in names]
    return timeline(events)


def told(entries: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(entry["agent"], entry["description"]) for entry in entries]


def test_a_call_that_was_answered_held_and_transferred() -> None:
    entries = story(
        H.GREETING, H.QUEUE, H.CLAIM, H.BRIDGE, H.PARK, H.BRIDGE, H.PARK, H.TRANSFER, H.HANGUP
    )
    assert told(entries) == [
        (None, "204 calls 5900"),
        (None, "hears the greeting"),
        (None, "has heard the greeting"),
        (None, "waits in the queue"),
        ("ann", "leaves the queue"),
        ("ann", "ann picks up, her phone rings"),
        ("ann", "speaks with ann"),
        ("ann", "ann puts the call on hold"),
        ("ann", "is no longer on hold"),
        ("ann", "ann takes the call back"),
        ("ann", "ann puts the call on hold"),
        ("ann", "is no longer on hold"),
        ("ann", "ann transfers the call"),
        (None, "has ended: NORMAL_CLEARING"),
    ]


def test_whose_phone_did_not_answer_is_said() -> None:
    entries = story(H.QUEUE, H.CLAIM, H.RELEASE)
    assert told(entries)[-1] == ("ann", "is back in the queue: ann did not take the call")


def test_whose_line_was_lost_is_said() -> None:
    entries = story(H.QUEUE, H.CLAIM, H.BRIDGE, H.LOSE_AGENT)
    expected = "is back at the head of the queue: the line of ann was lost"
    assert told(entries)[-1] == ("ann", expected)


def test_a_call_that_was_sent_on() -> None:
    assert told(story(H.QUEUE, H.OVERFLOW))[-1] == (None, "is sent on from the queue")


def test_an_outbound_call() -> None:
    entries = story(H.DIAL, H.ANSWER, H.BRIDGE, H.HANGUP, inbound=False)
    assert told(entries) == [
        ("ann", "ann dials 5900"),
        ("ann", "speaks with ann"),
        ("ann", "has ended: NORMAL_CLEARING"),
    ]


def test_every_entry_has_the_same_keys_and_every_event_of_a_call_is_known() -> None:
    document = Call("c", State.QUEUED, True, "5900", "204", 1, 1000.0).document()
    for name in EVENTS:
        (entry,) = timeline([(name, 1000.25, document)])
        assert tuple(entry) == TIMELINE_COLUMNS
        assert entry["timestamp"] == "1000.250"
        assert (entry["description"] == name) == (name == "agent_state")
