"""Whoever reads the log of a call finds the call, its agent and its connection on every line."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest

import fsapp
from fsapp.desk.about import about_channel
from tests.desk.fakes import ANN, CALLER, Rig

HOUSE = Path(fsapp.__file__).parent
LINE = "127.0.0.1:50001"
OF_NO_CALL = {
    "a timed action failed",
    "what was to end with the drain did not",
    "events cannot be read: %s",
    "agents cannot be read: %s",
    "FreeSWITCH does not list its channels: %.80s",
    "looked at what FreeSWITCH has: %s",
    "%d calls on record were live; waiting for them",
    "old calls could not be removed: %s",
    "%d rows of calls that ended too long ago were removed",
}


def about(record: logging.LogRecord) -> tuple[object, ...]:
    return tuple(getattr(record, key, "missing") for key in ("call", "agent", "connection"))


def test_a_pickup_names_call_agent_and_connection_on_every_line(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.connects(CALLER).name = LINE
    caplog.clear()
    leg = rig.talk(ANN)
    words = [record.getMessage() for record in caplog.records]
    assert words == [
        "claimed by ann",
        "ringing user/1101 for ann",
        "bridge, transferring -> speaking",
    ]
    assert [about(record) for record in caplog.records] == [(CALLER, "ann", LINE)] * 3
    caplog.clear()
    rig.hangs_up(leg)
    rig.hangs_up(CALLER)
    assert {about(record)[1] for record in caplog.records} == {"ann"}


def test_who_waits_has_no_agent_and_a_connection(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    connection = rig.connects("c-7")
    assert [about(record) for record in caplog.records] == [
        ("c-7", None, connection.name),
        ("c-7", None, connection.name),
    ]


def test_a_line_about_an_agents_leg_names_her_and_its_own_connection(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.connects(CALLER)
    leg = rig.talk(ANN)
    rig.park(leg)
    caplog.clear()
    rig.hangs_up(leg)
    (line,) = [one for one in caplog.records if one.name == "fsapp.desk.legs"]
    assert about(line) == (None, "ann", leg)


def test_what_a_claim_was_for_is_named_when_it_is_taken_back(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    phone = rig.lines[CALLER].answer("bgapi originate")
    caplog.clear()
    rig.job(phone, "-ERR USER_BUSY", on=rig.lines[CALLER])
    asked.refusal()
    lines = [record for record in caplog.records if record.name == "fsapp.desk.board"]
    assert {about(record) for record in lines} == {(CALLER, "ann", CALLER)}


def test_ids_that_are_none_are_not_put_where_ids_stand() -> None:
    known = about_channel("a]: forged\nline", "${system(x)}")
    assert known == {"call": None, "agent": None, "connection": None}


def logged(path: Path) -> list[ast.Call]:
    """Every ``log.…(…)`` of a module."""
    calls = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    return [
        call
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "log"
    ]


MODULES = [*sorted((HOUSE / "desk").glob("*.py")), HOUSE / "switch" / "connection.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_line_about_a_call_is_logged_without_saying_which(path: Path) -> None:
    for call in logged(path):
        text = call.args[0]
        assert isinstance(text, ast.Constant | ast.Name), ast.unparse(call)
        told = any(keyword.arg == "extra" for keyword in call.keywords)
        of_no_call = isinstance(text, ast.Constant) and text.value in OF_NO_CALL
        assert told != of_no_call, f"{path.name}:{call.lineno}: {ast.unparse(call)}"
