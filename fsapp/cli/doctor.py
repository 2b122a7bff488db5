"""``fsapp doctor``: checks a deployment; what is printed is ``doctor_report.py``'s."""

from __future__ import annotations

import argparse

from fsapp.cli.base import Commands, command, config_option

__all__ = ["add"]


def add(commands: Commands) -> None:
    doctor = command(
        commands,
        "doctor",
        "check a deployment, say what to mend",
        _doctor,
        "Exit status 1 when something must be mended.",
    )
    doctor.add_argument("--json", action="store_true", help="one JSON document")
    doctor.add_argument("--no-call", action="store_true", help="make no test call")
    ring = "ring every agent's phone: is it answered?"
    doctor.add_argument("--ring-phones", action="store_true", help=ring)
    config_option(doctor)


def _doctor(options: argparse.Namespace) -> int:
    # Imported here: the other commands do without python-ESL.
    from fsapp.cli.doctor_report import run  # noqa: PLC0415

    return run(options)
