"""The parts of the desk, wired."""

from __future__ import annotations

from fsapp.calls.call import State
from fsapp.desk.arrivals import Arrivals
from fsapp.desk.board import Leg, LiveCall, Turn
from fsapp.desk.bridges import Bridges
from fsapp.desk.census import SOON_SECONDS, Census
from fsapp.desk.context import Context
from fsapp.desk.endings import Endings
from fsapp.desk.fetches import Fetches
from fsapp.desk.forgotten import Forgotten
from fsapp.desk.legs import Legs
from fsapp.desk.music import Music
from fsapp.desk.reconcile import Reconciliation
from fsapp.desk.transfers import Transfers
from fsapp.switch import commands

__all__ = ["Parts"]


class Parts:
    """Builds every part once and tells them of each other."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.legs = Legs(context)
        self.music = Music(context)
        self.bridges = Bridges(context, self.legs, self.music)
        self.fetches = Fetches(context, self.bridges)
        self.bridges.fetch = self.fetches.fetch
        self.endings = Endings(context, self.legs, self.bridges, self.music, self.fetches)
        self.transfers = Transfers(context, self.legs, self.bridges, self.music)
        self.arrivals = Arrivals(
            context,
            self.legs,
            self.bridges,
            self.endings,
            music=self.music,
            fetches=self.fetches,
        )
        self.reconciliation = Reconciliation(
            context, self.legs, self.endings, self.fetches, self.joined
        )
        self.census = Census(context, self.legs, self.endings, self.reconciliation)
        self.forgotten = Forgotten(context, self.bridges, self.music)
        self.endings.transfer_broken = self.transfers.broken
        self.legs.ready = self._phone_answered
        self.legs.back = self._leg_is_back
        self.legs.silent = self.endings.silent = lambda: self.census.schedule(SOON_SECONDS)

    def joined(self, turn: Turn, live: LiveCall, other: str) -> None:
        """FreeSWITCH has joined the call with the channel ``other``."""
        self.bridges.done(turn, live, other)
        self.transfers.bridged(turn, live, other)

    def _phone_answered(self, turn: Turn, leg: Leg) -> None:
        request, leg.request = leg.request, None
        if leg.live is not None:
            self.bridges.start(turn, leg.live, leg)
        else:
            self.context.board.finish(turn, request)

    def _leg_is_back(self, turn: Turn, leg: Leg) -> None:
        """A leg was dialling when fsapp went away: she hears that it rings, or speaks."""
        live, connection = leg.live, leg.connection
        if live is None or connection is None:
            return
        if live.connection is not None:
            self.bridges.start(turn, live, leg)
        elif live.call.state is State.RINGING:
            ringback = commands.execute("playback", self.context.options.ringback, leg.uuid)
            turn.post(connection, ringback)
