"""The form of what is measured: a line of the bench's table, a picture, a workload left out.

A workload is a module ``tests/bench/workload_<number>.py`` with ``TITLE`` and ``run()``, which
yields :class:`Figure`, :class:`Missing` and :class:`Curve` as it goes, or raises
:class:`LeftOutError`. `python -m tests.bench` finds, runs, prints and writes them. What could not
be measured stands in the table as well: a goal must not look reached because a line is not there.

Figures are compared side by side in one run, because machines are shared: both sides in turns, and
the median over the rounds (:func:`over_rounds`) or, of requests, over all of them.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class LeftOutError(Exception):
    """This workload cannot run here; the message says why."""


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    ``at_most`` and ``at_least`` bound the ratio ``value / beside_value`` when there is something
    beside, else the value itself. A line without a bound is there for information.
    """

    workload: int
    what: str
    value: float
    unit: str
    beside: str = ""
    beside_value: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """This side's value divided by the other side's; None when there is no other side."""
        return self.value / self.beside_value if self.beside_value else None

    @property
    def goal(self) -> str:
        """The bound as text, empty when there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None when there is none."""
        judged = self.value if self.beside_value is None else self.ratio
        if judged is None or not self.goal:
            return None
        if self.at_most is not None:
            return judged <= self.at_most
        return self.at_least is not None and judged >= self.at_least

    def document(self) -> dict[str, Any]:
        """As it stands in the JSON file."""
        return {
            "workload": self.workload,
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "beside": self.beside,
            "beside_value": self.beside_value,
            "ratio": self.ratio,
            "goal": self.goal,
            "reached": self.reached,
        }


@dataclass(frozen=True)
class Missing:
    """A line of the table without a figure: what was not measured, and why. ``failed``: it was
    tried, and went wrong."""

    workload: int
    what: str
    why: str
    failed: bool = False

    def document(self) -> dict[str, Any]:
        """As it stands in the JSON file."""
        return {
            "workload": self.workload,
            "what": self.what,
            "why": self.why,
            "failed": self.failed,
        }


@dataclass(frozen=True)
class Curve:
    """One picture: lines of (x, y) points, by name. ``name`` is the file's name without ending."""

    workload: int
    name: str
    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def centile(values: Sequence[float], percent: float = 99) -> float:
    """The smallest value that at least ``percent`` per cent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def over_rounds(sides: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """The median of ``rounds`` measurements of each side, taken in turns.

    Turns, because a neighbour's burst then falls on every side alike.
    """
    found: list[list[float]] = [[] for _ in sides]
    for number in range(rounds):
        order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
        for which in order:
            found[which].append(sides[which]())
    return [statistics.median(values) for values in found]
