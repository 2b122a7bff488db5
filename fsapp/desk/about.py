"""What a line of the log is about: the call, its agent, and the connection it is spoken to on.

The law of this file: whoever logs a line about a call passes this on as ``extra=``. It is made for
lines that are logged and costs nothing where none is.
"""

from __future__ import annotations

from typing import TypeAlias

from fsapp.calls.agent import AGENT_ID
from fsapp.calls.text import CALL_ID
from fsapp.desk.live import Leg, LiveCall
from fsapp.switch.connection import Connection

__all__ = ["About", "about", "about_channel", "about_leg"]

About: TypeAlias = "dict[str, object]"
"""Attributes of the log's record: ``call``, ``agent`` and ``connection``, ``None`` when unknown."""


def about(live: LiveCall, agent_id: str | None = None) -> About:
    """A call. ``agent_id``: whose line it is, unless it is its owner's."""
    connection = live.connection
    return {
        "call": live.call.id,
        "agent": agent_id or live.call.assigned_to,
        "connection": None if connection is None else connection.name,
    }


def about_leg(leg: Leg) -> About:
    """An agent's leg, and the call it is in or is rung for."""
    live, request = leg.live, leg.request
    rung_for = None if request is None else request.call_id
    connection = leg.connection or leg.way
    return {
        "call": rung_for if live is None else live.call.id,
        "agent": leg.agent.id,
        "connection": None if connection is None else connection.name,
    }


def about_channel(
    call_id: str | None, agent_id: str | None = None, connection: Connection | None = None
) -> About:
    """What no record stands on the board for; ids that are none of ours are left out."""
    return {
        "call": call_id if CALL_ID.fullmatch(call_id or "") else None,
        "agent": agent_id if AGENT_ID.fullmatch(agent_id or "") else None,
        "connection": None if connection is None else connection.name,
    }
