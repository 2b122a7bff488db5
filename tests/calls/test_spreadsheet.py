"""CSV that programs read back and that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsapp.calls.spreadsheet import spreadsheet

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_lines_end_as_rfc_4180_says_and_the_first_has_the_names() -> None:
    text = spreadsheet(("id", "name"), [{"id": 1, "name": "Ann"}])
    assert text == "id,name\r\n1,Ann\r\n"
    assert spreadsheet(("id", "name"), []) == "id,name\r\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (-3, "-3"),
        (1.5, "1.5"),
        (["ann", "bob"], "ann bob"),
        ([], ""),
        ('say "no", twice', 'say "no", twice'),
        ("two\r\nlines", "two\r\nlines"),
        ("2045550100", "2045550100"),
        ("+45 20 45", "'+45 20 45"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1+1", "'-1+1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
    ],
    ids=repr,
)
def test_each_value_as_a_cell(value: object, cell: str) -> None:
    assert read(spreadsheet(("a", "b"), [{"a": value, "b": "end"}]))[1] == [cell, "end"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_text_begins_a_formula_and_none_is_lost(text: str) -> None:
    ((cell, end),) = read(spreadsheet(("a", "b"), [{"a": text, "b": "x"}]))[1:]
    assert not cell.lstrip(" ").startswith(DANGEROUS)
    assert cell in (text, f"'{text}")
    assert end == "x"
