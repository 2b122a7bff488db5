"""Tables: what stands in a column stands below its name, and steers no terminal."""

from __future__ import annotations

import wcwidth
from hypothesis import given
from hypothesis import strategies as st

from fsapp.cli.table import cell, clipped, table, width

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z", "M")), max_size=30)


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    rows = [{"id": 1, "name": "Zoë"}, {"id": 22, "name": None}]
    assert table(rows) == "id  name\n1   Zoë\n22\n"
    assert table([]) == ""


def test_wide_letters_take_two_columns() -> None:
    assert table([{"who": "高橋", "x": 1}, {"who": "Ann", "x": 2}]) == "who   x\n高橋  1\nAnn   2\n"


def test_nothing_in_a_cell_steers_the_terminal() -> None:
    assert cell("a\x1b[31mb\nc\u2028d\u202ee") == "a?[31mb?c?d?e"
    assert cell(None) == ""
    assert cell([1, "a\x07"]) == "1 a?"


@given(PRINTABLE)
def test_widths_are_those_of_a_terminal(text: str) -> None:
    known = wcwidth.wcswidth(text)
    # Newer letters are not in every table; of those that are known none is wider than we say.
    assert known < 0 or width(text) >= known or abs(width(text) - known) <= len(text)


@given(st.text(), st.integers(0, 40))
def test_what_is_clipped_has_exactly_so_many_columns(text: str, columns: int) -> None:
    assert width(clipped(cell(text), columns)) == columns


def test_what_is_cut_says_so() -> None:
    assert clipped("Clara Olsen", 6) == "Clara…"
    assert clipped("Clara", 6) == "Clara "
    assert clipped("高橋さん", 6) == "高橋… "
    assert clipped("ab", 0) == ""
