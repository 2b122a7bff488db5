"""The picture of ``fsapp top``: lines of text for a terminal of any size. Pure.

The law of this file: colour only underlines what words already say, and no line is wider than the
terminal.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fsapp.calls.call import State
from fsapp.calls.document_types import AgentDocument, OrganizationDocument, ShownCallDocument
from fsapp.calls.presence import AgentState
from fsapp.cli.calls import age, customer, doing_since, named
from fsapp.cli.table import cell, clipped, width

__all__ = ["View", "lines"]

RED, AMBER, GREEN, BOLD, DIM = "31", "33", "32", "1", "2"
_STATES = [state.value for state in State]
_PRESENCES = [state.value for state in AgentState]
_LOWEST = 8
_BETWEEN = "  "

Cells = tuple[str, ...]
Paint = Callable[[str, str], str]
"""Gives a text a colour."""


@dataclass(frozen=True)
class View:
    """What is known, at ``now`` (Unix seconds by the server's clock). ``trouble`` says why the
    picture is not up to date, if it is not."""

    url: str
    agent: AgentDocument
    queue: Sequence[ShownCallDocument]
    calls: Mapping[str, ShownCallDocument]
    agents: Mapping[str, AgentDocument]
    organizations: Sequence[OrganizationDocument]
    now: float
    trouble: str | None = None


@dataclass
class _Section:
    """A title, and rows of as many cells under it, each with its colour ("" for none)."""

    title: str
    rows: list[tuple[Cells, str]] = field(default_factory=list)

    @property
    def need(self) -> int:
        return len(self.rows) + 1


def lines(view: View, columns: int, height: int | None, *, colours: bool) -> list[str]:
    """At most ``height`` lines of at most ``columns`` columns; ``None``: as many as it takes."""
    sections = [_queue(view), _calls(view), _agents(view)]
    if height is None:
        heights = [section.need for section in sections]
    else:
        heights = _shares([section.need for section in sections], max(height, _LOWEST) - 2)
    paint = _coloured if colours else _plain
    shown = _head(view, columns, paint)
    for section, share in zip(sections, heights, strict=True):
        shown += _section(section, share, columns, paint)
    if height is not None:
        shown += [""] * (max(height, _LOWEST) - 1 - len(shown))
        shown.append(paint(clipped("q quits", columns), DIM))
        shown = shown[:height]
    return [line.rstrip() if not colours else line for line in shown]


def _head(view: View, columns: int, paint: Paint) -> list[str]:
    clock = time.strftime("%H:%M:%S", time.localtime(view.now))
    state = "connected" if view.trouble is None else f"NOT UP TO DATE: {view.trouble}"
    who = f"fsapp {view.url}  as {cell(view.agent['name'])}"
    right = f"{state}  {clock}"
    room = max(0, columns - width(right) - len(_BETWEEN))
    left = clipped(who, room) + _BETWEEN if room else ""
    colour = BOLD if view.trouble is None else RED
    return [paint(clipped(left + right, columns), colour)]


def _queue(view: View) -> _Section:
    longest = max((view.now - int(call["arrival_time"]) for call in view.queue), default=None)
    title = f"QUEUE {len(view.queue)}"
    if longest is not None:
        title += f"  longest {age(0, longest)}"
    section = _Section(title)
    limits = {one["id"]: (one["waiting_amber"], one["waiting_red"]) for one in view.organizations}
    for call in view.queue:
        waited = view.now - int(call["arrival_time"])
        amber, red = limits.get(call["organization_id"], (float("inf"), float("inf")))
        colour = RED if waited >= red else AMBER if waited >= amber else ""
        cells = (
            str(call["position"] or ""),
            age(0, waited),
            customer(call),
            call["destination"],
            named(call["organization_id"], view.organizations),
        )
        section.rows.append((cells, colour))
    return section


def _calls(view: View) -> _Section:
    """Everybody who is not queued."""
    calls = [call for call in view.calls.values() if call["state"] != State.QUEUED]
    counts = Counter(call["state"] for call in calls)
    section = _Section(f"CALLS {len(calls)}{_counted(counts, _STATES)}")
    for call in sorted(calls, key=lambda call: (doing_since(call), call["id"])):
        cells = (
            "greeting" if call["locked"] else call["state"],
            age(doing_since(call), view.now),
            customer(call),
            call["destination"],
            call["assigned_to"] or "",
            named(call["organization_id"], view.organizations),
        )
        section.rows.append((cells, AMBER if call["state"] == State.PARKED else ""))
    return section


def _agents(view: View) -> _Section:
    agents = sorted(view.agents.values(), key=_by_state)
    counts = Counter(agent["state"] for agent in agents)
    section = _Section(f"AGENTS {len(agents)}{_counted(counts, _PRESENCES)}")
    for agent in agents:
        current = view.calls.get(agent["current_call"] or "")
        held = len(agent["parked_calls"])
        pause = agent["pause_reason"] if agent["state"] == AgentState.PAUSED else None
        cells = (
            agent["id"],
            agent["state"],
            age(int(agent["state_since"]), view.now),
            customer(current) if current is not None else pause or "",
            f"{held} on hold" if held else "",
        )
        section.rows.append((cells, DIM if agent["state"] == AgentState.OFFLINE else ""))
    return section


def _by_state(agent: AgentDocument) -> tuple[int, str]:
    """Who is at work stands before who is not there."""
    return (_PRESENCES.index(agent["state"]), agent["id"])


def _counted(counts: Mapping[str, int], order: Sequence[str]) -> str:
    known = [f"{name} {counts[name]}" for name in order if counts.get(name)]
    return f"  {', '.join(known)}" if known else ""


def _shares(needs: list[int], room: int) -> list[int]:
    """How many lines each section gets: what it needs, else a fair share of what is left."""
    given = [0] * len(needs)
    order = sorted(range(len(needs)), key=lambda place: needs[place])
    for done, place in enumerate(order):
        given[place] = min(needs[place], room // (len(needs) - done))
        room -= given[place]
    return given


def _section(section: _Section, share: int, columns: int, paint: Paint) -> list[str]:
    if share <= 0:
        return []
    room = share - 1
    rows = section.rows[:room]
    if len(section.rows) > room > 0:
        rows = section.rows[: room - 1]
    shown = [paint(clipped(section.title, columns), BOLD)]
    widths = _widths(section, columns)
    for cells, colour in rows:
        text = _BETWEEN.join(
            clipped(cell(value), wide) for value, wide in zip(cells, widths, strict=True)
        )
        shown.append(paint(clipped(f"  {text}", columns), colour))
    left = len(section.rows) - len(rows)
    if left and room > 0:
        shown.append(paint(clipped(f"  … and {left} more", columns), DIM))
    return shown


def _widths(section: _Section, columns: int) -> list[int]:
    """As wide as what stands in them; too wide a table loses at its widest column."""
    cells = [row for row, _ in section.rows]
    widths = [max(width(cell(value)) for value in column) for column in zip(*cells, strict=True)]
    room = columns - 2 - len(_BETWEEN) * (len(widths) - 1)
    while widths and sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths


def _coloured(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def _plain(text: str, _colour: str) -> str:
    return text
