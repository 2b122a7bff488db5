"""Command arguments are split exactly as FreeSWITCH splits them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsapp.lab.words import parse_braces, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", ["a", "b"]),
        ("  a   b  ", ["a", "b"]),
        ("'a b' c", ["a b", "c"]),
        ("&socket('h:1 async full')", ["&socket(h:1 async full)"]),
        (r"a\'b c", ["a'b", "c"]),
        (r"a\\b", [r"a\b"]),
        (r"a\sb", ["a b"]),
        ("{a=b c}user/1", ["{a=b", "c}user/1"]),
        ("", []),
    ],
)
def test_blanks_separate_unless_quoted(text: str, words: list[str]) -> None:
    assert split_words(text, " ") == words


def test_the_last_of_few_words_is_the_rest() -> None:
    assert split_words("uuid name a b  c", " ", 3) == ["uuid", "name", "a b  c"]


def test_another_separator_can_be_named() -> None:
    assert split_words("^^:a=1,2:b=3", ",") == ["a=1,2", "b=3"]


@pytest.mark.parametrize(
    ("text", "variables", "rest"),
    [
        ("{a=b,c=d}user/1", {"a": "b", "c": "d"}, "user/1"),
        ("{a='b,c'}user/1", {"a": "b,c"}, "user/1"),
        ("{^^:a=b,c:d=e}user/1", {"a": "b,c", "d": "e"}, "user/1"),
        ("{a={b}}user/1", {"a": "{b}"}, "user/1"),
        ("{a=b}[c=d]user/1", {"a": "b", "c": "d"}, "user/1"),
        ("{a=}user/1", {}, "user/1"),
        ("{a=b", {}, "{a=b"),
        ("user/1", {}, "user/1"),
    ],
)
def test_braces_hold_variables(text: str, variables: dict[str, str], rest: str) -> None:
    assert parse_braces(text) == (variables, rest)


@given(st.text(max_size=40), st.sampled_from(" ,;"))
def test_no_text_breaks_the_splitting(text: str, separator: str) -> None:
    assert all(isinstance(word, str) for word in split_words(text, separator))
    parse_braces(text)
