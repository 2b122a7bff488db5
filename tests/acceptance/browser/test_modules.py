"""The console's own modules, run where they run: in the browser, without a page around them."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ..app import App

CALL = {
    "id": "c1", "state": "queued", "inbound": True, "organization_id": 1, "priority": 0,
    "position": 1, "arrival_time": "100", "assigned_to": None, "locked": False, "can": ["pickup"],
    "caller_id": "2045550101", "caller_name": "Mrs. Lund", "destination": "5900",
    "handled_by": [], "bridged_at": None, "parked_at": None, "ended_at": None,
}  # fmt: skip
ANNA = {"id": "anna", "name": "Anna", "state": "idle"}


@pytest.fixture(scope="module")
def module(browser: Browser, keeper: Any) -> Iterator[Page]:
    """A page of the app's own origin, where modules can be imported."""
    app: App = keeper.with_settings({})
    page = browser.new_page()
    page.goto(f"http://{app.address}/")
    yield page
    page.close()


def in_page(page: Page, name: str, script: str, given: object = None) -> Any:
    """What ``script`` answers, with the module as ``m`` and ``given`` as ``given``."""
    body = f"async (given) => {{ const m = await import('/console/{name}'); {script} }}"
    return page.evaluate(body, given)


def shown(page: Page, calls: list[dict[str, Any]], *events: dict[str, Any]) -> dict[str, Any]:
    """What the state shows after the lists and then the events, as ids."""
    script = """
      let state = m.loaded(m.nothing(), {
        agent: given.anna, agents: [given.anna], calls: given.calls, organizations: [],
      });
      for (const event of given.events) state = m.folded(state, event);
      return {
        queue: m.queue(state).map((call) => call.id),
        can: m.queue(state).map((call) => call.can.join()),
        current: m.current(state)?.id ?? null,
        holds: m.holds(state).map((call) => call.letter + call.id),
        recent: state.recent.map((call) => call.id),
      };
    """
    given = {"anna": ANNA, "calls": calls, "events": list(events)}
    seen: dict[str, Any] = in_page(page, "state.js", script, given)
    return seen


def call(id_: str = "c1", **keys: object) -> dict[str, Any]:
    return {**CALL, "id": id_, **keys}


def told(id_: str = "c1", event: str = "call_state", **keys: object) -> dict[str, Any]:
    return {"event": event, "timestamp": "200", "call": call(id_, **keys)}


def parked(id_: str, at: str) -> dict[str, Any]:
    return call(id_, state="parked", assigned_to="anna", parked_at=at)


def test_a_calls_life_is_folded_from_its_events(module: Page):
    events = [
        told(state="created", can=[]),
        told(state="queued"),
        told(state="transferring", assigned_to="anna"),
        told(state="speaking", assigned_to="anna"),
        told(state="parked", assigned_to="anna", parked_at="300"),
        told(state="hungup", ended_at="400"),
    ]
    seen = [shown(module, [], *events[: count + 1]) for count in range(len(events))]
    assert [one["queue"] for one in seen] == [[], ["c1"], [], [], [], []]
    assert [one["current"] for one in seen] == [None, None, "c1", "c1", None, None]
    assert [one["holds"] for one in seen] == [[], [], [], [], ["ac1"], []]
    assert [one["recent"] for one in seen] == [[], [], [], [], [], ["c1"]]


def test_another_agents_call_is_neither_waiting_nor_hers(module: Page):
    seen = shown(module, [call()], told(state="speaking", assigned_to="bente"))
    assert (seen["queue"], seen["current"], seen["holds"]) == ([], None, [])


def test_the_queue_is_in_the_order_of_service(module: Page):
    calls = [
        call("late", arrival_time="300", position=3),
        call("urgent", arrival_time="310", priority=5, position=1),
        call("early", arrival_time="200", position=2),
        call("elsewhere", arrival_time="250", position=1, organization_id=2),
        call("greeted", arrival_time="100", state="created", locked=True, position=None),
    ]
    assert shown(module, calls)["queue"] == ["urgent", "early", "elsewhere", "late", "greeted"]


def test_a_caller_cut_off_from_her_agent_comes_first(module: Page):
    calls = [
        call("early", arrival_time="200", position=2),
        call("elsewhere", arrival_time="150", position=1, organization_id=2),
        call("cut-off", arrival_time="300", position=1),
    ]
    assert shown(module, calls)["queue"] == ["cut-off", "elsewhere", "early"]


def test_calls_of_one_second_stand_by_their_places(module: Page):
    calls = [call("a", position=2), call("b", position=3), call("z", position=1)]
    assert shown(module, calls)["queue"] == ["z", "a", "b"]


def test_keys_of_other_calls_change_what_is_there_and_nothing_else(module: Page):
    event = {"event": "calls", "calls": {"c1": {"can": []}, "gone": {"can": ["pickup"]}}}
    seen = shown(module, [call()], event)
    assert (seen["queue"], seen["can"]) == (["c1"], [""])


