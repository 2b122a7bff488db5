"""Keys and sound: shown, silent in text fields, changeable, switchable off, remembered."""

from ..actors import Agent, Callers
from .conftest import Opens
from .console import Console, expect

COUNT_TONES = """
const start = OscillatorNode.prototype.start;
window.tones = 0;
OscillatorNode.prototype.start = function (...given) {
  window.tones += 1;
  return start.apply(this, given);
};
"""
"""Runs before the page: counts what it lets sound."""


def change_key(console: Console, action: str, key: str) -> None:
    console.presses("?")
    row = console.page.get_by_role("row").filter(has_text=action)
    row.get_by_role("button").press("Enter")
    console.presses(key)


LISTED = {
    "Next call": ["Space", "Enter"],
    "Pick up the caller of that number": ["1 … 9"],
    "Put your call on hold": ["P"],
    "Take that call back from hold": ["Shift A … F"],
    "Connect a call on hold with your call": ["T"],
    "End your call": ["E"],
    "Go to the dial field": ["D", "/"],
    "Pause, or come back": ["W"],
    "This list": ["?"],
    "Leave the field, close, stop dialling": ["Esc"],
}


def test_every_key_is_listed(opens: Opens, anna: Agent):
    console = opens(anna).signs_in()
    console.presses("?")
    rows = console.page.get_by_role("dialog").get_by_role("row")
    expect(rows).to_have_count(1 + len(LISTED))
    for action, keys in LISTED.items():
        expect(rows.filter(has_text=action).locator("kbd")).to_have_text(keys)
    console.presses("Escape")
    expect(console.page.get_by_role("dialog")).to_have_count(0)


def test_a_key_can_be_changed_and_stays_so(opens: Opens, a_caller: Callers, anna: Agent):
    console = opens(anna).signs_in()
    change_key(console, "Next call", "n")
    expect(console.page.locator("#help-said")).to_have_text("Its key is N now.")
    console.presses("Escape")
    a_caller.waits()
    console.sees_rows("Queue", 1).presses("Space")
    expect(console.box("Queue").get_by_role("button", name="Next call")).to_contain_text("N")
    console.page.reload()
    console.is_connected().sees("My call", "No call.").presses("n").sees("My call", "speaking")


def test_all_keys_can_be_switched_off(opens: Opens, a_caller: Callers, anna: Agent):
    console = opens(anna).signs_in()
    console.presses("?")
    console.page.get_by_label("Keys do something").press("Space")
    console.presses("Escape")
    a_caller.waits()
    console.sees_rows("Queue", 1).presses("Space", "1", "Enter", "?", "w")
    expect(console.page.get_by_role("dialog")).to_have_count(0)
    expect(console.page.locator("#boxes kbd:visible")).to_have_count(0)
    # The buttons are still there for the Tab key.
    console.box("Queue").get_by_role("button", name="Pick up").press("Enter")
    console.sees("My call", "speaking")


def test_in_a_text_field_keys_are_only_letters(opens: Opens, a_caller: Callers, anna: Agent):
    console = opens(anna).signs_in()
    a_caller.waits()
    console.sees_rows("Queue", 1).presses("d").types("1 pe?")
    expect(console.page.get_by_label("Name or number")).to_have_value("1 pe?")
    console.sees("My call", "No call.").presses("Escape")
    expect(console.page.get_by_label("Name or number")).to_have_value("")
    expect(console.page.get_by_label("Name or number")).not_to_be_focused()


def test_a_new_call_sounds_once_while_she_is_idle(opens: Opens, a_caller: Callers, anna: Agent):
    console = opens(anna)
    console.page.add_init_script(COUNT_TONES)
    console.signs_in()
    a_caller.waits()
    console.sees_rows("Queue", 1)
    console.page.wait_for_function("tones === 2")
    # Busy: no sound. Back on hold and waiting again: she has heard of that one.
    console.presses("Space").sees("My call", "speaking")
    a_caller.waits()
    console.sees_rows("Queue", 1)
    assert console.page.evaluate("tones") == 2


def test_the_sound_can_be_switched_off_and_that_is_remembered(
    opens: Opens, a_caller: Callers, anna: Agent
):
    console = opens(anna)
    console.page.add_init_script(COUNT_TONES)
    console.signs_in().presses("?")
    console.page.get_by_label("Sound for a new call").press("Space")
    console.presses("Escape")
    console.page.reload()
    console.is_connected().presses("Shift")
    a_caller.waits()
    console.sees_rows("Queue", 1)
    assert console.page.evaluate("tones") == 0
    console.presses("?")
    console.page.get_by_role("button", name="Try it").press("Enter")
    console.page.wait_for_function("tones === 2")
