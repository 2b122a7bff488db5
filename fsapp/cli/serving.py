"""``fsapp serve`` and ``fsapp demo``."""

from __future__ import annotations

import argparse
import os

from fsapp.cli.base import Commands, command, config_option
from fsapp.reloading import Source

__all__ = ["add"]


def add(commands: Commands) -> None:
    config_option(command(commands, "serve", "run beside FreeSWITCH", _serve))
    demo = command(commands, "demo", "run with the lab switch and sample agents", _demo)
    demo.add_argument("--duration", type=_positive, metavar="S", help="stop after S seconds")
    demo.add_argument(
        "--calls-per-minute", type=_positive, default=6.0, metavar="N", help="default: 6"
    )


def _serve(options: argparse.Namespace) -> int:
    source = Source(options.config, os.environ)
    source.read()  # What is wrong with the settings is said before all else is even loaded.
    # Imported here: the other commands need neither python-ESL nor the web server.
    from fsapp.service import serve  # noqa: PLC0415

    return serve(source)


def _demo(options: argparse.Namespace) -> int:
    from fsapp.demo import run  # noqa: PLC0415 - as above

    return run(duration=options.duration, calls_per_minute=options.calls_per_minute)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number
