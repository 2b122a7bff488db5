"""The pages people open: the agents' console, the wallboard, and what they are made of.

The law of this file: what a request names is looked up among the files read at the start; no path
is ever made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fsapp.calls.refusals import route_not_found

__all__ = ["FOLDER", "Page", "Pages"]

FOLDER = Path(__file__).parent / "console"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGES = {"/": "console.html", "/wallboard": "wallboard.html"}


@dataclass(frozen=True, slots=True)
class Page:
    """One file as it is sent."""

    content: bytes
    type: str


class Pages:
    """Every file of the folder, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        files = (file for file in sorted(folder.iterdir()) if file.suffix in _TYPES)
        self._files: Mapping[str, Page] = {
            file.name: Page(file.read_bytes(), _TYPES[file.suffix]) for file in files
        }

    def get(self, path: str) -> Page:
        """What is served at ``path``; raises the 404 when nothing is."""
        name = _PAGES.get(path) or path.rpartition("/")[2]
        page = self._files.get(name)
        if page is None:
            raise route_not_found()
        return page
