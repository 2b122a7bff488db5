"""Where a request thread waits for something outside this process, another may work in its place.

The law of this file: it only tells. Who hands out work (``web/handover.py``) gives each of its
threads a :class:`Place`; whoever waits (``desk/``) says so around the wait, on whatever thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Place", "takes", "waiting"]


class Place(Protocol):
    """What a thread holds while it works."""

    def leave(self) -> None:
        """It waits from now on."""

    def take(self) -> None:
        """It goes on."""


_mine = threading.local()


def takes(place: Place) -> None:
    """This thread works in ``place`` from now on."""
    _mine.place = place


@contextmanager
def waiting() -> Iterator[None]:
    """Around a wait. A thread without a place just waits."""
    place: Place | None = getattr(_mine, "place", None)
    if place is None:
        yield
        return
    place.leave()
    try:
        yield
    finally:
        place.take()
