"""Imports go one way, and nothing grows out of sight."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsapp

HOUSE = Path(fsapp.__file__).parent
MODULES = sorted(HOUSE.rglob("*.py"))

KNOWS = {
    "calls": set(),
    "switch": {"calls"},
    "store": {"calls"},
    "waiting": set(),
    "desk": {"calls", "switch", "store", "waiting"},
    "lab": set(),
    # A program of its own: it knows the documents, and nothing of how they come about.
    "client": {"calls"},
    "setting_kinds": {"calls"},
    "settings": {"setting_kinds", "calls"},
    "shipped": set(),
    "logs": set(),
    "memory": set(),
    "signals": set(),
    "risks": {"settings"},
    "reloading": {"logs", "risks", "settings"},
    "supervisor": set(),
    # web takes requests in: tokens are looked up in store, everything else asked of the desk.
    "web": {"calls", "store", "settings", "waiting"},
    # metrics looks at everybody; whoever has something to count is handed a callable.
    "metrics": {"calls", "desk", "store", "switch", "web"},
}
"""Who may import whom, besides itself. Whoever is not named stands at the edge."""

EDGE = {
    "__main__",
    "cli",
    "doctor",
    "demo",
    "embedded",
    "embedded_service",
    "service",
}
"""Where everything may be known; imported by nobody but each other."""

BRIDGED = ("lab", "shipped")
"""What the lab switch may use of ours: where the shipped dialplan is."""

PURE = {"calls"}
WORLDLY = {"socket", "threading", "time", "sqlite3", "os", "asyncio", "subprocess", "random"}
LONGEST_MODULE, LONGEST_FUNCTION = 450, 60


def part(path: Path) -> str:
    """The folder or module directly in fsapp/."""
    first = path.relative_to(HOUSE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "fsapp":
                yield from (f"fsapp.{name.name}" for name in node.names)
            else:
                yield node.module or ""


def parts_imported(path: Path) -> set[str]:
    ours = (name for name in imported(path) if name.startswith("fsapp."))
    return {name.split(".")[1] for name in ours} - {part(path)}


def named(path: Path) -> str:
    return str(path.relative_to(HOUSE.parent))


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_go_one_way(path: Path) -> None:
    known = KNOWS.get(part(path))
    if known is None:
        assert part(path) in EDGE | {"__init__"}, f"{part(path)} has no place in the order yet"
        return
    allowed = known | ({BRIDGED[1]} if part(path) == BRIDGED[0] else set())
    assert parts_imported(path) <= allowed


@pytest.mark.parametrize("path", [path for path in MODULES if part(path) in PURE], ids=named)
def test_what_a_call_is_knows_no_socket_clock_thread_or_sql(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & WORLDLY


@pytest.mark.parametrize(
    ("library", "parts"),
    [
        ("ESL", {"switch"}),
        ("sqlite3", {"store", "cli", "doctor", "demo", "desk", "metrics", "service"}),
        ("prometheus_client", {"metrics"}),
        ("freeswitch", {"embedded_service"}),
        ("bottle", {"web"}),
        ("cheroot", {"web"}),
    ],
)
def test_a_library_is_known_only_where_it_serves(library: str, parts: set[str]) -> None:
    users = {part(path) for path in MODULES for name in imported(path) if _of(name, library)}
    assert users <= parts


def _of(name: str, library: str) -> bool:
    return name.partition(".")[0] == library


def test_sql_is_written_only_in_store() -> None:
    words = ("SELECT ", "INSERT INTO ", "UPDATE calls", "DELETE FROM ", "CREATE TABLE ")
    found = [
        named(path)
        for path in MODULES
        if part(path) != "store" and any(word in path.read_text("utf-8") for word in words)
    ]
    assert found == []


def test_commands_to_freeswitch_are_built_in_one_module() -> None:
    """Only there are arguments looked at before they go out (fsapp/switch/commands.py)."""
    command = re.compile(r"""["'](bg)?api |["']sendmsg|["']uuid_\w+ """)
    found = {
        named(path)
        for path in MODULES
        if part(path) not in {"lab", "demo"} and command.search(path.read_text("utf-8"))
    }
    assert found == {"fsapp/switch/commands.py"}


def test_nothing_but_declared_dependencies_is_imported() -> None:
    # The module freeswitch is FreeSWITCH's own and exists inside it only.
    declared = {
        "ESL",
        "bottle",
        "cheroot",
        "sqlite_utils",
        "prometheus_client",
        "fsapp",
        "freeswitch",
    }
    found = {name.split(".")[0] for path in MODULES for name in imported(path)}
    assert found - set(sys.stdlib_module_names) <= declared


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_function_can_be_seen_at_a_glance(path: Path) -> None:
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [node.name for node in functions if _length(node) > LONGEST_FUNCTION]
    assert long == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.read_text("utf-8").strip()], ids=named
)
def test_a_module_opens_with_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
