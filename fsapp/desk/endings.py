"""How calls end, and what becomes of a call whose agent's leg ends (protocol §5).

When an agent hangs up her phone (cause NORMAL_CLEARING) or uses ``/call/hangup``, the call ends.
When her leg drops out by accident, the caller goes back to the head of the queue. Nothing is
decided before it is known that the caller is still there: she comes back on a new connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from fsapp.calls.call import State
from fsapp.calls.guard import CALL_ON_HOLD_GONE, DESTINATION_GONE
from fsapp.calls.refusals import Refusal, bridge_failed, call_not_found
from fsapp.calls.table import Happening
from fsapp.desk.about import about
from fsapp.desk.board import AgentStatus, Leg, LegPhase, LiveCall, Request, Turn
from fsapp.desk.bridges import Bridges, waiting_variables
from fsapp.desk.context import Context
from fsapp.desk.fetches import Fetches
from fsapp.desk.legs import Legs
from fsapp.desk.music import Music
from fsapp.switch import commands
from fsapp.switch.channel import Reply

__all__ = ["HUNG_UP", "Endings"]

log = logging.getLogger(__name__)

HUNG_UP = "NORMAL_CLEARING"
"""The cause of a leg whose phone was hung up by a person."""

RELEASED = "released by fsapp"

_ELSEWHERE = frozenset(state.value for state in State) - {State.SPEAKING.value}
"""What a customer's channel says of itself who is in no conversation with an agent."""

SILENT_SECONDS = 1.0
"""How long the result of a dialling that was cancelled may take to arrive."""

SETTLE_SECONDS = 2.0
"""How long a customer whose conversation ended may take to come back or to hang up."""


