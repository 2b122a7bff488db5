"""Hangup: an agent ends her own call, in any phase, also while a phone still rings."""

from __future__ import annotations

from dataclasses import replace

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.guard import may_hang_up
from fsapp.calls.refusals import nothing_to_hang_up
from fsapp.desk.board import LiveCall, Request, Turn
from fsapp.desk.parts import Parts
from fsapp.desk.verbs import Verbs

__all__ = ["Hangup"]


class Hangup(Verbs):
    """``POST /call/hangup``."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.context)
        self._legs = parts.legs
        self._endings = parts.endings

    def hangup(self, agent: Agent, call_id: str | None) -> Call:
        """Her current call, or the named own one; returns it as ended."""
        with self._board.turn() as turn:
            live = self._choose(agent, call_id)
            if live is None:
                return self._cancel(turn, agent)
            may_hang_up(agent, live.call)
            request = self._start(turn, agent, live)
        self._wait(request, self._context.options.switch_timeout)
        self._commit(live.written)
        return live.call

    def _choose(self, agent: Agent, call_id: str | None) -> LiveCall | None:
        """``None`` when what she ends is an originate whose phone still rings."""
        if call_id is None and (current := self._board.current(agent.id)) is not None:
            return current
        request = self._board.status(agent).request
        if request is not None and request.planned and call_id in (None, request.call_id):
            return None
        if request is not None and call_id is None:
            return self._board.calls[request.call_id]
        if call_id is None:
            raise nothing_to_hang_up()
        return self._named(agent, call_id)

    def _start(self, turn: Turn, agent: Agent, live: LiveCall) -> Request:
        self._context.require_switch()
        request = Request("call/hangup", agent, live.call.id)
        live.enders.append(request)
        if not live.ending:
            self._endings.end(turn, live)
        return request

    def _cancel(self, turn: Turn, agent: Agent) -> Call:
        """Her own phone rings for an originate: it stops, and nobody is dialled."""
        status = self._board.status(agent)
        request, leg = status.request, status.leg
        if request is None or request.planned is None:
            raise nothing_to_hang_up()
        if leg is not None:
            self._legs.release(turn, leg)
            self._legs.refuse(turn, leg, "ORIGINATOR_CANCEL")
        return replace(
            request.planned,
            state=State.HUNGUP,
            hangup_cause="ORIGINATOR_CANCEL",
            ended_at=int(self._board.clock.now()),
        )
