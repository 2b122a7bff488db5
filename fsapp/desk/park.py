"""Park: the customer goes back into the dialplan's socket loop, the agent's leg stays up.

All in one write on the customer's connection, the last word of which closes it: closing it
later, with ``socket_resume=true``, would throw the caller out of the new one (freeswitch.md §3).
"""

from __future__ import annotations

from contextlib import suppress

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.guard import may_park
from fsapp.calls.refusals import Refusal, nothing_to_park
from fsapp.desk.board import LiveCall, Request, Turn
from fsapp.desk.context import RETURN_POINT
from fsapp.desk.parts import Parts
from fsapp.desk.verbs import Verbs
from fsapp.switch import commands

__all__ = ["Park"]


YOUNG_SECONDS = 0.1
"""A bridge younger than this is not left yet: FreeSWITCH would hang the agent's leg up
(DESTINATION_OUT_OF_ORDER, measured), which had not begun to exchange media."""


class Park(Verbs):
    """``POST /call/park``."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.context)
        self._endings = parts.endings
        self._bridges = parts.bridges
        self._legs = parts.legs

    def park(self, agent: Agent, call_id: str | None) -> Call:
        """Her current call, or the named own one; returns it as parked."""
        with self._board.turn():
            live = self._may_park(agent, call_id)
            # A double click waits for the first one.
            request = live.request
        if request is None:
            self._recordable(lambda: self._may_park(agent, call_id))
            with self._board.turn() as turn:
                live = self._may_park(agent, call_id)
                request = live.request or self._start(turn, agent, live)
        self._wait(request, self._context.options.switch_timeout)
        call = live.call
        try:
            self._commit(live.written, live)
        except Refusal as refusal:
            self._undo(agent, live)
            refusal.call = live.call.document()
            raise
        return call

    def _undo(self, agent: Agent, live: LiveCall) -> None:
        """What could not be put on record is taken back: the two speak with each other again, or,
        her leg being gone, the caller stays on hold, as the answer then shows."""
        request = Request("call/unpark", agent, live.call.id)
        with self._board.turn() as turn:
            status = self._board.status(agent)
            leg = self._legs.usable(status)
            free = status.request is None and self._board.current(agent.id) is None
            idle = free and live.request is None
            hers = live.call.state is State.PARKED and live.call.assigned_to == agent.id
            if leg is None or not (idle and hers):
                return
            self._begin(request, live)
            self._bridges.start(turn, live, leg)
        with suppress(Refusal):
            self._wait(request, self._context.options.switch_timeout)

    def _may_park(self, agent: Agent, call_id: str | None) -> LiveCall:
        live = self._choose(agent, call_id)
        may_park(agent, live.subject, self._board.situation(agent))
        return live

    def _choose(self, agent: Agent, call_id: str | None) -> LiveCall:
        if call_id is not None:
            return self._named(agent, call_id)
        current = self._board.current(agent.id)
        if current is None:
            raise nothing_to_park()
        return current

    def _start(self, turn: Turn, agent: Agent, live: LiveCall) -> Request:
        self._context.require_switch(live)
        request = Request("call/park", agent, live.call.id)
        live.request = request
        turn.agents.add(agent.id)
        wait = live.joined + YOUNG_SECONDS - self._board.clock.now()
        if wait > 0 or live.bridging is not None:
            later = lambda: self._send_later(live, request)  # noqa: E731
            self._board.clock.later(max(wait, YOUNG_SECONDS), later)
        else:
            self._send(turn, live)
        return request

    def _send_later(self, live: LiveCall, request: Request) -> None:
        with self._board.turn() as turn:
            if live.request is not request or live.call.state is not State.SPEAKING:
                return
            wait = live.joined + YOUNG_SECONDS - self._board.clock.now()
            if live.bridging is not None or wait > 0:
                later = lambda: self._send_later(live, request)  # noqa: E731
                self._board.clock.later(max(wait, YOUNG_SECONDS), later)
            else:
                self._send(turn, live)

    def _send(self, turn: Turn, live: LiveCall) -> None:
        way = self._context.way_to(live)
        if way is not None:
            turn.post(way, *self._commands(live))
            live.away = True

    def _give_up(self, turn: Turn, request: Request) -> None:
        live = self._board.calls.get(request.call_id)
        super()._give_up(turn, request)
        if live is not None and live.leg is None and live.call.state is State.SPEAKING:
            self._endings.conversation_lost(turn, live, "RECOVERY_ON_TIMER_EXPIRE")

    def _commands(self, live: LiveCall) -> list[str]:
        call, leg = live.call, live.leg
        posted = []
        if leg is not None:
            leg.stays = True
            posted.append(commands.api_set(leg.uuid, {"park_after_bridge": "true"}))
        variables = {
            "fsapp_state": State.PARKED.value,
            "fsapp_parked_at": str(int(self._board.clock.now())),
            "transfer_after_bridge": "",
        }
        posted.append(commands.api_set(call.id, variables))
        posted.append(commands.api_transfer(call.id, RETURN_POINT, call.context))
        if live.connection is not None:
            posted.append(commands.exit_())
        return posted
