"""Agents' legs: ringing a phone, keeping the leg while it is of use, letting it go.

A leg is rung for one request, survives park and a failed dialling (protocol §4), and is
released after ``phone.idle_timeout``, on transfer and on hangup.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping

from fsapp.calls.call import Call
from fsapp.calls.refusals import (
    Refusal,
    agent_busy,
    dependency_timeout,
    dependency_unavailable,
    phone_unavailable,
)
from fsapp.desk.about import about_leg
from fsapp.desk.board import AgentStatus, Leg, LegPhase, LiveCall, Request, Turn
from fsapp.desk.context import Context
from fsapp.desk.kept import app_of
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection

__all__ = ["UNHEARD", "Legs", "displayable", "failed"]

log = logging.getLogger(__name__)

GRACE_SECONDS = 3.0
"""How much later than we FreeSWITCH itself stops a phone's ringing, should we be gone."""

RESULT_SECONDS = 1.0
"""How long the result of a ringing that was stopped may take to arrive."""

NO_ANSWER = "NO_ANSWER"

UNHEARD = "NO_WORD_FROM_FREESWITCH"
"""The cause of a leg of which FreeSWITCH did not say in time what became of it."""

MOST_RELEASED = 1000
"""So many legs that were told to end are remembered."""

PARK_SECONDS = 1.0
"""How long FreeSWITCH may take to say that a leg has left its bridge."""


FETCH_SECONDS = 3.0
"""How long a leg that is up may take to connect again."""


def displayable(text: str) -> str:
    """A caller's name or number as it may stand in an originate variable."""
    return re.sub(r"[^\w.@+*# -]", "_", text)[:64]


