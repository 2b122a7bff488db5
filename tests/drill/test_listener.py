"""Silence counts when it lasts, and only while she is on the line."""

from typing import Any, cast

from tests.acceptance.switches.base import Switch

from .listener import Listener


class Heard:
    """A switch that knows what channels hear."""

    def __init__(self) -> None:
        self.sounds: dict[str, str] = {}

    def hears(self, uuid: str) -> str:
        return self.sounds.get(uuid, "nothing")


def listener(**sounds: str) -> tuple[Listener, dict[str, str]]:
    switch = Heard()
    switch.sounds.update(sounds)
    made = Listener(cast("Switch", cast("Any", switch)), lambda: {"a", "b"}, limit=5.0)
    return made, switch.sounds


def test_who_hears_nothing_for_long_is_found():
    made, _ = listener(a="silence", b="ringback")
    for second in range(6):
        made.round(float(second))
    assert made.found == {"a": 5.0}


def test_who_hears_something_in_between_is_not():
    made, sounds = listener(a="silence")
    for second in range(12):
        sounds["a"] = "ringback" if second == 4 else "silence"
        made.round(float(second))
        if second < 9:
            assert made.found == {}
    assert made.found == {"a": 6.0}


def test_nor_is_one_who_is_gone():
    made, sounds = listener(a="silence")
    made.round(0.0)
    del sounds["a"]
    made.round(6.0)
    assert made.found == {}
