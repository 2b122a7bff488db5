"""The pages: served whole, to anybody, as what they are, and nothing else from the disk."""

import re
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fsapp.web.pages import FOLDER

from .conftest import Ask
from .serving import NotingDesk

FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
PAGES = {"/": "console.html", "/wallboard": "wallboard.html"}
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg"}


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_file_is_served_as_what_it_is(ask: Ask, desk: NotingDesk, path: Path) -> None:
    response = ask("GET", f"/console/{path.name}", token=None)
    assert response.status == 200
    assert response.body == path.read_bytes()
    assert response.headers["Content-Type"].startswith(TYPES[path.suffix])
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert desk.asked == []


def test_a_package_carries_every_file() -> None:
    configuration = ConfigParser()
    configuration.read(FOLDER.parents[2] / "setup.cfg")
    globs = configuration["options.package_data"]["fsapp.web"].split()
    carried = {path for glob in globs for path in FOLDER.parent.glob(glob)}
    assert carried == set(FILES)


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_are_at_their_own_addresses(ask: Ask, path: str) -> None:
    assert ask("GET", path, token=None).body == (FOLDER / PAGES[path]).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/console/", "/console/none.js", "/console/../pages.py", "/console/..%2fpages.py",
        "/console/%2e%2e/pages.py", "/console//console.js", "/console/console.js/", "/console.js",
        "/console/<file>", "/console/pages.py", "/wallboard/",
    ],
)  # fmt: skip
def test_nothing_else_is_served(ask: Ask, path: str) -> None:
    assert ask("GET", path).status == 404


class Inline(HTMLParser):
    """Finds what a Content-Security-Policy of 'self' would forbid."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(tag)
        for name, value in attrs:
            forbidden = name == "style" or name.startswith("on")
            foreign = name in ("src", "href") and not (value or "").startswith("/")
            if forbidden or foreign:
                self.found.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("page", PAGES.values())
def test_a_page_has_no_script_or_style_of_its_own_and_nothing_from_elsewhere(page: str) -> None:
    inline = Inline()
    inline.feed((FOLDER / page).read_text("utf-8"))
    assert inline.found == []


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_no_script_makes_markup_styles_or_code_of_text(path: Path) -> None:
    text = path.read_text("utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "new Function", ".style"):
        assert word not in text


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_a_script_can_be_read_in_one_sitting_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("/**")
    assert len(text.splitlines()) < 400
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_every_import_is_a_file_beside_it(path: Path) -> None:
    for name in re.findall(r'from "\./([^"]+)"', path.read_text("utf-8")):
        assert (FOLDER / name).is_file()
