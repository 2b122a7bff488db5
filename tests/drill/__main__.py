"""``python -m tests.drill``, ``make drill``."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.acceptance.conftest import make_switch
from tests.acceptance.switches.base import SwitchUnavailable

from . import __doc__ as usage
from .run import HARMS, Plan, drill


def main() -> int:
    """Runs a drill and prints its table; 0 when every count is zero."""
    usual = Plan()
    parser = argparse.ArgumentParser(
        description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--switch", choices=("freeswitch", "lab"), default="freeswitch")
    parser.add_argument("--callers", type=int, default=usual.callers)
    parser.add_argument("--agents", type=int, default=usual.agents)
    parser.add_argument("--every", type=float, default=usual.every, help="seconds between kills")
    parser.add_argument("--seconds", type=float, default=usual.seconds)
    parser.add_argument("--break", dest="harms", choices=HARMS, action="append", default=[])
    parser.add_argument("--keep", type=Path, help="folder for the app's database and log")
    given = parser.parse_args()
    plan = Plan(given.callers, given.agents, given.every, given.seconds, tuple(given.harms))
    try:
        switch = make_switch(given.switch, embedded=False)
        switch.start()
    except SwitchUnavailable as reason:
        print(f"no drill: {reason}", file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory() as folder:
            outcome = drill(switch, given.keep or Path(folder), plan)
    finally:
        switch.stop()
    print(outcome.table())
    for harm in outcome.harmed:
        noticed = "not noticed" if harm in outcome.unnoticed() else "noticed"
        print(f"{harm}: {noticed}")
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
