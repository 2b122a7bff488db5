"""Each alert fires when it should, and not when it should not: Prometheus's own tool says so."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

CONF = Path(__file__).parents[2] / "conf"
PROMTOOL = shutil.which("promtool")
T = 'job="fsapp",instance="i"'
"""What Prometheus adds to each series."""

Series = dict[str, str]
"""Values minute by minute, as promtool writes them: `0+5x30` rises by five thirty times."""


@dataclass(frozen=True)
class Case:
    """``trouble`` makes the alert fire within half an hour; ``calm`` looks like it and does not."""

    trouble: Series
    calm: Series


def buckets(name: str, per_minute: dict[str, int]) -> Series:
    """A histogram whose buckets rise by so much a minute."""
    return {f'{name}_bucket{{{T},le="{le}"}}': f"0+{rise}x40" for le, rise in per_minute.items()}


FAST = {"0.005": 100, "0.25": 100, "0.5": 100, "1.0": 100, "+Inf": 100}
SLOW = {"0.005": 80, "0.25": 80, "0.5": 80, "1.0": 80, "2.5": 100, "+Inf": 100}


def waited(outcome: str, per_minute: float, organization: str = "1") -> Series:
    name = f'fsapp_waiting_seconds_count{{{T},organization="{organization}",outcome="{outcome}"}}'
    return {name: f"0+{per_minute}x40"}


def one(name: str, values: str, **labels: str) -> Series:
    more = "".join(f',{label}="{value}"' for label, value in labels.items())
    return {f"{name}{{{T}{more}}}": values}


def commands(lost: float) -> Series:
    name = "fsapp_event_socket_commands_total"
    return {
        **one(name, "0+100x40", command="uuid_bridge", result="ok"),
        **one(name, f"0+{lost}x40", command="uuid_bridge", result="lost"),
    }


def pickups(joined: float, failed: float) -> Series:
    return {
        **one("fsapp_pickup_seconds_count", f"0+{joined}x40"),
        **one("fsapp_pickups_failed_total", f"0+{failed}x40", reason="not_joined"),
        **one("fsapp_pickups_failed_total", "0+1x40", reason="caller_gone"),
    }


def staff(idle: int, paused: int) -> Series:
    return {
        **one("fsapp_agents", f"{idle}x40", state="idle"),
        **one("fsapp_agents", f"{paused}x40", state="paused"),
        **one("fsapp_agents", "0x40", state="speaking"),
    }


CASES = {
    "FsappDown": Case(one("up", "0x40"), one("up", "1x28 0 1x11")),
    "FsappNotReady": Case(
        one("fsapp_ready", "0x40", check="listener"), one("fsapp_ready", "0x40", check="draining")
    ),
    "FsappFreeswitchDisconnected": Case(
        one("fsapp_event_socket_connected", "0x40"), one("fsapp_event_socket_connected", "1x40")
    ),
    "FsappFreeswitchUnsteady": Case(
        one("fsapp_event_socket_reconnects_total", "0+1x40"),
        one("fsapp_event_socket_reconnects_total", "0x20 1x20"),
    ),
    "FsappCommandsLost": Case(commands(5), commands(1)),
    "FsappCommandsSlow": Case(
        buckets("fsapp_event_socket_command_duration_seconds", SLOW),
        buckets("fsapp_event_socket_command_duration_seconds", FAST),
    ),
    "FsappStrangersAtTheDoor": Case(
        one("fsapp_outbound_connections_refused_total", "0x20 3x20", reason="not_allowed"),
        one("fsapp_outbound_connections_refused_total", "0x20 3x20", reason="no_handshake"),
    ),
    "FsappStuckCalls": Case(
        one("fsapp_stuck_calls", "1x40", reason="no_row"),
        one("fsapp_stuck_calls", "0x28 1x1 0x10", reason="no_channel"),
    ),
    "FsappDatabaseNotWritable": Case(
        one("fsapp_ready", "0x40", check="database"), one("fsapp_ready", "1x40", check="database")
    ),
    "FsappCommitsSlow": Case(
        buckets("fsapp_database_commit_duration_seconds", SLOW),
        buckets("fsapp_database_commit_duration_seconds", FAST),
    ),
    "FsappStreamsLag": Case(
        one("fsapp_events_untold", "7x40"),
        {
            **one("fsapp_events_untold", "0x29 3x1 0x10"),
            **buckets("fsapp_event_stream_lag_seconds", FAST),
        },
    ),
    "FsappStreamsFull": Case(
        {**one("fsapp_event_streams", "950x40"), **one("fsapp_event_streams_max", "1000x40")},
        {**one("fsapp_event_streams", "800x40"), **one("fsapp_event_streams_max", "1000x40")},
    ),
    "FsappThreadsBusy": Case(
        {**one("fsapp_http_threads_busy", "199x40"), **one("fsapp_http_threads", "200x40")},
        {**one("fsapp_http_threads_busy", "100x40"), **one("fsapp_http_threads", "200x40")},
    ),
    "FsappDescriptorsRunOut": Case(
        {**one("process_open_fds", "900x40"), **one("process_max_fds", "1000x40")},
        {**one("process_open_fds", "700x40"), **one("process_max_fds", "1000x40")},
    ),
    "FsappMistakes": Case(
        one(
            "fsapp_http_requests_total",
            "0x25 1x15",
            route="/call/park",
            method="POST",
            status="500",
        ),
        one("fsapp_http_requests_total", "0+9x40", route="/call/park", method="POST", status="503"),
    ),
    "FsappCallersWaitTooLong": Case(
        one("fsapp_queue_oldest_wait_seconds", "200x40", organization="1"),
        one("fsapp_queue_oldest_wait_seconds", "100x40", organization="1"),
    ),
    "FsappNobodyAtWork": Case(
        {**one("fsapp_queue_length", "2x40", organization="1"), **staff(0, 3)},
        {**one("fsapp_queue_length", "2x40", organization="1"), **staff(1, 2)},
    ),
    "FsappManyAbandon": Case(
        {**waited("abandoned", 2), **waited("answered", 4)},
        {**waited("abandoned", 1), **waited("answered", 9), **waited("answered", 1, "2")},
    ),
    "FsappPhonesDoNotAnswer": Case(pickups(1, 2), pickups(9, 1)),
}


def test_every_alert_has_its_case() -> None:
    groups = yaml.safe_load((CONF / "prometheus-rules.yml").read_text())["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} == CASES.keys()


def firing(name: str, series: Series, fires: int) -> dict[str, object]:
    """One test of promtool's: how many alerts of this name fire then."""
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)'
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": "30m", "exp_samples": [{"labels": "{}", "value": fires}]}
        ],
    }


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_in_trouble_and_not_in_calm(name: str, tmp_path: Path) -> None:
    if PROMTOOL is None:
        pytest.skip("promtool is not here (Debian: prometheus)")
    case = CASES[name]
    document = {
        "rule_files": [str(CONF / "prometheus-rules.yml")],
        "evaluation_interval": "15s",
        "tests": [firing(name, case.trouble, 1), firing(name, case.calm, 0)],
    }
    file = tmp_path / "alerts.yml"
    file.write_text(json.dumps(document))
    ended = subprocess.run(
        [PROMTOOL, "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "words", ["check rules prometheus-rules.yml", "check config --syntax-only prometheus.yml"]
)
def test_prometheus_takes_the_files(words: str) -> None:
    if PROMTOOL is None:
        pytest.skip("promtool is not here (Debian: prometheus)")
    ended = subprocess.run(
        [PROMTOOL, *words.split()],
        cwd=CONF,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
