"""The parts of the desk, wired."""

from __future__ import annotations

from fsapp.desk.arrivals import Arrivals
from fsapp.desk.board import Leg, Turn
from fsapp.desk.bridges import Bridges
from fsapp.desk.census import SOON_SECONDS, Census
from fsapp.desk.context import Context
from fsapp.desk.endings import Endings
from fsapp.desk.forgotten import Forgotten
from fsapp.desk.legs import Legs
from fsapp.desk.music import Music
from fsapp.desk.transfers import Transfers

__all__ = ["Parts"]


class Parts:
    """Builds every part once and tells them of each other."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.legs = Legs(context)
        self.music = Music(context)
        self.bridges = Bridges(context, self.legs, self.music)
        self.endings = Endings(context, self.legs, self.bridges, self.music)
        self.transfers = Transfers(context, self.legs, self.bridges, self.music)
        self.arrivals = Arrivals(context, self.legs, self.bridges, self.endings, self.music)
        self.census = Census(context, self.legs, self.endings)
        self.forgotten = Forgotten(context, self.bridges, self.music)
        self.endings.transfer_broken = self.transfers.broken
        self.legs.ready = self._phone_answered
        self.legs.silent = self.endings.silent = lambda: self.census.schedule(SOON_SECONDS)

    def _phone_answered(self, turn: Turn, leg: Leg) -> None:
        request, leg.request = leg.request, None
        if leg.live is not None:
            self.bridges.start(turn, leg.live, leg)
        else:
            self.context.board.finish(turn, request)
