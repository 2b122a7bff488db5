"""What a drill found is said as it is, and each count is documented."""

from pathlib import Path
from typing import Any

import pytest

from .harms import HARMS
from .outcome import Outcome

DOCUMENT = Path(__file__).parents[2] / "docs" / "drill.md"
COUNTS = ("dropped", "cut", "lost", "unaccounted", "stuck", "left_over", "silent", "strange")


def outcome(**found: Any) -> Outcome:
    return Outcome(**{**{count: [] for count in COUNTS}, **found})


def test_every_count_is_documented():
    document = DOCUMENT.read_text(encoding="utf-8")
    for count in outcome().counts():
        assert f"\n| {count} |" in document


@pytest.mark.parametrize("count", COUNTS)
def test_one_sentence_in_any_count_is_no_clean_drill(count: str):
    assert outcome().clean
    assert not outcome(**{count: ["c ended"]}).clean
    assert "c ended" in outcome(**{count: ["c ended"]}).table()


def test_a_harm_counted_elsewhere_or_by_another_name_is_not_noticed():
    harmed = {"a_caller_is_dropped": ("callers dropped", "c")}
    assert not outcome(dropped=["c ended"], harmed=harmed).unnoticed()
    assert outcome(dropped=["d ended"], harmed=harmed).unnoticed()
    assert outcome(cut=["c after 1 s"], harmed=harmed).unnoticed()


def test_every_count_but_answers_is_shown_to_count_by_some_harm():
    text = Path(__file__).with_name("harms.py").read_text(encoding="utf-8")
    for count in [*outcome().counts()][:-1]:
        assert f'"{count}"' in text
    assert len(HARMS) > len(COUNTS)
