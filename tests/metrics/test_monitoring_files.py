"""What `conf/` has for Prometheus and Grafana asks only for what is exported, and is whole."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from .queries import SERIES, Query

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
RULES = [
    rule
    for group in yaml.safe_load((CONF / "prometheus-rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((CONF / "grafana-dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
VARIABLES = {one["name"]: one for one in DASHBOARD["templating"]["list"]}

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def documented() -> Iterator[str]:
    """The queries that the documentation answers questions with."""
    rows = (ROOT / "docs" / "metrics.md").read_text().partition("## Questions")[2]
    yield from re.findall(r"\| `([^`]+)` \|$", rows, re.MULTILINE)


@each_rule
def test_a_rule_asks_only_for_what_is_exported(rule: dict[str, Any]) -> None:
    query = Query(rule["expr"])
    assert list(query.faults()) == []
    assert query.is_of_job("fsapp")
    assert query.quantiles_keep_buckets()


@each_rule
def test_a_rule_says_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Fsapp([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["annotations"]["description"].endswith(".")
    assert not rule["annotations"]["summary"].endswith(".")
    if "for" in rule:
        promql_parser.parse_duration(rule["for"])


@each_rule
def test_a_rules_words_name_only_labels_that_its_answer_has(rule: dict[str, Any]) -> None:
    words = " ".join(rule["annotations"].values())
    named = set(re.findall(r"\$labels\.(\w+)", words))
    assert "instance" in named or "organization" in named
    assert named <= Query(rule["expr"]).result_labels()


def test_no_two_rules_have_one_name() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))


def test_the_scrape_configuration_leads_to_the_rules_and_to_fsapps_own_address() -> None:
    configuration = yaml.safe_load((CONF / "prometheus.yml").read_text())
    (job,) = configuration["scrape_configs"]
    assert job["job_name"] == "fsapp"
    assert job["static_configs"] == [{"targets": ["127.0.0.1:4242"]}]
    for name in configuration["rule_files"]:
        assert (CONF / name).is_file()


@each_panel
def test_a_panel_asks_only_for_what_is_exported(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        query = Query(target["expr"])
        assert list(query.faults()) == []
        assert query.quantiles_keep_buckets()
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= query.result_labels()


@each_panel
def test_a_panel_is_of_the_chosen_source_and_instance(panel: dict[str, Any]) -> None:
    assert panel["datasource"] == DATASOURCE
    for target in panel["targets"]:
        assert target["datasource"] == DATASOURCE
        selectors = target["expr"].count("{")
        assert target["expr"].count('instance=~"$instance"') == selectors > 0
        named = set(re.findall(r"\$(?!__)(\w+)", target["expr"]))
        assert named <= VARIABLES.keys()


@each_panel
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")


def test_panels_have_names_of_their_own_and_do_not_lie_on_each_other() -> None:
    everything = DASHBOARD["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    for one, other in combinations((panel["gridPos"] for panel in everything), 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, f"{one} and {other}"
        assert one["x"] + one["w"] <= 24


def test_the_variables_are_asked_for_what_is_exported() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    for name in ("instance", "organization"):
        asked = re.fullmatch(
            r"label_values\((\w+)(\{[^}]*\})?, (\w+)\)", VARIABLES[name]["definition"]
        )
        assert asked is not None
        assert asked[3] in SERIES[asked[1]] | {"instance"}
        assert VARIABLES[name]["query"]["query"] == VARIABLES[name]["definition"]
        assert VARIABLES[name]["datasource"] == DATASOURCE


def test_the_marks_in_it_are_asked_for_what_is_exported() -> None:
    for mark in DASHBOARD["annotations"]["list"]:
        assert list(Query(mark["expr"]).faults()) == []
        assert mark["datasource"] == DATASOURCE


@pytest.mark.parametrize("text", list(documented()))
def test_a_query_in_the_documentation_asks_only_for_what_is_exported(text: str) -> None:
    assert list(Query(text).faults()) == []


def test_the_documentation_has_queries() -> None:
    assert len(list(documented())) == 5


def test_every_file_of_conf_is_shipped() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    shipped = setup["options.data_files"]["share/fsapp/conf"].split()
    # The image is built from a checkout; nobody needs its recipe beside an installed fsapp.
    there = {f"conf/{file.name}" for file in CONF.iterdir()} - {"conf/Dockerfile"}
    assert sorted(shipped) == sorted(there)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("fsapp_call", "fsapp_call is not exported"),
        ('fsapp_calls{direction="inbound"}', "fsapp_calls has no label direction"),
        ('fsapp_calls{state="talking"}', "fsapp_calls: state is never talking"),
        (
            'rate(fsapp_talk_seconds_bucket{le="20"}[5m])',
            "fsapp_talk_seconds_bucket: le is never 20",
        ),
        ("sum by (route) (fsapp_calls)", "nothing asked for has a label route"),
    ],
)
def test_these_tests_see_what_is_wrong(text: str, fault: str) -> None:
    assert list(Query(text).faults()) == [fault]
