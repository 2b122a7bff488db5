"""The one table: complete, and consistent with itself."""

import pytest

from fsapp.web.routes import ROUTES, find, in_path

PROTOCOL = {
    "/call/list": ("GET",),
    "/call/queue": ("GET",),
    "/call/state": ("GET", "POST"),
    "/call/history": ("GET",),
    "/call/<call_id>/timeline": ("GET",),
    "/call/statistics": ("GET",),
    "/call/pickup": ("POST",),
    "/call/park": ("POST",),
    "/call/unpark": ("POST",),
    "/call/hangup": ("POST",),
    "/call/originate": ("POST",),
    "/call/transfer": ("GET", "POST"),
    "/agent": ("GET",),
    "/agent/list": ("GET",),
    "/agent/state": ("POST",),
    "/contact": ("GET",),
    "/organization/list": ("GET",),
    "/events": ("GET",),
    "/healthz": ("GET",),
    "/readyz": ("GET",),
    "/metrics": ("GET",),
    "/openapi.json": ("GET",),
    "/": ("GET",),
    "/wallboard": ("GET",),
    "/console/<file>": ("GET",),
}
"""Protocol §1 and §4."""


def test_the_table_is_the_protocols() -> None:
    assert {route.path: route.methods for route in ROUTES} == PROTOCOL
    assert len(ROUTES) == len(PROTOCOL)


def test_only_what_asks_the_desk_nothing_is_open() -> None:
    for route in ROUTES:
        assert (route.open or route.scraped) == (route.verb is None)
        assert route.verb is None or route.path.replace("/<call_id>", "") == f"/{route.verb}"


def test_a_path_is_found_only_to_the_letter() -> None:
    for route in ROUTES:
        path = route.path.replace("<call_id>", "c-1").replace("<file>", "console.js")
        assert find(path) is route
        assert find(path + "/") is None
        assert path == "/" or find(path.upper()) is None


def test_a_parameter_may_stand_in_the_path() -> None:
    assert in_path("/call/c-1/timeline") == {"call_id": "c-1"}
    assert in_path("/call/history") == {}


@pytest.mark.parametrize("call_id", ["", "a/b", "a b", "%41", "\xc3", "<call_id>", "a\n"])
def test_what_can_be_no_call_is_no_path(call_id: str) -> None:
    assert find(f"/call/{call_id}/timeline") is None


def test_every_parameter_has_a_rule_and_a_limit() -> None:
    for route in ROUTES:
        names = [parameter.name for parameter in route.parameters]
        assert len(set(names)) == len(names)
        assert set(route.one_of) <= set(names)
        for parameter in route.parameters:
            assert parameter.rule
            assert 0 < parameter.longest <= 200
