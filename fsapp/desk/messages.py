"""One event as each agent hears it: what is written to the live streams (protocol §6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.calls.guard import Abilities, Situation, Subject, can
from fsapp.desk.shown import places
from fsapp.store.tail import Told

__all__ = ["FREE", "Message", "Moment", "Update"]

FREE = Situation()


@dataclass(frozen=True, slots=True)
class Moment:
    """What was on the board when something was told: live calls and the agents who are not free.

    ``time`` is in Unix seconds.
    """

    time: float
    subjects: Mapping[str, Subject]
    situations: Mapping[str, Situation]

    def situation(self, agent: Agent) -> Situation:
        return self.situations.get(agent.id, FREE)


class Message:
    """One event, told to each agent in her own words."""

    def __init__(self, row: Told, moment: Moment) -> None:
        self.number, self.timestamp = row.number, row.timestamp
        self._moment = moment
        self._subject = moment.subjects.get(row.call_id or "")
        self._texts: dict[tuple[bool, Situation], bytes] = {}
        stamp = f'"event":"{row.name}","timestamp":"{int(row.timestamp)}"'
        self._head = f"id: {row.number}\nevent: {row.name}\ndata: {{{stamp},"
        self._document = row.document
        self._of_call = row.call_id is not None
        self._organizations = _organizations(row)

    def text(self, agent: Agent) -> bytes | None:
        """The event as it is sent to her; ``None`` when it is not hers to hear."""
        if not self._organizations & agent.organizations:
            return None
        situation = self._moment.situation(agent)
        hers = self._subject is not None and self._subject.call.assigned_to == agent.id
        # Nothing else of an agent decides: those who are free all hear the same.
        text = self._texts.get((hers, situation))
        if text is None:
            text = self._texts[hers, situation] = self._told(agent, situation)
        return text

    def _told(self, agent: Agent, situation: Situation) -> bytes:
        if not self._of_call:
            return _encoded(f'{self._head}"agent":{self._document}}}\n\n')
        verbs = can(agent, self._subject, situation) if self._subject is not None else []
        # The store writes the object compact and on one line; one more key goes in at its end.
        call = f'{self._document[:-1]},"can":{json.dumps(verbs)}}}'
        return _encoded(f'{self._head}"call":{call}}}\n\n')


class Update:
    """A ``calls`` event: keys that have changed of calls that no event was about.

    ``moved`` are the calls whose place in the queue is new, with that place, by organization;
    ``due`` the agents for whom every call of ``moment`` is told anew.
    """

    def __init__(
        self, moment: Moment, moved: Mapping[int, Mapping[str, int]], due: set[str]
    ) -> None:
        self._moment = moment
        self._moved = moved
        self._due = due
        self._texts: dict[frozenset[int], bytes | None] = {}

    def text(self, agent: Agent) -> bytes | None:
        """As it is sent to her; ``None`` when nothing of it concerns her."""
        if agent.id in self._due:
            return self.whole(agent)
        if agent.organizations not in self._texts:
            moved = self._places(agent)
            self._texts[agent.organizations] = self._text(moved) if moved else None
        return self._texts[agent.organizations]

    def whole(self, agent: Agent) -> bytes:
        """With every live call she may see, if there are any."""
        return self._text(self._all(agent))

    def _all(self, agent: Agent) -> dict[str, Any]:
        can_do = Abilities(agent, self._moment.situation(agent))
        seen = [
            subject
            for subject in self._moment.subjects.values()
            if agent.serves(subject.call.organization_id)
        ]
        order = places(seen)
        return {
            subject.call.id: {
                "position": order.get(subject.call.id),
                "can": can_do.on(subject),
            }
            for subject in seen
        }

    def _places(self, agent: Agent) -> dict[str, Any]:
        return {
            call_id: {"position": place}
            for one in sorted(agent.organizations & self._moved.keys())
            for call_id, place in self._moved[one].items()
        }

    def _text(self, calls: dict[str, Any]) -> bytes:
        document = {"event": "calls", "timestamp": str(int(self._moment.time)), "calls": calls}
        data = json.dumps(document, separators=(",", ":"))
        return _encoded(f"event: calls\ndata: {data}\n\n")


def _organizations(row: Told) -> frozenset[int]:
    """Whose agents hear of it: a call's organization, or all that the agent serves."""
    if row.organization_id is not None:
        return frozenset({row.organization_id})
    return frozenset(json.loads(row.document).get("organizations", ()))


def _encoded(text: str) -> bytes:
    # "replace": half a surrogate pair in a caller's name must not cost the whole event.
    return text.encode("utf-8", "replace")
