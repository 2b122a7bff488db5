"""What a ``playback`` plays, as far as its name tells.

The law of this file: what cannot be known counts as something that can be heard.

Source: mod_tone_stream.c and mod_dptools.c of 1.10.12.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["is_signal", "lasts"]

_OPTIONS = re.compile(r"^\{[^}]*\}")
_TONE = re.compile(r"%\(\s*(\d+)\s*,\s*(\d+)")
_NUMBER = re.compile(r"\s*-?\d+")
_SIGNALS = ("tone_stream", "silence_stream")


def is_signal(source: str) -> bool:
    """Whether it is a tone or silence, by which nobody is told anything."""
    return _plain(source).startswith(tuple(f"{scheme}://" for scheme in _SIGNALS))


def lasts(source: str, is_there: Callable[[str], bool]) -> bool:
    """Whether playing it takes any time: what is missing is over at once. ``is_there`` is asked
    about files and streams."""
    source = _plain(source)
    if "$" in source:
        return True
    scheme, _, rest = source.partition("://")
    if scheme == "tone_stream":
        return _tone_lasts(rest)
    if scheme == "silence_stream":
        return _milliseconds(rest) != 0
    if scheme == "file_string":
        return any(lasts(part, is_there) for part in rest.split("!"))
    return bool(source) and is_there(source)


def _plain(source: str) -> str:
    """Without ``{options}`` before it and the ``@@samples`` behind."""
    return _OPTIONS.sub("", source.strip()).partition("@@")[0]


def _tone_lasts(tones: str) -> bool:
    found = _TONE.findall(tones)
    lengths = [int(on) + int(off) for on, off in found]
    return any(lengths) if found else bool(tones)


def _milliseconds(text: str) -> int:
    """As C's ``atoi`` reads it."""
    number = _NUMBER.match(text)
    return int(number[0]) if number else 0
