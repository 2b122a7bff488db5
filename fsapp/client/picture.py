"""The live calls and the agents, kept by what the event stream says (docs/http.md, Events).

The law of this file: the lists are read once the stream is open, never before; and what the stream
says from its first word on is applied to them.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any, Protocol, cast

from fsapp.calls.document_types import AgentDocument, ShownCallDocument
from fsapp.client.events import Event

__all__ = ["Lists", "Picture"]


class Lists(Protocol):
    """Where the lists are read (``fsapp.client.Client``)."""

    def calls(self) -> list[ShownCallDocument]: ...
    def agents(self) -> list[AgentDocument]: ...


class Picture:
    """What is: ``calls`` and ``agents`` by their ids. Hand each event to :meth:`hear`."""

    def __init__(self, lists: Lists) -> None:
        self.calls: dict[str, ShownCallDocument] = {}
        self.agents: dict[str, AgentDocument] = {}
        self._lists = lists
        self._stale = True
        """Whether something may have changed that no event will tell of."""

    def read(self) -> None:
        """Reads the lists as they are now: of no use for what follows, which only events tell.
        Raises ``Refused`` or ``Unreachable``."""
        self.calls = {call["id"]: call for call in self._lists.calls()}
        self.agents = {agent["id"]: agent for agent in self._lists.agents()}

    def hear(self, event: Event) -> None:
        """Applies an event; reads the lists at the first one and at a ``reset``. Raises ``Refused``
        or ``Unreachable``; then the next event makes it read them again."""
        self._stale = self._stale or event.name == "reset"
        if self._stale:
            self.read()
            self._stale = False
        self.apply(event.data)

    def apply(self, data: Mapping[str, Any]) -> None:
        """The fold itself: what an event's data makes of the picture."""
        for call_id, keys in data.get("calls", {}).items():
            if call_id in self.calls:
                self.calls[call_id] = cast(ShownCallDocument, {**self.calls[call_id], **keys})
        if "agent" in data:
            self.agents[data["agent"]["id"]] = data["agent"]
        if "call" in data:
            self._call(data["call"])

    def _call(self, call: ShownCallDocument) -> None:
        if call["state"] == "hungup":
            self.calls.pop(call["id"], None)
        else:
            self.calls[call["id"]] = call

    @property
    def queue(self) -> list[ShownCallDocument]:
        """The queued calls: each organization's in the order of service, all of them by priority
        and arrival."""
        by_organization: dict[int, list[ShownCallDocument]] = {}
        for call in self.calls.values():
            if call["state"] == "queued":
                by_organization.setdefault(call["organization_id"], []).append(call)
        for queue in by_organization.values():
            queue.sort(key=lambda call: call["position"] or 0)
        return list(heapq.merge(*by_organization.values(), key=_urgency))


def _urgency(call: ShownCallDocument) -> tuple[int, int, str]:
    return (-call["priority"], int(call["arrival_time"]), call["id"])
