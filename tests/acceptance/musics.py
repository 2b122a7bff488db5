"""What callers hear in the queue and on hold, where that is to be told apart.

The default source is missing on these switches: everybody hears the soft tone in its place. These
two exist, differ from each other, and neither sounds like that tone.
"""

from collections.abc import Mapping

from .app import Settings

__all__ = ["ON_HOLD", "QUEUED", "RINGING", "two_musics"]

QUEUED, ON_HOLD = "greeting", "ringback"
"""As what the two are heard (switches/base.py)."""

RINGING = "tone_stream://%(400,200,400,450);loops=-1"


def two_musics(sounds: Mapping[str, str]) -> Settings:
    """The settings for it; in the queue it is a sound file of the suite's."""
    return {"queue": {"music": sounds[QUEUED]}, "park": {"music": RINGING}}
