"""Who is told what happens to calls, to count it."""

from __future__ import annotations

from fsapp.calls.call import Call
from fsapp.calls.table import Happening

__all__ = ["Tally"]


class Tally:
    """Told in a turn of the board; must not wait. This one does not count."""

    def arrived(self, call: Call) -> None:
        """A call that came in and was not here before."""

    def happened(self, happening: Happening, before: Call, after: Call) -> None:
        """A transition of the state table, with the call before and after it."""
