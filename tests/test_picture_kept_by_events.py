"""Ten thousand events of a real desk, streamed through connections that break: whoever folds what
she is told has the server's picture in the end, and no event was lost, doubled or out of order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, cast

from fsapp.calls.agent import Agent
from fsapp.desk.feed import Feed
from fsapp.settings import Address, Events, Http, Settings
from fsapp.store.database import Database
from fsapp.store.tail import Tail
from fsapp.web.app import build
from fsapp.web.server import WebServer
from fsapp.web.streams import Streams

from .desk.fakes import ANN, BOB, Rig
from .desk.test_feed import Picture
from .web.hearing import Ear
from .web.serving import request

EVENTS = 10_000
LISTENERS = 6
MOST_WAITING = 12
SPOKEN_WITH = 0.1
LIMIT = 60.0


class Holders:
    """Whose token it is."""

    def by_token(self, token: str) -> Agent | None:
        return {"ann-token": ANN, "bob-token": BOB}.get(token)


class Served:
    """A desk whose event streams are open to connections."""

    def __init__(self, rig: Rig, feed: Feed, server: WebServer) -> None:
        self.rig, self.feed, self.server = rig, feed, server
        self.tail = Tail(cast(Database, rig.database))
        self.over = False
        self.hearing: set[Listener] = set()

    @property
    def newest(self) -> int:
        """The number of the newest event, also while nobody hears it."""
        return self.tail.newest()

    def lists(self, agent: Agent) -> tuple[dict[str, Any], dict[str, Any]]:
        calls = cast(Any, self.rig.desk.perform(agent, "call/list", {})["calls"])
        agents = cast(Any, self.rig.desk.perform(agent, "agent/list", {})["agents"])
        return {call["id"]: dict(call) for call in calls}, {one["id"]: one for one in agents}

    def ear(self, agent: Agent, last: int | None) -> Ear:
        after = {} if last is None else {"Last_Event_ID": str(last)}
        return Ear(
            self.server.address, request("GET", "/events", token=f"{agent.id}-token", **after)
        )

    def work(self) -> None:
        """Callers come, are spoken with, are put on hold and give up by chance, until there were
        enough events; slowly until everybody hears of it."""
        chance, came = random.Random(1), 0
        waiting: list[str] = []
        while self.newest < EVENTS:
            if len(waiting) < MOST_WAITING and chance.random() < 0.55:
                came += 1
                waiting.append(f"caller-{came}")
                self.rig.connects(waiting[-1], variables={"fsapp_priority": str(came % 3)})
            elif waiting:
                caller = waiting.pop(chance.randrange(len(waiting)))
                if chance.random() < SPOKEN_WITH:
                    self._speaks(chance.choice((ANN, BOB)), caller)
                self.rig.hangs_up(caller)
            if len(self.hearing) < LISTENERS:
                time.sleep(0.005)
            self.rig.clock.advance(0.001)
            self.feed.committed()
        self._all_is_told()
        self.over = True

    def _speaks(self, agent: Agent, caller: str) -> None:
        leg = self.rig.talk(agent, caller)
        self.rig.park(leg, agent, caller)
        self.rig.hangs_up(leg)

    def _all_is_told(self) -> None:
        """The streams' thread may still be behind what was written last."""
        rows = self.rig.database.reader().query("SELECT max(number) AS newest FROM events")
        newest, deadline = next(iter(rows))["newest"], time.monotonic() + LIMIT
        while self.feed.last < newest:
            assert time.monotonic() < deadline, f"told {self.feed.last} of {newest}"
            time.sleep(0.01)


@contextmanager
def served() -> Iterator[Served]:
    rig = Rig()
    feed = Feed(rig.board, Tail(cast(Database, rig.database)), rig.agents)
    events = Events(replay=10 * EVENTS)
    streams = Streams(feed, Holders(), events)
    http = Http(listen=Address("127.0.0.1", 0), threads=4)
    known = replace(Settings(), http=http, events=events)
    server = WebServer(build(rig.desk, Holders(), known, streams), http, None)
    streams.start()
    server.start()
    try:
        yield Served(rig, feed, server)
    finally:
        streams.stop()
        server.stop()
        rig.close()


class Listener:
    """A client: it folds what it is told, comes back when its connection breaks."""

    def __init__(self, served: Served, agent: Agent, seed: int) -> None:
        self.served, self.agent = served, agent
        self.chance = random.Random(seed)
        self.picture = Picture(cast(Any, served), agent)
        self.breaks = 0

    def listen(self) -> None:
        last = None
        while not (self.served.over and last == self.served.newest):
            ear = self.served.ear(self.agent, last)
            with suppress(EOFError, ConnectionError, TimeoutError):
                self._hear_some(ear, first=last is None)
            ear.close()
            self.breaks += 1
            last = ear.last if ear.last is not None else last
        ear = self.served.ear(self.agent, last)
        self._tell(ear)
        ear.close()

    def _hear_some(self, ear: Ear, *, first: bool) -> None:
        for _ in range(self.chance.randint(1, 1500)):
            self._tell(ear)
            if first:
                self.picture.read_lists()
                first = False
            if self.served.over and ear.last == self.served.newest:
                return

    def _tell(self, ear: Ear) -> None:
        said = ear.hear()
        assert said.name != "reset"
        self.served.hearing.add(self)
        self.picture._apply(said.name, said.data)
        if said.number is not None:
            self.picture.numbers.append(said.number)


def test_whoever_folds_what_she_is_told_has_the_servers_picture() -> None:
    with served() as desk, ThreadPoolExecutor(LISTENERS + 1) as pool:
        listeners = [Listener(desk, (ANN, BOB)[seed % 2], seed) for seed in range(LISTENERS)]
        heard = [pool.submit(one.listen) for one in listeners]
        working = pool.submit(desk.work)
        for one in heard:
            one.result(LIMIT)
        working.result(LIMIT)
        rows = desk.rig.database.reader().query("SELECT number FROM events ORDER BY number")
        told = [row["number"] for row in rows]
        for one in listeners:
            numbers = one.picture.numbers
            assert numbers[0] < EVENTS / 10
            assert numbers == [number for number in told if number >= numbers[0]]
            assert (one.picture.calls, one.picture.agents) == desk.lists(one.agent)
        assert sum(one.breaks for one in listeners) > LISTENERS
