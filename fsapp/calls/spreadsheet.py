"""Rows as CSV (RFC 4180) that is safe to open in a spreadsheet.

The law of this file: callers choose their names, and a spreadsheet takes a cell that begins with
``=``, ``+``, ``-`` or ``@`` for a formula. Such text gets an apostrophe in front, which a
spreadsheet takes for "this is text"; a telephone number that begins with ``+`` gets it, too.
Numbers of ours are written as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["spreadsheet"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a formula begins, the full-width forms that some take for the same included."""


def spreadsheet(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """A first line of names, then a line of values for each row, ended by CRLF."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    # Blanks in front do not keep every spreadsheet from seeing the formula behind them.
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
