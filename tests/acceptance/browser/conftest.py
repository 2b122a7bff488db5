"""A browser beside the app: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from ..actors import Agent
from ..app import App
from .console import Console

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first costs half the CPU: it has no windows to draw around the page."""

Opens = Callable[..., Console]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser; without one the test is skipped, saying why.

    No longer than this package's tests: Playwright's event loop runs all the time, and others
    want one of their own.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium-headless-shell)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opens(browser: Browser, app: App) -> Iterator[Opens]:
    """`opens(anna)`: her console, signed in; closed after the test, which fails for what the
    browser complained of."""
    opened: list[Console] = []

    def open_(agent: Agent, path: str = "/", **options: object) -> Console:
        console = Console(browser, app.address, agent, path, options)
        opened.append(console)
        return console

    yield open_
    for console in opened:
        console.close()
    assert [console.complaints for console in opened if console.complaints] == []
