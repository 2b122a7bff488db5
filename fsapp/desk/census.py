"""Calls and legs whose connection ended without a word: are they still alive?

FreeSWITCH knows. A caller who waits comes back on a new connection by herself within seconds
(freeswitch.md §3), a conversation goes on without one; a channel that FreeSWITCH no longer has
is ended here, so that nobody is listed, owned or busy for ever.
"""

from __future__ import annotations

import json
import logging

from fsapp.desk.board import Board, Leg, LiveCall, Turn
from fsapp.desk.context import Context
from fsapp.desk.endings import Endings
from fsapp.desk.legs import Legs
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection

__all__ = ["Census"]

log = logging.getLogger(__name__)

GRACE_SECONDS = 3.0
"""How long a channel may be without a connection before FreeSWITCH is asked about it."""

LOST = "NORMAL_UNSPECIFIED"
"""The cause on record when nobody told us one."""


class Census:
    """Asks FreeSWITCH which channels are alive, whenever one of ours has no connection."""

    def __init__(self, context: Context, legs: Legs, endings: Endings) -> None:
        self._context = context
        self._board: Board = context.board
        self._legs = legs
        self._endings = endings
        self._due = False

    def connection_lost(self, connection: Connection) -> None:
        """A connection has ended; whoever stood on it stands alone now."""
        now = self._board.clock.now()
        live = self._board.calls.get(connection.uuid)
        leg = self._board.legs.get(connection.uuid)
        if live is not None and live.connection is connection:
            live.connection, live.alone_since = None, now
        elif leg is not None and leg.connection is connection:
            leg.connection, leg.alone_since = None, now
        else:
            return
        self.schedule()

    def schedule(self, seconds: float = GRACE_SECONDS) -> None:
        """Asks after ``seconds``, once however often it is called; in a turn."""
        if not self._due:
            self._due = True
            self._board.clock.later(seconds, self._ask)

    def _ask(self) -> None:
        with self._board.turn() as turn:
            self._due = False
            control = self._context.control.connection
            if not self._alone():
                return
            if control is None:
                self.schedule()
            else:
                turn.post(control, commands.api_channels(), on_reply=self._told)

    def _told(self, reply: Reply) -> None:
        with self._board.turn() as turn:
            alive = None if reply.refused else _uuids(reply.text)
            if alive is not None:
                self._end_missing(turn, alive)
            if self._alone():
                self.schedule()

    def _end_missing(self, turn: Turn, alive: set[str]) -> None:
        limit = self._board.clock.now() - GRACE_SECONDS
        for item in self._alone():
            since = item.alone_since or 0.0
            if since > limit:
                continue
            if isinstance(item, LiveCall) and item.call.id not in alive:
                log.warning("%s: FreeSWITCH no longer has it; ended", item.call.id)
                self._endings.hung_up(turn, item, LOST)
            elif isinstance(item, Leg) and item.uuid not in alive:
                self._legs.gone(turn, item, LOST)

    def _alone(self) -> list[LiveCall | Leg]:
        calls = [live for live in self._board.calls.values() if live.alone_since is not None]
        legs = [leg for leg in self._board.legs.values() if leg.alone_since is not None]
        return [*calls, *legs]


def _uuids(text: str) -> set[str] | None:
    """The uuids of ``show channels as json``; ``None`` when that is no such answer."""
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    if not isinstance(answer, dict) or "row_count" not in answer:
        return None
    return {str(row.get("uuid", "")) for row in answer.get("rows", [])}
