"""``fsapp history``: the history of calls at the command line, for eyes, programs and spreadsheets.

What it prints as JSON and CSV is what ``/call/history`` and the timeline answer, of every
organization: whoever may read the database file may read it all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from fsapp.calls.agent import AGENT_ID
from fsapp.calls.outcome import HISTORY_COLUMNS, Outcome, history_document
from fsapp.calls.spreadsheet import spreadsheet
from fsapp.calls.text import CALL_ID
from fsapp.calls.timeline import TIMELINE_COLUMNS, timeline
from fsapp.store.database import Database
from fsapp.store.history import Filters, History

__all__ = ["add_arguments", "run"]

_PAGE = 1000
_SHOWN = ("arrived", "id", "direction", "customer", "destination", "outcome", "waited", "agents")

Open = Callable[[argparse.Namespace], AbstractContextManager[Database]]
Document = Mapping[str, object]


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The options of ``fsapp history``."""
    command.add_argument("--since", type=_moment, metavar="WHEN", help="arrived then or later")
    command.add_argument("--until", type=_moment, metavar="WHEN", help="arrived before")
    command.add_argument("--agent", type=_agent, metavar="AGENT_ID", help="who spoke with her")
    command.add_argument("--organization", type=int, metavar="N")
    command.add_argument("--direction", choices=("inbound", "outbound"))
    command.add_argument("--outcome", choices=[str(one) for one in Outcome])
    command.add_argument("--number", help="the caller's, or the one dialled")
    command.add_argument("--limit", type=_count, metavar="N", help="default: all")
    command.add_argument("--call", type=_call, metavar="CALL_ID", help="this call's timeline")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document a line")
    form.add_argument("--csv", action="store_true", help="CSV (RFC 4180)")


def run(options: argparse.Namespace, open_database: Open) -> int:
    """Prints the calls, newest first, or one call's timeline; the exit status."""
    with open_database(options) as database:
        history = History(database)
        try:
            return _print(history, options)
        except BrokenPipeError:
            # The reader has seen enough (head, less); nothing more may be written at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


def _print(history: History, options: argparse.Namespace) -> int:
    if options.call is None:
        _write(options, _pages(history, options), HISTORY_COLUMNS, _for_eyes)
        return 0
    entries = timeline(history.events(options.call, None))
    _write(options, iter([entries]), TIMELINE_COLUMNS, lambda entry: entry)
    return 0 if entries else 1


def _pages(history: History, options: argparse.Namespace) -> Iterator[Sequence[Document]]:
    filters = Filters(
        since=options.since,
        until=options.until,
        agent=options.agent,
        inbound=None if options.direction is None else options.direction == "inbound",
        outcome=options.outcome,
        number=options.number,
    )
    organizations = None if options.organization is None else {options.organization}
    left, place = options.limit, None
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        calls, place = history.page(filters, organizations, size, place)
        yield [history_document(call) for call in calls]
        if place is None:
            return
        left = None if left is None else left - size


def _write(
    options: argparse.Namespace,
    pages: Iterator[Sequence[Document]],
    columns: Sequence[str],
    for_eyes: Callable[[Document], Document],
) -> None:
    first = True
    for rows in pages:
        if options.json:
            text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        elif options.csv:
            text = spreadsheet(columns, rows)
            text = text if first else text.partition("\r\n")[2]
        else:
            text = _table([for_eyes(row) for row in rows])
        # Line ends are CSV's own, not the terminal's.
        sys.stdout.write(text)
        first = False
    sys.stdout.flush()


def _table(rows: Sequence[Document]) -> str:
    """Columns as wide as what stands in them, with their names on top."""
    if not rows:
        return ""
    cells = [[*rows[0]], *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)
    return "".join(f"{line}\n" for line in lines)


def _cell(value: object) -> str:
    """One line of printable text: a caller's name must not steer the terminal."""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _for_eyes(call: Document) -> Document:
    inbound = call["inbound"]
    arrived = datetime.fromtimestamp(int(str(call["arrival_time"])))
    handled = call["handled_by"]
    values = (
        arrived.isoformat(" "),
        call["id"],
        "inbound" if inbound else "outbound",
        call["caller_id"] if inbound else call["destination"],
        call["destination"],
        call["outcome"],
        call["waited"],
        " ".join(handled) if isinstance(handled, list) else "",
    )
    return dict(zip(_SHOWN, values, strict=True))


def _moment(text: str) -> float:
    """Unix seconds, or a local date with or without a time."""
    try:
        return float(text) if text.isdecimal() else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        wanted = "2026-11-22, 2026-11-22T08:30 or Unix seconds"
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _agent(text: str) -> str:
    if not AGENT_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no agent's id")
    return text


def _call(text: str) -> str:
    if not CALL_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no call's id")
    return text
