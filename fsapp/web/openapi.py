"""``GET /openapi.json``: the interface in OpenAPI 3.1, from the tables that route and refuse.

The law of this file: nothing is listed here that stands in a table. Requests and their parameters
are ``routes.py``'s, documents ``calls/document_types.py``'s, refusals ``calls/refusals.py``'s, what
only HTTP can be wrong with ``answers.py``'s.

What OpenAPI cannot say is said in words: parameters of a POST may stand in its query string, too,
and an event stream is described by one event of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from fsapp.calls.document_types import EVENT_DOCUMENTS
from fsapp.calls.refusals import (
    bad_parameters,
    method_not_allowed,
    not_authorized,
    route_not_found,
    too_large,
    unhandled,
)
from fsapp.web.answers import OWN
from fsapp.web.parameters import BODIES
from fsapp.web.routes import ANYTHING, JSON, ROUTES, STREAM, TOKEN, Parameter, Route
from fsapp.web.schemas import Kind, Schemas, example_of, kind_of, pascal

__all__ = ["description"]

Node = dict[str, Any]

_ABOUT = """\
The agent call protocol of fsapp, the call desk for FreeSWITCH.

Parameters come from the query string, a form body or a JSON object body, under the same names.
They are described once: of a POST as its body, though they may stand in its query string, too.
Unknown ones, control characters and one name with different values are refused (400).

