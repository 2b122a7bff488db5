"""The forgotten caller: on hold, or in the queue, for too long.

The law of this file: when it is time stands on the call's row (``recall_at``, ``overflow_at``), so
whoever is taken in again after a restart is waited for again; the timer here only looks then, and
what it finds decides. On hold for too long rings the agent back, once; if she does not take the
call, or cannot be rung, it returns to the head of the queue. Queued for too long sends the call on
to a dialplan destination.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.refusals import dependency_timeout
from fsapp.calls.table import Happening
from fsapp.desk.about import about
from fsapp.desk.board import AgentStatus, Leg, LegPhase, LiveCall, Request, Turn
from fsapp.desk.bridges import Bridges, waiting_variables
from fsapp.desk.context import Context
from fsapp.desk.legs import GRACE_SECONDS
from fsapp.desk.music import Music
from fsapp.switch import commands
from fsapp.switch.channel import Reply

__all__ = ["Forgotten"]

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Pause before a call is looked at again that something else is being done to just now."""

SENT_ON = {
    "socket_resume": "false",
    "hangup_after_bridge": "true",
    "transfer_after_bridge": "",
    "uuid_bridge_continue_on_cancel": "",
    "playback_terminators": "",
    "fsapp_state": "",
    "fsapp_owner": "",
}
"""What a caller's channel carries who is sent on: nothing of ours, and nothing that leads back."""


