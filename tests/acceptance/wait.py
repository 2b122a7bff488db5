"""Waiting for what has been promised, never for a fixed time.

A test asks again and again, with a limit; when the limit is over the failure says what was
seen last, so that nobody has to run it again to learn that.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT = 5.0
"""How long anything that should happen at once may take, in seconds."""


def wait_until(
    look: Callable[[], T],
    accept: Callable[[T], object] = bool,
    *,
    limit: float = LIMIT,
    promise: str = "",
) -> T:
    """What ``look`` saw when ``accept`` first agreed; AssertionError after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    pause = 0.002
    while True:
        seen = look()
        if accept(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit} s: {promise}\nlast seen: {seen!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def wait_for(look: Callable[[], T], wanted: T, *, limit: float = LIMIT, promise: str = "") -> T:
    """Wait until ``look`` sees exactly ``wanted``."""
    return wait_until(
        look, lambda seen: seen == wanted, limit=limit, promise=promise or f"{wanted!r} is seen"
    )
