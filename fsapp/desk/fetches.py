"""Sending a customer to the return point from outside, and knowing which arrival is hers.

She may be coming by herself at that very moment: then she arrives, and what was sent takes her away
once more. Joined with an agent in between she would tear the young bridge, and FreeSWITCH hangs
the agent's leg up with that (freeswitch.md §8). So the way she is sent leaves a mark on her
channel, and until it arrives with her she is joined with nobody.
"""

from __future__ import annotations

import logging
import uuid

from fsapp.desk.board import LiveCall, Turn
from fsapp.desk.bridges import Bridges
from fsapp.desk.context import RETURN_POINT, Context
from fsapp.switch import commands
from fsapp.switch.channel import Channel, Reply
from fsapp.switch.connection import Connection

__all__ = ["Fetches"]

log = logging.getLogger(__name__)

MARK = "fsapp_fetched"

ARRIVES_SECONDS = 5.0
"""How long she may take; then whoever waits for her is joined with her where she is."""


class Fetches:
    """Fetches customers into the dialplan's loop."""

    def __init__(self, context: Context, bridges: Bridges) -> None:
        self._context = context
        self._board = context.board
        self._bridges = bridges

    def fetch(self, turn: Turn, live: LiveCall, way: Connection) -> None:
        """Sends her to the return point by a command on ``way``; her own connection is told to end
        in the same write, as park does it."""
        call, mark = live.call, uuid.uuid4().hex[:12]
        live.mark, live.away, live.fetched = mark, True, self._board.clock.now()
        turn.post(
            way,
            # With five failed attempts behind her she would hear the fallback to its end first.
            commands.api_set(call.id, {"fsapp_attempts": ""}),
            commands.api_transfer_marked(call.id, {MARK: mark}, RETURN_POINT, call.context),
            on_reply=lambda reply: self._replied(live, mark, reply),
        )
        if way is live.connection:
            self._context.dismiss(turn, way)
        self._board.clock.later(ARRIVES_SECONDS, lambda: self._over(live, mark))

    def arrived(self, live: LiveCall, channel: Channel) -> None:
        """She has a new connection: is it the one she was sent for, or does another follow?"""
        if live.mark in ("", channel.variables.get(MARK)):
            live.mark, live.fetched = "", 0.0
        live.away = bool(live.mark)

    def _replied(self, live: LiveCall, mark: str, reply: Reply) -> None:
        if reply.refused and not reply.lost:
            with self._board.turn():
                if live.mark == mark:
                    live.fetched = 0.0
            self._over(live, mark)

    def _over(self, live: LiveCall, mark: str) -> None:
        """Nothing more will come of it."""
        with self._board.turn() as turn:
            if live.mark != mark:
                return
            live.mark, live.away = "", False
            if live.connection is None:
                return
            if live.bridging is not None:
                self._bridges.start(turn, live, live.bridging)
            else:
                self._bridges.waits_where_she_is(turn, live)
