"""What an agent is shown of a call: its place in the queue, and what she may do with it now.

The law of this file: every call object that leaves the desk is made here, and its ``can`` is
answered by the guard from what is on the board at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, queue_order
from fsapp.calls.document_types import ShownCallDocument, StateCallDocument
from fsapp.calls.documents import CallJson, shown_document, state_document
from fsapp.calls.guard import Abilities, Situation, Subject, can
from fsapp.desk.board import Board, LiveCall

__all__ = ["all_shown", "numbered", "places", "present", "shown", "state_shown"]

Seen = tuple[LiveCall, Subject]
"""A live call, and what it was at the moment that is shown."""


def shown(board: Board, agent: Agent, call: Call) -> ShownCallDocument:
    """The call object for ``agent``; what she may do is of this moment. Not in a turn."""
    return shown_document(*_of_this_moment(board, agent, call))


def state_shown(board: Board, agent: Agent, call: Call) -> StateCallDocument:
    """As :func:`shown`, behind the short call (protocol §3)."""
    return state_document(*_of_this_moment(board, agent, call))


def _of_this_moment(
    board: Board, agent: Agent, call: Call
) -> tuple[CallJson, int | None, Sequence[str]]:
    with board.turn():
        live = board.calls.get(call.id)
        subject = live.subject if live else None
        position = board.position(call) if live else None
        situation = board.situation(agent)
    verbs = can(agent, subject, situation) if subject else []
    return live.json(call) if live else CallJson(call), position, verbs


def all_shown(
    agent: Agent, seen: Sequence[Seen], situation: Situation, order: Mapping[str, int]
) -> list[ShownCallDocument]:
    """The objects of calls she may see; ``order`` has the queued ones' places. Not in a turn."""
    can_do = Abilities(agent, situation)
    return [
        shown_document(live.json(subject.call), order.get(subject.call.id), can_do.on(subject))
        for live, subject in seen
    ]


def present(
    board: Board, agent: Agent, document: Mapping[str, object] | None
) -> Mapping[str, object] | None:
    """A refusal's call, which the guard shows as it knows it, as it is now."""
    if document is None:
        return None
    live = board.calls.get(str(document["id"]))
    return {**document, "can": []} if live is None else shown(board, agent, live.call)


def places(subjects: Iterable[Subject]) -> dict[str, int]:
    """Each queued call's place in its organization's queue, 1 = next."""
    return numbered(queue_order(subject.call for subject in subjects))


def numbered(queue: Iterable[Call]) -> dict[str, int]:
    """As :func:`places`, of calls that are in the order in which they are served already."""
    counts: dict[int, int] = {}
    order = {}
    for call in queue:
        counts[call.organization_id] = counts.get(call.organization_id, 0) + 1
        order[call.id] = counts[call.organization_id]
    return order
