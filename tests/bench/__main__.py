"""All workloads, or those named: one table, its JSON, and pictures of the curves.

    python -m tests.bench [<number>…] [--output bench-results]

The exit status is 1 when something went wrong: a goal that is not reached is a figure, not a
failure. What a workload cannot do here (no real FreeSWITCH) is left out, with the reason, and so
are those that went wrong or were not begun when Ctrl-C ended the bench: what was measured is kept.
"""

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench import output
from tests.bench.figures import Curve, Figure, LeftOutError, Missing

Result = Figure | Missing | Curve
WHOLE = "the whole workload"


def workloads() -> dict[int, str]:
    """The modules there are, by the number of their workload."""
    found = Path(__file__).parent.glob("workload_[0-9]*.py")
    return {int(path.stem.split("_")[1]): f"{__package__}.{path.stem}" for path in found}


def loaded(number: int) -> Any:
    """The module of that workload."""
    return importlib.import_module(workloads()[number])


def results(number: int) -> Iterator[Result]:
    """What one workload yields, said as it comes; its reason when it is left out or goes wrong."""
    begin = time.monotonic()
    for result in kept_going(number, lambda: run(number)):
        if isinstance(result, Figure):
            print("  " + output.line(result), flush=True)
        elif isinstance(result, Missing):
            print("  " + output.absent(result), flush=True)
        yield result
    print(f"  {time.monotonic() - begin:.0f} s", flush=True)


def run(number: int) -> Iterator[Result]:
    module = loaded(number)
    print(f"workload {number}: {module.TITLE}", flush=True)
    yield from module.run()


def kept_going(number: int, run: Callable[[], Iterable[Result]]) -> Iterator[Result]:
    """What ``run`` yields; whatever it raises costs no other workload its place in the table."""
    try:
        yield from run()
    except LeftOutError as reason:
        yield Missing(number, WHOLE, str(reason))
    except KeyboardInterrupt:
        yield Missing(number, "the rest of the workload", "interrupted", failed=True)
        raise
    except Exception as error:  # noqa: BLE001 - said, and the next one is measured
        traceback.print_exc()
        why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        yield Missing(number, "the rest of the workload", why, failed=True)


def main(arguments: Sequence[str] | None = None) -> int:
    there = workloads()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, help="workloads; all by default")
    parser.add_argument("--output", type=Path, default=Path("bench-results"))
    given = parser.parse_args(arguments)
    numbers = given.numbers or sorted(there)
    if unknown := [number for number in numbers if number not in there]:
        parser.error(f"no workload {unknown[0]}; there are {', '.join(map(str, sorted(there)))}")
    found: list[Result] = []
    left = list(numbers)
    try:
        while left:
            found.extend(results(left.pop(0)))
    finally:
        found += [Missing(number, WHOLE, "not begun", failed=True) for number in left]
        failed = report(found, given.output)
    return int(failed)


def report(found: Iterable[Result], folder: Path) -> bool:
    """The table, and the files; whether anything went wrong."""
    figures = [one for one in found if isinstance(one, Figure)]
    missing = [one for one in found if isinstance(one, Missing)]
    curves = [one for one in found if isinstance(one, Curve)]
    written = output.write(folder, figures, missing, curves)
    print("\n" + output.table(figures, missing))
    print("\nwritten: " + ", ".join(str(path) for path in written))
    return any(one.failed for one in missing)


if __name__ == "__main__":
    sys.exit(main())
