"""Splitting command arguments as FreeSWITCH does.

The law of this file: it splits exactly as FreeSWITCH, quirks included - single quotes hold
together and vanish, a backslash keeps its neighbour, braces hold nothing together - because the
app's commands must be right there, not here.

Source: FreeSWITCH's documentation of ``originate`` and its behaviour.
"""

from __future__ import annotations

__all__ = ["parse_braces", "split_words"]

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " "}
_CLOSING = {"{": "}", "[": "]", "<": ">"}


def split_words(text: str, separator: str, limit: int = 0) -> list[str]:
    """``text`` split at ``separator``, at most ``limit`` parts, the last one then the rest.

    ``^^:`` at the beginning makes ``:`` the separator.
    """
    if text.startswith("^^") and text[3:]:
        separator, text = text[2], text[3:]
    parts = _raw_parts(text, separator, limit)
    return [_clean(part, separator) for part in parts]


def _raw_parts(text: str, separator: str, limit: int) -> list[str]:
    parts: list[str] = []
    rest = text.lstrip(" ") if separator == " " else text
    while rest:
        if limit and len(parts) == limit - 1:
            return [*parts, rest]
        end = _end_of_part(rest, separator)
        parts.append(rest[:end])
        rest = rest[end + 1 :]
        if separator == " ":
            rest = rest.lstrip(" ")
    return parts


def _end_of_part(text: str, separator: str) -> int:
    quoted = skipped = False
    for at, character in enumerate(text):
        if skipped:
            skipped = False
        elif character == "\\":
            skipped = True
        elif character == "'" and (quoted or separator == " " or "'" in text[at + 1 :]):
            quoted = not quoted
        elif character == separator and not quoted:
            return at
    return len(text)


def _clean(part: str, separator: str) -> str:
    """Without quotes, escapes and the blanks around."""
    known = {"'", '"', "\\"} | ({separator} if separator != " " else set())
    out: list[str] = []
    end, at, quoted = 0, 0, False
    part = part.lstrip(" ")
    while at < len(part):
        character, following = part[at], part[at + 1 : at + 2]
        at += 1
        if character == "\\" and (following in known or following in _ESCAPES) and following:
            out.append(following if following in known else _ESCAPES[following])
            at += 1
            end = len(out)
        elif character == "'" and (quoted or "'" in part[at:]):
            quoted = not quoted
            end = len(out) if quoted else end
        else:
            out.append(character)
            end = len(out) if character != " " or quoted else end
    return "".join(out[:end])


def parse_braces(text: str) -> tuple[dict[str, str], str]:
    """The variables of leading ``{a=b,c=d}`` and ``[a=b]``, and what follows them."""
    variables: dict[str, str] = {}
    while text[:1] in _CLOSING:
        end = _end_of_braces(text)
        if end < 0:
            break
        for pair in split_words(text[1:end], ","):
            name, *value = split_words(pair, "=", 2) or [""]
            if value:
                variables[name] = value[0]
        text = text[end + 1 :]
    return variables, text


def _end_of_braces(text: str) -> int:
    opening, closing, depth = text[0], _CLOSING[text[0]], 0
    for at, character in enumerate(text):
        depth += (character == opening) - (character == closing)
        if depth == 0:
            return at
    return -1
