"""One agent at her console: what she presses and what she sees."""

import re
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from ..actors import Agent

__all__ = ["Console", "expect"]

LIMIT_MS = 10_000
REFUSED = "Failed to load resource"
"""What Chromium writes of every answer above 399; the app's refusals are no fault of the page."""

expect.set_options(timeout=LIMIT_MS)


class Console:
    """Her browser's tab with the console (or the wallboard) in it."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        agent: Agent,
        path: str,
        options: Mapping[str, Any],
    ) -> None:
        self.agent = agent
        self.address = address
        self.path = path
        self.complaints: list[str] = []
        self._context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 720}, "reduced_motion": "reduce", **options}
        )
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(LIMIT_MS)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hears)

    def close(self) -> None:
        self._context.close()

    def goes_there(self) -> "Console":
        self.page.goto(f"http://{self.address}{self.path}")
        return self

    def signs_in(self) -> "Console":
        """By keyboard: the field has the focus. Waits until the picture is true."""
        self.goes_there()
        expect(self.page.get_by_label("Your token")).to_be_focused()
        self.page.keyboard.insert_text(self.agent.client.token or "")
        self.presses("Enter")
        return self.is_connected()

    def is_connected(self) -> "Console":
        expect(self.page.locator("#wire-state")).to_have_text("connected")
        return self

    def is_not_connected(self) -> "Console":
        expect(self.page.locator("#banner")).to_be_visible()
        expect(self.page.locator("#wire-state")).to_contain_text("not connected")
        return self

    def presses(self, *keys: str) -> "Console":
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def types(self, text: str) -> "Console":
        self.page.keyboard.type(text)
        return self

    def box(self, title: str) -> Locator:
        """One of the boxes, found as a screen reader finds it."""
        return self.page.get_by_role("region", name=title)

    def rows(self, title: str) -> Locator:
        return self.box(title).get_by_role("listitem")

    def sees(self, title: str, *words: str) -> "Console":
        """Words that are visible there, however the style capitalizes or breaks them."""
        for word in words:
            shown = re.compile(r"\s*".join(map(re.escape, word.split())), re.IGNORECASE)
            expect(self.box(title)).to_contain_text(shown, use_inner_text=True)
        return self

    def sees_rows(self, title: str, count: int) -> "Console":
        expect(self.rows(title)).to_have_count(count)
        return self

    def hears(self, words: str) -> "Console":
        """The assertive live region says it."""
        expect(self.page.locator("#assertive")).to_contain_text(words)
        return self

    def _hears(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and REFUSED not in message.text:
            self.complaints.append(message.text)
