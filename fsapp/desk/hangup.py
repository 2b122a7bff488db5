"""Hangup: an agent ends her own call, in any phase, also while a phone still rings."""

from __future__ import annotations

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.guard import may_hang_up
from fsapp.calls.refusals import nothing_to_hang_up, phone_unavailable
from fsapp.desk.board import LiveCall, Request, Turn
from fsapp.desk.parts import Parts
from fsapp.desk.verbs import Verbs

__all__ = ["Hangup"]

CANCELLED = "ORIGINATOR_CANCEL"


class Hangup(Verbs):
    """``POST /call/hangup``."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.context)
        self._legs = parts.legs
        self._endings = parts.endings

    def hangup(self, agent: Agent, call_id: str | None) -> Call:
        """Her current call, or the named own one; returns it as ended."""
        self._recordable(lambda: self._may_hang_up(agent, call_id))
        with self._board.turn() as turn:
            live = self._may_hang_up(agent, call_id)
            request = self._start(turn, agent, live)
        self._wait(request, self._context.options.switch_timeout)
        self._commit(live.written, live)
        return live.call

    def _may_hang_up(self, agent: Agent, call_id: str | None) -> LiveCall:
        live = self._choose(agent, call_id)
        may_hang_up(agent, live.subject, self._board.situation(agent))
        return live

    def _choose(self, agent: Agent, call_id: str | None) -> LiveCall:
        if call_id is not None:
            return self._named(agent, call_id)
        current = self._board.current(agent.id)
        if current is not None:
            return current
        request = self._board.status(agent).request
        if request is None:
            raise nothing_to_hang_up()
        # She is taking back a parked call, and her phone still rings.
        return self._named(agent, request.call_id)

    def _start(self, turn: Turn, agent: Agent, live: LiveCall) -> Request:
        self._context.require_switch(live)
        request = Request("call/hangup", agent, live.call.id)
        live.enders.append(request)
        if live.call.state is State.CREATED:
            self._cancel(turn, agent, live)
        else:
            # Again for the second of two, too: the first one's command may have been lost.
            self._endings.end(turn, live)
        return request

    def _cancel(self, turn: Turn, agent: Agent, live: LiveCall) -> None:
        """Her own phone rings for an originate: it stops, and nobody is dialled."""
        status = self._board.status(agent)
        self._endings.hung_up(turn, live, CANCELLED)
        self._board.finish(turn, status.phone, phone_unavailable(agent.phone, CANCELLED))
        self._legs.release(turn, status.leg)
