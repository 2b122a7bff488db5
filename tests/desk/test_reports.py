"""History, timeline and figures, as an agent gets them: her organizations' and nobody else's."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.desk.fakes import ANN, CALLER, Rig

EVE = replace(ANN, id="eve", organizations=frozenset({2}))
BOTH = replace(ANN, id="bo", organizations=frozenset({1, 2}))


def answered(rig: Rig, uuid: str = CALLER) -> None:
    rig.connects(uuid)
    rig.clock.advance(5)
    leg = rig.talk(uuid=uuid)
    rig.clock.advance(60)
    rig.hangs_up(uuid)
    rig.hangs_up(leg)


def abandoned(rig: Rig, uuid: str, organization: str = "1") -> None:
    rig.connects(uuid, variables={"organization_id": organization})
    rig.clock.advance(12)
    rig.hangs_up(uuid, "ORIGINATOR_CANCEL")


def history(rig: Rig, agent: Any = ANN, **parameters: str) -> dict[str, Any]:
    return rig.ask(agent, "call/history", **parameters).answer()


def test_an_ended_call_is_in_the_history_with_what_came_of_it(rig: Rig) -> None:
    answered(rig)
    document = history(rig)
    (entry,) = document["calls"]
    found = {key: entry[key] for key in ("id", "outcome", "waited", "handled_by", "hangup_cause")}
    assert found == {
        "id": CALLER,
        "outcome": "answered",
        "waited": 5,
        "handled_by": ["ann"],
        "hangup_cause": "NORMAL_CLEARING",
    }
    assert document["next"] is None


def test_abandoned_calls_are_listed_with_how_long_they_waited(rig: Rig) -> None:
    answered(rig)
    abandoned(rig, "gone")
    calls = history(rig, outcome="abandoned")["calls"]
    assert [(call["id"], call["waited"], call["duration"]) for call in calls] == [("gone", 12, 12)]


def test_pages_lead_to_each_other(rig: Rig) -> None:
    for name in "abc":
        abandoned(rig, name)
    first = history(rig, limit="2")
    assert [call["id"] for call in first["calls"]] == ["c", "b"]
    second = history(rig, limit="2", cursor=first["next"])
    assert [call["id"] for call in second["calls"]] == ["a"]
    assert second["next"] is None


def test_every_request_shows_an_agent_her_own_organizations_only(rig: Rig) -> None:
    abandoned(rig, "mine", "1")
    abandoned(rig, "hers", "2")
    for agent, ids in ((ANN, ["mine"]), (EVE, ["hers"]), (BOTH, ["hers", "mine"])):
        assert [call["id"] for call in history(rig, agent)["calls"]] == ids
        total = rig.ask(agent, "call/statistics").answer()["statistics"]["total"]
        assert total["abandoned"] == len(ids)
    assert history(rig, ANN, organization="2")["calls"] == []
    assert [call["id"] for call in history(rig, BOTH, organization="2")["calls"]] == ["hers"]
    rig.ask(EVE, "call/timeline", call_id="hers").answer()
    refusal = rig.ask(ANN, "call/timeline", call_id="hers").refusal()
    assert (refusal.http, refusal.description) == (404, "hers does not exist.")


def test_a_page_of_one_organization_leads_another_to_nothing_of_it(rig: Rig) -> None:
    for name in "abc":
        abandoned(rig, name, "1")
    place = history(rig, limit="1")["next"]
    assert history(rig, EVE, cursor=place)["calls"] == []


def test_a_timeline_is_there_while_the_call_lives_and_afterwards(rig: Rig) -> None:
    rig.connects(CALLER)
    live = rig.ask(ANN, "call/timeline", call_id=CALLER).answer()
    assert [entry["event"] for entry in live["timeline"]] == ["call_offer", "queue_join"]
    assert live["call"] == rig.ask(ANN, "call/list").answer()["calls"][0]
    assert "pickup" in live["call"]["can"]
    rig.hangs_up(CALLER)
    ended = rig.ask(ANN, "call/timeline", call_id=CALLER).answer()
    assert (ended["call"]["state"], ended["call"]["can"]) == ("hungup", [])
    assert ended["timeline"][-1]["description"] == "has ended: NORMAL_CLEARING"
    assert rig.ask(ANN, "call/timeline", call_id="nobody").refusal().http == 404


def test_figures_are_of_today_by_the_quarter(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Copenhagen")
    time.tzset()
    try:
        # 2023-11-15 00:00:00 in Copenhagen is 1700002800.
        rig.clock.advance(1_700_002_800 - 60 - rig.clock.now())
        abandoned(rig, "yesterday")
        rig.clock.advance(60)
        answered(rig)
        rig.clock.advance(900)
        rig.connects("waiting")
        figures = rig.ask(ANN, "call/statistics").answer()["statistics"]
    finally:
        monkeypatch.undo()
        time.tzset()
    counted = ("offered", "answered", "abandoned", "overflowed", "waiting")
    assert figures["since"] == "1700002800"
    assert [figures["total"][key] for key in counted] == [2, 1, 0, 0, 1]
    assert (figures["total"]["waited_average"], figures["total"]["waited_longest"]) == (5.0, 5)
    assert [step["from"] for step in figures["steps"]] == ["1700002800", "1700003700"]
    assert [step["answered"] for step in figures["steps"]] == [1, 0]
    assert [step["waiting"] for step in figures["steps"]] == [0, 1]
    assert figures["steps"][1]["waited_average"] is None
    assert [one["organization_id"] for one in figures["organizations"]] == [1]
