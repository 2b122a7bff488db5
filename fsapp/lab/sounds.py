"""What a playback plays, and for how long.

Source: freeswitch.md §2 (missing files and unconfigured streams are not found at once, tones
always exist) and mod_tone_stream's documentation (``%(on,off,frequencies)``, ``loops=N``).
"""

from __future__ import annotations

import re
import wave
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sound", "find_sound"]

_TONE = re.compile(r"%\((\d+),(\d+)[^)]*\)")
_OPTIONS = re.compile(r"^\{[^}]*\}")
_MILLISECOND = 0.001
_TELEPHONE_RATE = 8000


@dataclass(frozen=True, slots=True)
class Sound:
    """Something that can be played. ``seconds`` is None when it never ends."""

    source: str
    seconds: float | None


def find_sound(source: str, streams: Container[str]) -> Sound | None:
    """The sound behind a playback's argument; None when there is no such thing.

    ``streams`` are the names of the ``local_stream://`` sources that are configured.
    """
    source = _OPTIONS.sub("", source.strip())
    scheme, _, rest = source.partition("://")
    match scheme:
        case "tone_stream":
            return Sound(source, _tone_seconds(rest))
        case "silence_stream":
            return Sound(source, _silence_seconds(rest))
        case "local_stream":
            return Sound(source, None) if rest in streams else None
        case "file_string":
            return _sequence(source, rest, streams)
        case _:
            seconds = _file_seconds(Path(source))
            return None if seconds is None else Sound(source, seconds)


def _tone_seconds(text: str) -> float | None:
    """The tones' length times their loops."""
    looped = re.search(r"loops=(-?\d+)", text)
    loops = int(looped.group(1)) if looped else 1
    if loops < 0:
        return None
    once = sum(int(on) + int(off) for on, off in _TONE.findall(text))
    return once * _MILLISECOND * max(loops, 1)


def _silence_seconds(text: str) -> float | None:
    number = text.partition(",")[0]
    milliseconds = int(number) if number.lstrip("-").isdigit() else 0
    return None if milliseconds <= 0 else milliseconds * _MILLISECOND


def _sequence(source: str, rest: str, streams: Container[str]) -> Sound | None:
    parts = [sound for name in rest.split("!") if (sound := find_sound(name, streams))]
    if not parts:
        return None
    lengths = [part.seconds for part in parts if part.seconds is not None]
    return Sound(source, sum(lengths) if len(lengths) == len(parts) else None)


def _file_seconds(path: Path) -> float | None:
    """A wave file's length; None for what is no such file, or no file name at all."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getnframes() / (file.getframerate() or _TELEPHONE_RATE)
    except (wave.Error, EOFError, OSError, ValueError):
        return None
