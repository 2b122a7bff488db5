"""The one table: complete, and consistent with itself."""

from fsapp.web.routes import ROUTES, find

PROTOCOL = {
    "/call/list": ("GET",),
    "/call/queue": ("GET",),
    "/call/state": ("GET", "POST"),
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
    "/healthz": ("GET",),
    "/readyz": ("GET",),
    "/": ("GET",),
}
"""Protocol §1 and §4."""


def test_the_table_is_the_protocols() -> None:
    assert {route.path: route.methods for route in ROUTES} == PROTOCOL
    assert len(ROUTES) == len(PROTOCOL)


def test_only_what_asks_the_desk_nothing_is_open() -> None:
    for route in ROUTES:
        assert route.open == (route.verb is None)
        assert route.verb is None or route.path == f"/{route.verb}"


def test_a_path_is_found_only_to_the_letter() -> None:
    for route in ROUTES:
        assert find(route.path) is route
        assert find(route.path + "/") is None
        assert route.path == "/" or find(route.path.upper()) is None


def test_every_parameter_has_a_rule_and_a_limit() -> None:
    for route in ROUTES:
        names = [parameter.name for parameter in route.parameters]
        assert len(set(names)) == len(names)
        assert set(route.one_of) <= set(names)
        for parameter in route.parameters:
            assert parameter.rule
            assert 0 < parameter.longest <= 200
