"""A queue that was kept is the queue that would be made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsapp.calls.agent import Agent
from fsapp.desk import queue_list
from fsapp.desk.queue_list import QueueList
from tests.desk.fakes import ANN, BOB, CALLER, Rig
from tests.desk.test_can import STAGES, Stage

OLGA = Agent("olga", "Olga", "user/1103", organizations=frozenset({2}))
BOTH = Agent("both", "Both", "user/1104", organizations=frozenset({1, 2}))


@pytest.fixture(name="kept")
def _kept(rig: Rig) -> QueueList:
    return QueueList(rig.board)


def check(rig: Rig, kept: QueueList) -> None:
    for agent in (ANN, BOB, OLGA, BOTH):
        anew = QueueList(rig.board).read(agent)
        read = kept.read(agent)
        assert [dict(one) for one in read] == [dict(one) for one in anew], agent.id
        assert read.json == anew.json


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_each_change_is_seen_by_everybody(rig: Rig, kept: QueueList, stage: Stage) -> None:
    rig.connects("waiting")
    rig.connects("theirs", variables={"organization_id": "2"})
    before = rig.board.changed

    def changed(agents: set[str]) -> None:
        before(agents)
        check(rig, kept)

    rig.board.changed = changed
    stage(rig)
    check(rig, kept)
    rig.requests.clear()


def test_it_is_made_once_while_nothing_happens(rig: Rig, kept: QueueList) -> None:
    rig.connects(CALLER)
    first = kept.read(ANN)
    assert kept.read(BOB) is first
    rig.connects("other")
    assert [one["id"] for one in kept.read(BOB)] == [CALLER, "other"]


def test_another_organizations_queue_changes_nothing(rig: Rig, kept: QueueList) -> None:
    rig.connects(CALLER)
    first = kept.read(ANN)
    rig.connects("theirs", variables={"organization_id": "2"})
    assert kept.read(ANN) is first
    assert len(kept.read(BOTH)) == 2


def test_few_are_kept(rig: Rig, kept: QueueList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_list, "MOST", 2)
    for number in range(5):
        kept.read(replace(ANN, organizations=frozenset({number})))
    assert list(kept._kept) == [frozenset({3}), frozenset({4})]
