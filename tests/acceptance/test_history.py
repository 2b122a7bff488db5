"""What was: ended calls, who did what with them, and the day's figures."""

import csv
import io
from typing import Any

from .actors import Agent, Callers, Desk, Phone
from .app import run_fsapp
from .expect import id_of, missing
from .wait import wait_until


def past(agent: Agent, **filters: object) -> list[dict[str, Any]]:
    """A page of the history, newest first."""
    answer = agent.client.get("/call/history", **filters)
    assert answer.code == 200, str(answer)
    calls: list[dict[str, Any]] = answer.document["calls"]
    return calls


def entry(agent: Agent, call: Any) -> dict[str, Any]:
    """Wait until the call is in the history; its entry."""
    found = wait_until(
        lambda: [one for one in past(agent) if one["id"] == id_of(call)],
        lambda entries: len(entries) == 1,
        promise=f"{id_of(call)} is in the history",
    )
    return found[0]


def told(agent: Agent, call: Any) -> list[tuple[str, str | None]]:
    answer = agent.client.get(f"/call/{call.id}/timeline")
    assert answer.code == 200, str(answer)
    return [(one["event"], one["agent"]) for one in answer.document["timeline"]]


def test_an_answered_call(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits(number="2045550177")
    anna.picks_up(caller)
    assert [one["id"] for one in past(anna) if one["id"] == caller.id] == []
    caller.hangs_up()
    desk.sees(caller, "hungup")
    one = entry(anna, caller)
    assert (one["outcome"], one["handled_by"], one["caller_id"]) == (
        "answered",
        ["anna"],
        "2045550177",
    )
    assert 0 <= one["waited"] <= one["duration"]
    assert told(anna, caller) == [
        ("call_offer", None),
        ("queue_join", None),
        ("queue_leave", "anna"),
        ("call_pickup", "anna"),
        ("call_state", "anna"),
        ("call_hangup", "anna"),
    ]


def test_an_abandoned_call_is_listed_with_its_waiting_time(
    a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    caller.hangs_up()
    desk.sees(caller, "hungup")
    one = entry(anna, caller)
    assert (one["outcome"], one["handled_by"]) == ("abandoned", [])
    assert one["waited"] == one["duration"]
    assert caller.id in [call["id"] for call in past(anna, outcome="abandoned")]
    assert caller.id not in [call["id"] for call in past(anna, outcome="answered")]


def test_a_number_nobody_answered(anna: Agent, outside: Phone, desk: Desk):
    outside.is_busy()
    call = anna.dials("1142")
    desk.sees(call, "hungup")
    one = entry(anna, call)
    assert (one["outcome"], one["waited"]) == ("failed", None)
    assert past(anna, direction="outbound", limit=1) == [one]


def test_both_calls_of_a_transfer(a_caller: Callers, anna: Agent, outside: Phone, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    out = anna.calls_the_outside(outside)
    anna.transfers(caller)
    caller.hangs_up()
    desk.sees(caller, "hungup")
    desk.sees(out, "hungup")
    outcomes = [entry(anna, call)["outcome"] for call in (caller, out)]
    assert outcomes == ["transferred", "transferred"]


def test_another_organizations_calls_do_not_exist(
    a_caller: Callers, anna: Agent, olga: Agent, desk: Desk
):
    caller = a_caller.waits()
    caller.hangs_up()
    desk.sees(caller, "hungup")
    entry(anna, caller)
    for filters in ({}, {"organization": 1}, {"outcome": "abandoned"}, {"limit": 1000}):
        assert caller.id not in [one["id"] for one in past(olga, **filters)]
    missing(caller).check(olga.client.get(f"/call/{caller.id}/timeline"))
    organizations = olga.client.get("/call/statistics").document["statistics"]["organizations"]
    assert {one["organization_id"] for one in organizations} <= {2}


def test_the_figures_of_the_day_follow(a_caller: Callers, anna: Agent, desk: Desk):
    def total() -> dict[str, Any]:
        figures: dict[str, Any] = anna.client.get("/call/statistics").document["statistics"]
        return figures["total"]  # type: ignore[no-any-return]

    before = total()
    one, other = a_caller.wait_in_turn(2)
    anna.picks_up(one)
    other.hangs_up()
    desk.sees(other, "hungup")
    entry(anna, other)
    after = total()
    grown = {key: after[key] - before[key] for key in ("offered", "answered", "abandoned")}
    assert grown == {"offered": 2, "answered": 1, "abandoned": 1}
    assert after["waiting"] == before["waiting"]


def test_csv_over_http_and_at_the_command_line(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits(name="=1+1")
    caller.hangs_up()
    desk.sees(caller, "hungup")
    entry(anna, caller)
    answer = anna.client.get("/call/history", format="csv", limit=1)
    (row,) = csv.DictReader(io.StringIO(answer.body.decode(), newline=""))
    assert (row["id"], row["outcome"]) == (caller.id, "abandoned")
    assert not row["caller_name"].startswith("=")
    asked = ("history", "--csv", "--limit", "1")
    where = str(desk.app.database)
    printed = run_fsapp(*asked, directory=desk.app.directory, FSAPP_DATABASE_PATH=where)
    assert printed.returncode == 0, printed.stderr
    (again,) = csv.DictReader(io.StringIO(printed.stdout, newline=""))
    assert again == row
