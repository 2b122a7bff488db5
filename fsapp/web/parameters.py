"""Reads a request's parameters and checks them against the route's row (protocol §2).

The law of this file: a value that leaves it is text that matched its row; the desk need not look
again. Whatever is wrong is a 400 that names the parameter. Reading never raises: who asks (401)
and for what (404, 405) are answered before what is wrong with the parameters, so the first trouble
is kept until then. Values are never repeated in an answer: one of them is a token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from fsapp.calls.refusals import Refusal, bad_parameters
from fsapp.calls.text import has_control
from fsapp.web.routes import TOKEN, Parameter, Route

__all__ = ["BODIES", "Field", "Received", "check", "fields_of", "read"]

_LONGEST_NAME_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter as it came in; ``number`` when it was a JSON number."""

    name: str
    text: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """Everything that could be read, and the first thing that could not."""

    fields: tuple[Field, ...]
    trouble: Refusal | None = None


def fields_of(parameters: Mapping[str, str]) -> tuple[Field, ...]:
    """Parameters that did not stand in query or body, to be checked like those."""
    return tuple(Field(name, text) for name, text in parameters.items())


_Read = Iterator[Field | Refusal]


def read(query: bytes, body: bytes | Refusal, content_type: str) -> Received:
    """The parameters of the query string and the body, or why there is no body."""
    items = [*_from_form(query), *_from_body(body, content_type)]
    troubles = [item for item in items if isinstance(item, Refusal)]
    fields = tuple(item for item in items if isinstance(item, Field))
    return Received(fields, troubles[0] if troubles else None)


def _from_body(body: bytes | Refusal, content_type: str) -> _Read:
    if isinstance(body, Refusal):
        return iter((body,))
    if not body:
        return iter(())
    reader = _READERS.get(content_type.partition(";")[0].strip().lower())
    if reader is None:
        return iter((bad_parameters(f"The body must be {' or '.join(_READERS)}."),))
    return reader(body)


def _from_form(raw: bytes) -> _Read:
    """``name=value&…`` of a query string or a form."""
    for pair in raw.split(b"&"):
        name, equals, value = (_decoded(part) for part in pair.partition(b"="))
        if name is None or value is None:
            yield bad_parameters(f"{_shown(name or 'A name')} is not valid UTF-8")
        elif equals:
            yield Field(name, value)
        elif pair:
            yield bad_parameters(f"{_shown(name)} has no value")


def _decoded(part: bytes) -> str | None:
    try:
        return unquote_to_bytes(part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None


class _Number(str):
    """A JSON number, as it was written."""

    __slots__ = ()


_WHOLE = re.compile(r"(-?[0-9]+)\.0+")


def _fraction(text: str) -> _Number:
    """JSON knows one kind of number: 3.0 is the whole number 3 to JSON Schema, too."""
    whole = _WHOLE.fullmatch(text)
    return _Number(whole[1] if whole else text)


class _Object(list[tuple[str, object]]):
    """A JSON object; unlike a dict it can say that a name stood there twice."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _from_json(raw: bytes) -> _Read:
    try:
        document = json.loads(
            raw.decode(),
            object_pairs_hook=_Object,
            parse_int=_Number,
            parse_float=_fraction,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        yield bad_parameters("The body is not valid JSON in UTF-8.")
        return
    if not isinstance(document, _Object):
        yield bad_parameters("The body must be a JSON object.")
        return
    yield from (_from_member(name, value) for name, value in document)


def _from_member(name: str, value: object) -> Field | Refusal:
    if not isinstance(value, str):
        return bad_parameters(f"{_shown(name)} must be a string")
    return Field(name, str(value), number=isinstance(value, _Number))


_READERS: Mapping[str, Callable[[bytes], _Read]] = {
    "application/json": _from_json,
    "application/x-www-form-urlencoded": _from_form,
}
BODIES = tuple(_READERS)
"""The media types a body may have."""


def check(route: Route, received: Received, header: Callable[[str], str | None]) -> dict[str, str]:
    """The parameters by name, without the token. Raises the 400 of the first that is wrong.

    ``header`` answers a request header's value, or ``None``.
    """
    if received.trouble is not None:
        raise received.trouble
    values: dict[str, str] = {}
    for field, parameter in _known(route, received):
        _check_value(parameter, field)
        if values.setdefault(field.name, field.text) != field.text:
            raise bad_parameters(f"{field.name} is given twice, with different values")
    values.pop(TOKEN.name, None)
    values.update(_from_headers(route, header))
    _check_present(route, values)
    return values


def _known(route: Route, received: Received) -> Iterator[tuple[Field, Parameter]]:
    known = {row.name: row for row in (*route.parameters, TOKEN) if row.header is None}
    for field in received.fields:
        if field.name not in known:
            raise bad_parameters(f"{_shown(field.name)} is not a parameter of {route.path}")
        yield field, known[field.name]


def _from_headers(route: Route, header: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    for parameter in route.parameters:
        value = header(parameter.header) if parameter.header is not None else None
        if value is not None:
            _check_value(parameter, Field(parameter.name, value))
            yield parameter.name, value


def _check_value(parameter: Parameter, field: Field) -> None:
    name = parameter.header or parameter.name
    if has_control(field.text):
        raise bad_parameters(f"{name} has a control character in it")
    if len(field.text) > parameter.longest:
        raise bad_parameters(f"{name} is longer than {parameter.longest} characters")
    if field.number and not parameter.integer:
        raise bad_parameters(f"{name} must be a string")
    if not parameter.pattern.fullmatch(field.text):
        raise bad_parameters(f"{name} must be {parameter.rule}")


def _check_present(route: Route, values: Mapping[str, str]) -> None:
    for parameter in route.parameters:
        if parameter.required and parameter.name not in values:
            raise bad_parameters(f"{parameter.name} is missing")
    if route.one_of and sum(name in values for name in route.one_of) != 1:
        raise bad_parameters(f"Exactly one of {' and '.join(route.one_of)} must be given")


def _shown(name: str) -> str:
    """A client's own word for something, made harmless."""
    text = "".join(letter if letter.isprintable() else "?" for letter in name)
    return text if len(text) <= _LONGEST_NAME_SHOWN else f"{text[:_LONGEST_NAME_SHOWN]}..."
