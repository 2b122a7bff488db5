"""The queue as an agent reads it; clients ask for it far more often than it changes.

The law of this file: what is kept is what would be made anew. Nobody's calls are the same for all
who are free and serve the same organizations, as long as no call has entered or left their queues;
whoever is in a call, or about to be, is told what is so for her alone.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from fsapp.calls.agent import Agent
from fsapp.calls.documents import ShownList
from fsapp.desk.board import Board
from fsapp.desk.shown import all_shown, numbered

__all__ = ["QueueList"]

MOST = 32
"""How many lists are kept, each for agents who serve the same organizations."""

_Stamp = tuple[tuple[int, int], ...]


class QueueList:
    """The queues of a board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._kept: OrderedDict[frozenset[int], tuple[_Stamp, ShownList]] = OrderedDict()
        self._lock = Lock()

    def read(self, agent: Agent) -> ShownList:
        """The queued calls she may see, next first. Not in a turn."""
        board, organizations = self._board, agent.organizations
        with board.turn():
            situation, stamp = board.situation(agent), board.lines.stamp(organizations)
            is_free = situation.current is None and situation.engaged is None
            kept = self._find(organizations, stamp) if is_free else None
            if kept is not None:
                return kept
            queue = board.lines.queue(organizations)
            lives = [board.calls[call.id] for call in queue]
            seen = [(live, live.subject) for live in lives]
        made = ShownList(all_shown(agent, seen, situation, numbered(queue)))
        if is_free:
            self._keep(organizations, stamp, made)
        return made

    def _find(self, organizations: frozenset[int], stamp: _Stamp) -> ShownList | None:
        with self._lock:
            kept = self._kept.get(organizations)
            if kept is None or kept[0] != stamp:
                return None
            self._kept.move_to_end(organizations)
            return kept[1]

    def _keep(self, organizations: frozenset[int], stamp: _Stamp, made: ShownList) -> None:
        with self._lock:
            self._kept[organizations] = (stamp, made)
            self._kept.move_to_end(organizations)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