Every request but those without `security` needs an agent's token: in the header `Authorization`,
or as the parameter `token`. Checks come in this order: 401 token, 404 path, 405 method,
400 parameters, 404 the call does not exist, 403 it belongs to another agent, 409 its or the agent's
state forbids it, 503 FreeSWITCH or the database is not there, 504 FreeSWITCH did not answer.
Whatever is refused has changed nothing. Programs go by `error`; documents may get more keys.
"""
_STREAM = """\
Server-Sent Events until the client goes away; the schema is that of one of them. `data` is a JSON
document, described under `x-events` by the event's name. Numbers (`id`) grow strictly; the last one
seen goes into `Last-Event-ID` to be told again what was missed.
"""
_SHEET = "As CSV (RFC 4180) with the columns {columns} for `format=csv` or `Accept: text/csv`."
_NO_HTTP = "The request has no answer: {}."
_TEXT = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
"""Text without control characters (``calls/text.py``)."""
_ALWAYS = (bad_parameters, too_large, unhandled)
"""What every request may be refused with."""
_WITH_TOKEN = (not_authorized,)
_SECURITY: tuple[Node, ...] = ({"bearer": []}, {"parameter": []})
_NOWHERE = (route_not_found, method_not_allowed)
"""Refusals of requests that are none of these."""


@cache
def description() -> Node:
    """The whole document."""
    writer = _Writer()
    paths = {_templated(route.path): writer.path(route) for route in ROUTES}
    for build in _NOWHERE:
        writer.response([kind_of(build)])
    events = {name: writer.schemas.of(kind) for name, kind in EVENT_DOCUMENTS.items()}
    return {
        "openapi": "3.1.1",
        "info": {"title": "fsapp", "version": "1", "description": _ABOUT},
        "security": list(_SECURITY),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(writer.schemas.named.items())),
            "responses": dict(sorted(writer.responses.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "parameter": {"type": "apiKey", "in": "query", "name": TOKEN.name},
            },
        },
        "x-events": events,
    }


class _Writer:
    """Writes operations, and collects what they refer to."""

    def __init__(self) -> None:
        self.schemas = Schemas()
        self.responses: dict[str, Node] = {}
        self._of_http = [
            Kind(
                pascal(error), http.value, status, error, _NO_HTTP.format(status), "no proper HTTP"
            )
            for http, (status, error) in OWN.items()
        ]

    def path(self, route: Route) -> Node:
        return {method.lower(): self._operation(route, method) for method in route.methods}

    def _operation(self, route: Route, method: str) -> Node:
        in_body = [one for one in _own(route) if method == "POST" and not _in_path(route, one)]
        apart = [one for one in route.parameters if one not in in_body]
        operation: Node = {
            "operationId": _operation_id(route, method),
            "summary": route.summary,
            "tags": [_tag(route)],
            "parameters": [_parameter(route, one) for one in apart],
            "responses": self._responses(route),
        }
        if in_body:
            operation["requestBody"] = _body(route, in_body)
        if route.open:
            operation["security"] = []
        if route.scraped:
            # Some may read it without a token (``scrapers.py``).
            operation["security"] = [*_SECURITY, {}]
        return operation

    def _responses(self, route: Route) -> Node:
        found: dict[int, list[Kind]] = {}
        for kind in self._refusals(route):
            found.setdefault(kind.http, []).append(kind)
        refused = {str(http): self.response(kinds) for http, kinds in sorted(found.items())}
        return {"200": self._success(route), **refused}

    def _refusals(self, route: Route) -> Iterator[Kind]:
        told = set()
        who = () if route.open else _WITH_TOKEN
        # What does not fit the place of a parameter in the path is another path.
        where = (route_not_found,) if "<" in route.path else ()
        for build in (*_ALWAYS, *who, *where, *route.refuses):
            kind = kind_of(build)
            told.add((kind.http, kind.error))
            yield kind
        yield from (kind for kind in self._of_http if (kind.http, kind.error) not in told)

    def response(self, kinds: list[Kind]) -> Node:
        """A reference to the response that is one of these refusals."""
        name = "Or".join(kind.name for kind in kinds)
        if name not in self.responses:
            self.responses[name] = self._refused(kinds)
        return {"$ref": f"#/components/responses/{name}"}

    def _refused(self, kinds: list[Kind]) -> Node:
        schemas = [self.schemas.refusal(kind) for kind in kinds]
        examples = {
            kind.error: {
                "value": {"status": kind.status, "description": kind.says, "error": kind.error}
            }
            for kind in kinds
        }
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        response: Node = {
            "description": "\n\n".join(f"`{kind.error}`: {kind.means}" for kind in kinds),
            "content": {JSON: {"schema": schema, "examples": examples}},
        }
        headers = {name: always for kind in kinds for name, always in kind.headers.items()}
        if headers:
            alone = len(kinds) == 1
            response["headers"] = {
                name: {"schema": {"type": "string"}, "required": always and alone}
                for name, always in headers.items()
            }
        return response

    def _success(self, route: Route) -> Node:
        response: Node = {"description": route.summary}
        response["content"] = {media: self._content(route, media) for media in route.media}
        if route.sheet is not None:
            columns = ", ".join(route.sheet.columns)
            response["description"] += f". {_SHEET.format(columns=columns)}"
            example = ",".join(route.sheet.columns) + "\r\n"
            response["content"]["text/csv"] = {"schema": {"type": "string"}, "example": example}
            if _paged(route):
                response["headers"] = {"X-Next-Cursor": _NEXT}
        if STREAM in route.media:
            response["description"] += f". {_STREAM}"
        return response

    def _content(self, route: Route, media: str) -> Node:
        if media == STREAM:
            return {"schema": self._event()}
        if media != JSON:
            return {"schema": {"type": "string"}}
        if route.answer is None:
            return {"schema": {"type": "object"}}
        return {"schema": self.schemas.of(route.answer), "example": example_of(route.answer)}

    def _event(self) -> Node:
        """One event of a stream, as OpenAPI 3.2 would have it in ``itemSchema``."""
        kinds = dict.fromkeys(EVENT_DOCUMENTS.values())
        return {
            "type": "object",
            "properties": {
                "event": {"type": "string", "enum": list(EVENT_DOCUMENTS)},
                "id": {"type": "string", "pattern": "^[0-9]+$"},
                "data": {
                    "type": "string",
                    "contentMediaType": JSON,
                    "contentSchema": {"anyOf": [self.schemas.of(kind) for kind in kinds]},
                },
            },
            "required": ["event", "data"],
        }


_NEXT = {
    "description": "CSV only: the cursor of the following page; not there at the end",
    "schema": {"type": "string"},
}


def _paged(route: Route) -> bool:
    return any(one.name == "cursor" for one in route.parameters)


def _templated(path: str) -> str:
    return re.sub(r"<(\w+)>", r"{\1}", path)


def _in_path(route: Route, parameter: Parameter) -> bool:
    return f"<{parameter.name}>" in route.path


def _own(route: Route) -> list[Parameter]:
    """Those that are no headers."""
    return [one for one in route.parameters if one.header is None]


def _operation_id(route: Route, method: str) -> str:
    words = re.findall(r"[a-z]+", re.sub(r"<\w+>", "", route.path)) or ["page"]
    return "_".join((method.lower(), *words))


def _tag(route: Route) -> str:
    return "service" if route.open else route.path.split("/")[1]


def _parameter(route: Route, parameter: Parameter) -> Node:
    in_path = _in_path(route, parameter)
    place = "path" if in_path else "query" if parameter.header is None else "header"
    node: Node = {
        "name": parameter.header or parameter.name,
        "in": place,
        "description": parameter.rule,
        "schema": _text(parameter),
    }
    if in_path or parameter.required:
        node["required"] = True
    return node


def _body(route: Route, parameters: list[Parameter]) -> Node:
    form: Node = {
        "type": "object",
        "properties": {one.name: _text(one) for one in parameters},
        "additionalProperties": False,
    }
    needed = [one.name for one in parameters if one.required]
    if needed:
        form["required"] = needed
    if route.one_of:
        form["oneOf"] = [{"required": [name]} for name in route.one_of]
    document = {**form, "properties": {one.name: _value(one) for one in parameters}}
    return {
        "description": "May be empty when the parameters stand in the query string.",
        "required": bool(needed or route.one_of),
        "content": {media: {"schema": document if media == JSON else form} for media in BODIES},
    }


def _text(parameter: Parameter) -> Node:
    """A value as text, which it is everywhere but in JSON."""
    pattern = parameter.pattern.pattern
    exact = _TEXT if pattern == ANYTHING else f"^(?:{pattern})$"
    return {"type": "string", "maxLength": parameter.longest, "pattern": exact}


def _value(parameter: Parameter) -> Node:
    """A value in a JSON body: text, of whole numbers the number, too."""
    text = _text(parameter)
    if not parameter.integer:
        return text
    number = {"type": "integer", "minimum": 0, "exclusiveMaximum": 10**parameter.longest}
    return {"anyOf": [number, text]}
