"""What the bench leaves behind: a table for the eye, JSON for programs, pictures of the curves."""

import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.figures import Curve, Figure, Missing
from tests.bench.picture import drawn

HEADINGS = ("#", "what", "figure", "beside", "ratio", "goal", "reached")
REACHED = {True: "yes", False: "NO", None: ""}


def quantity(value: float, unit: str) -> str:
    """Three significant digits, so that columns can be read."""
    return f"{value:.{max(0, 2 - len(str(int(abs(value)))) + 1)}f} {unit}".strip()


def cells(figure: Figure) -> tuple[str, ...]:
    beside = ""
    if figure.beside_value is not None:
        beside = f"{figure.beside}: {quantity(figure.beside_value, figure.unit)}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return (
        str(figure.workload),
        figure.what,
        quantity(figure.value, figure.unit),
        beside,
        ratio,
        figure.goal,
        REACHED[figure.reached],
    )


def line(figure: Figure) -> str:
    """One figure while the bench still runs."""
    return "  ".join(cell for cell in cells(figure)[1:] if cell)


def absent(missing: Missing) -> str:
    """What there is no figure of, while the bench still runs and below the table."""
    return f"{missing.what}: {'FAILED' if missing.failed else 'left out'}: {missing.why}"


def table(figures: Sequence[Figure], missing: Sequence[Missing] = ()) -> str:
    """All figures, columns aligned; below them what is missing."""
    rows = [HEADINGS, *map(cells, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *(f"{one.workload}  {absent(one)}" for one in missing)])


def machine() -> dict[str, Any]:
    """What the figures were taken on; the load says how far to trust them."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "taken_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def write(
    folder: Path,
    figures: Sequence[Figure],
    missing: Sequence[Missing],
    curves: Sequence[Curve],
) -> list[Path]:
    """The files written into ``folder``: ``bench.json`` and one SVG for each curve."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine(),
        "figures": [figure.document() for figure in figures],
        "missing": [one.document() for one in missing],
    }
    written = [folder / "bench.json"]
    written[0].write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    for curve in curves:
        written.append(folder / f"{curve.name}.svg")
        written[-1].write_text(drawn(curve), encoding="utf-8")
    return written
