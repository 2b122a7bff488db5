"""Live calls by whom they concern: each organization's calls and queue, each agent's own calls.

The law of this file: a call is filed as it is, at every change, by the board and in its turn
(:meth:`Lines.file`). So no question about one queue looks at the calls of another, and a place in a
queue is found without walking it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from heapq import merge
from itertools import chain
from typing import TYPE_CHECKING

from fsapp.calls.call import Call, State, queue_key

if TYPE_CHECKING:
    from fsapp.desk.live import LiveCall

__all__ = ["Lines"]

_Entry = tuple[tuple[bool, int, float, str], Call]
"""A queued call by its key, in which its id makes every one different."""


class Lines:
    """Every method is called in a turn of the board."""

    def __init__(self) -> None:
        self._queues: dict[int, list[_Entry]] = {}
        self._live: dict[int, dict[str, LiveCall]] = {}
        self._owned: dict[str, set[LiveCall]] = {}
        self._moved: set[int] = set()
        self._changes: dict[int, int] = {}
        """How often each queue has changed."""

    def file(self, live: LiveCall, before: Call | None, after: Call | None) -> None:
        """The call was ``before`` and is ``after``; ``None`` is not on the board."""
        if before is not None:
            self._take_out(live, before)
        if after is not None:
            self._put_in(live, after)

    def owned(self, agent_id: str) -> Iterable[LiveCall]:
        """The live calls of an agent."""
        return self._owned.get(agent_id, ())

    def live(self, organizations: Iterable[int]) -> Iterable[LiveCall]:
        """The live calls of these organizations, in no order."""
        return chain.from_iterable(self._live.get(one, {}).values() for one in organizations)

    def queue(self, organizations: Iterable[int]) -> list[Call]:
        """The queued calls of these organizations, next first."""
        queues = [self._queues[one] for one in organizations if one in self._queues]
        return [call for _, call in (queues[0] if len(queues) == 1 else merge(*queues))]

    def first(self, organizations: Iterable[int]) -> Call | None:
        """The head of :meth:`queue`."""
        heads = [self._queues[one][0] for one in organizations if one in self._queues]
        return min(heads)[1] if heads else None

    def position(self, call: Call) -> int:
        """How many are served before this call in its organization's queue, and itself."""
        queue = self._queues.get(call.organization_id, [])
        return bisect_left(queue, (queue_key(call),)) + 1

    def moved(self) -> set[int]:
        """The organizations whose queue has changed since this was asked last."""
        moved, self._moved = self._moved, set()
        return moved

    def stamp(self, organizations: Iterable[int]) -> tuple[tuple[int, int], ...]:
        """Another one whenever one of these queues, or a call in it, has changed."""
        return tuple((one, self._changes.get(one, 0)) for one in organizations)

    def _take_out(self, live: LiveCall, call: Call) -> None:
        of_organization = self._live.get(call.organization_id, {})
        of_organization.pop(call.id, None)
        if not of_organization:
            self._live.pop(call.organization_id, None)
        if call.assigned_to is not None:
            owned = self._owned.get(call.assigned_to, set())
            owned.discard(live)
            if not owned:
                self._owned.pop(call.assigned_to, None)
        if call.state is State.QUEUED:
            self._leaves(call)

    def _put_in(self, live: LiveCall, call: Call) -> None:
        self._live.setdefault(call.organization_id, {})[call.id] = live
        if call.assigned_to is not None:
            self._owned.setdefault(call.assigned_to, set()).add(live)
        if call.state is State.QUEUED:
            insort(self._queues.setdefault(call.organization_id, []), (queue_key(call), call))
            self._changed(call.organization_id)

    def _leaves(self, call: Call) -> None:
        queue = self._queues.get(call.organization_id, [])
        place = bisect_left(queue, (queue_key(call),))
        if place < len(queue) and queue[place][1].id == call.id:
            del queue[place]
        if not queue:
            self._queues.pop(call.organization_id, None)
        self._changed(call.organization_id)

    def _changed(self, organization_id: int) -> None:
        self._moved.add(organization_id)
        self._changes[organization_id] = self._changes.get(organization_id, 0) + 1
