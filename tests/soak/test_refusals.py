"""A refusal changes nothing: every route of the wired app, with calls in every state.

Real are application, desk, store and lab switch; only HTTP's own bytes are left out (they are
``tests/web/test_fuzz.py``'s). After every answer that is a refusal rows and events are the same.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsapp.calls.table import Happening
from fsapp.desk.pickup import Pickup
from fsapp.lab.callers import call_in
from fsapp.web.openapi import description
from fsapp.web.routes import ROUTES, Route
from tests.described import Description
from tests.soak.story import AGENTS, ANSWERS, prepare, settings_for
from tests.soak.world import World
from tests.web.test_fuzz import ENDLESS, EXAMPLES, HOSTILE, TEXT

DESCRIBED = Description(description())
CALLS = [f"@{number}" for number in range(5)]
"""Stand for the calls of the scene: two queued, one greeted, one spoken with, one parked."""

VERBS = [route for route in ROUTES if route.verb and route.path not in ENDLESS]

Request = tuple[str, str, str, dict[str, str]]


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Who asks, method, path, parameters."""
    route = draw(st.sampled_from(VERBS))
    who = draw(st.sampled_from([agent.id for agent in AGENTS] + ["nobody"]))
    values = st.sampled_from([*CALLS, *CALLS, "1142", "42", "idle", "paused"]) | TEXT
    chosen = draw(
        st.lists(st.sampled_from([p.name for p in route.parameters] or ["x"]), max_size=2)
    )
    parameters = {name: draw(values) for name in chosen}
    return who, draw(st.sampled_from(route.methods)), draw(paths(route)), parameters


def paths(route: Route) -> st.SearchStrategy[str]:
    """The route's path with a call of the scene, or anything, in place of its parameter."""
    parts = st.sampled_from(CALLS) | HOSTILE.map(without_query) | TEXT.map(lambda t: quote(t, ""))
    return parts.map(lambda part: route.path.replace("<call_id>", part))


def without_query(path: str) -> str:
    return path.partition("?")[0].partition("#")[0]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("refusals")
    return folder, prepare(folder / "prepared.db")


@contextmanager
def scene(folder: Path) -> Iterator[tuple[World, list[str]]]:
    """Calls in every state that lasts, and their ids."""
    for old in folder.glob("story.db*"):
        old.unlink()
    shutil.copy(folder / "prepared.db", folder / "story.db")
    with World.of("scene", settings_for(folder / "story.db")) as world:
        for phone in ("1101", "1102", "1103", "1120", "1142"):
            world.do(lambda phone=phone: world.exchange.phones.phone(phone))  # type: ignore[misc]
        world.start_app()
        ids = [arrives(world) for _ in range(4)]
        ids.append(arrives(world, fsapp_greeting="tone_stream://%(600000,0,440)"))
        for who, verb, call_id in (("ann", "pickup", 2), ("bob", "pickup", 3), ("bob", "park", 3)):
            asked = world.asks(who, f"call/{verb}", call_id=ids[call_id])
            world.pass_time(1.0)
            assert isinstance(asked.answer, dict), asked
        yield world, ids


def arrives(world: World, **variables: str) -> str:
    caller = world.do(
        lambda: call_in(world.exchange, "5900", "204", "Cal", context="public", variables=variables)
    )
    world.pass_time(0.5)
    return caller.uuid


def asked(world: World, token: str, request: Request) -> tuple[int, dict[str, Any]]:
    """Status and document of one request to the wired application."""
    assert world.app is not None
    application: Any = world.app.service.server.application
    _, method, path, parameters = request
    body = urlencode(parameters).encode() if method == "POST" else b""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote(path, "latin-1"),
        "SCRIPT_NAME": "",
        "QUERY_STRING": "" if body else urlencode(parameters),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    status: list[str] = []
    headers: list[tuple[str, str]] = []
    answer: list[bytes] = []

    def serve() -> None:
        def start(line: str, given: list[tuple[str, str]], _error: object = None) -> None:
            status.append(line)
            headers.extend(given)

        answer.append(b"".join(application(environ, start)))

    actor = world.stage.add(f"{method} {path}", world.app, serve)
    while not actor.over:
        world.pass_time(0.5)
    assert actor.error is None, actor.error
    code = int(status[0][:3])
    fault = DESCRIBED.fault(method, path, code, dict(headers), answer[0])
    assert fault is None, f"{method} {path} {parameters}: {code} {answer[0]!r}: {fault}"
    return code, json.loads(answer[0])


def record(world: World) -> list[tuple[object, ...]]:
    """All rows of calls, and the events that tell of them."""
    assert world.app is not None
    reader = world.app.database.reader()
    rows = reader.execute("SELECT * FROM calls ORDER BY id").fetchall()
    events = reader.execute("SELECT * FROM events WHERE call_id IS NOT NULL").fetchall()
    return [*rows, *events]


def changes_nothing(folder: Path, tokens: dict[str, str], wanted: list[Request]) -> None:
    """Asks one after the other; what is refused must leave the record as it was."""
    with scene(folder) as (world, ids):
        for who, method, path, parameters in wanted:
            meant = {name: named(ids, value) for name, value in parameters.items()}
            there = "/".join(named(ids, part) for part in path.split("/"))
            before = record(world)
            code, document = asked(world, tokens.get(who, "no"), (who, method, there, meant))
            assert code in ANSWERS, document
            if code != 200:
                assert {"status", "description", "error"} <= document.keys()
                assert record(world) == before, f"{code} {document} changed something"


def named(ids: list[str], value: str) -> str:
    """The id of the call that ``value`` stands for, else the value itself."""
    return ids[CALLS.index(value)] if value in CALLS else value


@settings(
    max_examples=EXAMPLES // 6,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wanted=st.lists(requests(), min_size=1, max_size=12))
def test_a_refusal_changes_nothing(
    prepared: tuple[Path, dict[str, str]], wanted: list[Request]
) -> None:
    changes_nothing(*prepared, wanted)


def test_every_route_is_reached(prepared: tuple[Path, dict[str, str]]) -> None:
    """With a call of the scene where a path has one; 404 is what none of them answers."""
    folder, tokens = prepared
    with scene(folder) as (world, ids):
        for route in VERBS:
            path = route.path.replace("<call_id>", ids[0])
            code, document = asked(world, tokens["ann"], ("ann", route.methods[0], path, {}))
            assert document.get("error") != "route-not-found", (code, path)


def test_a_refusal_that_changes_something_is_noticed(
    prepared: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpark is made to write before it refuses."""
    honest: Callable[..., Any] = Pickup.unpark

    def unpark(verb: Pickup, agent: Any, call_id: str) -> Any:
        with verb._board.turn() as turn:
            live = verb._board.calls[call_id]
            verb._board.happen(turn, live, Happening.HANGUP, cause="A_MISTAKE")
        return honest(verb, agent, call_id)

    monkeypatch.setattr(Pickup, "unpark", unpark)
    with pytest.raises(AssertionError, match="changed something"):
        changes_nothing(*prepared, [("ann", "POST", "/call/unpark", {"call_id": "@0"})])
