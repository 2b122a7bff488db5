"""One agent at her console: what she presses and what she sees."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Response,
    expect,
)

from ..actors import Agent
from ..client import DESCRIBED

__all__ = ["Console", "expect"]

LIMIT_MS = 10_000
REFUSED = "Failed to load resource"
"""What Chromium writes of every answer above 399; the app's refusals are no fault of the page."""

ANSWERED = ("/agent", "/call/", "/contact", "/organization/")
"""The agents' protocol; the rest are the page's own files."""

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
        self._answers: list[Response] = []
        self.page.on("response", lambda response: self._answers.append(response))  # noqa: PLW0108

    def close(self) -> None:
        """What the page was answered is held to `GET /openapi.json`, too."""
        try:
            for response in self._answers:
                self._is_as_described(response)
        finally:
            self._context.close()

    def _is_as_described(self, response: Response) -> None:
        where = urlsplit(response.url)
        if where.path == "/events" or not where.path.startswith(ANSWERED):
            return
        try:
            body = response.body()
        except Error:
            return  # left behind with the page that asked
        headers, method = response.all_headers(), response.request.method
        fault = DESCRIBED.fault(method, where.path, response.status, headers, body)
        assert fault is None, f"{method} {where.path}: {fault}: {body!r}"

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
