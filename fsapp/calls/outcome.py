"""What came of a call: decided when it ends, from what it was before (docs/http.md, History).

The law of this file: every ended call has exactly one outcome. ``waited`` is how long an inbound
caller waited for the first person she spoke with, from her arrival; if there was none, until she
was sent on or gone. Once her wait is over it does not change, unless she was sent on and led back.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from fsapp.calls.call import Call, State

if TYPE_CHECKING:
    from fsapp.calls.document_types import EndedCallDocument

__all__ = ["HISTORY_COLUMNS", "Outcome", "history_document", "outcome", "waited"]


class Outcome(StrEnum):
    """What an ended call comes to."""

    ANSWERED = "answered"
    TRANSFERRED = "transferred"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    FAILED = "failed"


def outcome(before: Call) -> Outcome:
    """What the call comes to that ends now; ``before`` is as it was until then."""
    if before.state is State.TRANSFERRED:
        overflowed = before.overflowed_at is not None
        return Outcome.OVERFLOWED if overflowed else Outcome.TRANSFERRED
    if not before.inbound:
        return Outcome.ANSWERED if before.bridged_at is not None else Outcome.FAILED
    return Outcome.ANSWERED if before.handled_by else Outcome.ABANDONED


def waited(call: Call, now: int) -> int | None:
    """How long she has waited, in whole seconds, if her wait is over ``now`` (Unix seconds)."""
    if not call.inbound or call.waited is not None:
        return call.waited
    return max(0, now - int(call.arrival))


def history_document(call: Call) -> EndedCallDocument:
    """An ended call in the history: the call object (protocol §3), then what came of it.
    Nothing can be done with it any more."""
    ended = call.ended_at if call.ended_at is not None else int(call.arrival)
    return {
        **call.document(),
        "can": [],
        "outcome": call.outcome,
        "waited": call.waited,
        "duration": max(0, ended - int(call.arrival)),
    }


_KEYS = history_document(Call("", State.HUNGUP, True, "", "", 1, 0.0))
HISTORY_COLUMNS = tuple(key for key in _KEYS if key != "can")
"""The keys of an entry of the history as columns of a table, in order."""
