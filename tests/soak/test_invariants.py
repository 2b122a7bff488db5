"""Each invariant, broken on purpose in the app itself, is noticed by its check.

A component is made to do the wrong thing, stories are told, and the check of exactly that
invariant must complain of exactly that within a few of them. Whatever an invariant says (a caller
in no place, in two, hearing nothing; two calls, two legs) is broken by itself.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.soak import invariants
from tests.soak.breakings import BREAKINGS, Breaking
from tests.soak.invariants import CHECKS, Check, Logged, Picture, violations
from tests.soak.story import Broken, Counts, prepare, tell
from tests.soak.test_soak import FAULTS

STORIES = 60
"""The most stories told until one of them shows the harm; most show it in the first."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    prepare(folder / "prepared.db")
    return folder


def test_every_invariant_is_broken_here() -> None:
    broken = dict.fromkeys(breaking.invariant for breaking in BREAKINGS)
    assert list(broken) == [check.__name__ for check in CHECKS]


@pytest.mark.parametrize(
    "breaking", BREAKINGS, ids=lambda one: f"{one.invariant}-{one.harm.__name__}"
)
def test_a_broken_invariant_is_noticed(
    monkeypatch: pytest.MonkeyPatch, folder: Path, breaking: Breaking
) -> None:
    breaking.harm(monkeypatch)
    check = getattr(invariants, breaking.invariant)
    found = first_violation(folder, check, breaking)
    assert found.startswith(breaking.invariant)


def first_violation(folder: Path, check: Check, breaking: Breaking) -> str:
    """What the check has to say, in these words, about the first story that it does not like."""
    other, without = "", (*FAULTS, *breaking.without)
    for seed in range(STORIES):
        try:
            tell(
                seed,
                folder,
                Counts(),
                operations=40,
                checks=[check],
                without=without,
                patient=breaking.patient,
            )
        except Broken as broken:
            for words in broken.found:
                if re.search(breaking.says, words):
                    return words
            other = broken.found[0]
    return f"nothing was noticed, but {other or 'nothing'}"


def test_an_empty_picture_breaks_nothing() -> None:
    assert violations(Picture()) == []


def test_numbers_that_do_not_grow_are_noticed() -> None:
    """SQLite makes them; no mistake of the app's could."""
    told = [Logged(number, "agent_state", 1.0, None, {}) for number in (1, 3, 2)]
    (found,) = violations(Picture(events=told), [invariants.the_log_only_grows])
    assert "the events' numbers do not grow" in found
