"""Why channels ended that nobody knew yet."""

from __future__ import annotations

from fsapp.desk.causes import MOST, Causes


def test_an_end_is_remembered_with_its_cause() -> None:
    causes = Causes()
    causes.add("one", "ORIGINATOR_CANCEL")
    assert (causes.of("one"), causes.of("two")) == ("ORIGINATOR_CANCEL", None)


def test_only_the_latest_are_kept() -> None:
    causes = Causes()
    for number in range(2 * MOST):
        causes.add(str(number), "NORMAL_CLEARING")
    kept = [number for number in range(2 * MOST) if causes.of(str(number)) is not None]
    assert kept == [*range(MOST, 2 * MOST)]
