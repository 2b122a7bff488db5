"""The page of requests is what the tables say."""

import re

import pytest

from fsapp.web.routes import ROUTES, Route

from .reference import PAGE, page


def test_the_page_is_as_it_would_be_written_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.web.reference"


def test_every_link_in_it_leads_to_an_object() -> None:
    links = set(re.findall(r"\(#([a-z]+)\)", page()))
    assert links
    assert links <= {name.lower() for name in re.findall(r"^### (\w+)$", page(), re.MULTILINE)}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_request_stands_there_with_what_it_takes(route: Route) -> None:
    own = page().partition(f" {route.path}`\n")[2].partition("\n## ")[0]
    assert route.summary in own
    for parameter in route.parameters:
        assert f"| `{parameter.header or parameter.name}`" in own
