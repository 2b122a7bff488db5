"""`GET /metrics`: a call moves exactly the figures it should, and gauges are true at any time."""

import re
import time
from pathlib import Path

import pytest

from fsapp.metrics.table import TABLE

from .actors import Agent, Callers, Desk, Phone
from .app import App, run_fsapp
from .client import Client
from .figures import OPEN, Figures, read, shows
from .switches.base import Switch

SETTINGS = OPEN
MOVED_BY_CALLS = (
    "fsapp_calls_started_total",
    "fsapp_calls_ended_total",
    "fsapp_waiting_seconds_count",
    "fsapp_pickup_seconds_count",
    "fsapp_pickups_failed_total",
    "fsapp_talk_seconds_count",
)
STARTED = 'fsapp_calls_started_total{direction="inbound",organization="1"}'
ENDED = 'fsapp_calls_ended_total{direction="inbound",organization="1",outcome="%s"}'
WAITED = 'fsapp_waiting_seconds_count{organization="1",outcome="%s"}'
TALKED = 'fsapp_talk_seconds_count{direction="%s"}'


@pytest.fixture
def before(app: App) -> Figures:
    """What was counted before the test."""
    return read(app)


def moved(app: App, before: Figures) -> dict[str, float]:
    return read(app).since(before, *MOVED_BY_CALLS)


def test_a_call_that_arrives_waits_is_picked_up_and_ends(
    a_caller: Callers, anna: Agent, app: App, desk: Desk, before: Figures
):
    began = time.monotonic()
    caller = a_caller.waits()
    queued = read(app)
    assert queued.since(before, *MOVED_BY_CALLS) == {STARTED: 1}
    assert queued("fsapp_calls", state="queued") == 1
    assert queued("fsapp_queue_length", organization="1") == 1
    assert 0 < queued("fsapp_queue_oldest_wait_seconds", organization="1") < 10
    assert queued("fsapp_outbound_connections") == 1
    anna.picks_up(caller)
    spoken = read(app)
    at_most = time.monotonic() - began
    assert spoken.since(before, *MOVED_BY_CALLS) == {
        STARTED: 1,
        WAITED % "answered": 1,
        "fsapp_pickup_seconds_count{}": 1,
    }
    waited = {"organization": "1", "outcome": "answered"}
    name = "fsapp_waiting_seconds_sum"
    assert 0 < spoken(name, **waited) - before(name, **waited) <= at_most
    rang = spoken("fsapp_pickup_seconds_sum") - before("fsapp_pickup_seconds_sum")
    assert 0 < rang <= at_most
    assert spoken("fsapp_calls", state="speaking") == 1
    assert spoken("fsapp_calls", state="queued") == 0
    assert spoken("fsapp_queue_length", organization="1") == 0
    assert spoken("fsapp_queue_oldest_wait_seconds", organization="1") == 0
    assert spoken("fsapp_agents", state="speaking") == 1
    anna.hangs_up()
    desk.sees(caller, "hungup")
    ended = read(app)
    assert ended.since(before, *MOVED_BY_CALLS) == {
        STARTED: 1,
        WAITED % "answered": 1,
        "fsapp_pickup_seconds_count{}": 1,
        TALKED % "inbound": 1,
        ENDED % "answered": 1,
    }
    name = "fsapp_talk_seconds_sum"
    talked = ended(name, direction="inbound") - before(name, direction="inbound")
    assert 0 <= talked <= time.monotonic() - began
    assert sum(ended("fsapp_calls", state=state) for state in ("queued", "speaking")) == 0


def test_a_caller_who_gives_up(a_caller: Callers, app: App, desk: Desk, before: Figures):
    caller = a_caller.waits()
    caller.hangs_up()
    desk.sees(caller, "hungup")
    wanted = {STARTED: 1, WAITED % "abandoned": 1, ENDED % "abandoned": 1}
    assert moved(app, before) == wanted


def test_a_phone_that_is_busy(a_caller: Callers, anna: Agent, app: App, before: Figures):
    caller = a_caller.waits()
    anna.phone.is_busy()
    assert anna.asks("pickup", caller).code == 409
    not_joined = 'fsapp_pickups_failed_total{reason="not_joined"}'
    assert moved(app, before) == {STARTED: 1, not_joined: 1}


