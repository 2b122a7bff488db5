"""What a command has printed, and how a refusal looks."""

import re
from collections.abc import Callable
from typing import NamedTuple


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


def refused(ran: Ran, status: int) -> str:
    """The one line that says why."""
    assert ran.status == status
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("fsapp: ")
    assert ran.err[:-1].isprintable()
    return ran.err


def columns(text: str) -> list[list[str]]:
    """A table's cells, its names first; two blanks or more separate them. Empty ones are left
    out."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
