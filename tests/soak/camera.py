"""Draws the picture of a world at a quiet point, or of a database alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fsapp.lab.callers import CallerSet
from fsapp.lab.channels import Channel
from fsapp.lab.states import ChannelState
from fsapp.store.calls import Calls
from fsapp.store.database import Database
from tests.soak import invariants
from tests.soak.invariants import Logged, Picture, Seen, violations
from tests.soak.world import Asked, World

__all__ = ["events", "take", "unsound"]

OF_THE_RECORD = (
    invariants.each_row_is_its_event_log_replayed,
    invariants.each_log_is_a_path_of_the_table,
    invariants.every_leaving_is_explained_after_it,
    invariants.the_log_only_grows,
)
"""What can be told from the database alone."""


def take(world: World, agents: list[str]) -> Picture:
    """The picture; answers are asked for as the agents would."""
    app = world.app
    assert app is not None
    picture = Picture(channels=_channels(world), events=events(app.database.reader()))
    ids = dict.fromkeys(event.call_id for event in picture.events if event.call_id)
    found = [app.service.calls.find(call_id) for call_id in ids]
    picture.rows = [row for row in found if row is not None]
    known = {row.id for row in picture.rows}
    picture.rows += [row for row in app.service.calls.live() if row.id not in known]
    for who in agents:
        picture.lists[who] = _told(world, who, "call/list")["calls"]
        picture.queues[who] = _told(world, who, "call/queue")["calls"]
        picture.agents[who] = _told(world, who, "agent")["agent"]
    return picture


def _told(world: World, who: str, verb: str) -> dict[str, Any]:
    asked: Asked = world.asks(who, verb)
    while asked.answer is None and world.step():
        pass
    assert isinstance(asked.answer, dict), repr(asked)
    return asked.answer


def events(reader: Any) -> list[Logged]:
    """The event log."""
    rows = reader.query("SELECT * FROM events ORDER BY number")
    return [
        Logged(
            row["number"],
            row["name"],
            row["timestamp"],
            row["call_id"],
            json.loads(row["document"]),
        )
        for row in rows
    ]


def unsound(path: Path) -> list[str]:
    """What is wrong with the record in this file, which may be in use."""
    database = Database(path)
    try:
        (whole,) = database.reader().execute("PRAGMA integrity_check").fetchone()
        picture = Picture(events=events(database.reader()))
        calls = Calls(database, "unsound")
        ids = dict.fromkeys(event.call_id for event in picture.events if event.call_id)
        picture.rows = [row for call_id in ids if (row := calls.find(call_id)) is not None]
    finally:
        database.close()
    return [*([] if whole == "ok" else [whole]), *violations(picture, OF_THE_RECORD)]


def _channels(world: World) -> list[Seen]:
    def look() -> list[Seen]:
        return [_seen(world, channel) for channel in _alive(world)]

    return world.do(look)


def _alive(world: World) -> list[Channel]:
    return [channel for channel in world.exchange.channels.values() if not channel.down]


def _seen(world: World, channel: Channel) -> Seen:
    agent = channel.variables.get("fsapp_agent")
    customer = isinstance(channel.endpoint, CallerSet) or (
        channel.variables.get("fsapp_call") == channel.uuid
    )
    heard = world.exchange.channels.get(channel.hearing)
    sessions = [s for s in world.exchange.sessions if s.channel is channel and not s.finished]
    # A connection she had before may outlive her being sent on.
    gone_on = channel.application == "bridge"
    return Seen(
        channel.uuid,
        "leg" if agent else "customer" if customer else "other",
        agent,
        heard.uuid if heard is not None else None,
        held=bool(sessions) and channel.state is ChannelState.CS_EXECUTE and not gone_on,
        hears=channel.hearing,
    )
