"""Joining a customer's channel with an agent's leg.

The customer's channel is always the first one named to ``uuid_bridge``, so CHANNEL_BRIDGE comes
on her connection. Before it, the variables that make a conversation survive fsapp's death are
set (freeswitch.md §3), and those that bring the customer back into the dialplan when the leg
dies between FreeSWITCH's ``+OK`` and the bridge, where it would otherwise hang her up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from fsapp.calls.call import Call, State
from fsapp.calls.table import Happening
from fsapp.desk.about import about
from fsapp.desk.board import Leg, LegPhase, LiveCall, Request, Turn
from fsapp.desk.context import RETURN_POINT, Context
from fsapp.desk.kept import present, speaking
from fsapp.desk.legs import UNHEARD, Legs, failed
from fsapp.desk.music import Music, waits
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection

__all__ = ["Bridges", "conversation_variables", "waiting_variables"]

log = logging.getLogger(__name__)

_JOINING = ("call/pickup", "call/unpark", "call/recall")
"""Requests that are done once call and leg are joined."""

ATTEMPTS = 3
"""How often a callee who has answered is joined with her agent before she is given up."""


def conversation_variables(call: Call, owner: str) -> dict[str, str]:
    """What a customer's channel carries while somebody speaks with her."""
    return {
        "socket_resume": "false",
        "hangup_after_bridge": "false",
        "transfer_after_bridge": f"{RETURN_POINT}:XML:{call.context}",
        "uuid_bridge_continue_on_cancel": "true",
        # Of an earlier conversation; FreeSWITCH sets it when this one's other end hangs up.
        "last_bridge_hangup_cause": "",
        **speaking(call, owner),
    }


def waiting_variables(call: Call) -> dict[str, str]:
    """What a customer's channel carries while she waits in the dialplan's socket loop."""
    return {
        "socket_resume": "true",
        "fsapp_attempts": "",
        **present(call),
    }


