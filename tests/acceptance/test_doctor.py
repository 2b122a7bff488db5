"""`fsapp doctor` on the suite's own deployment: right is called right, wrong is named."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .actors import Desk
from .app import App, run_fsapp, variables
from .switches.base import Switch

pytestmark = pytest.mark.freeswitch_only("the doctor reads FreeSWITCH's own configuration")


def examined(app: App, *options: str, **extra: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and findings."""
    environment: Mapping[str, str] = {**variables(app.settings), **extra}
    done = run_fsapp("doctor", "--json", *options, directory=app.directory, **environment)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)["findings"]


def verdicts(findings: list[dict[str, Any]], check: str) -> set[str]:
    return {finding["verdict"] for finding in findings if finding["check"] == check}


def test_the_suites_deployment_is_right(desk: Desk, app: App):
    status, findings = examined(app)
    problems = [finding for finding in findings if finding["verdict"] == "problem"]
    # There is no user at the extensions of these two.
    assert [finding["what"].split("'")[0] for finding in problems] == ["ghost", "watch"]
    assert status == 1
    for check in ("settings", "database", "event-socket", "modules", "dialplan", "return", "timer"):
        assert verdicts(findings, check) == {"ok"}, check


def test_one_call_goes_through_the_real_dialplan_and_back(desk: Desk, app: App):
    _, findings = examined(app)
    calls = [finding for finding in findings if finding["check"] == "call"]
    assert [finding["verdict"] for finding in calls] == ["ok", "ok"], calls
    assert desk.calls() == []


def test_it_makes_no_call_when_told_so(desk: Desk, app: App):
    _, findings = examined(app, "--no-call")
    assert verdicts(findings, "call") == set()


def test_a_wrong_password_is_the_first_thing_to_mend(desk: Desk, app: App):
    status, findings = examined(app, FSAPP_CONTROL_PASSWORD="wrong")
    assert (status, verdicts(findings, "event-socket")) == (1, {"problem"})
    assert "control.password" in json.dumps(findings)


def test_a_socket_that_leads_elsewhere_is_named(desk: Desk, app: App):
    status, findings = examined(app, FSAPP_OUTBOUND_LISTEN="127.0.0.1:8085")
    assert (status, verdicts(findings, "dialplan")) == (1, {"warning"})
    assert verdicts(findings, "return") == {"problem"}


def test_agents_phones_are_rung_when_asked_for(desk: Desk, app: App, switch: Switch):
    switch.phone("1101").answers()
    switch.phone("1102").is_busy()
    _, findings = examined(app, "--no-call", "--ring-phones")
    rung = {
        finding["what"].split("'")[0]: finding for finding in findings if finding["check"] == "ring"
    }
    assert rung["anna"]["verdict"] == "ok"
    assert "USER_BUSY" in rung["bente"]["what"]


def test_settings_that_are_wrong_end_it_at_once(desk: Desk, app: App, tmp_path: Path):
    status, findings = examined(app, FSAPP_HTTP_LISTEN="nowhere")
    assert (status, [finding["check"] for finding in findings]) == (1, ["settings"])
