"""Attended transfer: the parked customer is joined with the one the agent speaks to.

Until FreeSWITCH says CHANNEL_BRIDGE nothing is burnt: the agent's leg would stay, and both
customers would come back into the dialplan. Only then the leg is let go and both calls are
told to end together (protocol §4).
"""

from __future__ import annotations

import logging

from fsapp.calls.call import State
from fsapp.calls.guard import DESTINATION_GONE
from fsapp.calls.refusals import Refusal, bridge_failed, dependency_timeout
from fsapp.calls.table import Happening
from fsapp.desk.board import Leg, LegPhase, LiveCall, Request, Turn
from fsapp.desk.bridges import Bridges, conversation_variables, waiting_variables
from fsapp.desk.context import Context
from fsapp.desk.legs import Legs
from fsapp.desk.music import Music
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection

__all__ = ["Transfers"]

log = logging.getLogger(__name__)

TOGETHER = {
    "hangup_after_bridge": "true",
    "transfer_after_bridge": "",
    "uuid_bridge_continue_on_cancel": "",
    "fsapp_state": State.TRANSFERRED.value,
    "fsapp_owner": "",
}
"""What both customers' channels carry once they speak with each other."""


class Transfers:
    """Begins transfers and says what became of them."""

    def __init__(self, context: Context, legs: Legs, bridges: Bridges, music: Music) -> None:
        self._context = context
        self._board = context.board
        self._legs = legs
        self._bridges = bridges
        self._music = music

    def start(
        self,
        turn: Turn,
        request: Request,
        source: LiveCall,
        destination: LiveCall,
        *,
        way: Connection,
    ) -> None:
        """Joins ``source`` (parked) with ``destination`` (spoken with) by a command on ``way``,
        the source's own connection."""
        source.partner, destination.partner = destination, source
        source.request = destination.request = request
        # From here on her conversation is no longer only known from a row: should it come apart
        # and nothing come of the transfer, that is why, and the two are joined again.
        destination.restored = False
        turn.agents.add(request.agent.id)
        owner = request.agent.id
        prepare = [commands.api_set(source.call.id, conversation_variables(source.call, owner))]
        if destination.leg is not None:
            destination.leg.stays = True
            prepare.append(commands.api_set(destination.leg.uuid, {"park_after_bridge": "true"}))
        bridge = commands.api_bridge(source.call.id, destination.call.id)
        turn.post(way, *prepare, bridge, on_reply=lambda reply: self._replied(source, reply))
        limit = self._context.options.switch_timeout
        self._board.clock.later(limit, lambda: self._overdue(request, source))

    def bridged(self, turn: Turn, live: LiveCall, other: str) -> None:
        """FreeSWITCH has joined the two; whichever of them it told of."""
        partner, request = live.partner, live.request
        if partner is None or partner.call.id != other or request is None:
            return
        first = request.call_id == live.call.id
        source, destination = (live, partner) if first else (partner, live)
        leg = destination.leg
        source.partner = destination.partner = None
        source.request = destination.request = destination.leg = None
        self._music.stopped(source)
        self._board.happen(turn, source, Happening.TRANSFER, channel=destination.call.id)
        self._board.happen(turn, destination, Happening.TRANSFER, channel=source.call.id)
        request.joined = source.call, destination.call
        self._burn(turn, source, destination)
        self._let_go(turn, leg)
        self._board.finish(turn, request)

    def _burn(self, turn: Turn, source: LiveCall, destination: LiveCall) -> None:
        way = self._context.way_to(source)
        if way is not None:
            ids = (source.call.id, destination.call.id)
            turn.post(way, *(commands.api_set(call_id, TOGETHER) for call_id in ids))

    def _let_go(self, turn: Turn, leg: Leg | None) -> None:
        if leg is not None:
            leg.live = None
            self._legs.release(turn, leg)

    def _replied(self, source: LiveCall, reply: Reply) -> None:
        if not reply.refused or reply.lost:
            return
        with self._board.turn() as turn:
            way = self._context.way_to(source)
            if source.partner is not None and way is not None:
                ask = commands.api_exists(source.call.id)
                turn.post(way, ask, on_reply=lambda reply: self._asked(source, reply))

    def _asked(self, source: LiveCall, reply: Reply) -> None:
        """Whose uuid was invalid? If the source is there, the destination is not."""
        with self._board.turn() as turn:
            if source.partner is not None and reply.text == "true":
                self._undo(turn, source, bridge_failed(DESTINATION_GONE))

    def _overdue(self, request: Request, source: LiveCall) -> None:
        with self._board.turn() as turn:
            if source.partner is not None and source.request is request:
                late = dependency_timeout("FreeSWITCH did not bridge the two calls in time")
                self._undo(turn, source, late)

    def _undo(self, turn: Turn, source: LiveCall, refusal: Refusal) -> None:
        """Nothing has changed: the source waits on, the agent speaks on."""
        destination, request = source.partner, source.request
        source.partner = source.request = None
        if destination is not None:
            destination.partner = destination.request = None
            self.broken(turn, destination)
        self.broken(turn, source)
        self._board.finish(turn, request, refusal)

    def broken(self, turn: Turn, live: LiveCall) -> None:
        """One side of a transfer that did not come to be goes on as before."""
        if live.call.state is State.SPEAKING:
            self._speak_on(turn, live)
        elif live.connection is not None and live.call.state is State.PARKED:
            variables = waiting_variables(live.call)
            turn.post(live.connection, commands.api_set(live.call.id, variables))
            self._music.start(turn, live)

    def _speak_on(self, turn: Turn, live: LiveCall) -> None:
        leg = live.leg
        if leg is None:
            self._bridges.conversation_lost(turn, live, "NORMAL_UNSPECIFIED")
        elif leg.phase is LegPhase.IDLE:
            self._bridges.start(turn, live, leg)
        else:
            # The bridge may just be breaking: the leg must survive that, and is joined again.
            limit = self._context.options.switch_timeout
            self._board.clock.later(limit, lambda: self._no_longer_stays(live, leg))

    def _no_longer_stays(self, live: LiveCall, leg: Leg) -> None:
        with self._board.turn() as turn:
            idle = live.partner is None and live.request is None
            unused = idle and live.leg is leg and leg.phase is LegPhase.BRIDGED
            way = leg.connection or self._context.control.connection
            if unused and leg.stays and way is not None:
                leg.stays = False
                turn.post(way, commands.api_set(leg.uuid, {"park_after_bridge": ""}))
