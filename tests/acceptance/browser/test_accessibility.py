"""Every view is checked by axe, light and dark: no violations.

With `--screenshots DIRECTORY` pictures of them are left there, to be looked at.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from ..actors import Agent, Callers, Phone
from .conftest import Opens
from .console import Console, expect

SETTINGS = {"console": {"waiting_amber": 1, "waiting_red": 3}}


SIZES = ((1280, 720), (1920, 1080))

Looks = Callable[[Console, str], None]


@pytest.fixture
def assert_accessible(request: pytest.FixtureRequest) -> Looks:
    """`assert_accessible(console, "idle")`: what the console shows now is checked, and pictured if
    that was asked for."""
    pictures: Path | None = request.config.getoption("--screenshots")

    def look(console: Console, view: str) -> None:
        for scheme in ("light", "dark"):
            console.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert violations(console) == [], f"{view}, {scheme}"
            if pictures is not None:
                picture(console, pictures, f"{view}, {scheme}")

    return look


def violations(console: Console) -> list[object]:
    response: dict[str, Any] = Axe().run(console.page).response
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]])
        for violation in response["violations"]
    ]


def picture(console: Console, directory: Path, view: str) -> None:
    before = console.page.viewport_size
    for width, height in SIZES:
        console.page.set_viewport_size({"width": width, "height": height})
        console.page.screenshot(path=directory / f"{view}, {width}x{height}.png")
    if before is not None:
        console.page.set_viewport_size(before)


@pytest.mark.parametrize("path", ["/", "/wallboard"])
def test_signing_in(opens: Opens, anna: Agent, path: str, assert_accessible: Looks):
    page = path.strip("/") or "console"
    console = opens(anna, path).goes_there()
    assert_accessible(console, f"{page}, sign-in")
    console.types("wrong").presses("Enter")
    expect(console.page.get_by_role("alert").first).not_to_be_empty()
    assert_accessible(console, f"{page}, sign-in refused")


def test_the_console_idle_and_its_dialogs(opens: Opens, anna: Agent, assert_accessible: Looks):
    console = opens(anna).signs_in()
    assert_accessible(console, "idle")
    for key, view in (("?", "keys"), ("w", "pause")):
        console.presses(key)
        expect(console.page.get_by_role("dialog")).to_be_visible()
        assert_accessible(console, view)
        console.presses("Escape")


def test_the_console_with_calls_of_every_kind_and_without_a_connection(
    opens: Opens, a_caller: Callers, anna: Agent, outside: Phone, assert_accessible: Looks
):
    console = opens(anna).signs_in()
    a_caller.wait_in_turn(2)
    for count in (1, 2):
        console.presses("Space").sees("My call", "speaking")
        console.presses("p").sees_rows("On hold", count)
    queue = console.box("Queue")
    a_caller.waits(name="Mrs. Lund")
    expect(queue.locator("[data-wait=red]")).to_have_count(1)
    a_caller.waits(name="Mr. Friis")
    expect(queue.locator("[data-wait=amber]")).to_have_count(1)
    console.presses("d").types("out")
    expect(console.page.get_by_role("option")).to_have_count(1)
    assert_accessible(console, "matches")
    console.presses("Enter").sees("My call", "speaking")
    assert_accessible(console, "with calls")
    console.presses("t")
    expect(console.page.get_by_role("dialog")).to_be_visible()
    assert_accessible(console, "which call")
    console.presses("Escape")
    console.page.context.set_offline(True)
    console.is_not_connected()
    assert_accessible(console, "not connected")


def test_the_wallboard(opens: Opens, a_caller: Callers, anna: Agent, assert_accessible: Looks):
    a_caller.waits()
    anna.picks_up()
    a_caller.waits()
    board = opens(anna, "/wallboard").signs_in()
    expect(board.page.locator("#waiting-figure")).to_have_text("1")
    expect(board.page.locator("#chart svg")).to_be_visible()
    assert_accessible(board, "wallboard")
    board.page.context.set_offline(True)
    board.is_not_connected()
    assert_accessible(board, "wallboard, not connected")
