"""The wallboard: what is true now, and how the day has been."""

import re

from ..actors import Agent, Callers
from .conftest import Opens
from .console import expect


def test_it_shows_what_is_true_now_and_follows(
    opens: Opens, a_caller: Callers, anna: Agent, bente: Agent
):
    board = opens(bente, "/wallboard").signs_in()
    figure = board.page.locator("#waiting-figure")
    expect(figure).to_have_text("0")
    a_caller.wait_in_turn(2)
    expect(figure).to_have_text("2")
    expect(board.page).to_have_title("(2) fsapp wallboard")
    board.sees("Longest wait", "Dr. Holm").sees("Calls", "2 waiting", "0 speaking")
    anna.picks_up()
    expect(figure).to_have_text("1")
    board.sees("Calls", "1 waiting", "1 speaking").sees("Agents", "1 speaking Anna")


def test_the_day_is_drawn_from_history(opens: Opens, a_caller: Callers, anna: Agent):
    board = opens(anna, "/wallboard").signs_in()
    answered = board.page.locator("#answered-figure")
    expect(answered).to_have_text(re.compile("[0-9]"))
    before = int(answered.inner_text())
    a_caller.waits()
    anna.picks_up()
    expect(answered).to_have_text(str(before + 1))
    expect(board.page.get_by_role("img")).to_have_accessible_name(
        re.compile(rf"calls today: {before + 1} answered, \d+ abandoned; average wait \d")
    )
