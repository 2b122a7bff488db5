"""What a call is: a plain value, its documents, and its place in the queue.

No socket, clock, thread or SQL in here. Times come in as Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsapp.calls.document_types import CallDocument, ShortCallDocument

__all__ = ["SHORT_STATUS", "Call", "State", "queue_key", "queue_order"]


class State(StrEnum):
    """The states of protocol §5."""

    CREATED = "created"
    QUEUED = "queued"
    RINGING = "ringing"
    TRANSFERRING = "transferring"
    SPEAKING = "speaking"
    PARKED = "parked"
    TRANSFERRED = "transferred"
    HUNGUP = "hungup"


SHORT_STATUS = {
    State.CREATED: "created",
    State.QUEUED: "queued",
    State.RINGING: "ringing",
    State.TRANSFERRING: "transferring",
    State.SPEAKING: "answered",
    State.PARKED: "on hold",
    State.TRANSFERRED: "bridged",
    State.HUNGUP: "hungup",
}
"""``status`` of the short call (protocol §3)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a customer; agents' legs are not calls.

    ``id`` is the uuid of the customer's channel. ``arrival`` is in Unix seconds with fractions
    (the queue's order), the other times in whole Unix seconds. ``head`` marks a caller whose
    conversation was cut by the agent's side: the queue serves her first (protocol §5).
    ``recall_at`` is when whoever holds her is reminded, ``overflow_at`` when she has queued for too
    long; ``overflowed_at`` says that she was sent on because of it.
    ``waited`` (seconds) and ``outcome`` are what ``outcome.py`` says.
    ``music`` and ``context`` are where the customer's channel goes on when nobody speaks to her.
    """

    id: str
    state: State
    inbound: bool
    destination: str
    caller_id: str
    organization_id: int
    arrival: float
    caller_name: str = ""
    b_leg: str | None = None
    assigned_to: str | None = None
    locked: bool = False
    priority: int = 0
    head: bool = False
    cm_id: int | None = None
    context: str = "default"
    music: str = ""
    answered_at: int | None = None
    bridged_at: int | None = None
    parked_at: int | None = None
    ended_at: int | None = None
    hangup_cause: str | None = None
    handled_by: tuple[str, ...] = ()
    recall_at: int | None = None
    overflow_at: int | None = None
    overflowed_at: int | None = None
    waited: int | None = None
    outcome: str | None = None

    @property
    def live(self) -> bool:
        """Whether the call has not ended."""
        return self.state is not State.HUNGUP

    @property
    def is_current(self) -> bool:
        """Whether it is the one call its agent is in, or is being put into (protocol §3, Agent)."""
        return self.assigned_to is not None and self.state in (
            State.CREATED,
            State.TRANSFERRING,
            State.RINGING,
            State.SPEAKING,
        )

    def document(self, position: int | None = None) -> CallDocument:
        """The whole call object: the page's prototype key for key, then the rest (protocol §3)."""
        return {
            "id": self.id,
            "state": self.state.value,
            # The page: "b_leg": "<null>", that string.
            "b_leg": self.b_leg or "<null>",
            "inbound": self.inbound,
            "destination": self.destination,
            "caller_id": self.caller_id,
            "assigned_to": self.assigned_to,
            "channel": self.id,
            "organization_id": self.organization_id,
            "arrival_time": str(int(self.arrival)),
            "caller_name": self.caller_name,
            "locked": self.locked,
            "priority": self.priority,
            "position": position,
            "answered_at": _seconds(self.answered_at),
            "bridged_at": _seconds(self.bridged_at),
            "parked_at": _seconds(self.parked_at),
            "ended_at": _seconds(self.ended_at),
            "hangup_cause": self.hangup_cause,
            "handled_by": list(self.handled_by),
            "recall_at": _seconds(self.recall_at),
        }

    def short_document(self) -> ShortCallDocument:
        """The short call of transfer and state (protocol §3)."""
        return {
            "call_id": self.id,
            "status": SHORT_STATUS[self.state],
            "type": "extension" if self.cm_id is None else "cm_id",
            "callee": self.destination if self.cm_id is None else self.cm_id,
        }


def _seconds(moment: int | None) -> str | None:
    return None if moment is None else str(moment)


def queue_key(call: Call) -> tuple[bool, int, float, str]:
    """Sorts calls in the order they will be served: head, priority, arrival, id (protocol §4)."""
    return (not call.head, -call.priority, call.arrival, call.id)


def queue_order(calls: Iterable[Call]) -> list[Call]:
    """The queued ones among ``calls``, next first."""
    return sorted((call for call in calls if call.state is State.QUEUED), key=queue_key)
