"""JSON Schema (draft 2020-12) of the document types, of their keys and of refusals.

The law of this file: nothing is described here, only translated: what a key is stands with its
type (``calls/document_types.py``), what a refusal says with the function that makes it
(``calls/refusals.py``).
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from fsapp.calls.document_types import Key, RefusalDocument
from fsapp.calls.refusals import Refusal

__all__ = ["Kind", "Schemas", "example_of", "kind_of", "pascal"]

Schema = dict[str, Any]

_PLAIN: Mapping[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
}
_SAMPLES: Mapping[object, object] = {str: "", bool: False, int: 0, float: 0.0, type(None): None}
_UNIONS = (Union, types.UnionType)
_ARGUMENTS = {
    "what": "call_id is missing",
    "why": "Bad destination",
    "call_id": "86c83e07-f020-4c06-9e80-8e9f296fbfe3",
    "owner": "bente",
    "agent_id": "anna",
    "phone": "user/1101",
    "cause": "USER_BUSY",
    "state": "parked",
    "cm_id": "42",
    "allowed": "POST",
    "method": "GET",
    "limit": 1000,
    "missing": {"switch": "FreeSWITCH is not connected"},
    "which": "FreeSWITCH is not connected",
    "late": "FreeSWITCH did not answer in time",
    "incident": "0f0e5b0b6ed34a6c8b6d7f6a3f1f2c4d",
}
"""Examples of what refusals are made of."""


class Schemas:
    """Collects the schemas that others refer to; ``named`` has them by their names."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type as it stands in an annotation."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if is_typeddict(kind):
            return self._document(kind)
        return self._composed(get_origin(kind), get_args(kind))

    def refusal(self, kind: Kind) -> Schema:
        """The schema of one refusal's document, referred to."""
        keys = get_type_hints(RefusalDocument, include_extras=True)
        fixed = {"status": kind.status, "error": kind.error}
        properties: Schema = {name: {"const": value} for name, value in fixed.items()}
        properties["description"] = {**self.of(keys["description"]), "examples": [kind.says]}
        for name in kind.shows:
            properties[name] = self.of(keys[name])
        self.named[kind.name] = {
            "type": "object",
            "description": kind.means,
            "properties": properties,
            "required": ["status", "description", "error"],
        }
        return _reference(kind.name)

    def _document(self, kind: type) -> Schema:
        name = kind.__name__.removeprefix("_").removesuffix("Document")
        if name not in self.named:
            self.named[name] = {}  # refers to itself, if it does
            self.named[name] = self._object(kind)
        return _reference(name)

    def _object(self, kind: type) -> Schema:
        keys = get_type_hints(kind, include_extras=True)
        return {
            "type": "object",
            "description": kind.__doc__,
            "properties": {name: self.of(key) for name, key in keys.items()},
            "required": [name for name, key in keys.items() if not _may_be_missing(key)],
        }

    def _composed(self, origin: Any, arguments: tuple[Any, ...]) -> Schema:
        if origin is Annotated:
            return self._described(*arguments)
        if origin is NotRequired:
            return self.of(arguments[0])
        if origin is Literal:
            return {"const": arguments[0]}
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if origin in _UNIONS:
            return {"anyOf": [self.of(argument) for argument in arguments]}
        raise TypeError(f"no schema for {origin}")

    def _described(self, inner: Any, *keys: Key) -> Schema:
        """The last key is the outermost: it says what a value means in this very place."""
        schema = {**self.of(inner), "description": keys[-1].means}
        of_values = (one for one in schema.get("anyOf", ()) if one.get("type") != "null")
        limited = next(of_values, schema)
        for key in keys:
            if key.pattern is not None:
                limited["pattern"] = f"^(?:{key.pattern})$"
            if key.among is not None:
                limited["enum"] = list(map(str, key.among))
        return schema


def example_of(kind: Any) -> Any:
    """A value of this type, made of its keys' examples."""
    if is_typeddict(kind):
        keys = get_type_hints(kind, include_extras=True)
        return {name: example_of(key) for name, key in keys.items() if not _may_be_missing(key)}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        given = [key.example for key in arguments[1:] if key.example is not None]
        return given[-1] if given else example_of(arguments[0])
    if origin is NotRequired:
        return example_of(arguments[0])
    if origin in _UNIONS and type(None) in arguments:
        return None
    if origin is list:
        return [example_of(arguments[0])]
    return arguments[0] if origin is Literal else _SAMPLES[kind]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of refusal: what is always the same of it, and an example of the rest.

    ``shows`` are the keys it may have besides, ``headers`` whether each of its own is always there.
    """

    name: str
    http: int
    status: str
    error: str
    says: str
    means: str
    shows: tuple[str, ...] = ()
    headers: Mapping[str, bool] = field(default_factory=dict)


def kind_of(build: Callable[..., Refusal]) -> Kind:
    """What can be learnt of a refusal from the function that makes it."""
    parameters = inspect.signature(build).parameters
    required = [name for name, one in parameters.items() if one.default is one.empty]
    least = build(**{name: _ARGUMENTS.get(name, name) for name in required})
    most = build(**{name: _ARGUMENTS.get(name, 1) for name in parameters if name != "call"})
    told = build(**{name: _word(name) for name in required})
    return Kind(
        pascal(build.__name__),
        least.http.value,
        least.status,
        least.error,
        says=least.description,
        means=told.description,
        shows=tuple(name for name in ("call", "missing") if name in parameters),
        headers={name: name in least.headers for name in most.headers},
    )


def pascal(words: str) -> str:
    """``call_owned`` or ``bad-request`` as the name of a schema."""
    return "".join(word.capitalize() for word in words.replace("-", "_").split("_"))


def _word(name: str) -> object:
    return {name: f"<{name}>"} if name == "missing" else f"<{name}>"


def _may_be_missing(key: Any) -> bool:
    if get_origin(key) is Annotated:
        return _may_be_missing(get_args(key)[0])
    return get_origin(key) is NotRequired


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