def test_parked_and_taken_back_are_two_conversations(
    a_caller: Callers, anna: Agent, app: App, desk: Desk, before: Figures
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    assert read(app)("fsapp_calls", state="parked") == 1
    anna.unparks(caller)
    anna.hangs_up()
    desk.sees(caller, "hungup")
    counted = moved(app, before)
    assert counted[TALKED % "inbound"] == 2
    assert counted[WAITED % "answered"] == 1


def test_a_number_that_is_dialled(
    anna: Agent, outside: Phone, app: App, desk: Desk, before: Figures
):
    call = anna.calls_the_outside(outside)
    anna.hangs_up()
    desk.sees(call, "hungup")
    assert moved(app, before) == {
        'fsapp_calls_started_total{direction="outbound",organization="1"}': 1,
        'fsapp_calls_ended_total{direction="outbound",organization="1",outcome="answered"}': 1,
        TALKED % "outbound": 1,
    }


def test_two_transferred_calls_end_as_such(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk, before: Figures
):
    app, caller = desk.app, a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.calls_the_outside(outside)
    anna.transfers(caller)
    assert read(app)("fsapp_calls", state="transferred") == 2
    caller.hangs_up()
    desk.sees_nothing()
    counted = moved(app, before)
    assert counted[ENDED % "transferred"] == 1
    outbound = ENDED.replace("inbound", "outbound") % "transferred"
    assert counted[outbound] == 1
    assert (counted[TALKED % "inbound"], counted[TALKED % "outbound"]) == (1, 1)


def test_an_organization_that_nobody_serves_is_one_of_the_others(
    a_caller: Callers, app: App, switch: Switch, before: Figures
):
    caller = a_caller.calls(organization_id="31")
    other = 'fsapp_calls_started_total{direction="inbound",organization="other"}'
    shows(app, lambda now: now.since(before, *MOVED_BY_CALLS) == {other: 1}, "it is counted")
    assert read(app)("fsapp_queue_length", organization="other") == 1
    caller.hangs_up()


def test_what_freeswitch_is_told_is_counted_and_timed(
    a_caller: Callers, anna: Agent, app: App, before: Figures
):
    anna.picks_up(a_caller.waits())
    now = read(app)
    total = "fsapp_event_socket_commands_total"
    counted = now.since(before, total)
    assert counted[f'{total}{{command="uuid_bridge",result="ok"}}'] == 1
    assert counted[f'{total}{{command="originate",result="ok"}}'] == 1
    assert not [name for name in counted if 'result="refused"' in name or 'result="lost"' in name]
    name = "fsapp_event_socket_command_duration_seconds"
    bridged = {"command": "uuid_bridge"}
    assert now(f"{name}_count", **bridged) - before(f"{name}_count", **bridged) == 1
    assert 0 < now(f"{name}_sum", **bridged) - before(f"{name}_sum", **bridged) < 5


def test_connections_of_freeswitch_are_counted(
    a_caller: Callers, app: App, desk: Desk, before: Figures
):
    first, _ = a_caller.wait_in_turn(2)
    now = read(app)
    taken = "fsapp_outbound_connections_accepted_total"
    assert now(taken) - before(taken) == 2
    assert now("fsapp_outbound_connections") == 2
    first.hangs_up()
    shows(app, lambda now: now("fsapp_outbound_connections") == 1, "one has ended")


def test_requests_are_counted_by_route_method_and_status(anna: Agent, app: App, before: Figures):
    anna.asks("list")
    anna.asks("park")
    anna.client.get("/call/no-such-call/timeline")
    anna.client.get("/2045550100")
    now = read(app)
    total = "fsapp_http_requests_total"
    counted = now.since(before, total)
    for labels in (
        'method="GET",route="/call/list",status="200"',
        'method="POST",route="/call/park",status="404"',
        'method="GET",route="/call/<call_id>/timeline",status="404"',
        'method="other",route="none",status="404"',
    ):
        assert counted[f"{total}{{{labels}}}"] >= 1
    name = "fsapp_http_request_duration_seconds_count"
    park = {"route": "/call/park"}
    assert now(name, **park) - before(name, **park) == 1
    assert now("fsapp_http_threads_busy") >= 1


def test_commits_are_timed_and_none_fails(a_caller: Callers, app: App, before: Figures):
    a_caller.waits()
    name = "fsapp_database_commit_duration_seconds"
    now = read(app)
    assert now(f"{name}_count") > before(f"{name}_count")
    assert now(f"{name}_sum") > before(f"{name}_sum")
    assert now("fsapp_database_commit_failures_total") == 0
    assert now("fsapp_database_size_bytes") > 4096


def test_event_streams_and_their_lag(a_caller: Callers, anna: Agent, app: App, before: Figures):
    anna.listens()
    opened = before("fsapp_event_streams") + 1
    shows(app, lambda now: now("fsapp_event_streams") == opened, "one more is open")
    caller = a_caller.waits()
    anna.hears_of(caller, "call_offer", "queue_join")
    name = "fsapp_event_stream_lag_seconds"
    now = shows(
        app,
        lambda now: now(f"{name}_count") >= before(f"{name}_count") + 2,
        "two events were told",
    )
    assert 0 < now(f"{name}_sum") - before(f"{name}_sum") < 10
    shows(app, lambda now: now("fsapp_events_untold") == 0, "all is told")
    anna.stops_listening()
    shows(app, lambda now: now("fsapp_event_streams") == opened - 1, "it is closed")


def test_a_pause_is_seen(anna: Agent, app: App, before: Figures):
    anna.client.post("/agent/state", state="paused")
    try:
        paused = before("fsapp_agents", state="paused") + 1
        assert read(app)("fsapp_agents", state="paused") == paused
    finally:
        anna.client.post("/agent/state", state="idle")


def test_after_a_restart_gauges_are_true_and_counters_begin_anew(
    a_caller: Callers, anna: Agent, app: App, desk: Desk
):
    spoken, queued = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    app.restart()
    first = now = read(app)
    assert now("fsapp_calls", state="speaking") == 1
    assert now("fsapp_queue_length", organization="1") == 1
    assert now("fsapp_queue_oldest_wait_seconds", organization="1") > 0
    assert now("fsapp_calls_started_total", organization="1", direction="inbound") == 0
    anna.speaks_with(spoken)
    shows(app, lambda now: now("fsapp_outbound_connections") == 1, "she is back")
    stuck = [("fsapp_stuck_calls", reason) for reason in ("no_channel", "no_row")]
    now = shows(
        app, lambda now: all(now(name, reason=one) == 0 for name, one in stuck), "nobody is stuck"
    )
    assert now.has("fsapp_stuck_calls")
    assert now("fsapp_calls_started_total", organization="1", direction="inbound") == 0
    anna.hangs_up(spoken)
    queued.hangs_up()
    desk.sees_nothing()
    now = read(app)
    gave_up = {WAITED % "abandoned": 1, ENDED % "abandoned": 1}
    answered = {TALKED % "inbound": 1, ENDED % "answered": 1}
    assert now.since(first, *MOVED_BY_CALLS) == {**answered, **gave_up}


def test_calls_that_both_know_are_not_stuck(
    a_caller: Callers, anna: Agent, bente: Agent, outside: Phone, app: App
):
    """A call in each state, other people's channels beside it."""
    first, _, held = a_caller.wait_in_turn(3)
    anna.picks_up(first)
    bente.picks_up(held)
    bente.parks()
    bente.calls_the_outside(outside)
    shows(app, lambda now: now.has("fsapp_stuck_calls"), "FreeSWITCH was asked")
    shows(app, nobody_is_stuck, "nobody is stuck")
    time.sleep(2.1)  # An answer serves for two seconds.
    assert nobody_is_stuck(read(app))


def nobody_is_stuck(now: Figures) -> bool:
    reasons = ("no_channel", "no_row")
    return not any(now("fsapp_stuck_calls", reason=reason) for reason in reasons)


def test_a_channel_of_ours_that_the_app_does_not_know_is_stuck(
    outside: Phone, another_outside: Phone, app: App, switch: Switch
):
    address = app.settings["outbound"]["listen"]
    mark = f"fsapp_app={address},fsapp_state=queued"
    assert switch.api(f"originate {{{mark}}}user/{outside.extension} &park").startswith("+OK")
    # Somebody else's, and none of anybody's.
    other = mark.replace(str(address), "192.0.2.1:8084")
    reply = switch.api(f"originate {{{other}}}user/{another_outside.extension} &park")
    assert reply.startswith("+OK")
    now = shows(app, lambda now: now("fsapp_stuck_calls", reason="no_row") == 1, "it is seen")
    assert now("fsapp_stuck_calls", reason="no_channel") == 0
    outside.hangs_up()
    shows(app, nobody_is_stuck, "it has ended")


def test_all_of_the_table_is_there_and_nothing_else(a_caller: Callers, anna: Agent, app: App):
    anna.picks_up(a_caller.waits())
    now = read(app)
    found: dict[str, set[str]] = {}
    for name, labels in now.samples:
        found.setdefault(name, set()).update(label for label, _ in labels)
    assert found == {name: set(labels) for row in TABLE for name, labels in row.series.items()}


def test_nothing_of_a_call_a_caller_or_an_agent_stands_in_it(
    a_caller: Callers, anna: Agent, app: App
):
    caller = a_caller.waits(number="2045559876", name="Mrs. Findme")
    anna.picks_up(caller)
    client = Client(app.address)
    text = client.get("/metrics").body.decode()
    client.close()
    for secret in ("2045559876", "Findme", caller.id, "anna", "1101", "5900"):
        assert secret not in re.sub(r" [0-9.e+]+$", "", text, flags=re.MULTILINE)


def test_a_token_file_of_no_use_is_said_at_the_start(tmp_path: Path):
    ended = run_fsapp("serve", directory=tmp_path, FSAPP_METRICS_TOKEN_FILE="no-such-file")
    assert (ended.returncode, ended.stderr) == (
        2,
        "fsapp: metrics.token_file no-such-file cannot be read: No such file or directory\n",
    )
