"""Why channels ended that nobody here knew yet.

A caller may hang up while fsapp still shakes hands with her channel. The control connection tells
of the end of every channel; when the call is taken in, that has been said already and is not said
again.
"""

from __future__ import annotations

__all__ = ["Causes"]

MOST = 1000
"""How many are remembered: a hand-shake takes milliseconds."""


class Causes:
    """The latest ends by channel. One thread, the control connection's, adds; any may read."""

    def __init__(self) -> None:
        # Not guarded by the board's lock: each step is one of the interpreter's own.
        self._causes: dict[str, str] = {}

    def add(self, uuid: str, cause: str) -> None:
        """The channel has ended with FreeSWITCH's ``cause``."""
        self._causes[uuid] = cause
        if len(self._causes) > MOST:
            del self._causes[next(iter(self._causes))]

    def of(self, uuid: str) -> str | None:
        """FreeSWITCH's cause, if the channel's end was heard before it was known."""
        return self._causes.get(uuid)