class Endings:
    """Ends calls; told when channels have ended."""

    def __init__(
        self, context: Context, legs: Legs, bridges: Bridges, music: Music, fetches: Fetches
    ) -> None:
        self._context = context
        self._fetches = fetches
        self._board = context.board
        self._legs = legs
        self._bridges = bridges
        self._music = music
        legs.lost = self.leg_lost
        bridges.end = self.end
        bridges.conversation_lost = self.conversation_lost
        self.silent: Callable[[], None] = lambda: None
        self.transfer_broken: Callable[[Turn, LiveCall], None] = lambda _turn, _live: None

    def end(self, turn: Turn, live: LiveCall, *, doomed: bool = False) -> None:
        """Hangs the customer's channel up, in whatever phase; her hangup event does the rest.

        ``doomed``: FreeSWITCH may yet begin to dial it, and must not.
        """
        live.ending = True
        if live.call.assigned_to is not None:
            turn.agents.add(live.call.assigned_to)
        leg = live.leg
        if leg is not None and leg.phase is LegPhase.RINGING:
            self._legs.release(turn, leg)
        way = live.connection or (leg.connection if leg is not None else None)
        if way is not None and way.closed:
            way = None
        self._context.kill(turn, live.call.id, way, doomed=doomed)
        if live.connection is None:
            self._board.clock.later(SILENT_SECONDS, lambda: self._declare(live))

    def _declare(self, live: LiveCall) -> None:
        """A channel without a connection of its own cannot tell that it has ended."""
        with self._board.turn():
            if live.connection is not None or not live.call.live:
                return
            # FreeSWITCH is asked whether it is gone, until it is (census.py).
            if live.alone_since is None:
                live.alone_since = self._board.clock.now()
            self.silent()

    def hung_up(self, turn: Turn, live: LiveCall, cause: str, *, unanswered: bool = False) -> None:
        """The customer's channel has ended, with FreeSWITCH's cause. ``unanswered``: FreeSWITCH
        says she never was, though it was told to."""
        if not live.call.live:
            return
        before, cause = live.call, cause or "NORMAL_UNSPECIFIED"
        never = unanswered and before.inbound and not live.answered
        self._board.happen(turn, live, Happening.HANGUP, cause=cause, unanswered=never)
        self._board.jobs.pop(live.job, None)
        status = self._board.agents.get(before.assigned_to or "")
        if before.is_current and status is not None:
            status.lost_destination = not before.inbound
        for connection in live.superseded:
            self._context.dismiss(turn, connection)
        self._context.make_sure_closed(live.connection)
        self._answer(turn, live)
        self._free_leg(turn, live, ringing=before.state is State.RINGING)
        self._board.remove(live)
        if before.state is State.PARKED and live.enders and status is not None:
            self._free_idle_leg(turn, status)

    def leg_lost(self, turn: Turn, leg: Leg, cause: str) -> None:
        """An agent's leg has ended, or was never answered."""
        live = leg.live
        if live is None or not live.call.live or live.leg is not leg:
            self._legs.refuse(turn, leg, cause)
        elif live.bridging is leg or live.call.state in (State.TRANSFERRING, State.PARKED):
            self._bridges.failed(turn, live, leg, cause)
        elif live.call.state is State.RINGING:
            live.leg = None
            self.end(turn, live)
        else:
            # Given up, and joined all the same before FreeSWITCH heard of that: no hand of hers.
            ours = cause == HUNG_UP and self._legs.was_released(leg)
            self.conversation_lost(turn, live, RELEASED if ours else cause)

    def settle(self, turn: Turn, live: LiveCall) -> None:
        """Customer and leg are no longer bridged: is it over, and whose doing was it?"""
        leg = live.leg
        if live.call.state is not State.SPEAKING or live.ending or _being_moved(live):
            return
        if live.lost_leg and live.returned:
            self._back_to_queue(turn, live)
        elif leg is not None and leg.phase is LegPhase.IDLE and live.bridging is None:
            # Both are there: a transfer that came to nothing has pulled them apart.
            control = self._context.control.connection
            if not live.restored or live.connection is not None:
                self._bridges.start(turn, live, leg)
            elif control is not None and not live.away:
                # Or a park that only her channel knows of: she is asked (arrivals.py).
                self._fetches.fetch(turn, live, control)

    def conversation_lost(self, turn: Turn, live: LiveCall, cause: str) -> None:
        """The agent's leg is gone from a conversation: by her hand, or by accident."""
        live.leg = None
        if live.ending or _being_moved(live):
            return
        if cause == HUNG_UP:
            self._hung_up_by_hand(turn, live)
            return
        log.warning("the agent's leg was lost (%s)", cause, extra=about(live))
        live.lost_leg = True
        self.settle(turn, live)
        self._board.clock.later(SETTLE_SECONDS, lambda: self._fetch(live))

    def _hung_up_by_hand(self, turn: Turn, live: LiveCall) -> None:
        """A conversation that is only known from its row may have been put on hold, transferred or
        lost just before the crash, and its leg be ending for that: her channel tells."""
        way = self._context.control.connection
        if not live.restored or way is None:
            self.end(turn, live)
            return
        ask = commands.api_get(live.call.id, "fsapp_state")
        turn.post(way, ask, on_reply=lambda reply: self._told(live, reply))

    def _told(self, live: LiveCall, reply: Reply) -> None:
        """What her channel is in. If not in a conversation, or if nobody can say, she comes back
        through the dialplan, and it is read then what became of her (arrivals.py)."""
        with self._board.turn() as turn:
            over = live.leg is not None or live.ending or not live.restored
            if over or live.call.state is not State.SPEAKING or reply.lost:
                return
            if reply.text.strip() in _ELSEWHERE:
                log.warning("her channel is %s: kept", reply.text.strip(), extra=about(live))
            else:
                self.end(turn, live)

    def _fetch(self, live: LiveCall) -> None:
        """A customer who did not come back by herself is sent to the return point."""
        with self._board.turn() as turn:
            waits = live.call.state is State.SPEAKING and live.lost_leg and not live.ending
            way = self._context.way_to(live)
            if waits and way is not None:
                self._back_to_queue(turn, live)
                self._fetches.fetch(turn, live, way)

    def _back_to_queue(self, turn: Turn, live: LiveCall) -> None:
        live.lost_leg = False
        back, live.returned = live.returned, False
        self._legs.release(turn, live.leg)
        live.leg = None
        self._board.happen(turn, live, Happening.LOSE_AGENT)
        live.away = not back
        if back and live.connection is not None:
            variables = waiting_variables(live.call)
            turn.post(live.connection, commands.api_set(live.call.id, variables))
            self._music.start(turn, live)

    def _answer(self, turn: Turn, live: LiveCall) -> None:
        for ender in live.enders:
            self._board.finish(turn, ender)
        request = live.request
        if request is not None:
            self._board.finish(turn, request, _gone(request, live))
        partner, live.partner = live.partner, None
        if partner is not None:
            partner.partner = partner.request = None
            self.transfer_broken(turn, partner)

    def _free_leg(self, turn: Turn, live: LiveCall, *, ringing: bool) -> None:
        leg, live.leg = live.leg, None
        if leg is None or leg.phase is LegPhase.GONE:
            return
        leg.live = leg.request = None
        if ringing and not live.enders and leg.connection is not None:
            # The callee did not answer: the agent's leg stays as after park (protocol §4).
            turn.post(leg.connection, commands.api_break(leg.uuid))
            self._legs.rest(turn, leg)
        elif leg.phase is LegPhase.BRIDGED:
            # FreeSWITCH ends it with the bridge; if it should not, we do.
            self._board.clock.later(SETTLE_SECONDS, lambda: self._make_sure(leg))
        else:
            self._legs.release(turn, leg)

    def _free_idle_leg(self, turn: Turn, status: AgentStatus) -> None:
        """She has hung up her last call on hold: her leg is of no more use (protocol §4)."""
        leg = status.leg
        idle = leg is not None and leg.phase is LegPhase.IDLE and leg.live is None
        if idle and status.request is None and not self._board.parked(status.agent.id):
            self._legs.release(turn, leg)

    def _make_sure(self, leg: Leg) -> None:
        with self._board.turn() as turn:
            if leg.live is None and leg.phase is LegPhase.BRIDGED:
                self._legs.release(turn, leg)


def _being_moved(live: LiveCall) -> bool:
    """Whether a park or a transfer is taking the call out of its conversation just now."""
    parking = live.request is not None and live.request.verb == "call/park"
    return parking or live.partner is not None


def _gone(request: Request, live: LiveCall) -> Refusal | None:
    if request.verb == "call/originate" and live.job:
        # Dialling had started, which is all that was asked; the call says what came of it.
        return None
    if request.verb != "call/transfer":
        return call_not_found(live.call.id)
    source = request.call_id == live.call.id
    return bridge_failed(CALL_ON_HOLD_GONE if source else DESTINATION_GONE, live.call.document())
