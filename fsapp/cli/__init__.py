"""The command line (protocol §1): ``fsapp COMMAND``, each in a module of its own (docs/cli.md)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from fsapp.cli import (
    agents,
    backup,
    calls,
    completion,
    config,
    contacts,
    doctor,
    health,
    history,
    organizations,
    serving,
    top,
)
from fsapp.cli.base import REFUSED, USAGE, BadUsage, Parser, Refused, complain
from fsapp.settings import SettingsError

__all__ = ["main", "parser"]

_MODULES = (
    serving,
    calls,
    top,
    history,
    agents,
    organizations,
    contacts,
    doctor,
    health,
    config,
    backup,
)
"""In the order in which help shows them."""
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; answers the exit status."""
    options, unknown = parser().parse_known_args(arguments)
    if unknown:
        return complain(
            f"unrecognized arguments: {' '.join(unknown)} (see {options.prog} --help)", USAGE
        )
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (SettingsError, BadUsage) as error:
        return complain(error, USAGE)
    except Refused as error:
        return complain(error, REFUSED)
    except BrokenPipeError:
        # The reader has seen enough (head, less); nothing more may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def parser() -> Parser:
    """The whole command line; what is wrong with one is one line on stderr, exit status 2."""
    whole = Parser(
        prog="fsapp",
        description="The call desk for FreeSWITCH.",
        epilog="fsapp COMMAND --help says more. Exit status: 0 done, 1 refused (nothing was "
        "changed), 2 wrong command line or settings.",
        allow_abbrev=False,
    )
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in _MODULES:
        module.add(commands)
    completion.add(commands, parser)
    return whole
