"""JSON or CSV: what the client wants, where there are both.

The parameter ``format`` decides; without it the header ``Accept`` does, when it likes ``text/csv``
better than JSON. Whoever says nothing gets JSON.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["wants_csv"]

_CSV, _JSON = "text/csv", "application/json"


def wants_csv(chosen: str | None, accept: str | None) -> bool:
    """Whether CSV is wanted, by the parameter's value and the header's."""
    if chosen is not None:
        return chosen == "csv"
    liking = dict(_likings(accept or ""))
    return liking.get(_CSV, 0.0) > liking.get(_JSON, 0.0)


def _likings(accept: str) -> Iterator[tuple[str, float]]:
    """Each media range with its quality, 1 unless it says otherwise (RFC 9110, 12.5.1)."""
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            yield kind, float(quality)
        except ValueError:
            yield kind, 0.0
