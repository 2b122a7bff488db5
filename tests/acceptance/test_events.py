"""`GET /events`: what is heard of every verb, in which order, and that it is what the lists say."""

from typing import Any

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import App, run_fsapp
from .expect import STATES, id_of
from .hearing import Event, Stream
from .test_arrival import is_a_whole_call


def states(events: list[Event]) -> list[str]:
    for event in events:
        is_a_whole_call(event.data["call"])
        assert event.data["event"] == event.name
    return [event.data["call"]["state"] for event in events]


def test_a_caller_comes_waits_and_goes(a_caller: Callers, anna: Agent):
    anna.listens()
    caller = a_caller.waits()
    assert states(anna.hears_of(caller, "call_offer", "queue_join")) == ["created", "queued"]
    caller.hangs_up()
    assert states(anna.hears_of(caller, "queue_leave", "call_hangup")) == ["hungup", "hungup"]


def test_a_greeting_locks_the_call(a_caller: Callers, anna: Agent, sounds: dict[str, str]):
    anna.listens()
    caller = a_caller.waits(fsapp_greeting=sounds["greeting"])
    heard = anna.hears_of(caller, "call_offer", "call_lock", "call_unlock", "queue_join")
    assert [event.data["call"]["locked"] for event in heard] == [False, True, False, False]


def test_pickup_park_unpark_hangup(a_caller: Callers, anna: Agent, bente: Agent):
    caller = a_caller.waits()
    anna.listens()
    bente.listens()
    anna.picks_up(caller)
    for agent in (anna, bente):
        heard = agent.hears_of(caller, "queue_leave", "call_pickup", "call_state")
        assert states(heard) == ["transferring", "transferring", "speaking"]
        assert {event.data["call"]["assigned_to"] for event in heard} == {"anna"}
    anna.parks()
    assert states(anna.hears_of(caller, "call_park")) == ["parked"]
    anna.unparks(caller)
    assert states(anna.hears_of(caller, "call_unpark", "call_pickup")) == ["speaking"] * 2
    anna.hangs_up()
    assert states(anna.hears_of(caller, "call_hangup")) == ["hungup"]


