"""What is true of each agent, and the ``agent_state`` event of every change of her state.

The law of this file: a state is derived (``calls/presence.py``) at the end of each turn that
touched the agent, and told once if it is another than the last one told. Whoever changes a sign
(a leg, a request, a stream) need only ask the board for her status in the same turn. The one sign
that changes by itself, time, is watched by at most one timer an agent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fsapp.calls.agent import Agent
from fsapp.calls.document_types import AgentDocument
from fsapp.calls.presence import UNREACHABLE, AgentState, Signs, offline_from, presence
from fsapp.desk.clock import Clock, Timer
from fsapp.store.calls import Event

if TYPE_CHECKING:
    from fsapp.desk.board import Board, Leg, Request

__all__ = ["OFFLINE_AFTER", "AgentStatus", "Presence"]

OFFLINE_AFTER = 120.0
"""Seconds without a sign of life; ``agent.offline_after`` overrides it."""


@dataclass(eq=False)
class AgentStatus:
    """What is true about an agent now, derived from her leg and calls."""

    agent: Agent
    leg: Leg | None = None
    request: Request | None = None
    """Her request that puts her into a call and is not done yet."""
    phone: Request | None = None
    """What her own phone is rung for, while an originate waits for it."""
    lost_destination: bool = False
    """Whether her last current call was outbound and has hung up since."""
    streams: int = 0
    """How many event streams she has open."""
    seen: float | None = None
    """Her last sign of life (Unix seconds); ``None`` when there was none that counts."""
    unreachable: bool = False
    """Whether her phone could not be reached and there was no sign of life since."""
    state: AgentState | None = None
    """The state last told; ``None`` before the first one was."""
    calls: tuple[object, ...] = ()
    """Her current call and her parked ones, as last told."""
    since: float = 0.0
    watch: Timer | None = None
    """What looks again when her last sign of life will be too old."""


class Presence:
    """The agents of a board. Every method is called in a turn; all but ``document`` and ``asked``
    expect the agent to be touched in it (``Board.status``)."""

    def __init__(
        self, board: Board, clock: Clock, tell: Callable[[Event], object], offline_after: float
    ) -> None:
        self._board = board
        self._clock = clock
        self._tell = tell
        self._offline_after = offline_after
        self.agents: dict[str, AgentStatus] = {}

    def offline_after(self, seconds: float) -> None:
        """From now on an agent of whom nothing is heard for so long counts as offline."""
        if seconds == self._offline_after:
            return
        self._offline_after = seconds
        for status in list(self.agents.values()):
            if status.watch is not None:
                status.watch.cancel()
                status.watch = None
            self._board.status(status.agent)

    def status(self, agent: Agent) -> AgentStatus:
        """Her status; made when she is first heard of.

        ``agent`` may have been read before her row was last changed: the newer one stays.
        """
        status = self.agents.get(agent.id)
        if status is None:
            status = self.agents[agent.id] = AgentStatus(agent)
        elif agent.revision >= status.agent.revision:
            status.agent = agent
        return status

    def asked(self, agent: Agent) -> None:
        """A request of hers. It touches her only if it can change her state: most requests read,
        and whoever is touched is looked at, and her streams' thread woken, at the turn's end."""
        status = self.agents.get(agent.id)
        away = status is None or status.state in (None, AgentState.OFFLINE)
        if status is None or away or status.agent.revision < agent.revision:
            status = self._board.status(agent)
        self.seen(status)

    def seen(self, status: AgentStatus) -> None:
        """A sign of life: a request of hers, or the end of a leg or a stream."""
        status.seen = self._clock.now()
        status.unreachable = False

    def stream_opened(self, agent: Agent) -> None:
        """She has one more event stream open."""
        status = self._board.status(agent)
        status.streams += 1
        status.unreachable = False

    def stream_closed(self, agent: Agent) -> None:
        """One of her event streams has ended."""
        status = self._board.status(agent)
        status.streams = max(0, status.streams - 1)
        if not status.unreachable:
            self.seen(status)

    def leg_ended(self, status: AgentStatus, cause: str, *, answered: bool) -> None:
        """Her leg has ended, or her phone could not be rung."""
        if answered:
            self.seen(status)
        elif cause in UNREACHABLE:
            status.seen = None
            status.unreachable = True

    def state(self, agent: Agent) -> AgentState:
        """Her state now. Only looks."""
        status = self.agents.get(agent.id)
        return self._state(AgentStatus(agent) if status is None else status)

    def document(self, status: AgentStatus) -> AgentDocument:
        """The agent object of protocol §3."""
        agent, current = status.agent, self._board.current(status.agent.id)
        state = self._state(status)
        return {
            "id": agent.id,
            "name": agent.name,
            "phone": agent.phone,
            "role": agent.role,
            "organizations": sorted(agent.organizations),
            "state": state.value,
            "pause_reason": agent.pause_reason,
            "current_call": current.call.id if current else None,
            "parked_calls": [call.id for call in self._board.parked(agent.id)],
            "state_since": str(int(self._since(status, state))),
            "paused": agent.paused,
        }

    def changed(self, agent: Agent) -> Event:
        """The event of a change to her own row, which is told even if her state stays: what is
        written with the row must be written again when the transaction is tried again."""
        status = self._board.status(agent)
        self._settle(status)
        return self._event(status)

    def tell(self, agent_ids: Iterable[str]) -> None:
        """The end of a turn that has touched these agents."""
        for agent_id in agent_ids:
            status = self.agents.get(agent_id)
            if status is None:
                continue
            if self._settle(status):
                self._tell(self._event(status))
            if status.watch is None and status.state is not AgentState.OFFLINE:
                self._watch(status)

    def _settle(self, status: AgentStatus) -> bool:
        """Brings what was told last up to date; whether it is something else."""
        before, state = (status.state, status.calls), self._state(status)
        status.state, status.since = state, self._since(status, state)
        status.calls = self._calls(status)
        return before != (state, status.calls)

    def _calls(self, status: AgentStatus) -> tuple[object, ...]:
        agent_id = status.agent.id
        current = self._board.current(agent_id)
        parked = (call.id for call in self._board.parked(agent_id))
        return (current.call.id if current is not None else None, *parked)

    def _state(self, status: AgentStatus) -> AgentState:
        return presence(self._signs(status), self._clock.now(), self._offline_after)

    def _signs(self, status: AgentStatus) -> Signs:
        current, leg = self._board.current(status.agent.id), status.leg
        return Signs(
            call=current.call.state if current is not None else None,
            engaged=status.request is not None,
            leg=leg is not None and leg.connection is not None,
            streams=0 if status.unreachable else status.streams,
            seen=status.seen,
            paused=status.agent.paused,
        )

    def _since(self, status: AgentStatus, state: AgentState) -> float:
        """Since when; a pause and a conversation are on record, and outlast a restart."""
        current, agent = self._board.current(status.agent.id), status.agent
        if state is AgentState.PAUSED and agent.paused_since is not None:
            return agent.paused_since
        if state is AgentState.SPEAKING and current is not None and current.call.bridged_at:
            return current.call.bridged_at
        return status.since if state is status.state else self._clock.now()

    def _event(self, status: AgentStatus) -> Event:
        document = self.document(status)
        return Event("agent_state", self._clock.now(), document, agent_id=status.agent.id)

    def _watch(self, status: AgentStatus) -> None:
        moment = offline_from(self._signs(status), self._offline_after)
        if moment is None:
            return

        def look() -> None:
            with self._board.turn() as turn:
                status.watch = None
                turn.agents.add(status.agent.id)

        status.watch = self._clock.later(max(0.0, moment - self._clock.now()), look)
