"""``fsapp backup FILE``: a copy of the database, made while fsapp serves."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fsapp.cli.base import Commands, Refused, command, config_option, say
from fsapp.settings import load

__all__ = ["add"]

_KILO = 1000


def add(commands: Commands) -> None:
    backup = command(
        commands,
        "backup",
        "copy the database, also while fsapp serves",
        _backup,
        "The copy is of one moment, checked, and complete in one file. To restore it: stop fsapp, "
        "put the copy in the place of database.path, remove the files of that name with -wal and "
        "-shm, start fsapp.",
    )
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.add_argument("--force", action="store_true", help="replace FILE if it is there")
    config_option(backup)


def _backup(options: argparse.Namespace) -> int:
    # Imported here: commands that need no database do without sqlite-utils.
    from fsapp.store.backup import back_up  # noqa: PLC0415
    from fsapp.store.trouble import DatabaseTrouble  # noqa: PLC0415

    path = load(options.config, os.environ).database.path
    try:
        made = back_up(path, options.file, replace=options.force)
    except DatabaseTrouble as error:
        raise Refused(str(error)) from error
    size = f"{made.bytes / _KILO / _KILO:.1f} MB"
    say(f"{options.file}: {size}, checked: {made.calls} calls, {made.agents} agents")
    return 0