class Legs:
    """Rings and releases agents' legs. ``lost`` is told when one is gone (turn, leg, cause),
    ``ready`` when a phone was answered, ``back`` when a leg has connected again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._board = context.board
        self._released: OrderedDict[str, None] = OrderedDict()
        self.lost: Callable[[Turn, Leg, str], None] = lambda _turn, _leg, _cause: None
        self.silent: Callable[[], None] = lambda: None
        self.ready: Callable[[Turn, Leg], None] = lambda _turn, _leg: None
        self.back: Callable[[Turn, Leg], None] = lambda _turn, _leg: None

    def ring(self, turn: Turn, request: Request, call: Call, way: Connection) -> Leg:
        """Rings the agent's phone, showing ``call``, by a command on ``way``."""
        options = self._context.options
        leg = Leg(str(uuid.uuid4()), request.agent, str(uuid.uuid4()), way, request=request)
        self._board.legs[leg.uuid] = leg
        self._board.status(request.agent).leg = leg
        turn.agents.add(request.agent.id)
        self._board.jobs[leg.job] = lambda turn, result: self._dialled(turn, leg, result)
        command = commands.bgapi_originate_to_socket(
            leg.job, leg.agent.phone, self._variables(leg, call), options.advertise
        )
        turn.post(way, command, on_reply=lambda reply: self._accepted(leg, reply))
        self._board.clock.later(options.switch_timeout, lambda: self._unheard(leg))
        limit = options.ring_timeout
        leg.timer = self._board.clock.later(limit, lambda: self._unanswered(leg))
        log.info("ringing %s for %s", leg.agent.phone, leg.agent.id, extra=about_leg(leg))
        return leg

    def connected(self, turn: Turn, leg: Leg, connection: Connection) -> None:
        """The phone was answered (or the leg connects again)."""
        self._forget_timer(leg)
        leg.connection, leg.alone_since = connection, None
        connection.agent = leg.agent.id
        if leg.unwanted or (leg.phase is LegPhase.RINGING and leg.request is None):
            self.release(turn, leg)
            return
        if leg.phase is LegPhase.RINGING:
            leg.phase = LegPhase.IDLE
            self.ready(turn, leg)
        elif leg.fetched:
            leg.fetched = False
            log.info("leg %s of %s is back", leg.uuid, leg.agent.id, extra=about_leg(leg))
            self._parked(turn, leg)
            (self.ready if leg.request is not None else self.back)(turn, leg)

    def rest(self, turn: Turn, leg: Leg) -> None:
        """The leg is in no conversation: kept for ``phone.idle_timeout``."""
        if leg.phase is LegPhase.GONE:
            return
        leg.phase, leg.live = LegPhase.IDLE, None
        self._forget_timer(leg)
        idle = self._context.options.idle_timeout
        leg.timer = self._board.clock.later(idle, lambda: self._expire(leg))
        turn.agents.add(leg.agent.id)
        if leg.connection is None:
            self.fetch(turn, leg)
        else:
            self._parked(turn, leg)

    def fetch(self, turn: Turn, leg: Leg) -> None:
        """A leg that is up, in no conversation and without a connection connects again."""
        leg.phase, leg.fetched, leg.alone_since = LegPhase.IDLE, True, self._board.clock.now()
        way = self._context.control.connection
        if way is not None:
            address = self._context.options.advertise
            turn.post(way, commands.api_transfer_to_socket(leg.uuid, address))
        self._board.clock.later(FETCH_SECONDS, lambda: self._not_fetched(leg))
        self.silent()

    def _not_fetched(self, leg: Leg) -> None:
        with self._board.turn() as turn:
            if leg.fetched and leg.phase is not LegPhase.GONE:
                log.warning(
                    "leg %s of %s did not come back; released",
                    leg.uuid,
                    leg.agent.id,
                    extra=about_leg(leg),
                )
                self._parked(turn, leg)
                self.release(turn, leg)

    def rest_when_parked(self, turn: Turn, leg: Leg, request: Request | None) -> None:
        """After park: the leg is free once it has left its bridge, and ``request`` done then.

        Joined with another call before that, FreeSWITCH never bridges it (measured).
        """
        leg.live, leg.parking = None, request
        if leg.phase is LegPhase.BRIDGED:
            self._forget_timer(leg)
            leg.timer = self._board.clock.later(PARK_SECONDS, lambda: self._rest_late(leg))
        else:
            self.rest(turn, leg)

    def _rest_late(self, leg: Leg) -> None:
        with self._board.turn() as turn:
            if leg.live is None and leg.phase is LegPhase.BRIDGED:
                self.rest(turn, leg)

    def _parked(self, turn: Turn, leg: Leg) -> None:
        request, leg.parking = leg.parking, None
        self._board.finish(turn, request)

    def engage(self, leg: Leg, live: LiveCall) -> None:
        """The leg is being put into a call."""
        self._forget_timer(leg)
        leg.live, live.leg = live, leg

    def release(
        self,
        turn: Turn,
        leg: Leg | None,
        cause: str = "NORMAL_CLEARING",
        *,
        doomed: bool = False,
    ) -> None:
        """Hangs the leg up, ringing or not; a ``doomed`` one also when it is not there yet."""
        if leg is None or leg.phase is LegPhase.GONE:
            return
        leg.unwanted = True
        self._released[leg.uuid] = None
        if len(self._released) > MOST_RELEASED:
            self._released.popitem(last=False)
        # The control connection first: a caller's own may just be closing with the caller.
        way = self._context.control.connection or leg.connection
        # FreeSWITCH may have joined it all the same, and whoever speaks now speaks on.
        still = lambda: self._board.legs.get(leg.uuid, leg).unwanted  # noqa: E731
        heard = lambda: _heard(leg)  # noqa: E731
        kill = self._context.kill
        kill(turn, leg.uuid, way, cause, doomed=doomed, heard=heard, still=still)

    def was_released(self, leg: Leg) -> bool:
        """Whether fsapp itself has told FreeSWITCH to hang it up: nobody has put it down."""
        return leg.uuid in self._released

    def gone(self, turn: Turn, leg: Leg, cause: str) -> None:
        """The leg has ended, or never came to be."""
        if leg.phase is LegPhase.GONE:
            return
        answered, leg.phase = leg.phase is not LegPhase.RINGING, LegPhase.GONE
        self._forget_timer(leg)
        self._board.legs.pop(leg.uuid, None)
        self._board.jobs.pop(leg.job, None)
        status = self._board.agents.get(leg.agent.id)
        if status is not None and status.leg is leg:
            status.leg = None
            self._board.presence.leg_ended(status, cause, answered=answered)
        turn.agents.add(leg.agent.id)
        log.info("leg %s of %s ended: %s", leg.uuid, leg.agent.id, cause, extra=about_leg(leg))
        self._parked(turn, leg)
        self._close_way(turn, leg)
        self._context.make_sure_closed(leg.connection)
        self.lost(turn, leg, cause)
        then, leg.then = leg.then, None
        if then is not None:
            then(turn)

    def _close_way(self, turn: Turn, leg: Leg) -> None:
        """The connection of an ended call was kept for what came of ringing this phone."""
        way = leg.way
        if way is not None and way.uuid and way.uuid not in self._board.calls and not way.closed:
            self._context.dismiss(turn, way)

    def forget(self, turn: Turn, leg: Leg) -> None:
        """A leg that is no longer of use: hung up, should it still be there."""
        leg.reused = False
        self.release(turn, leg)
        self.gone(turn, leg, "NORMAL_UNSPECIFIED")

    def hold(self, leg: Leg) -> None:
        """Keeps an idle leg for a request that is about to use it."""
        self._forget_timer(leg)

    def obtain(self, turn: Turn, request: Request, call: Call, way: Connection) -> Leg | None:
        """A leg for ``request``: the one that is up or coming back, else her phone is rung.

        ``None`` while an old leg of hers is still ending; her phone is rung when it is gone.
        """
        status = self._board.status(request.agent)
        leg = self.usable(status)
        if leg is not None:
            return leg
        if status.leg is None:
            return self.ring(turn, request, call, way)
        if status.leg.fetched and not status.leg.unwanted and status.leg.live is None:
            self._forget_timer(status.leg)
            status.leg.request, status.leg.reused = request, True
            return status.leg
        engaged = status.leg.live if status.leg.phase is LegPhase.BRIDGED else None
        if engaged is not None and engaged.call.id != call.id and not status.leg.unwanted:
            # Nobody is taken out of a conversation because a phone is wanted.
            raise agent_busy(request.agent.id, engaged.call.id, engaged.call.document())
        self.release(turn, status.leg)
        status.leg.then = lambda turn: self._ring_now(turn, request, call)
        return None

    def _ring_now(self, turn: Turn, request: Request, call: Call) -> None:
        live = self._board.calls.get(call.id)
        way = (live.connection if live is not None else None) or self._context.control.connection
        if request.answered:
            return
        if way is None:
            failure = self._context.control.failure or "FreeSWITCH is not connected"
            self._board.finish(turn, request, dependency_unavailable(failure))
            return
        leg = self.ring(turn, request, call, way)
        if live is not None and live.request is request:
            leg.live, live.leg = live, leg

    def usable(self, status: AgentStatus) -> Leg | None:
        """Her leg, if it is up and free."""
        leg = status.leg
        if leg is None or leg.phase is not LegPhase.IDLE or leg.unwanted:
            return None
        return leg if leg.connection is not None else None

    def refuse(self, turn: Turn, leg: Leg, cause: str) -> None:
        """Answers whoever waits for this phone."""
        request, leg.request = leg.request, None
        self._board.finish(turn, request, failed(leg, cause))

    def _variables(self, leg: Leg, call: Call) -> dict[str, str]:
        variables = {
            "origination_uuid": leg.uuid,
            # FreeSWITCH's own limit is up to a second early (measured); ours is exact.
            "originate_timeout": str(round(self._context.options.ring_timeout + GRACE_SECONDS)),
            "ignore_early_media": "true",
            "fsapp_app": app_of(self._context.options),
            "fsapp_agent": leg.agent.id,
            "fsapp_call": call.id,
        }
        shown = call.caller_id if call.inbound else call.destination
        number, name = displayable(shown), displayable(call.caller_name)
        if number:
            variables["origination_caller_id_number"] = number
            variables["origination_caller_id_name"] = name or number
        return variables

    def _accepted(self, leg: Leg, reply: Reply) -> None:
        leg.heard = not reply.lost
        if not reply.refused:
            return
        with self._board.turn() as turn:
            if reply.lost:
                # The phone may be ringing, or about to, and nobody would be told what comes of it.
                self.release(turn, leg, doomed=True)
            self._dialled(turn, leg, reply.text or "-ERR NORMAL_TEMPORARY_FAILURE")

    def _dialled(self, turn: Turn, leg: Leg, result: str) -> None:
        """What came of ringing: ``+OK uuid``, or ``-ERR CAUSE``."""
        if result.startswith("-ERR"):
            self.gone(turn, leg, result.removeprefix("-ERR").strip())
        elif leg.connection is None and leg.phase is LegPhase.RINGING:
            # Answered, and perhaps ended before it could connect: nobody would ever say so.
            leg.alone_since = self._board.clock.now()
            self.silent()

    def _unheard(self, leg: Leg) -> None:
        """FreeSWITCH has not taken the command to ring the phone, and may do so any time."""
        with self._board.turn() as turn:
            if leg.phase is LegPhase.RINGING and not leg.heard:
                log.warning(
                    "leg %s of %s: no word from FreeSWITCH",
                    leg.uuid,
                    leg.agent.id,
                    extra=about_leg(leg),
                )
                self.abandon(turn, leg)

    def abandon(self, turn: Turn, leg: Leg) -> None:
        """Gives a leg up of which nothing is known, and sees to it that the phone does not ring
        for nobody: on the connection that was to ring it the one command follows the other."""
        self._context.kill(turn, leg.uuid, leg.way, doomed=True)
        self.gone(turn, leg, UNHEARD)

    def _unanswered(self, leg: Leg) -> None:
        with self._board.turn() as turn:
            if leg.phase is LegPhase.RINGING:
                leg.heard = False
                self.release(turn, leg, NO_ANSWER)
                leg.timer = self._board.clock.later(RESULT_SECONDS, lambda: self._silent(leg))

    def _silent(self, leg: Leg) -> None:
        """FreeSWITCH has not said what came of ringing the phone, though it was told to stop."""
        with self._board.turn() as turn:
            if leg.phase is LegPhase.RINGING and leg.heard:
                self.gone(turn, leg, NO_ANSWER)
            elif leg.phase is LegPhase.RINGING:
                self.abandon(turn, leg)

    def _expire(self, leg: Leg) -> None:
        with self._board.turn() as turn:
            if leg.phase is LegPhase.IDLE and leg.live is None:
                log.info(
                    "leg %s of %s was idle; released", leg.uuid, leg.agent.id, extra=about_leg(leg)
                )
                self.release(turn, leg)

    @staticmethod
    def _forget_timer(leg: Leg) -> None:
        if leg.timer is not None:
            leg.timer.cancel()
            leg.timer = None


def _heard(leg: Leg) -> None:
    leg.heard = True


def failed(leg: Leg, cause: str, call: Mapping[str, object] | None = None) -> Refusal:
    """Why nobody could be joined with this leg: the phone's own cause, or FreeSWITCH's silence."""
    if cause == UNHEARD:
        return dependency_timeout("FreeSWITCH did not answer in time", call)
    return phone_unavailable(leg.agent.phone, cause or "NORMAL_UNSPECIFIED", call)
