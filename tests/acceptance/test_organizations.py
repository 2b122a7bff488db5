"""A call of an organization the agent does not serve does not exist for her."""

from .actors import Agent, Callers, Desk, Phone
from .expect import nothing_to_pick_up


def test_she_sees_no_other_organizations_calls(a_caller: Callers, anna: Agent, olga: Agent):
    ours = a_caller.waits(organization_id="1")
    theirs = a_caller.waits(organization_id="2")
    for agent, caller in ((anna, ours), (olga, theirs)):
        for verb in ("list", "queue"):
            calls = agent.does(verb).document["calls"]
            assert [call["id"] for call in calls] == [caller.id]


def test_next_is_the_next_of_her_own_organization(a_caller: Callers, anna: Agent, olga: Agent):
    theirs = a_caller.waits(organization_id="2", fsapp_priority="9")
    ours = a_caller.waits()
    assert anna.picks_up()["id"] == ours.id
    assert olga.picks_up()["id"] == theirs.id


def test_with_only_others_calls_waiting_there_is_nothing_to_pick_up(a_caller: Callers, anna: Agent):
    a_caller.waits(organization_id="2")
    anna.is_refused(nothing_to_pick_up(), "pickup")


def test_her_position_counts_only_what_she_may_see(a_caller: Callers, olga: Agent):
    a_caller.waits(organization_id="1")
    a_caller.waits(organization_id="2")
    assert [call["position"] for call in olga.does("queue").document["calls"]] == [1]


def test_she_sees_no_agents_of_other_organizations_only(anna: Agent):
    agents = anna.client.get("/agent/list").document["agents"]
    assert "olga" not in [agent["id"] for agent in agents]


def test_calls_of_an_unknown_organization_exist_for_nobody(
    a_caller: Callers, anna: Agent, olga: Agent, desk: Desk
):
    caller = a_caller.calls(organization_id="77")
    caller.hears("music")
    for agent in (anna, olga):
        assert agent.does("list").document["calls"] == []


def test_who_serves_two_transfers_a_caller_of_one_to_a_contact_of_the_other(
    a_caller: Callers, bodil: Agent, outside: Phone, desk: Desk
):
    caller = a_caller.waits(organization_id="1")
    bodil.picks_up(caller)
    bodil.parks()
    call = bodil.does("originate", cm_id="43").call
    assert call["organization_id"] == 2
    desk.sees(call, "speaking")
    answer = bodil.transfers(caller)
    assert [answer[f"{one}_call"]["status"] for one in ("source", "destination")] == ["bridged"] * 2
    caller.hears(call["id"])
    bodil.is_free()
