"""A call left on hold: the console warns before it comes back by itself."""

from ..actors import Agent, Callers
from .conftest import Opens

SETTINGS = {"park": {"recall_after": 29}}
"""Within the time the console warns of."""


def test_a_call_about_to_come_back_says_so(opens: Opens, a_caller: Callers, anna: Agent):
    console = opens(anna).signs_in()
    a_caller.waits(name="Mrs. Lund")
    console.presses("Space").sees("My call", "speaking").presses("p")
    console.sees("On hold", "Mrs. Lund", "back in 2")
