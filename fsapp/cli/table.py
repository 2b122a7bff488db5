"""Lists, for eyes and for programs: a table with the columns' names on top, or JSON.

The law of this file: nothing of a caller's name or of any other text steers the terminal.
"""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["cell", "clipped", "json_lines", "json_option", "print_list", "table", "width"]

Row = Mapping[str, object]


def json_option(command: argparse._ActionsContainer) -> None:
    command.add_argument("--json", action="store_true", help="one JSON document a line")


def print_list(
    options: argparse.Namespace,
    documents: Sequence[Row],
    shown: Iterable[Row],
    nothing: str = "",
) -> None:
    """``documents`` with ``--json``, else what is ``shown`` of them as a table; the sentence
    ``nothing`` on the standard error when there are none."""
    sys.stdout.write(json_lines(documents) if options.json else table(list(shown)))
    if nothing and not documents:
        sys.stderr.write(f"{nothing}\n")


def json_lines(documents: Iterable[Row]) -> str:
    return "".join(f"{json.dumps(document, ensure_ascii=False)}\n" for document in documents)


def table(rows: Sequence[Row]) -> str:
    """Columns as wide as what stands in them, with their names on top; "" for no rows."""
    if not rows:
        return ""
    cells = [[*rows[0]], *([cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    return "".join(f"{'  '.join(_padded(line, widths)).rstrip()}\n" for line in cells)


def cell(value: object) -> str:
    """One line of printable text."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(map(cell, value))
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(map(_columns, text))


def clipped(text: str, columns: int) -> str:
    """The text in exactly so many columns: cut, or filled up."""
    taken, used = [], 0
    for letter in text:
        if used + _columns(letter) > columns:
            break
        taken.append(letter)
        used += _columns(letter)
    if len(taken) < len(text) and taken:
        while used + 1 > columns:
            used -= _columns(taken.pop())
        taken.append("…")
        used += 1
    return "".join(taken) + " " * (columns - used)


def _padded(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for text, columns in zip(line, widths, strict=True):
        yield text + " " * (columns - width(text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
