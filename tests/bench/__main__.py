"""All workloads, or those named: one table, its JSON, and pictures of the curves.

    python -m tests.bench [<number>…] [--output bench-results]

The exit status says only whether everything ran: a goal that is not reached is a figure, not a
failure. What a workload cannot do here (no real FreeSWITCH) is left out, with the reason.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import output
from tests.bench.figures import Curve, Figure, LeftOutError


def workloads() -> dict[int, str]:
    """The modules there are, by the number of their workload."""
    found = Path(__file__).parent.glob("workload_[0-9]*.py")
    return {int(path.stem.split("_")[1]): f"{__package__}.{path.stem}" for path in found}


def results(number: int, module: Any) -> Iterator[Figure | Curve]:
    """What one workload yields, said as it comes; its reason when it is left out."""
    begin = time.monotonic()
    print(f"workload {number}: {module.TITLE}", flush=True)
    try:
        for result in module.run():
            if isinstance(result, Figure):
                print("  " + output.line(result), flush=True)
            yield result
    except LeftOutError as reason:
        print(f"  left out: {reason}")
    print(f"  {time.monotonic() - begin:.0f} s", flush=True)


def main() -> None:
    there = workloads()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, help="workloads; all by default")
    parser.add_argument("--output", type=Path, default=Path("bench-results"))
    given = parser.parse_args()
    numbers = given.numbers or sorted(there)
    if unknown := [number for number in numbers if number not in there]:
        parser.error(f"no workload {unknown[0]}; there are {', '.join(map(str, sorted(there)))}")
    found = [
        result
        for number in numbers
        for result in results(number, importlib.import_module(there[number]))
    ]
    figures = [result for result in found if isinstance(result, Figure)]
    curves = [result for result in found if isinstance(result, Curve)]
    print("\n" + output.table(figures))
    written = output.write(given.output, figures, curves)
    print("\nwritten: " + ", ".join(str(path) for path in written))


if __name__ == "__main__":
    sys.exit(main())
