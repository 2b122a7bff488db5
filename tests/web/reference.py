"""`docs/requests.md`: every request, object and refusal, made of what `GET /openapi.json` answers.

    python -m tests.web.reference

writes the page; a test fails while it is not what this would write.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fsapp.web.openapi import description
from fsapp.web.routes import ROUTES, Parameter, Route

PAGE = Path(__file__).parents[2] / "docs" / "requests.md"

Node = Mapping[str, Any]

HEAD = """# Every request, object and refusal

Made of the tables by which the server reads, checks and answers, as `GET /openapi.json` is
(`python -m tests.web.reference` writes this page). What they mean and how they belong together says
the [HTTP reference](http.md).
"""

NO_REQUEST = str(HTTPStatus.METHOD_NOT_ALLOWED.value)
"""The one refusal that no described request gets."""


def page() -> str:
    """The whole page."""
    whole = description()
    refused = {route.path: _refused(whole, route) for route in ROUTES}
    # A page or a look at health has no token to refuse: not for everybody.
    asked = [dict(refused[route.path]) for route in ROUTES if not route.open and route.parameters]
    common = {error: code for error, code in asked[0].items() if all(error in one for one in asked)}
    requests = [_request(route, refused[route.path], common) for route in ROUTES]
    everybody = (
        f"Any request may be refused with {_named(common)}, but for `not-authorized` where no "
        "token is needed. Below stands what else.\n"
    )
    codes = dict(pair for pairs in refused.values() for pair in pairs)
    parts = [HEAD, everybody, *requests, "## Objects\n", *_objects(whole), "## Refusals\n"]
    return "\n".join([*parts, *_refusals(whole, codes)])


def _named(refused: Mapping[str, str]) -> str:
    return ", ".join(f"`{error}` ({code})" for error, code in refused.items())


def _request(route: Route, refused: Sequence[tuple[str, str]], common: Mapping[str, str]) -> str:
    methods = "` or `".join(route.methods)
    lines = [f"## `{methods} {route.path}`", "", f"{route.summary}.", ""]
    if route.parameters:
        lines += ["| parameter | must be | longest | |", "|---|---|---|---|"]
        lines += [_parameter(route, one) for one in route.parameters]
        lines += [""]
    name = route.answer.__name__.removesuffix("Document") if route.answer is not None else ""
    answered = f"[{name}](#{name.lower()})" if name else " or ".join(f"`{m}`" for m in route.media)
    lines += [f"Answers {answered}.{'' if not route.open else ' Needs no token.'}"]
    own = {error: code for error, code in refused if error not in common}
    if own:
        lines += ["", f"Refused with {_named(own)}."]
    return "\n".join([*lines, ""])


def _parameter(route: Route, parameter: Parameter) -> str:
    name = parameter.header or parameter.name
    needed = "required" if parameter.required else "optional"
    if parameter.name in route.one_of:
        others = [f"`{one}`" for one in route.one_of if one != parameter.name]
        needed = f"this or {', '.join(others)}"
    where = ", a header" if parameter.header else ""
    rule = parameter.rule.replace("|", "\\|")
    return f"| `{name}`{where} | {rule} | {parameter.longest} | {needed} |"


def _refused(whole: Node, route: Route) -> list[tuple[str, str]]:
    """The `error` of each refusal that it may get, with the HTTP status."""
    found = []
    item = whole["paths"][route.path.replace("<", "{").replace(">", "}")]
    for operation in item.values():
        for code, answer in operation["responses"].items():
            name = answer.get("$ref", "").rpartition("/")[2]
            for one in _schemas(whole["components"]["responses"].get(name, {})):
                known = whole["components"]["schemas"][one]["properties"]
                found.append((known["error"]["const"], code))
    return found


def _schemas(response: Node) -> Iterator[str]:
    for content in response.get("content", {}).values():
        schema = content["schema"]
        for one in schema.get("anyOf", [schema]):
            if "$ref" in one:
                yield one["$ref"].rpartition("/")[2]


def _objects(whole: Node) -> Iterator[str]:
    for name, schema in whole["components"]["schemas"].items():
        if not _is_refusal(schema):
            yield f"### {name}\n\n{schema['description']}\n\n| key | type | |\n|---|---|---|"
            yield "\n".join(_key(*one) for one in schema["properties"].items()) + "\n"


def _is_refusal(schema: Node) -> bool:
    return "error" in schema.get("properties", {})


def _key(name: str, schema: Node) -> str:
    says = schema.get("description", "")
    return f"| `{name}` | {_type(schema)} | {says} |".replace("|  |", "| |")


def _type(schema: Node) -> str:
    """The type in words."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return _one_type(schema)


def _one_type(schema: Node) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return ", ".join(f"`{one}`" for one in values) or str(schema["type"])


def _refusals(whole: Node, codes: Mapping[str, str]) -> Iterator[str]:
    yield "| HTTP | `error` | `status` | for example |\n|---|---|---|---|"
    rows: dict[tuple[str, str], str] = {}
    for schema in whole["components"]["schemas"].values():
        if _is_refusal(schema):
            known = schema["properties"]
            error, said = known["error"]["const"], known["description"]["examples"][0]
            cells = (f"`{error}`", f"`{known['status']['const']}`", said.replace("|", "\\|"))
            rows.setdefault((codes.get(error, NO_REQUEST), error), " | ".join(cells))
    yield from (f"| {code} | {row} |" for (code, _), row in sorted(rows.items()))
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
