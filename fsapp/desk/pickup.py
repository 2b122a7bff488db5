"""Pickup and unpark: an agent takes a call.

Exactly one of any number of agents wins a queued call: in memory the guard lets one through,
and that one's claim counts only if its UPDATE changes a row (protocol §4).
"""

from __future__ import annotations

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.guard import may_pick_up, may_take_next, may_unpark
from fsapp.calls.refusals import (
    CALL_NOT_FOUND,
    Refusal,
    call_not_found,
    call_owned,
    dependency_unavailable,
    nothing_to_pick_up,
)
from fsapp.calls.table import Happening
from fsapp.desk.board import LiveCall, Request, Turn
from fsapp.desk.legs import GRACE_SECONDS, UNHEARD
from fsapp.desk.parts import Parts
from fsapp.desk.verbs import Verbs
from fsapp.store.calls import Calls
from fsapp.store.writer import Written

__all__ = ["Pickup"]


class Pickup(Verbs):
    """``POST /call/pickup`` and ``POST /call/unpark``."""

    def __init__(self, parts: Parts, calls: Calls) -> None:
        super().__init__(parts.context)
        self._bridges = parts.bridges
        self._calls = calls

    def pickup(self, agent: Agent, call_id: str) -> Call:
        """The named call; returns it as bridged."""
        request = Request("call/pickup", agent, call_id)
        with self._board.turn():
            on_hold = self._may_pick_up(agent, call_id).call.state is State.PARKED
        if on_hold:
            self._recordable(lambda: self._may_pick_up(agent, call_id))
        with self._board.turn() as turn:
            live = self._may_pick_up(agent, call_id)
            claim = self._take(turn, request, live)
        return self._bridged(request, live, claim)

    def _may_pick_up(self, agent: Agent, call_id: str) -> LiveCall:
        live = self._named(agent, call_id)
        may_pick_up(agent, live.subject, self._board.situation(agent))
        return live

    def next(self, agent: Agent) -> Call:
        """The next queued call; returns it as bridged.

        A caller who hangs up while the phone rings gives way to the one behind her, as long as
        the phone may ring at all and somebody is there; else the answer is 404 for her call.
        """
        until = self._board.clock.now() + self._context.options.ring_timeout
        request, live, claim = self._take_next(agent)
        while True:
            try:
                return self._bridged(request, live, claim)
            except Refusal as refusal:
                left = refusal.error == CALL_NOT_FOUND and not live.ending
                if not left or self._board.clock.now() >= until:
                    raise
                try:
                    request, live, claim = self._take_next(agent)
                except Refusal:
                    raise refusal from None

    def _take_next(self, agent: Agent) -> tuple[Request, LiveCall, Written[bool] | None]:
        request = Request("call/pickup", agent, "")
        with self._board.turn() as turn:
            # As she is now: her pause may be younger than the agent this request came with.
            now = self._board.status(agent).agent
            may_take_next(now, self._board.situation(agent))
            live = self._head(agent)
            return request, live, self._take(turn, request, live)

    def _bridged(self, request: Request, live: LiveCall, claim: Written[bool] | None) -> Call:
        if claim is not None:
            self._claimed(request, live, claim)
        return self._finish(request, live)

    def unpark(self, agent: Agent, call_id: str) -> Call:
        """Her own parked call; returns it as bridged."""
        self._recordable(lambda: self._may_unpark(agent, call_id))
        request = Request("call/unpark", agent, call_id)
        with self._board.turn() as turn:
            live = self._may_unpark(agent, call_id)
            self._take(turn, request, live)
        return self._finish(request, live)

    def _may_unpark(self, agent: Agent, call_id: str) -> LiveCall:
        live = self._named(agent, call_id)
        may_unpark(agent, live.subject, self._board.situation(agent))
        return live

    def _head(self, agent: Agent) -> LiveCall:
        """The next call of her queue. In a turn."""
        first = self._board.lines.first(agent.organizations)
        if first is None:
            raise nothing_to_pick_up()
        return self._board.calls[first.id]

    def _take(self, turn: Turn, request: Request, live: LiveCall) -> Written[bool] | None:
        """Claims a queued call; a parked one is hers already and is joined at once."""
        if live.call.state is State.PARKED:
            self._context.require_switch(live)
        else:
            self._context.require_new_work(live)
        request.call_id = live.call.id
        self._begin(request, live)
        if live.call.state is State.PARKED:
            try:
                self._bridges.join(turn, request, live)
            except Refusal as refusal:
                self._board.finish(turn, request, refusal)
            return None
        return self._board.claim(turn, live, request.agent)

    def _claimed(self, request: Request, live: LiveCall, claim: Written[bool]) -> None:
        try:
            won = self._commit(claim, live)
        except Refusal as refusal:
            self._unclaim(request, live, claim, refusal)
            return
        if not won:
            self._lost(request, live)
            return
        with self._board.turn() as turn:
            if request.answered:
                return
            try:
                self._bridges.join(turn, request, live)
            except Refusal as refusal:
                self._release(turn, request, live, refusal)

    def _unclaim(
        self, request: Request, live: LiveCall, claim: Written[bool], refusal: Refusal
    ) -> None:
        """The claim is not on record in time: it is taken back there, and undone here."""
        never = claim.withdraw()
        with self._board.turn() as turn:
            if never and live.request is request and live.call.state is State.TRANSFERRING:
                self._board.unclaim(turn, live)
                refusal.call = live.call.document()
            self._release(turn, request, live, refusal)

    def _release(self, turn: Turn, request: Request, live: LiveCall, refusal: Refusal) -> None:
        if live.request is request and live.call.state is State.TRANSFERRING:
            self._board.happen(turn, live, Happening.RELEASE)
        self._board.finish(turn, request, refusal)

    def _lost(self, request: Request, live: LiveCall) -> None:
        """Another process has changed the row: hers is the call, and the answer names her."""
        row = self._calls.find(live.call.id)
        with self._board.turn() as turn:
            if row is None:
                why = "The database has no record of the call"
                unknown = dependency_unavailable(why, live.call.document())
                self._release(turn, request, live, unknown)
                return
            winner = row.assigned_to
            self._board.replace(live, row)
            refusal = (
                call_owned(live.call.id, winner, live.call.document())
                if winner is not None
                else call_not_found(live.call.id)
            )
            self._board.finish(turn, request, refusal)

    def _finish(self, request: Request, live: LiveCall) -> Call:
        """A conversation cannot be undone: its record has as long as her phone might have rung."""
        options = self._context.options
        limit = options.ring_timeout + GRACE_SECONDS + 2 * options.switch_timeout
        until = self._board.clock.now() + limit
        self._wait(request, limit)
        call = live.call
        self._commit(live.written, live, until)
        return call

    def _give_up(self, turn: Turn, request: Request) -> None:
        live = self._board.calls.get(request.call_id)
        if live is not None and live.request is request and live.leg is not None:
            # Her time is over: her phone is not rung in the place of the leg she had.
            live.leg.reused = False
            self._bridges.failed(turn, live, live.leg, UNHEARD)
        elif live is not None and live.call.state is State.TRANSFERRING:
            self._board.happen(turn, live, Happening.RELEASE)
        super()._give_up(turn, request)
