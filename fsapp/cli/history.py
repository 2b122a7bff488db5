"""``fsapp history``: the history of calls at the command line, for eyes, programs and spreadsheets.

What it prints as JSON and CSV is what ``/call/history`` and the timeline answer, of every
organization: whoever may read the database file may read it all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from fsapp.calls.outcome import HISTORY_COLUMNS, Outcome, history_document
from fsapp.calls.spreadsheet import spreadsheet
from fsapp.calls.timeline import TIMELINE_COLUMNS, timeline
from fsapp.cli.base import Commands, agent_id, call_id, command, config_option, database
from fsapp.cli.table import json_lines, json_option, table

if TYPE_CHECKING:
    from fsapp.store.history import History

__all__ = ["add"]

_PAGE = 1000
_SHOWN = ("arrived", "id", "direction", "customer", "destination", "outcome", "waited", "agents")

Document = Mapping[str, object]


def add(commands: Commands) -> None:
    past = command(commands, "history", "print ended calls, or one call's timeline", _history)
    past.add_argument("--since", type=_moment, metavar="WHEN", help="arrived then or later")
    past.add_argument("--until", type=_moment, metavar="WHEN", help="arrived before")
    past.add_argument("--agent", type=agent_id, metavar="AGENT_ID", help="who spoke with her")
    past.add_argument("--organization", type=int, metavar="N")
    past.add_argument("--direction", choices=("inbound", "outbound"))
    past.add_argument("--outcome", choices=[str(one) for one in Outcome])
    past.add_argument("--number", help="the caller's, or the one dialled")
    past.add_argument("--limit", type=_count, metavar="N", help="default: all")
    past.add_argument("--call", type=call_id, metavar="CALL_ID", help="this call's timeline")
    form = past.add_mutually_exclusive_group()
    json_option(form)
    form.add_argument("--csv", action="store_true", help="CSV (RFC 4180)")
    config_option(past)


def _history(options: argparse.Namespace) -> int:
    """Prints the calls, newest first, or one call's timeline; the exit status."""
    from fsapp.store.history import History  # noqa: PLC0415 - see database()

    with database(options) as opened:
        return _print(History(opened), options)


def _print(history: History, options: argparse.Namespace) -> int:
    if options.call is None:
        _write(options, _pages(history, options), HISTORY_COLUMNS, _for_eyes)
        return 0
    entries = timeline(history.events(options.call, None))
    _write(options, iter([entries]), TIMELINE_COLUMNS, _entry_for_eyes)
    return 0 if entries else 1


def _pages(history: History, options: argparse.Namespace) -> Iterator[Sequence[Document]]:
    from fsapp.store.history import Filters  # noqa: PLC0415 - see database()

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
            text = json_lines(rows)
        elif options.csv:
            text = spreadsheet(columns, rows)
            text = text if first else text.partition("\r\n")[2]
        else:
            text = table([for_eyes(row) for row in rows])
        # Line ends are CSV's own, not the terminal's.
        sys.stdout.write(text)
        first = False
    sys.stdout.flush()


def _for_eyes(call: Document) -> Document:
    inbound = call["inbound"]
    arrived = datetime.fromtimestamp(int(str(call["arrival_time"])))
    values = (
        arrived.isoformat(" "),
        call["id"],
        "inbound" if inbound else "outbound",
        call["caller_id"] if inbound else call["destination"],
        call["destination"],
        call["outcome"],
        call["waited"],
        call["handled_by"],
    )
    return dict(zip(_SHOWN, values, strict=True))


def _entry_for_eyes(entry: Document) -> Document:
    moment = datetime.fromtimestamp(float(str(entry["timestamp"])))
    return {**entry, "timestamp": moment.isoformat(" ", "milliseconds")}


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
