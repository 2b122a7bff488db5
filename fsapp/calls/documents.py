"""Call objects that are written often and change seldom: as a mapping for who reads them, as JSON
for who sends them.

The law of this file: :meth:`Shown.json` and the mapping say the same, key for key in the same
order. What does not change with who asks is made into JSON once for each value of a call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, cast

from fsapp.calls.call import Call

if TYPE_CHECKING:
    from fsapp.calls.document_types import ShownCallDocument, StateCallDocument

__all__ = ["CallJson", "Shown", "ShownList", "compact", "shown_document", "state_document"]

_PLACE = '"position":null'


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dict)


def compact(value: object) -> str:
    """JSON without blanks; characters as they are. Any mapping is an object."""
    return _JSON.encode(value)


class CallJson:
    """One value of a call as JSON, open where its place in the queue and ``can`` go."""

    __slots__ = ("_before", "_behind", "_short", "call")

    def __init__(self, call: Call) -> None:
        self.call = call
        # A caller's name cannot look like it: inside a string every quote has a backslash.
        before, _, behind = compact(call.document()).partition(_PLACE)
        self._before = f'{before}"position":'
        self._behind = behind[:-1]
        self._short: str | None = None

    def whole(self, position: int | None, verbs: Sequence[str]) -> str:
        """The whole object, with these two."""
        place = "null" if position is None else position
        return f'{self._before}{place}{self._behind},"can":{_verbs(tuple(verbs))}}}'

    def short(self) -> str:
        """The short call, open where the whole object may follow."""
        if self._short is None:
            self._short = compact(self.call.short_document())[:-1]
        return self._short


class Shown(Mapping[str, object]):
    """A call object for one agent: its place in the queue, and what she may do (``verbs``).
    ``state``: the short call goes before it."""

    def __init__(
        self, call: CallJson, position: int | None, verbs: Sequence[str], *, state: bool = False
    ) -> None:
        self._call = call
        self._position = position
        self._verbs = verbs
        self._state = state

    def json(self) -> str:
        """The object as it is sent."""
        whole = self._call.whole(self._position, self._verbs)
        return f"{self._call.short()},{whole[1:]}" if self._state else whole

    @cached_property
    def _document(self) -> Mapping[str, object]:
        call = self._call.call
        whole = {**call.document(self._position), "can": list(self._verbs)}
        return {**call.short_document(), **whole} if self._state else whole

    def __getitem__(self, key: str) -> object:
        return self._document[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)


def shown_document(call: CallJson, position: int | None, verbs: Sequence[str]) -> ShownCallDocument:
    """The call object; what it is made of is only put together for who reads it."""
    return cast("ShownCallDocument", Shown(call, position, verbs))


def state_document(call: CallJson, position: int | None, verbs: Sequence[str]) -> StateCallDocument:
    """The short call with the whole object merged in, likewise."""
    return cast("StateCallDocument", Shown(call, position, verbs, state=True))


class ShownList(list["ShownCallDocument"]):
    """Call objects that are sent together, more than once."""

    @cached_property
    def json(self) -> str:
        """The array as it is sent."""
        return f"[{','.join(cast(Shown, one).json() for one in self)}]"


@lru_cache(maxsize=64)
def _verbs(verbs: tuple[str, ...]) -> str:
    return compact(verbs)
