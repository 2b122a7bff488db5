"""What texts that come from people may consist of."""

from __future__ import annotations

import sys
import unicodedata

from fsapp.calls.text import has_control


def test_controls_are_unicodes_controls_line_separators_and_half_surrogate_pairs() -> None:
    wanted = {"Cc", "Cs", "Zl", "Zp"}
    every = map(chr, range(sys.maxunicode + 1))
    wrong = [one for one in every if has_control(one) != (unicodedata.category(one) in wanted)]
    assert wrong == []


def test_one_is_found_wherever_it_stands() -> None:
    assert all(has_control(text) for text in ("\n", "a\x00", "\x7fa", "a\u2028b"))
    assert not any(has_control(text) for text in ("", "Åse  Lund", "ab\u00a0c"))