class Forgotten:
    """Watches how long callers have waited."""

    def __init__(self, context: Context, bridges: Bridges, music: Music) -> None:
        self._context = context
        self._board = context.board
        self._bridges = bridges
        self._music = music
        self.find: Callable[[str], Future[Agent | None]] = lambda _agent_id: Future()
        """The agent of this id, as the database has her now; does not wait for it."""
        context.board.watch = self.watch

    def watch(self, live: LiveCall) -> None:
        """The call has changed or was taken in: sets the timer it needs. In a turn."""
        due = _due(live.call)
        if due == live.due:
            return
        if live.timer is not None:
            live.timer.cancel()
        live.due, live.timer, live.recalled = due, None, False
        if due is not None:
            self._look_in(due - self._board.clock.now(), live, due)

    def _look_in(self, seconds: float, live: LiveCall, due: int) -> None:
        later = lambda: self._look(live, due)  # noqa: E731
        live.timer = self._board.clock.later(max(0.0, seconds), later)

    def _look(self, live: LiveCall, due: int) -> None:
        """It is time, unless something else has happened to the call."""
        with self._board.turn() as turn:
            owner = live.call.assigned_to
            if live.due != due or not self._is_free(live, due):
                return
            if owner is None:
                self._send_on(turn, live)
                return
            status = self._board.agents.get(owner)
            if live.recalled or status is None or not self._may_be_rung(status):
                self._back_to_queue(turn, live)
                return
            asked = status.agent
        self._ask(live, due, asked)

    def _is_free(self, live: LiveCall, due: int) -> bool:
        """Whether nothing else is being done to the call; if so, it is looked at again later."""
        engaged = live.request or live.enders or live.partner or live.ending
        reachable = live.connection is not None and not live.away
        able = self._context.control.connection is not None and not self._context.drain.begun
        free = not engaged and reachable and able
        if not free:
            self._look_in(AGAIN_SECONDS, live, due)
        return free

    # On hold for too long.

    def _may_be_rung(self, status: AgentStatus) -> bool:
        """Not while she is in another conversation, or away from her desk."""
        engaged = status.request is not None or self._board.current(status.agent.id) is not None
        return not engaged and not status.agent.paused

    def _ask(self, live: LiveCall, due: int, agent: Agent) -> None:
        """Whether she still works here; without a database that answers, she does."""
        limit = self._context.options.database_timeout
        self._board.clock.later(limit, lambda: self._recall(live, due, agent))
        found = self.find(agent.id)
        found.add_done_callback(lambda found: self._recall(live, due, _told(found, agent)))

    def _recall(self, live: LiveCall, due: int, agent: Agent | None) -> None:
        """Rings her, unless she was removed; what came between is seen here."""
        with self._board.turn() as turn:
            if live.due != due or live.recalled or not self._is_free(live, due):
                return
            live.recalled = True
            if agent is not None and self._may_be_rung(self._board.status(agent)):
                self._ring(turn, live, due, agent)
            else:
                self._back_to_queue(turn, live)

    def _ring(self, turn: Turn, live: LiveCall, due: int, agent: Agent) -> None:
        log.info("on hold for too long; ringing %s", agent.id, extra=about(live, agent.id))
        request = Request("call/recall", agent, live.call.id)
        request.outcome.add_done_callback(lambda _: self._look(live, due))
        status = self._board.status(agent)
        status.request = live.request = request
        turn.agents.add(agent.id)
        options = self._context.options
        limit = options.ring_timeout + GRACE_SECONDS + 2 * options.switch_timeout
        self._board.clock.later(limit, lambda: self._give_up(live, request))
        _let_go(status.leg)
        self._bridges.join(turn, request, live)

    def _give_up(self, live: LiveCall, request: Request) -> None:
        with self._board.turn() as turn:
            if request.answered:
                return
            if live.request is request and live.leg is not None:
                self._bridges.failed(turn, live, live.leg, "RECOVERY_ON_TIMER_EXPIRE")
            late = dependency_timeout("FreeSWITCH did not answer in time")
            self._board.finish(turn, request, late)

    def _back_to_queue(self, turn: Turn, live: LiveCall) -> None:
        log.info("on hold for too long; back to the queue", extra=about(live))
        self._board.happen(turn, live, Happening.LOSE_AGENT)
        if live.connection is not None:
            variables = waiting_variables(live.call)
            turn.post(live.connection, commands.api_set(live.call.id, variables))
            self._music.change(turn, live)

    # Queued for too long.

    def _send_on(self, turn: Turn, live: LiveCall) -> None:
        """In one write, the last word of which closes the connection, as park does it."""
        log.info("queued for too long; sent on", extra=about(live))
        connection = live.connection
        assert connection is not None
        self._board.happen(turn, live, Happening.OVERFLOW)
        self._music.stopped(live)
        live.away = True
        reply = lambda reply: self._sent_on(live, reply)  # noqa: E731
        turn.post(connection, self._command(live.call), on_reply=reply)
        self._context.dismiss(turn, connection)
        limit = self._context.options.switch_timeout
        self._board.clock.later(limit, lambda: self._sent_on(live, Reply("", lost=True)))

    def _sent_on(self, live: LiveCall, reply: Reply) -> None:
        """Where her own connection leads nowhere, or was refused, the control connection does."""
        with self._board.turn() as turn:
            control = self._context.control.connection
            if live.away and reply.refused and control is not None and _overflowed(live.call):
                turn.post(control, self._command(live.call))
            live.away = False

    def _command(self, call: Call) -> str:
        """What she carries is set on the way: cut off, or refused, she is in neither of the two."""
        extension, _, context = self._context.options.overflow_to.partition(" XML ")
        return commands.api_transfer_marked(call.id, SENT_ON, extension, context or call.context)


def _due(call: Call) -> int | None:
    if call.state is State.PARKED:
        return call.recall_at
    return call.overflow_at if call.state is State.QUEUED else None


def _let_go(leg: Leg | None) -> None:
    """Only a phone that is answered now says that she is there: an idle leg is not used."""
    if leg is not None and leg.phase is LegPhase.IDLE:
        leg.unwanted = True


def _overflowed(call: Call) -> bool:
    return call.state is State.TRANSFERRED and call.overflowed_at is not None


def _told(found: Future[Agent | None], otherwise: Agent) -> Agent | None:
    return otherwise if found.exception() is not None else found.result()
