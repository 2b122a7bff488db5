"""The lab switch in a process of its own.

    python -m fsapp.lab --control 127.0.0.1:8021 --outbound 127.0.0.1:8084 --dialplan dialplan

runs until SIGINT or SIGTERM. Phones are told what to do with ``--phone EXTENSION=BEHAVIOUR``
(``answers``, ``answers:SECONDS``, ``busy``, ``silent``, ``unregistered``); calls come in with
``--call DESTINATION`` (may be given several times), and through the control port with
``originate``.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from fsapp.lab.dialplan import DialplanError
from fsapp.lab.switch import LabSwitch, Phone

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the switch; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        switch = LabSwitch(
            options.outbound,
            options.control,
            options.password,
            options.dialplan,
            streams=options.stream,
        )
        switch.start()
    except (OSError, DialplanError, ValueError) as error:
        sys.stderr.write(f"the lab switch cannot start: {error}\n")
        return 2
    try:
        _prepare(switch, options.phone, options.call)
        sys.stdout.write(f"lab switch: Event Socket at {switch.control_address}\n")
        sys.stdout.flush()
        _until_told()
    finally:
        switch.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fsapp.lab", description="The lab switch.")
    parser.add_argument("--control", default="127.0.0.1:8021", help="listen here as Event Socket")
    parser.add_argument("--outbound", default="127.0.0.1:8084", help="where calls are handed to")
    parser.add_argument("--password", default="ClueCon", help="of the Event Socket")
    parser.add_argument("--dialplan", action="append", default=[], help="folder with *.xml")
    parser.add_argument("--stream", action="append", default=[], help="a local_stream:// name")
    parser.add_argument("--phone", action="append", default=[], help="EXTENSION=BEHAVIOUR")
    parser.add_argument("--call", action="append", default=[], help="call this number at once")
    return parser


def _prepare(switch: LabSwitch, phones: Sequence[str], calls: Sequence[str]) -> None:
    for text in phones:
        extension, _, behaviour = text.partition("=")
        _tell(switch.phone(extension), behaviour or "answers")
    for destination in calls:
        switch.place_call(destination)


def _tell(phone: Phone, behaviour: str) -> None:
    what, _, seconds = behaviour.partition(":")
    match what:
        case "answers":
            phone.answers(after=float(seconds or 0))
        case "busy":
            phone.busy()
        case "silent":
            phone.silent()
        case "unregistered":
            phone.unregistered()
        case _:
            raise SystemExit(f"a phone cannot be told {behaviour!r}")


def _until_told() -> None:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    told.wait()


if __name__ == "__main__":
    sys.exit(main())
