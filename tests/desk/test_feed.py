"""Who folds what the stream says has what the lists say: objects, places and what she can do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from fsapp import client
from fsapp.calls.agent import Agent
from fsapp.desk import feed as feed_module
from fsapp.desk.feed import Feed
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from fsapp.store.tail import Tail
from tests.desk.fakes import ANN, BOB, CALLER, DESCRIBED, Rig
from tests.desk.test_can import STAGES, Stage

OLGA = Agent("olga", "Olga", "user/1103", organizations=frozenset({2}))
BOTH = Agent("both", "Both", "user/1104", organizations=frozenset({1, 2}))


class Picture:
    """A client: what it was told is kept by ``fsapp.client``."""

    def __init__(self, hall: Hall, agent: Agent) -> None:
        self.hall = hall
        self.agent = agent
        self._kept: Any = client.Picture(cast(Any, None))
        self.names: list[str] = []
        self.numbers: list[int] = []

    @property
    def calls(self) -> dict[str, dict[str, Any]]:
        return cast("dict[str, dict[str, Any]]", self._kept.calls)

    @property
    def agents(self) -> dict[str, dict[str, Any]]:
        return cast("dict[str, dict[str, Any]]", self._kept.agents)

    def read_lists(self) -> None:
        self._kept.calls, self._kept.agents = self.hall.lists(self.agent)

    def told(self, text: bytes | None) -> None:
        for block in (text or b"").decode().split("\n\n")[:-1]:
            fields = dict(line.partition(": ")[::2] for line in block.split("\n"))
            if "data" in fields:
                self._apply(fields["event"], json.loads(fields["data"]))
                self.names.append(fields["event"])
                self.numbers += [int(fields["id"])] if "id" in fields else []

    def _apply(self, name: str, data: dict[str, Any]) -> None:
        assert data["event"] == name
        assert DESCRIBED.event_fault(name, data) is None
        self._kept.apply(data)


class Hall:
    """A desk, its feed, and clients who listen."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        store = cast(Database, rig.database)
        agents = Agents(store)
        for agent in (OLGA, BOTH):
            agents.add(agent)
        self.feed = Feed(rig.board, Tail(store), agents)
        self.woken = 0
        self.feed.listen(self._wake)
        self.pictures = [self.enters(agent) for agent in (ANN, BOB, OLGA, BOTH)]

    def _wake(self) -> None:
        self.woken += 1

    def enters(self, agent: Agent) -> Picture:
        picture = Picture(self, agent)
        self.feed.opened(agent)
        picture.told(self.feed.everything(agent))
        picture.read_lists()
        return picture

    def lists(self, agent: Agent) -> tuple[dict[str, Any], dict[str, Any]]:
        calls = cast(Any, self.rig.desk.perform(agent, "call/list", {})["calls"])
        agents = cast(Any, self.rig.desk.perform(agent, "agent/list", {})["agents"])
        return {call["id"]: dict(call) for call in calls}, {one["id"]: one for one in agents}

    def tell(self) -> None:
        """What the streams' thread does when it is woken."""
        while messages := self.feed.next():
            for picture in self.pictures:
                for message in messages:
                    picture.told(message.text(picture.agent))
        update = self.feed.update()
        for picture in self.pictures if update is not None else ():
            picture.told(update.text(picture.agent))

    def check(self) -> None:
        """Looking at the lists is a sign of life, and that may be news as well."""
        for _ in range(2):
            for picture in self.pictures:
                self.lists(picture.agent)
            self.tell()
        for picture in self.pictures:
            calls, agents = self.lists(picture.agent)
            assert picture.calls == calls, picture.agent.id
            assert picture.agents == agents, picture.agent.id


@pytest.fixture
def hall(rig: Rig) -> Iterator[Hall]:
    yield Hall(rig)
    rig.requests.clear()


def each_turn(rig: Rig, tell: Callable[[], None]) -> None:
    """Tells after each turn, as early as anything can be told."""
    before = rig.board.changed

    def changed(agents: set[str]) -> None:
        before(agents)
        tell()

    rig.board.changed = changed


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_picture_kept_by_events_is_the_lists(hall: Hall, stage: Stage) -> None:
    hall.rig.connects("waiting")
    stage(hall.rig)
    hall.tell()
    hall.check()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_telling_each_step_as_early_as_can_be_ends_the_same(hall: Hall, stage: Stage) -> None:
    hall.rig.connects("waiting")
    stage(hall.rig)
    hall.check()
    for uuid in list(hall.rig.board.calls):
        if uuid in hall.rig.lines:
            hall.rig.hangs_up(uuid)
            hall.check()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_who_comes_after_nobody_listened_ends_with_the_same(hall: Hall, stage: Stage) -> None:
    hall.pictures.clear()
    hall.rig.connects("waiting")
    stage(hall.rig)
    hall.feed.skip()
    hall.pictures = [hall.enters(agent) for agent in (ANN, BOB, OLGA, BOTH)]
    assert hall.feed.next() == []
    hall.check()
    for uuid in list(hall.rig.board.calls):
        if uuid in hall.rig.lines:
            hall.rig.hangs_up(uuid)
            hall.check()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_who_comes_in_the_middle_ends_with_the_same(hall: Hall, stage: Stage) -> None:
    """Events that were on their way when the lists were read do no harm."""
    stage(hall.rig)
    late = hall.enters(ANN)
    hall.pictures.append(late)
    hall.tell()
    hall.check()


