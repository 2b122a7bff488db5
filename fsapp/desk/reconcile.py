"""Looking at what FreeSWITCH has, when it begins to answer and when somebody is overdue.

``show channels`` lags by up to 0.3 s (measured), so it is asked twice, and ``uuid_dump`` for every
channel that no connection of ours leads to. What is concluded from that: comparison.py.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial

from fsapp.calls.text import CALL_ID
from fsapp.desk.board import Board, Leg, LiveCall, Turn
from fsapp.desk.comparison import OVERDUE_SECONDS, Comparison, Look, View
from fsapp.desk.context import Context
from fsapp.desk.endings import Endings
from fsapp.desk.fetches import Fetches
from fsapp.desk.legs import Legs
from fsapp.switch import commands
from fsapp.switch.channel import Channel, Dump, Reply
from fsapp.switch.connection import Connection

__all__ = ["Reconciliation", "channels_listed"]

log = logging.getLogger(__name__)

COMPLETE_SECONDS = 0.3
"""How far ``show channels`` lags behind (measured)."""


class Reconciliation:
    """Looks at FreeSWITCH's channels over the control connection. ``joined``: told whom a call that
    is just being joined is joined with already."""

    def __init__(
        self,
        context: Context,
        legs: Legs,
        endings: Endings,
        fetches: Fetches,
        joined: Callable[[Turn, LiveCall, str], None],
    ) -> None:
        self._context = context
        self._board: Board = context.board
        self._comparison = partial(
            Comparison,
            context,
            legs=legs,
            endings=endings,
            fetches=fetches,
            joined=joined,
            look_later=self._look_later,
        )
        self._looked = 0.0

    def schedule(self) -> None:
        """Looks at every channel there is: at once, and when the list of them is complete."""
        self._board.clock.later(0, lambda: self._list(Look.FIRST))
        self._board.clock.later(COMPLETE_SECONDS, lambda: self._list(Look.WHOLE))

    def look_at_once(self) -> None:
        """Somebody who was just being joined has lost the connection that would have told of it.
        Not in a turn."""
        self._list(Look.FIRST)

    def look_again(self) -> None:
        """Somebody should have come back by now. Not in a turn; not more often than of use."""
        now = self._board.clock.now()
        if now - self._looked >= OVERDUE_SECONDS:
            self._looked = now
            self._list(Look.AGAIN)

    def _look_later(self) -> None:
        """Somebody stands alone who may just be being joined. In a turn."""
        self._board.clock.later(OVERDUE_SECONDS, self.look_again)

    def _list(self, look: Look) -> None:
        with self._board.turn() as turn:
            control = self._context.control.connection
            if control is not None:
                told = lambda reply: self._listed(control, reply, look)  # noqa: E731
                turn.post(control, commands.api_show_channels(), on_reply=told)

    def _listed(self, control: Connection, reply: Reply, look: Look) -> None:
        listed = channels_listed(reply)
        if listed is None:
            if look is not Look.FIRST and not reply.lost:
                # It may be about to start: its Event Socket answers before its commands are there.
                self._board.clock.later(OVERDUE_SECONDS, lambda: self._list(look))
            return
        with self._board.turn() as turn:
            unsure = [uuid for uuid in listed if self._unsure(uuid)]
            if unsure:
                self._ask(turn, control, unsure, look)
            else:
                self._comparison(turn, View(control, {}, look)).carry_out()

    def _ask(self, turn: Turn, control: Connection, uuids: Sequence[str], look: Look) -> None:
        seen: dict[str, Channel] = {}

        def told(reply: Reply) -> None:
            channel = Channel.read(Dump(reply.text))
            if channel.uuid:
                seen[channel.uuid] = channel

        def last(reply: Reply) -> None:
            told(reply)
            if not reply.lost:
                with self._board.turn() as later:
                    self._comparison(later, View(control, seen, look)).carry_out()

        for uuid in uuids[:-1]:
            turn.post(control, commands.api_dump(uuid), on_reply=told)
        turn.post(control, commands.api_dump(uuids[-1]), on_reply=last)

    def _unsure(self, uuid: str) -> bool:
        """Whether we do not know what the channel does: no connection of ours leads to it, or to
        one it may be joined with. Only of two who were both asked about is known that they are
        apart."""
        call, leg = self._board.calls.get(uuid), self._board.legs.get(uuid)
        around: list[LiveCall | Leg | None] = [call, leg]
        if call is not None:
            around += [call.leg, call.bridging, call.partner]
        if leg is not None:
            around.append(leg.live)
        known = [one for one in around if one is not None]
        return not known or any(one.connection is None for one in known)


def channels_listed(reply: Reply) -> list[str] | None:
    """The channels that FreeSWITCH lists and that may be asked about; ``None`` when it does not."""
    try:
        rows = json.loads(reply.text).get("rows", [])
    except ValueError:
        if not reply.lost:
            log.warning("FreeSWITCH does not list its channels: %.80s", reply.text)
        return None
    uuids = (str(row.get("uuid", "")) for row in rows)
    return [uuid for uuid in uuids if CALL_ID.fullmatch(uuid)]