def test_a_held_call_keeps_its_letter_while_others_come_and_go(module: Page):
    calls = [parked("one", "10"), parked("two", "20")]
    gone = {"event": "call_hangup", "call": {**parked("one", "10"), "state": "hungup"}}
    came = {"event": "call_park", "call": parked("three", "30")}
    assert shown(module, calls)["holds"] == ["aone", "btwo"]
    assert shown(module, calls, gone)["holds"] == ["btwo"]
    assert shown(module, calls, gone, came)["holds"] == ["athree", "btwo"]


def test_the_same_events_twice_make_the_same_picture(module: Page):
    events = [told("c2"), told(state="speaking", assigned_to="anna")]
    assert shown(module, [call()], *events, *events) == shown(module, [call()], *events)


@pytest.mark.parametrize(
    ("me", "counted"),
    [
        ({"role": "agent"}, ["bente", "anna"]),
        ({"role": "supervisor"}, ["bente"]),
        ({"role": "supervisor", "current_call": "c1"}, ["bente", "anna"]),
    ],
)
def test_who_only_looks_on_is_no_agent_of_the_wallboard(
    module: Page, me: dict[str, object], counted: list[str]
):
    script = """
      const lists = { agents: [given.bente], calls: [], organizations: [] };
      const state = m.loaded(m.nothing(), { agent: given.me, ...lists });
      return m.answering(state).map((agent) => agent.id);
    """
    given = {"me": {**ANNA, **me}, "bente": {"id": "bente", "role": "supervisor"}}
    assert in_page(module, "state.js", script, given) == counted


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"outcome": "abandoned", "arrival_time": "100", "ended_at": "142"}, "missed after 0:42"),
        ({"outcome": "answered", "bridged_at": "110", "ended_at": "142"}, "answered 0:32"),
        ({"outcome": "overflowed", "ended_at": "142"}, "sent on"),
        ({"inbound": False, "outcome": "failed", "ended_at": "142"}, "not answered"),
        ({"handled_by": [], "arrival_time": "100", "ended_at": "103"}, "missed after 0:03"),
    ],
)
def test_how_a_call_went_and_how_long(module: Page, keys: dict[str, object], said: str):
    script = "return m.ending(given);"
    assert in_page(module, "people.js", script, call(state="hungup", **keys)) == said


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_cut_anywhere_is_the_same_stream(module: Page, size: int):
    stream = (
        'retry: 1000\n\nid: 7\nevent: call_state\ndata: {"a":"x: y"}\n\n: alive\n\r\n'
        "event:reset\r\ndata: one\r\ndata: two\r\n\r\nid: 9\n\n"
    )
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    script = "const parser = new m.EventParser(); return given.flatMap((one) => parser.take(one));"
    assert in_page(module, "sse.js", script, pieces) == [
        {"id": "7", "event": "call_state", "data": '{"a":"x: y"}'},
        {"id": None, "event": "reset", "data": "one\ntwo"},
    ]


def test_ages_count_by_the_servers_clock(module: Page):
    script = """
      let local = 1_000_000_000;
      const clock = new m.ServerClock(() => local);
      clock.heard(1_000_500.0);
      local += 10_000;
      clock.heard(1_000_505.0);
      return [clock.now(), m.shownAge(67), m.shownAge(3_723.9), m.shownAge(-1), m.spokenAge(121)];
    """
    seen = in_page(module, "clock.js", script)
    assert seen == [1_000_510, "1:07", "1:02:03", "0:00", "2 minutes 1 second"]


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"key": " "}, "next"),
        ({"key": "Enter"}, "next"),
        ({"key": "P"}, "park"),
        ({"key": "D", "shiftKey": True, "code": "KeyD"}, "back d"),
        ({"key": "d", "code": "KeyD"}, "dial"),
        ({"key": "/", "shiftKey": True}, "dial"),
        ({"key": "?", "shiftKey": True}, "help"),
        ({"key": "3", "code": "Digit3"}, "pickup 3"),
        ({"key": "3", "code": "Numpad3"}, "pickup 3"),
        ({"key": "p", "ctrlKey": True}, None),
        ({"key": "Shift", "shiftKey": True}, None),
        ({"key": "x", "code": "KeyX"}, None),
        ({"key": "0", "code": "Digit0"}, None),
    ],
)
def test_a_key_means_what_the_list_says(module: Page, event: dict[str, object], wanted: str | None):
    script = """
      const got = m.found(m.defaults(), given);
      return got && [got.action, got.argument].filter(Boolean).join(" ");
    """
    assert in_page(module, "keys.js", script, event) == wanted


def test_a_key_given_to_one_action_is_taken_from_the_other(module: Page):
    script = """
      const bindings = m.rebound(m.defaults(), "end", "p");
      return [m.shown(bindings, "end"), m.shown(bindings, "park")];
    """
    assert in_page(module, "keys.js", script) == [["P"], []]
