"""A call's timeline: who did what when, told from its events (protocol §6).

Each event holds the whole call as it was after the change; whose doing it was is seen from that
and from the event before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fsapp.calls.document_types import TimelineEntryDocument

__all__ = ["TIMELINE_COLUMNS", "timeline"]

TIMELINE_COLUMNS = ("timestamp", "event", "agent", "state", "description")
"""The keys of an entry, in order."""

Document = Mapping[str, Any]

_WORDS = {
    "call_lock": "hears the greeting",
    "call_unlock": "has heard the greeting",
    "queue_leave": "leaves the queue",
    "call_unpark": "is no longer on hold",
}


def timeline(events: Iterable[tuple[str, float, Document]]) -> list[TimelineEntryDocument]:
    """The entries for a call's events (name, Unix seconds, call object), oldest first.

    ``agent`` is whose call it was then: after the change or, if it is nobody's since, before.
    """
    entries: list[TimelineEntryDocument] = []
    before: Document = {}
    latest: Document = {}
    for name, moment, call in events:
        # The events of one change all hold the call as it was after it.
        before, latest = (before, latest) if call == latest else (latest, call)
        agent = call.get("assigned_to") or before.get("assigned_to")
        entries.append(
            {
                "timestamp": f"{moment:.3f}",
                "event": name,
                "agent": agent,
                "state": call["state"],
                "description": _description(name, call, before, agent),
            }
        )
    return entries


def _description(name: str, call: Document, before: Document, agent: str | None) -> str:
    tell = _TELLERS.get(name)
    return _WORDS.get(name, name) if tell is None else tell(call, before, agent)


def _offered(call: Document, _before: Document, _agent: str | None) -> str:
    return f"{call['caller_id'] or 'unknown'} calls {call['destination']}"


def _queued(_call: Document, before: Document, agent: str | None) -> str:
    if agent is None:
        return "waits in the queue"
    why = {
        "transferring": f"is back in the queue: {agent} did not take the call",
        "parked": f"is back in the queue: {agent} does not hold her any more",
        "speaking": f"is back at the head of the queue: the line of {agent} was lost",
    }
    return why.get(before.get("state", ""), "waits in the queue")


def _picked_up(call: Document, _before: Document, agent: str | None) -> str:
    if call["state"] == "transferring":
        return f"{agent} picks up, her phone rings"
    return f"{agent} takes the call back"


def _changed(call: Document, _before: Document, agent: str | None) -> str:
    if call["state"] == "ringing":
        return f"{agent} dials {call['destination']}"
    return f"speaks with {agent}" if call["state"] == "speaking" else f"is {call['state']}"


def _parked(_call: Document, _before: Document, agent: str | None) -> str:
    return f"{agent} puts the call on hold"


def _transferred(_call: Document, _before: Document, agent: str | None) -> str:
    return "is sent on from the queue" if agent is None else f"{agent} transfers the call"


def _hung_up(call: Document, _before: Document, _agent: str | None) -> str:
    return f"has ended: {call['hangup_cause']}"


_TELLERS = {
    "call_offer": _offered,
    "queue_join": _queued,
    "call_pickup": _picked_up,
    "call_state": _changed,
    "call_park": _parked,
    "call_transfer": _transferred,
    "call_hangup": _hung_up,
}
