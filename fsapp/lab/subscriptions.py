"""Which events a connection wants: ``event``, ``nixevent``, ``noevents``, ``myevents``, ``filter``.

Source: freeswitch.md §2, and FreeSWITCH's own replies, measured on 1.10.12.
"""

from __future__ import annotations

from fsapp.lab.events import EVENT_NAMES, MYEVENTS, Event

__all__ = ["Subscription"]

_FORMATS = {"plain", "xml", "json"}
_NO_KEYWORDS = "-ERR no keywords supplied"


class Subscription:
    """One connection's wishes; every method that takes words answers FreeSWITCH's reply.

    ``listens`` is whether any events are wanted, ``only_own`` whether just those about the
    connection's own channel (``myevents``).
    """

    def __init__(self) -> None:
        self.listens = False
        self.only_own = False
        self._names: set[str] = set()
        self._filters: list[tuple[str, str]] = []

    def add(self, text: str) -> str:
        """``event plain NAME …``; always plain text, whatever format is asked for."""
        words = [word for word in text.split(" ") if word]
        if words and words[0].lower() in _FORMATS:
            del words[0]
        known = _known(words)
        if not known:
            return _NO_KEYWORDS
        self._names |= known
        self.listens = True
        return "+OK event listener enabled plain"

    def remove(self, text: str) -> str:
        """``nixevent NAME …``."""
        known = _known(text.split(" "))
        if not known:
            return _NO_KEYWORDS
        if "ALL" in known:
            self._names.clear()
        elif "ALL" in self._names:
            self._names = set(EVENT_NAMES) - {"ALL"}
        self._names -= known
        self.listens = True
        return "+OK events nixed"

    def clear(self) -> str:
        """``noevents``."""
        if not self.listens:
            return "-ERR not listening for events"
        self._names.clear()
        self.listens = False
        return "+OK no longer listening for events"

    def own(self) -> str:
        """``myevents``; sic."""
        if self.only_own:
            return "-ERR aready enabled."
        self._names |= MYEVENTS
        self.listens = self.only_own = True
        return "+OK Events Enabled"

    def filter(self, text: str) -> str:
        """``filter [add] HEADER VALUE`` or ``filter delete HEADER [VALUE]``."""
        first, _, rest = text.lstrip(" ").partition(" ")
        if first.lower() == "delete" and rest:
            return self._delete_filter(*rest.partition(" ")[::2])
        name, value = (rest.partition(" ")[::2]) if first.lower() == "add" else (first, rest)
        if not value:
            return "-ERR invalid syntax"
        self._filters.append((name, value))
        return f"+OK filter added. [{name}]=[{value}]"

    def _delete_filter(self, name: str, value: str) -> str:
        if name.lower() == "all":
            self._filters.clear()
        self._filters = [
            known
            for known in self._filters
            if known[0].lower() != name.lower() or (value and known[1] != value)
        ]
        return f"+OK filter deleted. [{name}][{value}]"

    def wants(self, name: str) -> bool:
        """Whether events of that name are wanted."""
        return self.listens and (name in self._names or "ALL" in self._names)

    def passes(self, event: Event) -> bool:
        """Whether the event is wanted and gets through the filters."""
        return self.wants(event.name) and (
            not self._filters
            or any(
                (event.get(name) or "").lower() == value.lower() for name, value in self._filters
            )
        )


def _known(words: list[str]) -> set[str]:
    return {word.upper() for word in words} & EVENT_NAMES
