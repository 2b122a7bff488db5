"""A channel's variables, and the ``${name}`` in dialplan data that stand for them.

Source: FreeSWITCH's dialplan documentation (``${name}``, ``${name:offset:length}``,
``${command(arguments)}``) and the order of ``variable_`` headers in the recordings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from fsapp.lab.events import header_line

__all__ = ["Variables", "expand", "truthy"]

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_COMMAND = re.compile(r"([a-z_]+)\((.*)\)", re.DOTALL)
_SLICE = re.compile(r"(.+?):(-?\d+)(?::(-?\d+))?")
_TRUE = frozenset({"yes", "on", "true", "t", "enabled", "active", "allow"})
_NESTING = 10


def truthy(value: str | None) -> bool:
    """Whether FreeSWITCH takes the value for true."""
    if value is None:
        return False
    return value.lower() in _TRUE or (value.lstrip("-").isdigit() and int(value) != 0)


class Variables:
    """Variables in the order in which they were last set; setting to nothing removes."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._lines: str | None = None

    def get(self, name: str) -> str | None:
        """The variable's value, None when it is not set."""
        return self._values.get(name)

    def is_true(self, name: str) -> bool:
        """Whether the variable is set to something true."""
        return truthy(self._values.get(name))

    def set(self, name: str, value: str | None) -> None:
        """Set the variable; None or an empty value removes it."""
        if value and self._values.get(name) == value and next(reversed(self._values)) == name:
            return
        self._values.pop(name, None)
        if value:
            self._values[name] = value
        self._lines = None

    def push(self, name: str, value: str) -> None:
        """Add a value to a variable that holds several."""
        before = self._values.get(name)
        if before is None:
            self.set(name, value)
        else:
            known = before.removeprefix("ARRAY::")
            self.set(name, f"ARRAY::{known}|:{value}")

    def items(self) -> Iterator[tuple[str, str]]:
        """Every name with its value."""
        return iter(list(self._values.items()))

    def lines(self) -> str:
        """The ``variable_`` headers."""
        if self._lines is None:
            self._lines = "".join(
                header_line(f"variable_{name}", value) for name, value in self._values.items()
            )
        return self._lines


def expand(text: str, lookup: Callable[[str], str | None], command: Callable[[str], str]) -> str:
    """``text`` with every ``${…}`` replaced, the innermost first.

    ``lookup`` answers a variable by name, ``command`` runs ``${name(arguments)}`` as the API
    command ``name arguments``.
    """

    def value_of(found: re.Match[str]) -> str:
        inner = found.group(1)
        if called := _COMMAND.fullmatch(inner):
            return command(f"{called.group(1)} {called.group(2)}")
        if inner_value := lookup(inner):
            return inner_value
        if part := _SLICE.fullmatch(inner):
            return _slice(lookup(part.group(1)) or "", int(part.group(2)), part.group(3))
        return ""

    for _ in range(_NESTING):
        replaced = _REFERENCE.sub(value_of, text)
        if replaced == text:
            break
        text = replaced
    return text


def _slice(value: str, offset: int, length: str | None) -> str:
    start = offset if offset >= 0 else max(len(value) + offset, 0)
    rest = value[start:]
    return rest if length is None or int(length) <= 0 else rest[: int(length)]