class Bridges:
    """Begins bridges and says what became of them."""

    def __init__(self, context: Context, legs: Legs, music: Music) -> None:
        self._context = context
        self._board = context.board
        self._legs = legs
        self._music = music
        self.end: Callable[[Turn, LiveCall], None] = lambda _turn, _live: None
        self.conversation_lost: Callable[[Turn, LiveCall, str], None] = lambda *_: None
        self.fetch: Callable[[Turn, LiveCall, Connection], None] = lambda *_: None

    def join(self, turn: Turn, request: Request, live: LiveCall) -> None:
        """Joins the call with the agent's leg: the one that is up, else her phone is rung."""
        way = self._context.way_to(live)
        if way is None:
            self._context.require_switch(live)
            return
        leg = self._legs.obtain(turn, request, live.call, way)
        if leg is None:
            return
        if self._legs.usable(self._board.status(request.agent)) is leg:
            leg.reused = True
            self.start(turn, live, leg)
        else:
            leg.live, live.leg = live, leg

    def answered(self, turn: Turn, live: LiveCall) -> None:
        """FreeSWITCH has answered the call: whoever waits to be joined with it can be."""
        live.answered = True
        if live.bridging is not None and not live.told:
            self.start(turn, live, live.bridging)

    def start(self, turn: Turn, live: LiveCall, leg: Leg) -> None:
        """Joins the call with the leg; a call that is on its way back is joined when it is."""
        self._legs.engage(leg, live)
        live.bridging, live.told = leg, False
        live.attempt += 1
        if live.away or live.connection is None or not live.answered:
            self._bring_back(turn, live)
            return
        live.told = True
        attempt = live.attempt
        call = live.call
        prepare = [commands.api_set(call.id, conversation_variables(call, leg.agent.id))]
        if leg.stays:
            leg.stays = False
            prepare.append(commands.api_set(leg.uuid, {"park_after_bridge": ""}))
        bridge = commands.api_bridge(call.id, leg.uuid)
        reply = lambda reply: self._replied(live, leg, reply)  # noqa: E731
        turn.post(live.connection, *prepare, bridge, on_reply=reply)
        limit = self._context.options.switch_timeout
        self._board.clock.later(limit, lambda: self._overdue(live, leg, attempt))

    def _bring_back(self, turn: Turn, live: LiveCall) -> None:
        """Whoever waits comes back by herself; one who was taken out of a conversation that has no
        connection of its own does not (after a crash of fsapp, or of that connection)."""
        way = self._context.control.connection
        stays = live.call.state is State.SPEAKING and live.connection is None and not live.away
        if stays and way is not None:
            self.fetch(turn, live, way)

    def done(self, turn: Turn, live: LiveCall, other: str) -> None:
        """FreeSWITCH has bridged the call with ``other``."""
        leg = live.bridging
        if leg is None or leg.uuid != other:
            return
        live.bridging, live.returned, live.restored = None, False, False
        live.joined = self._board.clock.now()
        leg.phase, leg.reused = LegPhase.BRIDGED, False
        self._music.stopped(live)
        if live.call.state is not State.SPEAKING:
            self._board.happen(turn, live, Happening.BRIDGE, channel=leg.uuid)
        self._close_superseded(turn, live)
        self._board.status(leg.agent).lost_destination = False
        if live.request is not None and live.request.verb in _JOINING:
            self._board.finish(turn, live.request)

    def _close_superseded(self, turn: Turn, live: LiveCall) -> None:
        """Only now, while ``socket_resume`` is false, is closing them harmless."""
        for connection in live.superseded:
            self._context.dismiss(turn, connection)
        live.superseded.clear()

    def failed(self, turn: Turn, live: LiveCall, leg: Leg, cause: str) -> None:
        """The leg failed before or while it was joined: the caller keeps place and music."""
        perhaps = cause == UNHEARD and live.bridging is leg
        live.bridging = live.leg = leg.live = None
        if live.ending:
            # She is being hung up: her hangup event answers whoever waits.
            self._legs.release(turn, leg)
            return
        request, leg.request = live.request, None
        way = self._context.way_to(live)
        if leg.reused and request is not None and live.call.live and way is not None:
            # The leg she had was gone, unknown to us: her phone is rung after all.
            self._legs.forget(turn, leg)
            self.join(turn, request, live)
            return
        if live.call.state is State.RINGING:
            self.end(turn, live)
        elif live.call.state is State.SPEAKING:
            self.conversation_lost(turn, live, cause)
        elif live.call.live:
            self._wait_on(turn, live, perhaps_joined=perhaps)
        self._legs.release(turn, leg)
        document = live.call.document(self._board.position(live.call))
        self._board.finish(turn, request, failed(leg, cause, document))

    def _wait_on(self, turn: Turn, live: LiveCall, *, perhaps_joined: bool) -> None:
        """``perhaps_joined``: FreeSWITCH was told to join them and has not said that it did. Music
        would then play inside the bridge, and go on in no socket action when the leg ends."""
        if live.call.state is State.TRANSFERRING:
            self._board.happen(turn, live, Happening.RELEASE)
        if live.connection is None or live.away:
            return
        if perhaps_joined and live.answered:
            self._music.stopped(live)
            self.fetch(turn, live, live.connection)
        else:
            self.waits_where_she_is(turn, live)

    def waits_where_she_is(self, turn: Turn, live: LiveCall) -> None:
        """She hears what the waiting hear, unless she does so already or is just being joined."""
        if live.connection is not None and waits(live):
            variables = waiting_variables(live.call)
            turn.post(live.connection, commands.api_set(live.call.id, variables))
            self._music.start(turn, live)

    def _replied(self, live: LiveCall, leg: Leg, reply: Reply) -> None:
        if not reply.refused or reply.lost:
            return
        log.info("bridge refused: %s", reply.text, extra=about(live))
        with self._board.turn() as turn:
            if live.bridging is leg and live.connection is not None:
                ask = commands.api_exists(live.call.id)
                turn.post(live.connection, ask, on_reply=lambda r: self._asked(live, leg, r))

    def _asked(self, live: LiveCall, leg: Leg, reply: Reply) -> None:
        """Whose uuid was invalid? A caller who is gone tells of it by her own hangup event."""
        with self._board.turn() as turn:
            if live.bridging is leg and reply.text == "true":
                self.failed(turn, live, leg, "NORMAL_TEMPORARY_FAILURE")

    def _overdue(self, live: LiveCall, leg: Leg, attempt: int, *, last: bool = False) -> None:
        with self._board.turn() as turn:
            if live.bridging is not leg or live.attempt != attempt or not live.call.live:
                return
            log.warning("no bridge with %s in time", leg.uuid, extra=about(live))
            way = self._context.way_to(live)
            unheard = live.connection is None or live.call.state is State.RINGING
            if way is not None and unheard:
                told = lambda reply: self._bonded(live, leg, attempt, reply, last=last)  # noqa: E731
                turn.post(way, commands.api_get(live.call.id, "signal_bond"), on_reply=told)
            else:
                self.failed(turn, live, leg, UNHEARD)

    def _bonded(self, live: LiveCall, leg: Leg, attempt: int, reply: Reply, *, last: bool) -> None:
        """Word of the bridge may be lost with her connection, and a callee who has answered is not
        hung up on because FreeSWITCH is slow. Its command sets the bond at once, the bridge comes
        after (switch_ivr_bridge.c): while she has a connection it is waited for once more."""
        with self._board.turn() as turn:
            if live.bridging is not leg or live.attempt != attempt:
                return
            bond = reply.text == leg.uuid
            if bond and live.connection is None:
                self.done(turn, live, leg.uuid)
            elif reply.lost or (bond and not last):
                limit = self._context.options.switch_timeout
                again = lambda: self._overdue(live, leg, attempt, last=not reply.lost)  # noqa: E731
                self._board.clock.later(limit, again)
            elif attempt < ATTEMPTS and live.call.state is State.RINGING:
                self.start(turn, live, leg)
            else:
                self.failed(turn, live, leg, UNHEARD)
