"""Channels that fell silent: are they still alive?

A caller may hang up just when her channel changes connections, a connection may break, FreeSWITCH
may restart: then no hangup event arrives. FreeSWITCH knows what it has (``uuid_exists`` is exact,
``show channels`` lags by up to 0.3 s: measured). A caller who waits comes back on a new connection
by herself within seconds, a conversation goes on without one (freeswitch.md §3); a channel that
FreeSWITCH no longer has is ended here, so that nobody is listed, owned or busy for ever.
"""

from __future__ import annotations

import logging
import re

from fsapp.desk.about import about, about_leg
from fsapp.desk.board import Board, Leg, LegPhase, LiveCall, Turn
from fsapp.desk.comparison import COMES_BACK, FETCH_AGAIN_SECONDS, OVERDUE_SECONDS
from fsapp.desk.context import Context
from fsapp.desk.endings import HUNG_UP, Endings
from fsapp.desk.legs import Legs
from fsapp.desk.reconcile import Reconciliation
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection

__all__ = ["Census"]

log = logging.getLogger(__name__)

SOON_SECONDS = 0.3
"""How long a hangup event may come behind the notice, or a new connection behind the old one."""

AGAIN_SECONDS = 2.0

LOST = "NORMAL_UNSPECIFIED"
"""The cause on record when nobody can tell it any more."""

_CAUSE = re.compile(r"[A-Z][A-Z0-9_]+")


class Census:
    """Asks FreeSWITCH about every call and leg that has no connection."""

    def __init__(
        self, context: Context, legs: Legs, endings: Endings, reconciliation: Reconciliation
    ) -> None:
        self._context = context
        self._board: Board = context.board
        self._legs = legs
        self._endings = endings
        self._reconciliation = reconciliation
        self._due = False
        self._looks = False

    def connection_lost(self, connection: Connection) -> None:
        """A connection has ended; whoever stood on it stands alone now. In a turn."""
        item = self._on(connection)
        if item is not None:
            item.connection, item.alone_since = None, self._board.clock.now()
            self.schedule(SOON_SECONDS)
            if isinstance(item, LiveCall) and (item.bridging or item.partner):
                self._look_soon()
        for leg in self._board.legs.values():
            if leg.way is connection and leg.phase is LegPhase.RINGING:
                # What comes of ringing its phone would have been told here.
                leg.alone_since = self._board.clock.now()
                self.schedule(SOON_SECONDS)
                self._expect_switch(leg)

    def _look_soon(self) -> None:
        """Once for all whose connections break together; in a turn."""

        def look() -> None:
            with self._board.turn():
                self._looks = False
            self._reconciliation.look_at_once()

        if not self._looks:
            self._looks = True
            self._board.clock.later(SOON_SECONDS, look)

    def _expect_switch(self, leg: Leg) -> None:
        """Who waits for this phone waits in vain if FreeSWITCH cannot even be asked about it."""

        def look() -> None:
            with self._board.turn() as turn:
                ringing = leg.phase is LegPhase.RINGING and leg.alone_since is not None
                if ringing and self._context.control.connection is None:
                    self._legs.abandon(turn, leg)

        self._board.clock.later(self._context.options.switch_timeout, look)

    def channel_down(self, connection: Connection) -> None:
        """FreeSWITCH says that the channel has ended; its hangup event should follow. In a turn."""
        if self._on(connection) is not None:
            self._board.clock.later(SOON_SECONDS, lambda: self._why(connection))

    def schedule(self, seconds: float) -> None:
        """Asks after ``seconds``, once however often it is called; in a turn."""
        if not self._due:
            self._due = True
            self._board.clock.later(seconds, self._ask)

    def _on(self, connection: Connection) -> LiveCall | Leg | None:
        live = self._board.calls.get(connection.uuid)
        leg = self._board.legs.get(connection.uuid)
        item = live or leg
        return item if item is not None and item.connection is connection else None

    def _why(self, connection: Connection) -> None:
        """No hangup event has followed: the cause is asked for, while the channel lingers."""
        with self._board.turn() as turn:
            item = self._on(connection)
            if item is not None:
                ask = commands.api_get(connection.uuid, "hangup_cause")
                turn.post(connection, ask, on_reply=lambda reply: self._ended(item, reply))

    def _ended(self, item: LiveCall | Leg, reply: Reply) -> None:
        if reply.lost:
            return  # whoever stands alone now is asked about over the control connection
        cause = reply.text if _CAUSE.fullmatch(reply.text) else self._cause(item)
        with self._board.turn() as turn:
            self._end(turn, item, cause)

    def _ask(self) -> None:
        with self._board.turn() as turn:
            self._due = False
            control = self._context.control.connection
            for item in self._alone() if control is not None else []:
                self._ask_about(turn, control, item)
            overdue = self._somebody_is_overdue()
            if self._alone():
                self.schedule(AGAIN_SECONDS)
        if overdue:
            self._reconciliation.look_again()

    def _somebody_is_overdue(self) -> bool:
        """Whether a caller should be back by now; FreeSWITCH then says what she does instead."""
        now = self._board.clock.now()
        calls = self._board.calls.values()
        waiting = (one for one in calls if one.call.state in COMES_BACK or one.bridging is not None)
        alone = (live for live in waiting if live.alone_since is not None)
        return any(
            now - (live.alone_since or 0.0) > OVERDUE_SECONDS
            and now - live.fetched > FETCH_AGAIN_SECONDS
            for live in alone
        )

    def _ask_about(self, turn: Turn, control: Connection | None, item: LiveCall | Leg) -> None:
        assert control is not None
        uuid, known = (
            (item.call.id, about(item))
            if isinstance(item, LiveCall)
            else (item.uuid, about_leg(item))
        )

        def told(reply: Reply) -> None:
            if reply.text == "false" and item.connection is None:
                log.warning("%s: FreeSWITCH no longer has it; ended", uuid, extra=known)
                with self._board.turn() as later:
                    self._end(later, item, self._cause(item))

        turn.post(control, commands.api_exists(uuid), on_reply=told)

    def _cause(self, item: LiveCall | Leg) -> str:
        """What FreeSWITCH said of the end, if it was before anybody here knew the channel."""
        if isinstance(item, LiveCall) and item.ending:
            return HUNG_UP
        uuid = item.call.id if isinstance(item, LiveCall) else item.uuid
        return self._board.causes.of(uuid) or LOST

    def _end(self, turn: Turn, item: LiveCall | Leg, cause: str) -> None:
        if isinstance(item, LiveCall):
            self._endings.hung_up(turn, item, cause)
        else:
            self._legs.gone(turn, item, cause)

    def _alone(self) -> list[LiveCall | Leg]:
        calls = [live for live in self._board.calls.values() if live.alone_since is not None]
        legs = [leg for leg in self._board.legs.values() if leg.alone_since is not None]
        return [*calls, *legs]