def test_a_parked_caller_hangs_up(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.listens()
    caller.hangs_up()
    assert states(anna.hears_of(caller, "call_unpark", "call_hangup")) == ["hungup", "hungup"]


def test_a_phone_that_fails_queues_the_caller_again(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.listens()
    anna.phone.is_busy()
    assert anna.asks("pickup", caller).code == 409
    heard = anna.hears_of(caller, "queue_leave", "call_pickup", "queue_join")
    assert states(heard) == ["transferring", "transferring", "queued"]
    assert heard[-1].data["call"]["position"] == 1


def test_dialling_and_transfer(a_caller: Callers, anna: Agent, outside: Phone, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    stream = anna.listens()
    callee = anna.calls_the_outside(outside)
    dialled = anna.hears_of(callee, "call_state", "call_state", "call_state")
    assert states(dialled) == ["created", "ringing", "speaking"]
    anna.transfers(caller)
    states(anna.hears_of(caller, "call_unpark", "call_transfer"))
    assert states(anna.hears_of(callee, "call_transfer")) == ["transferred"]
    last = stream.last
    caller.hangs_up()
    desk.sees_nothing()
    again = Stream(anna.client.address, anna.client.token, last)
    ended = {again.hears("call_hangup").data["call"]["id"] for _ in range(2)}
    again.close()
    assert ended == {caller.id, id_of(callee)}


def test_an_originate_whose_phone_fails_is_heard_to_end(anna: Agent):
    stream = anna.listens()
    anna.phone.is_busy()
    assert anna.asks("originate", extension="1142").code == 409
    begun = stream.hears("call_state").data["call"]
    assert begun["state"] == "created"
    assert stream.hears("call_hangup").data["call"]["id"] == begun["id"]


def test_her_own_state_is_heard(a_caller: Callers, anna: Agent, bente: Agent):
    stream = bente.listens()
    a_caller.waits()
    call = anna.picks_up()

    def next_of_anna() -> tuple[str, str]:
        while True:
            # Whoever has begun to listen is heard of herself.
            agent = stream.hears("agent_state").data["agent"]
            if agent["id"] == "anna" and agent["current_call"]:
                return agent["state"], agent["current_call"]

    assert [next_of_anna() for _ in range(2)] == [("ringing", call["id"]), ("speaking", call["id"])]


class Picture:
    """What a client that follows docs/http.md knows."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.stream = Stream(agent.client.address, agent.client.token)
        self.calls, self.agents = self.lists()
        self.numbers: list[int] = []

    def lists(self) -> tuple[dict[str, Any], dict[str, Any]]:
        calls = self.agent.does("list").document["calls"]
        agents = self.agent.client.get("/agent/list").document["agents"]
        return {call["id"]: call for call in calls}, {one["id"]: one for one in agents}

    def comes_back(self) -> None:
        """Her connection is lost, and she comes back."""
        self.stream.close()
        self.stream = Stream(self.agent.client.address, self.agent.client.token, self.stream.last)

    def folds(self) -> None:
        event = self.stream.next()
        if event.number is not None:
            self.numbers.append(event.number)
        if event.name == "reset":
            self.calls, self.agents = self.lists()
        elif event.name == "calls":
            for call_id, keys in event.data["calls"].items():
                self.calls.get(call_id, {}).update(keys)
        elif "agent" in event.data:
            self.agents[event.data["agent"]["id"]] = event.data["agent"]
        elif event.data["call"]["state"] in STATES:
            self.calls[event.data["call"]["id"]] = event.data["call"]
        else:
            self.calls.pop(event.data["call"]["id"], None)

    def becomes_true(self) -> None:
        """Fold until it is what the lists say."""
        while (self.calls, self.agents) != self.lists():
            self.folds()


def test_a_picture_kept_by_events_becomes_what_the_lists_say(
    a_caller: Callers, anna: Agent, bente: Agent, olga: Agent, outside: Phone
):
    pictures = [Picture(agent) for agent in (anna, bente, olga)]
    callers = a_caller.wait_in_turn(4)
    theirs = a_caller.waits(organization_id="2")
    anna.picks_up(callers[1])
    bente.picks_up()
    for picture in pictures:
        picture.becomes_true()
        picture.comes_back()
    anna.parks()
    anna.calls_the_outside(outside)
    callers[2].hangs_up()
    for picture in pictures:
        picture.comes_back()
    anna.transfers(callers[1])
    bente.phone.hangs_up()
    theirs.hangs_up()
    for picture in pictures:
        picture.becomes_true()
        assert picture.numbers == sorted(set(picture.numbers))
        picture.stream.close()


def test_she_hears_nothing_of_other_organizations(a_caller: Callers, anna: Agent, olga: Agent):
    anna.listens()
    a_caller.waits(organization_id="2")
    ours = a_caller.waits()
    heard = anna._stream
    assert heard is not None
    assert heard.hears("call_offer").data["call"]["id"] == ours.id


def test_what_was_missed_over_a_restart_is_told_again(
    a_caller: Callers, anna: Agent, app: App, desk: Desk
):
    stream = anna.listens()
    caller = a_caller.waits()
    anna.hears_of(caller, "call_offer", "queue_join")
    last = stream.last
    caller.hangs_up()
    desk.sees_nothing()
    app.restart()
    again = Stream(anna.client.address, anna.client.token, last)
    heard = [again.next() for _ in range(2)]
    again.close()
    assert [event.name for event in heard] == ["queue_leave", "call_hangup"]
    assert heard[0].number == (last or 0) + 1


def test_streams_end_when_the_app_is_stopped(anna: Agent, app: App):
    stream = anna.listens()
    assert app.stop() == 0
    with pytest.raises(EOFError):
        stream.hears("call_offer")
    app.start()


def test_a_token_issued_anew_ends_the_old_ones_stream(app: App):
    """By another process, as an administrator does it."""
    environ = {"FSAPP_DATABASE_PATH": str(app.database)}
    added = run_fsapp(
        *("agent", "add", "temp", "--name", "Temp", "--phone", "user/1199"),
        directory=app.directory,
        **environ,
    )
    token = added.stdout.strip().split()[-1]
    stream = Stream(app.address, token)
    run_fsapp("agent", "remove", "temp", directory=app.directory, **environ)
    with pytest.raises(EOFError):
        stream.hears("nothing")
