"""The end of a shift of the process (protocol §8): what is under way is finished or undone.

The law of this file: conversations are not touched. Whoever waits, queued or on hold, stays where
she is; closing her connection hands her back to the dialplan (freeswitch.md §3). Only what would be
left in between is ended: phones that ring, numbers being dialled, legs that nobody speaks on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from fsapp.calls.call import State
from fsapp.calls.refusals import draining
from fsapp.calls.table import Happening
from fsapp.desk.board import Leg, LegPhase, LiveCall, Request, Turn
from fsapp.desk.parts import Parts

__all__ = ["Closing"]

log = logging.getLogger(__name__)


class Closing:
    """What is under way when the process is asked to stop. None of it waits."""

    def __init__(self, parts: Parts) -> None:
        self._context = parts.context
        self._board = parts.context.board
        self._legs = parts.legs
        self._endings = parts.endings

    def busy(self) -> bool:
        """Whether FreeSWITCH may still finish a request, or a callee answer."""
        if self._context.control.connection is None:
            return False
        with self._board.turn():
            return any(self._requests()) or any(self._dialled())

    def in_between(self) -> bool:
        """Whether a phone still rings for us, or a leg is up that nobody speaks on."""
        with self._board.turn():
            return any(self._unspoken())

    def give_up(self) -> None:
        """Refuses what is under way (503), stops phones that ring and numbers being dialled."""
        with self._board.turn() as turn:
            for request in list(self._requests()):
                self._board.finish(turn, request, draining())
            for live in list(self._board.calls.values()):
                if live.call.state is State.RINGING:
                    self._endings.end(turn, live, doomed=True)
                elif live.call.state is State.TRANSFERRING and live.leg is None:
                    self._board.happen(turn, live, Happening.RELEASE)
            self._release(turn)

    def let_go(self) -> None:
        """Hangs up the legs that nobody speaks on."""
        with self._board.turn() as turn:
            self._release(turn)

    def _release(self, turn: Turn) -> None:
        for leg in list(self._unspoken()):
            self._legs.release(turn, leg)

    def _requests(self) -> Iterator[Request]:
        for status in self._board.agents.values():
            if status.request is not None:
                yield status.request
            if status.phone is not None and not status.phone.answered:
                yield status.phone
        for live in self._board.calls.values():
            if live.request is not None:
                yield live.request
            yield from live.enders

    def _dialled(self) -> Iterator[LiveCall]:
        calls = self._board.calls.values()
        return (live for live in calls if live.call.state is State.RINGING)

    def _unspoken(self) -> Iterator[Leg]:
        """Ringing, or idle; one that is just being joined with a call is being spoken on soon."""
        for leg in self._board.legs.values():
            joining = leg.live is not None and leg.live.bridging is leg
            if leg.phase is LegPhase.RINGING or (leg.phase is LegPhase.IDLE and not joining):
                yield leg
