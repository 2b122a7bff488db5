"""What can be set, asked or typed stands in the documentation, or the build fails."""

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp import cli, embedded_service
from fsapp.calls import refusals
from fsapp.calls.table import EVENTS
from fsapp.metrics.table import LABELS, Metric
from fsapp.metrics.table import TABLE as METRICS
from fsapp.settings import TABLE, Row
from fsapp.web.answers import OWN
from fsapp.web.routes import ROUTES, Route

ROOT = Path(__file__).parent.parent


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def everything() -> str:
    documents = sorted(path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.md"))
    return text_of("README.md", *map(str, documents))


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """Every command as typed, with its options."""
    below = [action for action in parser._actions if isinstance(action.choices, dict)]
    for action in below:
        assert isinstance(action.choices, dict)
        for child in action.choices.values():
            yield from commands(child)
    if not below:
        options = [name for action in parser._actions for name in action.option_strings]
        yield parser.prog, [name for name in options if name not in {"-h", "--help"}]


def all_refusals() -> Iterator[refusals.Refusal]:
    for name in refusals.__all__:
        build = getattr(refusals, name)
        if build is not refusals.Refusal:
            required = [
                parameter
                for parameter in inspect.signature(build).parameters.values()
                if parameter.default is parameter.empty
            ]
            yield build(*({"x": "x"} if one.name == "missing" else "x" for one in required))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_setting_is_documented_with_its_default(row: Row) -> None:
    shipped = text_of("conf/fsapp.toml").split(f"\n[{row.section}]\n")[1]
    default = re.search(rf"^#{row.key} = (.*)$", shipped, re.MULTILINE)
    assert default is not None
    effect = "reload" if row.live else "restart"
    assert f"| `{row.name}` | `{default[1]}` | {effect} | " in text_of("docs/settings.md")
    assert row.name in everything()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_request_is_documented_with_its_methods_and_parameters(route: Route) -> None:
    methods = "` or `".join(route.methods)
    row = next(
        line
        for line in text_of("docs/http.md").splitlines()
        if line.startswith(f"| `{methods} {route.path}` | ")
    )
    for parameter in route.parameters:
        assert (parameter.name if parameter.header is None else "") in row
        assert (parameter.header or parameter.name) in text_of("docs/http.md")


@pytest.mark.parametrize(("command", "options"), list(commands(cli.parser())), ids=str)
def test_every_command_is_documented_with_its_options(command: str, options: list[str]) -> None:
    documented = text_of("docs/cli.md")
    rows = [line for line in documented.splitlines() if line.startswith(f"| `{command}")]
    assert rows
    shared = {"--config", "--url", "--token", "--certificate"}
    for option in options:
        assert option in (documented if option in shared else "\n".join(rows))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_documented_with_its_type_labels_and_buckets(metric: Metric) -> None:
    documented = text_of("docs/metrics.md")
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    cells = f"| `{metric.name}` | {metric.kind} | {labels} | ".replace("|  |", "| |")
    assert documented.count(f"\n{cells}") == 1
    if metric.buckets:
        bounds = ", ".join(f"{bound:g}" for bound in metric.buckets)
        row = rf"^\| [^|]*`{metric.name}`[^|]* \| {re.escape(bounds)} \| "
        assert re.search(row, documented, re.MULTILINE)


def test_no_metric_is_documented_that_there_is_not() -> None:
    found = set(re.findall(r"\b(?:fsapp|process)_[a-z_]+[a-z]\b", text_of("docs/metrics.md")))
    exported = {name for metric in METRICS for name in (metric.name, *metric.series)}
    assert found - {"fsapp_return"} <= exported


@pytest.mark.parametrize("label", LABELS)
def test_every_label_is_documented(label: str) -> None:
    rows = text_of("docs/metrics.md").partition("## Labels")[2].partition("## ")[0]
    assert re.search(rf"^\| [^|]*`{label}`[^|]* \| ", rows, re.MULTILINE)


def test_every_command_inside_freeswitch_is_documented() -> None:
    usage = embedded_service.command("no such command")
    words = re.findall(r"[a-z]+", usage.partition("fsapp.embedded")[2])
    assert "reload" in words
    told = text_of("README.md").partition("python fsapp.embedded ")[2].partition("\n\n")[0]
    assert [word for word in words if not re.search(rf"\b{word}\b", told)] == []


def test_every_refusal_is_documented() -> None:
    documented = text_of("docs/http.md")
    for refusal in all_refusals():
        row = f"| {refusal.http.value} | `{refusal.status}` | `{refusal.error}` | "
        assert row in documented
    for http, (_, error) in OWN.items():
        assert f"{http.value}" in documented
        assert f"`{error}`" in documented


@pytest.mark.parametrize("event", [*EVENTS, "calls", "reset"])
def test_every_event_is_documented(event: str) -> None:
    rows = [line for line in text_of("docs/http.md").splitlines() if line.startswith("| `")]
    assert any(f"`{event}`" in row.split(" | ")[0] for row in rows)


def test_what_troubleshooting_quotes_is_what_is_said() -> None:
    """Who looks for a sentence of the log or of the doctor's finds it there."""
    said = " ".join(path.read_text("utf-8") for path in (ROOT / "fsapp").rglob("*.py"))
    quoted = re.findall(r'"([^"]+)"', text_of("docs/troubleshooting.md"))
    assert len(quoted) > 5
    assert [words for words in quoted if words not in said] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_page_is_led_to(path: Path) -> None:
    others = [text_of("README.md"), *(p.read_text("utf-8") for p in path.parent.glob("*.md"))]
    assert any(path.name in text for text in others if text != path.read_text("utf-8"))


def test_every_link_leads_somewhere() -> None:
    for name in ("README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(name)):
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"
