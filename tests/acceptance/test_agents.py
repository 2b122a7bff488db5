"""The agent's own object, the list of agents, and pausing."""

import time

import pytest

from .actors import Agent, Callers
from .expect import is_a_clear_refusal, paused

KEYS = [
    "id",
    "name",
    "phone",
    "role",
    "organizations",
    "state",
    "pause_reason",
    "current_call",
    "parked_calls",
    "state_since",
    "paused",
]


@pytest.fixture
def idle_again(anna: Agent):
    """Whatever the test does to anna's state, it ends as idle."""
    yield
    anna.client.post("/agent/state", state="idle")


def test_the_agent_object_has_the_contracts_keys(anna: Agent):
    assert list(anna.is_now()) == KEYS


def test_an_idle_agent(anna: Agent):
    now = anna.is_now()
    since = now.pop("state_since")
    assert now == {
        "id": "anna",
        "name": "Anna",
        "phone": "user/1101",
        "role": "agent",
        "organizations": [1],
        "state": "idle",
        "pause_reason": None,
        "current_call": None,
        "parked_calls": [],
        "paused": False,
    }
    assert 0 < int(since) <= time.time() + 1


def test_the_list_shows_colleagues_as_they_are(a_caller: Callers, anna: Agent, bente: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    agents = {one["id"]: one for one in bente.client.get("/agent/list").document["agents"]}
    assert agents["anna"] == anna.is_now()
    assert (agents["bente"]["state"], agents["anna"]["current_call"]) == ("idle", caller.id)


def test_each_agent_is_listed_once(anna: Agent):
    document = anna.client.get("/agent/list").document
    ids = [one["id"] for one in document["agents"]]
    assert document["status"] == "success"
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("idle_again")
def test_an_agent_pauses_with_a_reason_and_comes_back(anna: Agent):
    answer = anna.client.post("/agent/state", state="paused", reason="Lunch \u2013 back at 1")
    assert (answer.code, answer.document["status"]) == (200, "success")
    assert answer.document["agent"] == anna.is_now()
    now = anna.is_now()
    assert (now["state"], now["pause_reason"]) == ("paused", "Lunch \u2013 back at 1")
    back = anna.client.post("/agent/state", state="idle").document["agent"]
    assert (back["state"], back["pause_reason"]) == ("idle", None)


@pytest.mark.usefixtures("idle_again")
def test_a_pause_needs_no_reason(anna: Agent):
    agent = anna.client.post("/agent/state", state="paused").document["agent"]
    assert (agent["state"], agent["pause_reason"], agent["paused"]) == ("paused", None, True)


@pytest.mark.parametrize("state", ["speaking", "ringing", "offline", "", "Idle", "nonsense"])
def test_only_idle_and_paused_can_be_set(state: str, anna: Agent):
    before = anna.is_now()
    answer = anna.client.post("/agent/state", state=state)
    is_a_clear_refusal(answer, 400)
    assert "state must be idle or paused" in answer.document["description"]
    assert anna.is_now() == before


def test_the_state_must_be_given(anna: Agent):
    is_a_clear_refusal(anna.client.post("/agent/state"), 400)


@pytest.mark.usefixtures("idle_again")
def test_a_paused_agent_is_not_given_the_next_call(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.client.post("/agent/state", state="paused", reason="lunch")
    anna.is_refused(paused(anna), "pickup")
    anna.picks_up(caller)
    anna.hangs_up()
    assert anna.is_now()["state"] == "paused"


@pytest.mark.usefixtures("idle_again")
def test_setting_the_state_does_not_touch_a_conversation(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    assert anna.client.post("/agent/state", state="idle").code in (200, 409)
    assert anna.is_now()["current_call"] == caller.id
    anna.speaks_with(caller)


def test_state_since_begins_anew_with_the_state(a_caller: Callers, anna: Agent):
    anna.picks_up(a_caller.waits())
    assert abs(int(anna.is_now()["state_since"]) - time.time()) < 3
