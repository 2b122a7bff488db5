"""The log: every line is written in order, as it was when it was logged, by few wakes."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsapp import logs as module
from fsapp.logs import FORMATS, start_log
from tests.root_logger import root_logger  # noqa: F401

pytestmark = pytest.mark.usefixtures("root_logger")

LOG = logging.getLogger("test")
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


class Whole(logging.Handler):
    """Keeps what is written, all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def written(form: str, text: str, *arguments: object, **more: object) -> str:
    """One line as it is written in this format."""
    writer = Whole()
    log = start_log("info", writer, form)
    LOG.info(text, *arguments, **more)  # type: ignore[arg-type]
    log.stop()
    (line,) = writer.lines
    return line


class Noting(logging.Handler):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record).partition(" INFO ")[2])


def test_a_lines_time_is_the_moment_it_was_logged_whatever_was_logged_before() -> None:
    stamped, usual = FORMATS["text"](), logging.Formatter()
    record = logging.makeLogRecord({})
    for moment in (1795374003.25, 1795374003.75, 1795374004.0, 1795377604.5, 1795374003.125):
        record.created, record.msecs = moment, moment % 1 * 1000
        assert stamped.formatTime(record) == usual.formatTime(record)


def test_what_is_left_is_written_at_the_end_in_order() -> None:
    writer = Noting()
    log = start_log("info", writer)
    for number in range(100):
        logging.getLogger("test").info("line %d", number)
    log.stop()
    assert writer.lines == [f"test: line {number}" for number in range(100)]


def test_a_line_says_what_was_true_when_it_was_logged() -> None:
    writer, told = Noting(), ["first"]
    log = start_log("info", writer)
    logging.getLogger("test").info("%s", told)
    told[0] = "later"
    log.stop()
    assert writer.lines == ["test: ['first']"]


def test_lines_nobody_writes_are_dropped_and_hold_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 10)
    monkeypatch.setattr(module, "GATHER_SECONDS", 60.0)
    writer = Noting()
    log = start_log("info", writer)
    for number in range(100):
        logging.getLogger("test").info("line %d", number)
    log.stop()
    assert writer.lines[:10] == [f"test: line {number}" for number in range(10)]
    assert len(writer.lines) <= 11


WHOLE = {"call": "c-1", "agent": "ann", "connection": "127.0.0.1:50001"}


def test_what_a_text_line_is_about_stands_in_a_fixed_place() -> None:
    line = written("text", "claimed by %s", "ann", extra=WHOLE)
    about = r"\[call=c-1 agent=ann connection=127\.0\.0\.1:50001\]"
    assert re.fullmatch(rf"{STAMP} INFO test {about}: claimed by ann", line)


@pytest.mark.parametrize(
    ("extra", "about"),
    [
        ({"call": "c-1", "agent": None, "connection": ""}, " [call=c-1]"),
        ({"agent": "ann"}, " [agent=ann]"),
        ({}, ""),
    ],
)
def test_what_is_not_known_is_left_out(extra: dict[str, object], about: str) -> None:
    assert written("text", "it", extra=extra).endswith(f" INFO test{about}: it")
    found = json.loads(written("json", "it", extra=extra))
    assert {key: found[key] for key in found.keys() & WHOLE.keys()} == {
        key: value for key, value in extra.items() if value
    }


def test_a_json_line_says_all_that_a_text_line_does() -> None:
    found = json.loads(written("json", "claimed by %s", "ann", extra=WHOLE))
    moment = datetime.fromisoformat(found.pop("time"))
    assert abs(datetime.now().astimezone() - moment).total_seconds() < 60
    assert found == {"level": "INFO", "logger": "test", "message": "claimed by ann", **WHOLE}


def failing() -> None:
    raise ValueError("a mistake\nof ours")


@pytest.mark.parametrize("form", FORMATS)
def test_an_exception_is_written_with_its_line(form: str) -> None:
    writer = Whole()
    log = start_log("info", writer, form)
    try:
        failing()
    except ValueError:
        LOG.exception("it failed", extra=WHOLE)
    log.stop()
    (line,) = writer.lines
    if form == "json":
        found = json.loads(line)
        message, exception = found["message"], found["exception"]
    else:
        message, _, exception = line.partition("\n")
    assert message.endswith("it failed")
    assert exception.startswith("Traceback (most recent call last):\n")
    assert exception.endswith("ValueError: a mistake\nof ours")


@given(st.text(), st.text(), st.text())
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_json_line_parses_and_is_one_line(message: str, call: str, agent: str) -> None:
    extra = {"call": call, "agent": agent}
    record = LOG.makeRecord("test", logging.INFO, "", 1, "%s", (message,), None, extra=extra)
    line = FORMATS["json"]().format(record)
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert (found["message"], found.get("call", ""), found.get("agent", "")) == (
        message,
        call,
        agent,
    )


@pytest.mark.parametrize("text", ["a\nb", "\r\n", "\0", "\x1b[2J", "\u2028", "\ud800", '"}\\'])
def test_newlines_and_control_characters_stay_within_a_json_line(text: str) -> None:
    line = written("json", "%s", text)
    assert line.isprintable()
    assert json.loads(line)["message"] == text


def test_the_format_changes_while_it_runs() -> None:
    writer = Whole()
    log = start_log("info", writer)
    log.set_format("json")
    LOG.info("first")
    log.stop()
    assert json.loads(writer.lines[0])["message"] == "first"
