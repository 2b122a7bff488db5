"""Which organizations have series of their own.

The law of this file: an organization's number comes from the dialplan, which may take it from a
caller, so not every number becomes a label: only those that an agent serves or that have a name,
the first :data:`MOST` of them. All others share ``other``. What has a label keeps it, for a counter
must not change its name.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["MOST", "OTHER", "Organizations"]

MOST = 100
"""Each one costs about 60 series."""
OTHER = "other"


class Organizations:
    """The labels given so far. Any thread may ask; :meth:`learn` is for one at a time."""

    def __init__(self) -> None:
        self._labels: dict[int, str] = {}

    def label(self, number: int) -> str:
        """The organization's number as text, or ``other``."""
        return self._labels.get(number, OTHER)

    def learn(self, numbers: Iterable[int]) -> list[str]:
        """Gives labels to those that have none, lowest number first; the new labels."""
        new = sorted(set(numbers) - self._labels.keys())[: MOST - len(self._labels)]
        labels = {number: str(number) for number in new}
        # In one step: who asks meanwhile sees all or none of them.
        self._labels = {**self._labels, **labels}
        return list(labels.values())

    @property
    def labels(self) -> list[str]:
        """Every label there is."""
        return [*self._labels.values(), OTHER]
