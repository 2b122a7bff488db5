"""The picture: read when the stream is open, changed by what it says, read again at a reset.

That it ends with what the server says after ten thousand events is shown by
``tests/test_picture_kept_by_events.py``, which keeps its pictures with this one.
"""

from __future__ import annotations

from typing import Any

import pytest

from fsapp.calls.document_types import AgentDocument, ShownCallDocument
from fsapp.client import Event, Picture, Unreachable
from fsapp.web.schemas import example_of


def call(id_: str, **keys: Any) -> ShownCallDocument:
    made: ShownCallDocument = {**example_of(ShownCallDocument), "id": id_, **keys}
    return made


class Lists:
    """A desk whose lists are what the test says; counts how often they were read."""

    def __init__(self, *calls: ShownCallDocument) -> None:
        self.listed = list(calls)
        self.read = 0
        self.away = False

    def calls(self) -> list[ShownCallDocument]:
        if self.away:
            raise Unreachable("gone", sent=False)
        self.read += 1
        return self.listed

    def agents(self) -> list[AgentDocument]:
        return [example_of(AgentDocument)]


def event(name: str, **data: Any) -> Event:
    return Event(name, None, {"event": name, "timestamp": "1", **data})


def test_the_first_event_makes_it_read_the_lists() -> None:
    lists = Lists(call("c-1"))
    picture = Picture(lists)
    assert picture.calls == {}
    picture.hear(event("calls", calls={"c-1": {"position": 3}, "c-9": {"position": 1}}))
    assert picture.calls == {"c-1": call("c-1", position=3)}
    assert set(picture.agents) == {"anna"}
    picture.hear(event("calls", calls={}))
    assert lists.read == 1


def test_lists_read_before_the_stream_began_are_read_again() -> None:
    """What changed in between no event tells of."""
    lists = Lists(call("c-1"))
    picture = Picture(lists)
    picture.read()
    assert set(picture.calls) == {"c-1"}
    lists.listed = [call("c-2")]
    picture.hear(event("calls", calls={}))
    assert set(picture.calls) == {"c-2"}


def test_an_events_object_takes_the_place_of_the_one_before() -> None:
    picture = Picture(Lists())
    picture.hear(event("queue_join", call=call("c-1")))
    picture.hear(event("call_state", call=call("c-1", state="speaking")))
    assert picture.calls["c-1"]["state"] == "speaking"
    paused = {**example_of(AgentDocument), "state": "paused"}
    picture.hear(event("agent_state", agent=paused))
    assert picture.agents["anna"]["state"] == "paused"
    picture.hear(event("call_hangup", call=call("c-1", state="hungup")))
    picture.hear(event("call_hangup", call=call("c-1", state="hungup")))
    assert picture.calls == {}


def test_a_reset_makes_it_read_the_lists_again() -> None:
    lists = Lists(call("c-1"))
    picture = Picture(lists)
    picture.hear(event("calls", calls={}))
    lists.listed = [call("c-2")]
    picture.hear(event("reset"))
    assert set(picture.calls) == {"c-2"}


def test_lists_that_cannot_be_read_are_read_at_the_next_event() -> None:
    lists = Lists(call("c-1"))
    picture = Picture(lists)
    lists.away = True
    with pytest.raises(Unreachable):
        picture.hear(event("calls", calls={}))
    lists.away = False
    picture.hear(event("calls", calls={}))
    assert set(picture.calls) == {"c-1"}


def test_the_queue_is_in_the_order_of_service() -> None:
    waiting = [
        call("a", position=2, arrival_time="10"),
        call("b", position=1, arrival_time="20"),
        call("c", position=1, arrival_time="5", organization_id=2),
        call("d", position=2, arrival_time="6", organization_id=2, priority=0),
        call("e", position=None, state="speaking"),
        call("f", position=1, arrival_time="30", organization_id=3, priority=9),
    ]
    picture = Picture(Lists(*waiting))
    picture.read()
    assert [one["id"] for one in picture.queue] == ["f", "c", "d", "b", "a"]
