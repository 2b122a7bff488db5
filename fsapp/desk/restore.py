"""Takes in the calls that were live when the process last stopped.

Callers come back through the dialplan by themselves with their old uuid, conversations go on
without us (freeswitch.md §3). What FreeSWITCH has is compared as soon as it answers
(``comparison.py``); the census ends those that it no longer has.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.table import Happening
from fsapp.desk.board import Board, Leg, LegPhase, LiveCall

__all__ = ["restore", "take_in_leg"]

log = logging.getLogger(__name__)


def restore(
    board: Board, calls: Sequence[Call], agents: Sequence[Agent], ended: Sequence[str] = ()
) -> None:
    """Puts the calls on record back on the board, as they are on record.

    What was under way stays so until the call comes back or FreeSWITCH was looked at
    (comparison.py): a claim may have become a conversation that nobody has written down.
    ``ended`` are the ids of calls that ended lately.
    """
    known = {agent.id: agent for agent in agents}
    with board.turn() as turn:
        board.reconciled, board.looked = False, Future()
        board.remember_ended(ended)
        for agent in agents:
            board.status(agent)
        for call in calls:
            live = LiveCall(call, alone_since=board.clock.now(), restored=True)
            board.adopt(live)
            owner = known.get(call.assigned_to or "")
            if call.state is State.PARKED and owner is None:
                board.happen(turn, live, Happening.LOSE_AGENT)
            elif call.state is State.SPEAKING and call.b_leg and owner:
                take_in_leg(board, live, owner, call.b_leg)
    if calls:
        log.info("%d calls on record were live; waiting for them", len(calls))


def take_in_leg(board: Board, live: LiveCall, agent: Agent, uuid: str) -> Leg:
    """The agent's leg of a conversation that goes on without us."""
    leg = board.legs.get(uuid) or Leg(uuid, agent, job="")
    leg.phase, leg.live, leg.alone_since = LegPhase.BRIDGED, live, board.clock.now()
    leg.unwanted = False
    live.leg = leg
    board.legs[uuid] = leg
    board.status(agent).leg = leg
    return leg
