"""A channel has connected: a new caller, a call that comes back, a callee who answers, a phone."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import replace

from fsapp.calls.call import Call, State
from fsapp.calls.table import Happening
from fsapp.calls.text import CALL_ID
from fsapp.desk.about import about_channel
from fsapp.desk.board import LegPhase, LiveCall, Turn
from fsapp.desk.bridges import Bridges, waiting_variables
from fsapp.desk.context import Context
from fsapp.desk.endings import SETTLE_SECONDS, Endings
from fsapp.desk.fetches import Fetches
from fsapp.desk.kept import first_seen, identity, is_customer, parked_at, rebuilt
from fsapp.desk.legs import Legs
from fsapp.desk.music import Music
from fsapp.switch import commands
from fsapp.switch.channel import Channel, Reply
from fsapp.switch.connection import Connection

__all__ = ["Arrivals"]

log = logging.getLogger(__name__)

MOMENTS = 100
"""So many arrival times are remembered: more than FreeSWITCH's clock has in two seconds."""


class Arrivals:
    """Says what a channel that connects means."""

    def __init__(
        self,
        context: Context,
        legs: Legs,
        bridges: Bridges,
        endings: Endings,
        *,
        music: Music,
        fetches: Fetches,
    ) -> None:
        self._context = context
        self._board = context.board
        self._legs = legs
        self._bridges = bridges
        self._endings = endings
        self._music = music
        self._fetches = fetches
        self._moments: OrderedDict[float, int] = OrderedDict()

    def connected(self, turn: Turn, channel: Channel, connection: Connection) -> None:
        """By its uuid: an agent's leg, a call we know, or a new caller."""
        leg = self._board.legs.get(channel.uuid)
        live = self._board.calls.get(channel.uuid)
        if channel.ended or self._board.has_ended(channel.uuid):
            self._too_late(turn, channel, connection)
        elif leg is not None:
            self._legs.connected(turn, leg, connection)
        elif live is not None:
            self._again(turn, live, channel, connection)
        elif is_customer(channel) and CALL_ID.fullmatch(channel.uuid):
            self._again(turn, self._rebuild(channel), channel, connection)
        elif channel.variables.get("fsapp_agent") or channel.variables.get("fsapp_call"):
            # A leg, or a callee, that answered after everybody had stopped waiting for it.
            of = channel.variables.get
            known = about_channel(of("fsapp_call"), of("fsapp_agent"), connection)
            log.info("%s: answered too late; hanging it up", channel.uuid, extra=known)
            turn.post(connection, commands.api_kill(channel.uuid))
        elif self._context.drain.begun:
            # Back to the dialplan at once, which brings her again (protocol §8).
            known = about_channel(channel.uuid, None, connection)
            log.info("handed back, fsapp is shutting down", extra=known)
            turn.post(connection, commands.exit_())
        elif CALL_ID.fullmatch(channel.uuid):
            self._new(turn, channel, connection)
        else:
            # A SIP profile with inbound-use-callid-as-uuid lets callers choose it.
            known = about_channel(None, None, connection)
            log.error("a channel whose uuid is %r cannot be taken", channel.uuid, extra=known)
            connection.close()

    def _too_late(self, turn: Turn, channel: Channel, connection: Connection) -> None:
        """She hung up on her way here: no arrival, and an id that has ended is never reopened."""
        live = self._board.calls.get(channel.uuid)
        leg = self._board.legs.get(channel.uuid)
        if live is not None:
            self._endings.hung_up(turn, live, channel.cause)
        elif leg is not None:
            self._legs.gone(turn, leg, channel.cause)
        if not channel.ended:
            # Ended by us, and FreeSWITCH does not know it yet.
            turn.post(connection, commands.api_kill(channel.uuid))
        self._context.dismiss(turn, connection)

    def greeted(self, turn: Turn, live: LiveCall) -> None:
        """The greeting is over: the caller joins the queue."""
        self._music.stopped(live)
        if live.call.state is State.CREATED:
            self._board.happen(turn, live, Happening.QUEUE)
            self._music.start(turn, live)

    def _rebuild(self, channel: Channel) -> LiveCall:
        """A call we had before, whose row is lost."""
        options = self._context.options
        call = rebuilt(channel, self._board.clock.now(), options.context)
        live = LiveCall(call, restored=True)
        self._board.rebuild(live)
        return live

    def _new(self, turn: Turn, channel: Channel, connection: Connection) -> None:
        options = self._context.options
        call = self._in_order(first_seen(channel, self._board.clock.now(), options.context))
        live = LiveCall(call, connection, answered=channel.answered)
        connection.call = call.id
        self._board.offer(live)
        turn.post(
            connection,
            commands.api_set(call.id, {**identity(call, options), **waiting_variables(call)}),
            commands.execute("answer", "", call.id),
        )
        greeting = channel.variables.get("fsapp_greeting", "")
        if greeting and commands.playable(greeting):
            self._board.happen(turn, live, Happening.GREETING)
            self._music.play(turn, live, greeting)
        else:
            self.greeted(turn, live)

    def _in_order(self, call: Call) -> Call:
        """Whoever connects later has arrived later, though within one tick of FreeSWITCH's clock
        (20 ms, measured) all have the same arrival: a microsecond tells them apart."""
        before = self._moments.pop(call.arrival, 0)
        self._moments[call.arrival] = before + 1
        if len(self._moments) > MOMENTS:
            self._moments.popitem(last=False)
        return replace(call, arrival=call.arrival + before / 1_000_000) if before else call

    def _again(self, turn: Turn, live: LiveCall, channel: Channel, connection: Connection) -> None:
        """A call we know, on a new connection; the old one no longer counts."""
        live.answered = live.answered or channel.answered
        if live.connection is not None:
            live.connection.superseded = True
            live.superseded.append(live.connection)
        live.connection, live.alone_since, live.apart_since = connection, None, None
        connection.call = live.call.id
        self._fetches.arrived(live, channel)
        self._music.stopped(live)
        if live.call.state is State.TRANSFERRED and live.call.overflowed_at and not live.ending:
            # She was sent on, and where she was sent to has led her back.
            self._board.happen(turn, live, Happening.QUEUE)
        if live.ending:
            self._endings.end(turn, live)
        elif live.call.state is State.TRANSFERRED:
            self._after_transfer(turn, live, connection)
        elif live.call.state is State.RINGING:
            self._callee_answered(turn, live, channel.answered_at)
        elif live.call.state is State.SPEAKING and live.restored:
            self._back_after_crash(turn, live, channel, connection)
        elif live.call.state is State.SPEAKING:
            self._back_from_conversation(turn, live)
        else:
            if live.call.state is State.TRANSFERRING and live.request is None:
                self._board.happen(turn, live, Happening.RELEASE)
            self._wait_again(turn, live)

    def _after_transfer(self, turn: Turn, live: LiveCall, connection: Connection) -> None:
        """She may have been on her way here, her agent's phone having died, when FreeSWITCH joined
        her: it forgets with whom when it sends a channel elsewhere, and not before (switch_ivr.c),
        so whose bond it still has is in that conversation. Else it is over."""

        def told(reply: Reply) -> None:
            with self._board.turn() as later:
                over = not reply.lost and reply.text != live.call.b_leg
                if over and live.call.state is State.TRANSFERRED:
                    self._endings.end(later, live)

        turn.post(connection, commands.api_get(live.call.id, "signal_bond"), on_reply=told)

    def _callee_answered(self, turn: Turn, live: LiveCall, since: int | None) -> None:
        """``since``: when FreeSWITCH was answered (Unix seconds); we may have been away."""
        self._board.happen(turn, live, Happening.ANSWER, at=since)
        leg = live.leg
        if leg is None and not self._board.reconciled:
            return  # the agent's leg may still be there (comparison.py)
        if leg is None or leg.phase is LegPhase.GONE:
            self._endings.end(turn, live)
        elif leg.connection is not None or not leg.fetched:
            # A leg needs no connection to be joined; a fetched one is joined when it is back.
            self._bridges.start(turn, live, leg)

    def _back_after_crash(
        self, turn: Turn, live: LiveCall, channel: Channel, connection: Connection
    ) -> None:
        """Her conversation ended while nobody looked: what did it?"""
        live.restored = False
        cause = channel.variables.get("last_bridge_hangup_cause", "")
        if channel.variables.get("fsapp_state") == State.PARKED:
            self._parked(turn, live, parked_at(channel))
        elif cause:
            live.returned = True
            self._who_ended_it(turn, live, connection, cause)
        else:
            self._back_from_conversation(turn, live)

    def _who_ended_it(self, turn: Turn, live: LiveCall, connection: Connection, cause: str) -> None:
        """``cause`` is of whoever was joined with her last: her agent, or the source of a transfer
        that came to nothing. Her agent's leg is still there then, and she speaks on with it."""
        leg = live.leg
        if leg is None:
            self._bridges.conversation_lost(turn, live, cause)
            return

        def told(reply: Reply) -> None:
            with self._board.turn() as later:
                if reply.lost or live.leg is not leg or live.bridging is not None:
                    return
                if reply.text in ("", "_undef_"):
                    leg.phase = LegPhase.IDLE
                    self._endings.settle(later, live)
                else:
                    self._legs.gone(later, leg, cause)

        # uuid_exists would also say true of a channel that is just ending.
        turn.post(connection, commands.api_get(leg.uuid, "hangup_cause"), on_reply=told)

    def _back_from_conversation(self, turn: Turn, live: LiveCall) -> None:
        request = live.request
        if request is not None and request.verb == "call/park":
            self._parked(turn, live)
            return
        live.returned = True
        if live.bridging is not None:
            self._bridges.start(turn, live, live.bridging)
        self._endings.settle(turn, live)
        if live.returned and live.bridging is None:
            attempt = live.attempt
            later = lambda: self._give_up_waiting(live, attempt)  # noqa: E731
            self._board.clock.later(SETTLE_SECONDS, later)

    def _parked(self, turn: Turn, live: LiveCall, since: int | None = None) -> None:
        leg, live.leg = live.leg, None
        self._board.happen(turn, live, Happening.PARK, at=since)
        self._wait_again(turn, live)
        if leg is None or leg.phase is LegPhase.GONE:
            self._board.finish(turn, live.request)
        else:
            self._legs.rest_when_parked(turn, leg, live.request)

    def _give_up_waiting(self, live: LiveCall, attempt: int) -> None:
        """Nobody has said what became of the leg: the caller must not wait for that."""
        with self._board.turn() as turn:
            if live.returned and live.bridging is None and live.attempt == attempt:
                live.lost_leg = True
                self._endings.settle(turn, live)

    def _wait_again(self, turn: Turn, live: LiveCall) -> None:
        connection = live.connection
        if connection is None:
            return
        turn.post(connection, commands.api_set(live.call.id, waiting_variables(live.call)))
        if live.call.state is State.CREATED:
            self.greeted(turn, live)
        elif live.bridging is not None:
            self._bridges.start(turn, live, live.bridging)
        else:
            self._music.start(turn, live)