def test_a_place_that_others_make_free_is_told(hall: Hall) -> None:
    rig = hall.rig
    for name in ("first", "second", "third"):
        rig.connects(name)
        rig.clock.advance(1)
    hall.check()
    rig.hangs_up("first")
    hall.tell()
    ann = hall.pictures[0]
    assert [ann.calls[name]["position"] for name in ("second", "third")] == [1, 2]
    hall.check()


def test_a_place_heard_early_that_changes_back_is_told_again(hall: Hall) -> None:
    """Who opens a stream is told the places of that moment, before the others are."""
    rig = hall.rig
    for name in ("first", "second"):
        rig.connects(name)
        rig.clock.advance(1)
    hall.tell()
    rig.hangs_up("first")
    late = hall.enters(ANN)
    hall.pictures.append(late)
    assert late.calls["second"]["position"] == 1
    rig.connects("urgent", variables={"fsapp_priority": "9"})
    hall.tell()
    assert late.calls["second"]["position"] == 2
    hall.check()


def test_places_that_changed_while_nobody_listened_are_known_to_who_does(hall: Hall) -> None:
    rig = hall.rig
    for agent in (ANN, BOB, OLGA, BOTH):
        hall.feed.closed(agent)
    left, hall.pictures = hall.pictures, []
    for name in ("first", "second"):
        rig.connects(name)
        rig.clock.advance(1)
    hall.tell()
    nobody = dict(hall.feed._places)
    hall.pictures = [hall.enters(agent) for agent in (ANN, BOB)]
    assert left[0].calls == {}
    assert not any(nobody.values())
    rig.hangs_up("first")
    hall.tell()
    assert hall.pictures[0].calls["second"]["position"] == 1
    hall.check()


def test_who_is_busy_can_take_no_other_call_and_is_told_so(hall: Hall) -> None:
    rig = hall.rig
    rig.connects("waiting")
    rig.connects(CALLER)
    hall.check()
    ann, bob = hall.pictures[:2]
    assert ann.calls["waiting"]["can"] == bob.calls["waiting"]["can"] == ["pickup"]
    rig.talk()
    hall.tell()
    assert ann.calls["waiting"]["can"] == []
    assert bob.calls["waiting"]["can"] == ["pickup"]
    assert ann.calls[CALLER]["can"] == ["park", "hangup"]
    assert bob.calls[CALLER]["can"] == []


def test_each_agent_hears_of_her_own_organizations_only(hall: Hall) -> None:
    rig = hall.rig
    rig.connects("ours")
    rig.connects("theirs", variables={"organization_id": "2"})
    hall.tell()
    ann, _, olga, both = hall.pictures
    assert set(ann.calls) == {"ours"}
    assert set(olga.calls) == {"theirs"}
    assert set(both.calls) == {"ours", "theirs"}
    assert "olga" not in ann.agents
    assert "ann" not in olga.agents
    hall.check()


def test_an_originate_that_comes_to_nothing_leaves_no_call_behind(hall: Hall) -> None:
    """It was listed while her phone rang; nobody may go on seeing it."""
    rig = hall.rig
    asked = rig.ask(ANN, "call/originate", extension="1142")
    rig.rings(rig.control)
    bob = hall.pictures[1]
    bob.read_lists()
    assert [call["state"] for call in bob.calls.values()] == ["created"]
    rig.job(rig.control.sent[-1], "-ERR USER_BUSY")
    asked.refusal()
    hall.tell()
    assert bob.calls == {}
    hall.check()


def test_numbers_grow_and_every_event_is_told_once(hall: Hall) -> None:
    rig = hall.rig
    rig.connects(CALLER)
    hall.tell()
    leg = rig.talk()
    hall.tell()
    rig.park(leg)
    rig.hangs_up(CALLER)
    hall.tell()
    ann = hall.pictures[0]
    assert ann.numbers == sorted(set(ann.numbers))
    told = [name for name in ann.names if name not in ("calls", "agent_state")]
    assert told == [name for name in rig.events() if name != "agent_state"]


def test_what_was_missed_is_told_again_page_by_page(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "PAGE", 3)
    rig = hall.rig
    for name in "abcde":
        rig.connects(name)
    hall.tell()
    again, after = Picture(hall, ANN), 0
    while messages := hall.feed.replay(after):
        assert len(messages) <= 3
        for message in messages:
            again.told(message.text(ANN))
        after = messages[-1].number
    assert again.numbers == hall.pictures[0].numbers
    again.told(hall.feed.everything(ANN))
    assert again.calls == hall.pictures[0].calls


def test_what_only_was_decided_is_not_told_before_it_is_on_record(hall: Hall) -> None:
    hall.rig.database.hold()
    hall.rig.connects(CALLER)
    hall.tell()
    assert hall.pictures[0].calls == {}
    hall.rig.database.let_go()
    hall.tell()
    hall.check()


def test_a_request_that_changes_nothing_wakes_nobody_up_for_news(hall: Hall) -> None:
    hall.rig.connects(CALLER)
    hall.check()
    ann = hall.pictures[0]
    before, woken = len(ann.names), hall.woken
    hall.rig.desk.perform(ANN, "call/list", {})
    assert hall.woken == woken
    hall.tell()
    assert len(ann.names) == before


def test_a_file_that_cannot_be_read_costs_no_event(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    hall.rig.connects(CALLER)
    with monkeypatch.context() as patch:
        patch.setattr(Tail, "read", fails)
        hall.tell()
    hall.tell()
    hall.check()
