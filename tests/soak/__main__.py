"""``make soak``: stories, one after the other, until the time is over or an invariant is broken.

    python -m tests.soak [--minutes 10] [--seed 7] [--operations 60]

Without ``--seed`` the first seed is drawn by chance, and printed. The exit status is 1 after a
violation; the story's seed is printed, and ``--seed S --stories 1`` tells it again.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

from tests.soak.story import Broken, Counts, prepare, tell

PROGRESS_SECONDS = 60.0


def main() -> int:
    """The exit status: 1 when an invariant was broken."""
    options = _options()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of texts have the same order in every run only then.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.soak", *sys.argv[1:]])
    logging.disable(logging.WARNING)
    first = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    print(f"soak: seeds from {first}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fsapp-soak-") as folder:
        return _soak(Path(folder), first, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="The soak.")
    minutes = float(os.environ.get("SOAK_MINUTES", "10"))
    parser.add_argument("--minutes", type=float, default=minutes, help="for how long")
    parser.add_argument("--seed", type=int, help="of the first story; the next one's is one more")
    parser.add_argument("--stories", type=int, default=sys.maxsize, help="how many at most")
    parser.add_argument("--operations", type=int, default=60, help="of each story")
    parser.add_argument("--without", default="", help="deeds not to be done, with commas between")
    return parser.parse_args()


def _soak(folder: Path, first: int, options: argparse.Namespace) -> int:
    prepare(folder / "prepared.db")
    counts, before, began = Counts(), _held(), time.monotonic()
    without = options.without.split(",")
    violations: list[int] = []
    told = began
    for seed in range(first, first + options.stories):
        if time.monotonic() - began >= options.minutes * 60:
            break
        try:
            tell(seed, folder, counts, operations=options.operations, without=without)
        except Broken as broken:
            violations.append(seed)
            print(broken, flush=True)
        except Exception:  # noqa: BLE001 - the next story may be told all the same
            violations.append(seed)
            print(f"seed {seed}:\n{traceback.format_exc()}", flush=True)
        counts.stories += 1
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"soak: {counts.stories} stories, {len(violations)} broken", flush=True)
    _report(counts, violations, time.monotonic() - began, before)
    return 1 if violations else 0


def _held() -> dict[str, int]:
    """What this process, app and lab switch in it, holds."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "memory (KiB)": int(resident.split()[1]),
        "threads": threading.active_count(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }


def _report(counts: Counts, violations: list[int], seconds: float, before: dict[str, int]) -> None:
    rows: list[tuple[str, object]] = [
        ("hours", f"{seconds / 3600:.2f}"),
        ("hours of the stories' own time", f"{counts.seconds / 3600:.1f}"),
        ("stories", counts.stories),
        ("operations", counts.operations),
        ("calls", counts.calls),
        ("things chosen by chance", counts.steps),
        ("quiet points looked at", counts.quiet_points),
        ("restarts of the app", counts.restarts),
        ("faults injected", counts.faults.total()),
        *((f"  {kind}", count) for kind, count in sorted(counts.faults.items())),
        *((f"answers {code}", count) for code, count in sorted(counts.answers.items())),
        *((f"{name}: start, end", f"{before[name]}, {held}") for name, held in _held().items()),
        ("violations", f"{len(violations)} {violations or ''}"),
    ]
    for name, value in rows:
        print(f"{name:32} {value}")


if __name__ == "__main__":
    sys.exit(main())
