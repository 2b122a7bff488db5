"""What the endurance run compares: each thing that grows is said, and nothing else."""

from __future__ import annotations

import pytest

from tests.soak.endurance import MEMORY, MOST_GROWTH_KIB, MOST_MEMORY_KIB, judge

BEFORE = {MEMORY: MOST_MEMORY_KIB - MOST_GROWTH_KIB, "threads": 20, "descriptors": 30}


def test_what_has_not_grown_is_no_violation() -> None:
    assert judge(BEFORE, {**BEFORE, MEMORY: MOST_MEMORY_KIB}) == []


@pytest.mark.parametrize("name", ["threads", "descriptors"])
def test_one_more_at_the_end_is_a_violation(name: str) -> None:
    said = f"{name}: {BEFORE[name]} at the start, {BEFORE[name] + 1} at the end"
    assert judge(BEFORE, {**BEFORE, name: BEFORE[name] + 1}) == [said]


def test_memory_that_grows_is_a_violation_though_there_is_room() -> None:
    at_first, at_last = 50_000, 50_001 + MOST_GROWTH_KIB
    (found,) = judge({**BEFORE, MEMORY: at_first}, {**BEFORE, MEMORY: at_last})
    assert found == f"{MEMORY}: {at_first} at the start, {at_last} at the end"


def test_memory_above_the_bound_is_a_violation_though_it_was_so_at_the_start() -> None:
    much = {**BEFORE, MEMORY: MOST_MEMORY_KIB + 1}
    assert judge(much, much) == [f"{MEMORY}: {much[MEMORY]}, more than {MOST_MEMORY_KIB}"]
