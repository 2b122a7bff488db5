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
    from fsapp.calls.document_types import ShownCallDocument

__all__ = ["CallJson", "Shown", "ShownList", "compact", "shown_document"]

_PLACE = '"position":null'


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dict)


def compact(value: object) -> str:
    """JSON without blanks; characters as they are. Any mapping is an object."""
    return _JSON.encode(value)


class CallJson:
    """One value of a call as JSON, open where its place in the queue and ``can`` go."""

    __slots__ = ("_before", "_behind", "call")

    def __init__(self, call: Call) -> None:
        self.call = call
        # A caller's name cannot look like it: inside a string every quote has a backslash.
        before, _, behind = compact(call.document()).partition(_PLACE)
        self._before = f'{before}"position":'
        self._behind = behind[:-1]

    def whole(self, position: int | None, verbs: Sequence[str]) -> str:
        """The whole object, with these two."""
        place = "null" if position is None else position
        return f'{self._before}{place}{self._behind},"can":{_verbs(tuple(verbs))}}}'


class Shown(Mapping[str, object]):
    """A call object for one agent: its place in the queue, and what she may do (``verbs``)."""

    def __init__(self, call: CallJson, position: int | None, verbs: Sequence[str]) -> None:
        self._call = call
        self._position = position
        self._verbs = verbs

    def json(self) -> str:
        """The object as it is sent."""
        return self._call.whole(self._position, self._verbs)

    @cached_property
    def _document(self) -> ShownCallDocument:
        return {**self._call.call.document(self._position), "can": list(self._verbs)}

    def __getitem__(self, key: str) -> object:
        whole: Mapping[str, object] = self._document
        return whole[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)


def shown_document(call: CallJson, position: int | None, verbs: Sequence[str]) -> ShownCallDocument:
    """The call object; what it is made of is only put together for who reads it."""
    return cast("ShownCallDocument", Shown(call, position, verbs))


class ShownList(list["ShownCallDocument"]):
    """Call objects that are sent together, more than once."""

    @cached_property
    def json(self) -> str:
        """The array as it is sent."""
        return f"[{','.join(cast(Shown, one).json() for one in self)}]"


@lru_cache(maxsize=64)
def _verbs(verbs: tuple[str, ...]) -> str:
    return compact(verbs)
