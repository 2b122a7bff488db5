"""The watcher's desk: what can be seen of calls, agents and channels, touching nothing."""

import sqlite3
from collections.abc import Container, Iterator, Sequence
from contextlib import closing
from typing import Any, cast

from fsapp.client import Refused

from .app import App
from .client import Client
from .expect import id_of
from .meanwhile import Pending
from .switches.base import Switch
from .wait import LIMIT, wait_for, wait_until

Call = dict[str, Any]

LINKS = ("call_uuid", "signal_bond", "other_loopback_leg_uuid")
"""Channel variables that name the channel it was dialled by, is joined with, is looped back to."""
NO_VARIABLE = "_undef_"


class Desk:
    """What somebody sees who watches every organization and touches nothing."""

    def __init__(self, app: App, switch: Switch, watcher: Client) -> None:
        self.app = app
        self.switch = switch
        self.client = watcher
        self.pending: list[Pending] = []

    def calls(self) -> list[Call]:
        return cast("list[Call]", self.client.calls())

    def queue(self) -> list[Call]:
        return cast("list[Call]", self.client.queue())

    def ids(self) -> list[str]:
        """Ids of the live calls, sorted."""
        return sorted(call["id"] for call in self.calls())

    def call(self, call: Any) -> Call | None:
        """The call as `/call/state` shows it, None when it does not exist."""
        try:
            return cast(Call, self.client.call(id_of(call)))
        except Refused as refusal:
            if refusal.error != "call-not-found":
                raise
            return None

    def sees(self, call: Any, state: str, limit: float = LIMIT) -> Call:
        """Wait until the call is in ``state``; the call object."""
        seen = wait_until(
            lambda: self.call(call),
            lambda now: now is not None and now["state"] == state,
            limit=limit,
            promise=f"{id_of(call)} is {state}",
        )
        assert seen is not None
        return seen

    def sees_one_call(self, state: str, limit: float = LIMIT) -> Call:
        """Wait until there is one live call, in ``state``."""
        return wait_until(
            self.calls,
            lambda calls: [call["state"] for call in calls] == [state],
            limit=limit,
            promise=f"one call, {state}",
        )[0]

    def sees_nothing(self, limit: float = LIMIT) -> None:
        """Wait until no call is live."""
        wait_for(self.calls, [], limit=limit, promise="no call is live")

    def sees_no_channel(self, limit: float = LIMIT) -> None:
        """Wait until no channel is left on the switch."""
        wait_for(self.channels, [], limit=limit, promise="no channel is left on the switch")

    def channels(self) -> list[str]:
        """Uuids of the switch's channels, sorted."""
        return sorted(row["uuid"] for row in self.switch.channels())

    def agents(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.client.agents())

    def picture(self) -> dict[str, Any]:
        """All there is to see, once it is on record: a refusal leaves it as it was."""
        self.is_on_record()
        kept = ("paused", "pause_reason", "current_call", "parked_calls")
        return {
            "calls": {call["id"]: call for call in self.calls()},
            "queue": [call["id"] for call in self.queue()],
            "agents": {
                one["id"]: [state_of(one), *(one[key] for key in kept)] for one in self.agents()
            },
            "channels": self.channels(),
            "last event": self.last_event(),
        }

    def last_event(self) -> int:
        """The number of the newest event of a call, read from the app's database."""
        query = "SELECT max(number) FROM events WHERE call_id IS NOT NULL"
        return int(self._recorded(query)[0][0] or 0)

    def is_on_record(self) -> None:
        """Wait until each live call's row has the state and times that are shown of it. A number
        that is not dialled yet is on no record."""

        def rows() -> list[tuple[str, ...]]:
            live = "SELECT id, state, bridged_at, parked_at FROM calls WHERE state <> 'hungup'"
            return sorted(tuple(str(value) for value in row) for row in self._recorded(live))

        def shown() -> list[tuple[str, ...]]:
            keys = ("id", "state", "bridged_at", "parked_at")
            calls = [call for call in self.calls() if call["inbound"] or call["state"] != "created"]
            return sorted(tuple(str(call[key]) for key in keys) for call in calls)

        wait_until(lambda: rows() == shown(), promise="what is shown is on record")

    def _recorded(self, query: str) -> list[tuple[Any, ...]]:
        address = f"file:{self.app.database}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5.0)) as database:
            return database.execute(query).fetchall()

    def settled_picture(self) -> dict[str, Any]:
        """The picture once three looks in a row show the same: what was under way is over."""
        looks: list[dict[str, Any]] = []

        def look() -> list[dict[str, Any]]:
            looks.append(self.picture())
            return looks[-3:]

        wait_until(look, lambda last: len(last) == 3 and last[0] == last[1] == last[2])
        return looks[-1]

    def is_consistent(self, *may_rest: Any) -> None:
        """What the lists, the agents and the switch say agrees, at once or within the limit; the
        legs of those who ``may_rest`` may still stand idle though they have no call."""
        resting = {id_of(agent) for agent in may_rest}
        wait_until(
            lambda: self.contradictions(resting), lambda found: not found, promise="all agree"
        )

    def contradictions(self, resting: Container[str] = ()) -> Sequence[str]:
        """Sentences about what does not fit together at this moment."""
        calls = {call["id"]: call for call in self.calls()}
        channels, agents = self.channels(), self.agents()
        found = [f"{one} is no channel" for one in set(calls) - set(channels)]
        found += self._left_over([one for one in channels if one not in calls], agents, resting)
        for agent in agents:
            current = [agent["current_call"]] if agent["current_call"] else []
            hers = sorted(c["id"] for c in calls.values() if c["assigned_to"] == agent["id"])
            if sorted([*current, *agent["parked_calls"]]) != hers:
                found.append(f"{agent} but these are hers: {hers}")
            if agent["state"] == "speaking" and not current:
                found.append(f"{agent} speaks with nobody")
        for call in calls.values():
            belongs = call["state"] in ("transferring", "speaking", "parked", "ringing")
            if belongs != (call["assigned_to"] is not None) and call["state"] != "created":
                found.append(f"{call['state']} but of {call['assigned_to']}: {call['id']}")
        return found

    def _left_over(
        self, channels: list[str], agents: list[dict[str, Any]], resting: Container[str]
    ) -> Iterator[str]:
        """What is wrong with the channels that are no calls: each has to be the one leg of an agent
        who has a call, or where a call has led to."""
        has_call = {one["id"]: one["current_call"] or one["parked_calls"] for one in agents}
        legs: dict[str, str] = {}
        for channel in channels:
            agent = self._variable(channel, "fsapp_agent")
            if agent not in has_call:
                if self._beyond(channel).isdisjoint(self.ids()):
                    yield f"{channel} is left over: it is of no call and no agent"
                continue
            if not has_call[agent] and agent not in resting:
                yield f"{channel} is left over: {agent} has no call"
            if agent in legs:
                yield f"{channel} and {legs[agent]} are both legs of {agent}"
            legs[agent] = channel

    def _beyond(self, channel: str) -> set[str]:
        """The channels that this one hangs together with: dialled by it, joined with it, or the
        other end of the same loopback; itself included."""
        found, to_ask = {channel}, [channel]
        while to_ask:
            one = to_ask.pop()
            linked = {self._variable(one, link) for link in LINKS} - found
            found |= linked
            to_ask += linked - {NO_VARIABLE}
        return found

    def _variable(self, channel: str, name: str) -> str:
        return self.switch.api(f"uuid_getvar {channel} {name}")


def state_of(agent: dict[str, Any]) -> str:
    """Her state; whether she has been heard of lately is not a refusal's doing."""
    state: str = agent["state"]
    return "idle" if state == "offline" else state
