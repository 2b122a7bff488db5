"""What the texts that come from people may consist of, each once.

The law of this file: whatever takes a text in (request, settings, command line, imported file)
matches it against one of these before anything else sees it. ``switch/commands.py`` checks again
on the way out.
"""

from __future__ import annotations

import re

__all__ = ["CALL_ID", "NUMBER", "PHONE", "has_control"]

CALL_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
"""A channel's uuid, as FreeSWITCH gives it or the app does."""

NUMBER = re.compile(r"[0-9*#+]{1,32}")
"""What an agent may dial (protocol §4, ``extension``)."""

PHONE = re.compile(r"[A-Za-z][A-Za-z0-9_]*/[A-Za-z0-9_@./:;=+*#~%-]{1,200}")
"""A FreeSWITCH dial string of one phone, ``user/1101``: nothing that quotes, expands or separates
(``{}[]()<>'"$&|,!\\`` and blanks), because it stands inside an originate command."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Unicode's categories Cc, Zl, Zp and Cs. Every text of every request is looked through."""


def has_control(text: str) -> bool:
    """Whether ``text`` holds a control character, a line separator or half a surrogate pair."""
    return _UNPRINTABLE.search(text) is not None
