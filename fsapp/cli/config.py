"""``fsapp config``: every setting as it is in effect, and where it comes from."""

from __future__ import annotations

import argparse
import os

from fsapp.cli.base import Commands, command, config_option
from fsapp.cli.table import json_option, print_list
from fsapp.settings import Effective, explained

__all__ = ["add"]

HIDDEN = "********"


def add(commands: Commands) -> None:
    config = command(
        commands,
        "config",
        "show every setting in effect, where it comes from, and when a change takes effect",
        _config,
        "The environment overrides the file, the file the defaults. Passwords are hidden. What "
        "takes effect at a reload does so when fsapp serve gets SIGHUP, the rest at a restart. "
        "What is wrong with the settings is one line, exit status 2.",
    )
    json_option(config)
    config_option(config)


def _config(options: argparse.Namespace) -> int:
    effective = explained(options.config, os.environ)
    documents = [
        {
            "setting": one.row.name,
            "value": _value(one),
            "from": one.origin,
            "takes_effect": "reload" if one.row.live else "restart",
        }
        for one in effective
    ]
    shown = [{**document, "value": _written(document["value"])} for document in documents]
    print_list(options, documents, shown)
    return 0


def _value(one: Effective) -> object:
    """The value as JSON has it; what is secret is not shown, but that it is empty."""
    value = one.value
    if one.row.kind.secret and value:
        return HIDDEN
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return [str(item) for item in value]
    return "" if value is None else str(value)


def _written(value: object) -> str:
    """As it would stand in the file, on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
