"""Where the dialplan hands calls to fsapp, read from FreeSWITCH's own, preprocessed XML.

The law of this file: values in, values out. It judges nothing; ``check_dialplan.py`` does.
Extensions are taken as FreeSWITCH takes them: in their order, the first that matches and does not
say ``continue`` ends the search. Where that depends on more than the number, nobody is accused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

__all__ = [
    "RETURN_POINT",
    "Entry",
    "contexts",
    "entries",
    "has",
    "number_for",
    "taken_by",
]

RETURN_POINT = "fsapp_return"
_VARIABLE = re.compile(r"\$?\$\{([A-Za-z_]\w*)\}")
_LITERAL = re.compile(r"\+?[0-9]{3,}")


@dataclass(frozen=True)
class Entry:
    """An extension that connects to an outbound socket."""

    context: str
    extension: Element
    addresses: tuple[str, ...]
    """``host:port``, in the order they are tried."""
    arguments: str
    """What follows the address: ``async full``."""

    @property
    def name(self) -> str:
        return self.extension.get("name", "?")

    @property
    def is_return_point(self) -> bool:
        """Whether calls come back here by their own transfer."""
        return _takes(self.extension, RETURN_POINT)

    @property
    def resumes(self) -> bool:
        """Whether the call runs on when fsapp goes away in the middle."""
        return "socket_resume=true" in _settings(self.extension)


def contexts(dialplan: str) -> dict[str, Element]:
    """The contexts of a dialplan section by name. Raises ``ElementTree.ParseError``."""
    # FreeSWITCH itself is who answers here, over a connection that needed its password.
    root = ElementTree.fromstring(dialplan)
    return {context.get("name", "?"): context for context in root.iter("context")}


def entries(context: Element, variables: dict[str, str]) -> Iterator[Entry]:
    """The extensions with a ``socket``; ``variables`` are FreeSWITCH's global ones."""
    for extension in context.iter("extension"):
        for data in _sockets(extension, variables):
            address, _, arguments = data.strip().partition(" ")
            found = tuple(address.split("|"))
            yield Entry(context.get("name", "?"), extension, found, arguments.strip())


def has(context: Element, destination: str) -> bool:
    """Whether any extension of the context takes this destination, as far as can be told: one with
    an expression that is not understood here might."""
    return any(
        _may_take(extension, destination) or _surely_takes(extension, destination)
        for extension in context.iter("extension")
    )


def number_for(entry: Entry, context: Element) -> str | None:
    """A number that reaches this extension, and no other one before it; ``None``: there is none.

    Extensions with other conditions than the destination count as if those were true.
    """
    return next(
        (
            number
            for number in _numbers(entry)
            if not any(
                _takes(one, number) and one.get("continue") != "true"
                for one in _before(entry, context)
            )
        ),
        None,
    )


def taken_by(entry: Entry, context: Element, destination: str | None = None) -> str | None:
    """The extension that takes ``destination`` (unless given, each of this one's numbers) before
    it; ``None`` when calls can get here, or that depends on more than their number."""
    taker = None
    for number in [destination] if destination else _numbers(entry):
        takers = (one for one in _before(entry, context) if _surely_takes(one, number))
        taker = next(takers, None)
        if taker is None:
            return None
    return None if taker is None else taker.get("name", "?")


def _numbers(entry: Entry) -> Iterator[str]:
    """What the extension takes: what its expression spells out, then any of three to five
    digits."""
    spelt = _LITERAL.findall(_destination(entry.extension).replace("\\+", "+"))
    for number in (*spelt, *map(str, range(100, 100_000))):
        if _takes(entry.extension, number):
            yield number


def _before(entry: Entry, context: Element) -> Iterator[Element]:
    for extension in context.iter("extension"):
        if extension is entry.extension:
            return
        yield extension


def _surely_takes(extension: Element, destination: str) -> bool:
    """Whether it takes the destination whatever else there is to a call."""
    conditions = extension.findall("condition")
    holds = (_surely_holds(condition, destination) for condition in conditions)
    return bool(conditions) and extension.get("continue") != "true" and all(holds)


def _surely_holds(condition: Element, destination: str) -> bool:
    if set(condition.attrib) - {"field", "expression"} or condition.find("condition") is not None:
        return False
    field = condition.get("field")
    expression = _expression(condition)
    return field is None or (field == "destination_number" and _matches(expression, destination))


def _destination(extension: Element) -> str:
    """The expression of its first condition on the destination."""
    for condition in extension.iter("condition"):
        if condition.get("field") == "destination_number":
            return _expression(condition)
    return ""


def _expression(condition: Element) -> str:
    """It may stand in an element of its own."""
    return condition.findtext("expression") or condition.get("expression") or ""


def _takes(extension: Element, destination: str) -> bool:
    """Whether its first condition on the destination lets this one through."""
    expression = _destination(extension)
    return bool(expression) and _matches(expression, destination)


def _may_take(extension: Element, destination: str) -> bool:
    """Whether one of its conditions on the destination lets this one through, or might."""
    return any(
        _might_match(_expression(one), destination)
        for one in extension.iter()
        if one.tag in ("condition", "regex") and one.get("field") == "destination_number"
    )


def _might_match(expression: str, text: str) -> bool:
    try:
        return "${" in expression or re.search(expression, text) is not None
    except re.error:
        return True


def _matches(expression: str, text: str) -> bool:
    try:
        return re.search(expression, text) is not None
    except re.error:
        return False


def _actions(extension: Element) -> list[Element]:
    return [one for one in extension.iter() if one.tag in ("action", "anti-action")]


def _settings(extension: Element) -> set[str]:
    return {
        action.get("data") or ""
        for action in _actions(extension)
        if action.get("application") in ("set", "export")
    }


def _sockets(extension: Element, variables: dict[str, str]) -> Iterator[str]:
    """The data of the sockets that would be connected to, with these global variables."""
    for condition in extension.iter("condition"):
        true = _is_true(condition, variables)
        for action in condition:
            wanted = {"action": true is not False, "anti-action": true is not True}
            if action.get("application") == "socket" and wanted.get(action.tag, False):
                yield _expanded(action.get("data") or "", variables)


def _is_true(condition: Element, variables: dict[str, str]) -> bool | None:
    """Of a condition on a global variable: whether it holds. ``None`` for any other."""
    variable = _VARIABLE.fullmatch(condition.get("field") or "")
    if variable is None or variable[1] not in variables:
        return None
    return _matches(condition.get("expression", ""), variables[variable[1]])


def _expanded(data: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), data)
