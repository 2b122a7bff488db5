"""``/call/transfer``: the verb. The page: "connects the currently active call with the call
specified in source"; what follows on the switch is ``transfers.py``."""

from __future__ import annotations

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call
from fsapp.calls.guard import CALL_ON_HOLD_GONE, may_transfer
from fsapp.calls.refusals import bridge_failed, dependency_unavailable
from fsapp.desk.board import LiveCall, Request
from fsapp.desk.parts import Parts
from fsapp.desk.verbs import Verbs
from fsapp.switch.connection import Connection

__all__ = ["Transfer"]


class Transfer(Verbs):
    """``GET|POST /call/transfer``."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.context)
        self._transfers = parts.transfers

    def transfer(self, agent: Agent, source_id: str) -> tuple[Call, Call]:
        """Connects her parked call with her current one; returns both, transferred."""
        self._not_ended(agent, source_id)
        self._recordable(lambda: self._both(agent, source_id)[0])
        self._not_ended(agent, source_id)
        with self._board.turn() as turn:
            source, destination = self._both(agent, source_id)
            self._context.require_switch(source)
            way = self._its_own(source)
            if destination.bridging is not None:
                why = f"{destination.call.id} is just being joined with its agent"
                raise dependency_unavailable(why, destination.call.document())
            request = Request("call/transfer", agent, source_id)
            self._transfers.start(turn, request, source, destination, way=way)
        self._wait(request, 2 * self._context.options.switch_timeout)
        self._commit(source.written, source)
        self._commit(destination.written, destination)
        one, other = request.joined
        return one, other

    def _both(self, agent: Agent, source_id: str) -> tuple[LiveCall, LiveCall]:
        source = self._named(agent, source_id)
        return source, self._destination(agent, source)

    def _not_ended(self, agent: Agent, source_id: str) -> None:
        ended = self._ended_own(agent, source_id)
        if ended is not None:
            raise bridge_failed(CALL_ON_HOLD_GONE, ended.document())

    def _destination(self, agent: Agent, source: LiveCall) -> LiveCall:
        may_transfer(agent, source.subject, self._board.situation(agent))
        current = self._board.current(agent.id)
        assert current is not None
        return current

    def _its_own(self, source: LiveCall) -> Connection:
        """FreeSWITCH tells of the bridge on the source's own connection. While she is on her way
        back to one nobody would be told, and the two would be joined and on record as apart."""
        if source.connection is None or source.away:
            why = f"{source.call.id} is on its way back from FreeSWITCH's dialplan"
            raise dependency_unavailable(why, source.call.document())
        return source.connection

    def _ended_own(self, agent: Agent, call_id: str) -> Call | None:
        """Her own call, if it has ended meanwhile."""
        if call_id in self._board.calls:
            return None
        ended = self._board.find_ended(call_id)
        mine = ended is not None and ended.assigned_to == agent.id and not ended.live
        return ended if mine else None
