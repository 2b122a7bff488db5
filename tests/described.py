"""Whether an answer is what the description of the interface says it is.

Knows OpenAPI and JSON Schema, nothing of the app. Stricter than the description in one thing: no
document may have a key that is not described, though clients must put up with more.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jsonschema_rs import Draft202012Validator

Node = dict[str, Any]

UNKNOWN = {400, 401, 404, 405, 408, 411, 413, 414, 431, 501, 505}
"""What is answered to a request that is not described."""
ERRORS = "application/json"


class Description:
    """An OpenAPI document, to hold answers to."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document: Node = _closed(document)
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        """Paths with parameters last: another's word in their place is no value of theirs."""
        ordered = sorted(self.document["paths"], key=lambda path: "{" in path)
        return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(p))), p) for p in ordered]

    def operation(self, method: str, path: str) -> Node | None:
        """What is described of a request; ``path`` is as sent, without its query."""
        found = (name for pattern, name in self._templates if pattern.fullmatch(path))
        operations: Node = self.document["paths"].get(next(found, ""), {})
        return operations.get(method.lower())

    def fault(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> str | None:
        """What is wrong with an answer, ``None`` when it is as described."""
        if method == "HEAD":
            return None if not body else "an answer to HEAD has a body"
        operation = self.operation(method, path.partition("?")[0])
        if operation is None:
            return self._refusal_fault(status, body)
        response = self._resolved(operation["responses"].get(str(status)))
        if response is None:
            return f"the status {status} is not described"
        # Browsers tell names of headers in small letters.
        had = {name.lower(): value for name, value in headers.items()}
        kind = had.get("content-type", "").partition(";")[0]
        if kind not in response["content"]:
            return f"the content type {kind!r} is not described"
        missing = [
            name
            for name, header in response.get("headers", {}).items()
            if header.get("required") and name.lower() not in had
        ]
        if missing:
            return f"no header {missing}"
        return self.document_fault(response["content"][kind]["schema"], _value(kind, body))

    def event_fault(self, name: str, data: object) -> str | None:
        """What is wrong with an event's data."""
        schema = self.document["x-events"].get(name)
        return (
            "this event is not described" if schema is None else self.document_fault(schema, data)
        )

    def refusals(self, method: str, path: str) -> set[tuple[int, str]]:
        """Status and ``error`` of everything the request may be refused with."""
        operation = self.operation(method, path)
        assert operation is not None, f"{method} {path} is not described"
        return {
            (int(status), error)
            for status, response in operation["responses"].items()
            if int(status) >= 400
            for error in self._resolved(response)["content"][ERRORS]["examples"]  # type: ignore[index]
        }

    def document_fault(self, schema: Node, document: object) -> str | None:
        """What is wrong with a value that should fit a schema of the description."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = Draft202012Validator(whole)
        error = next(iter(self._validators[key].iter_errors(document)), None)
        return None if error is None else f"{list(error.instance_path)}: {error.message}"

    def _refusal_fault(self, status: int, body: bytes) -> str | None:
        if status not in UNKNOWN:
            return f"an unknown request was answered with {status}"
        document = json.loads(body)
        schemas = self.document["components"]["schemas"]
        wanted = {"const": document.get("error")}
        fitting = (
            {"$ref": f"#/components/schemas/{name}"}
            for name, schema in schemas.items()
            if schema.get("properties", {}).get("error") == wanted
        )
        faults = [self.document_fault(schema, document) for schema in fitting]
        return "no such refusal" if not faults else None if None in faults else faults[0]

    def _resolved(self, node: Node | None) -> Node | None:
        if node is None or "$ref" not in node:
            return node
        response: Node = self.document["components"]["responses"][node["$ref"].split("/")[-1]]
        return response


def _value(kind: str, body: bytes) -> object:
    return json.loads(body) if kind == "application/json" else body.decode("utf-8", "replace")


def _closed(node: Any) -> Any:
    """The same with no key allowed that is not described."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, Mapping):
        return copy.copy(node)
    closed = {name: _closed(value) for name, value in node.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed
