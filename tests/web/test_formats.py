"""JSON or CSV: who gets which, and what CSV looks like on the wire."""

import csv
import io
from collections.abc import Mapping

import pytest

from fsapp.calls.agent import Agent
from fsapp.calls.outcome import HISTORY_COLUMNS
from fsapp.calls.timeline import TIMELINE_COLUMNS
from fsapp.web.formats import wants_csv

from .conftest import Ask
from .serving import NotingDesk


@pytest.mark.parametrize(
    ("chosen", "accept", "wanted"),
    [
        (None, None, False),
        (None, "*/*", False),
        (None, "application/json", False),
        (None, "text/csv", True),
        (None, "Text/CSV; charset=utf-8", True),
        (None, "text/csv, */*;q=0.1", True),
        (None, "text/csv;q=0.5, application/json", False),
        (None, "application/json;q=0.5, text/csv;q=0.9", True),
        (None, "text/csv;q=0", False),
        (None, "text/csv;q=much", False),
        (None, ";;,,;q=,", False),
        ("csv", "application/json", True),
        ("json", "text/csv", False),
    ],
    ids=str,
)
def test_the_parameter_decides_then_the_header(
    chosen: str | None, accept: str | None, wanted: bool
) -> None:
    assert wants_csv(chosen, accept) == wanted


def a_page(_agent: Agent, verb: str, parameters: Mapping[str, str]) -> dict[str, object]:
    assert "format" not in parameters
    if verb == "call/timeline":
        return {"status": "success", "timeline": [{"event": "call_offer", "agent": None}]}
    return {"status": "success", "calls": [{"id": "c-1", "caller_name": "=1+1"}], "next": "1.5~c-1"}


def test_history_as_csv(ask: Ask, desk: NotingDesk) -> None:
    desk.behaviour = a_page
    response = ask("GET", "/call/history?format=csv")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["Content-Disposition"] == 'attachment; filename="calls.csv"'
    assert response.headers["X-Next-Cursor"] == "1.5~c-1"
    assert response.headers["Cache-Control"] == "no-store"
    (row,) = csv.DictReader(io.StringIO(response.body.decode(), newline=""))
    assert tuple(row) == HISTORY_COLUMNS
    assert (row["id"], row["caller_name"]) == ("c-1", "'=1+1")


def test_a_timeline_as_csv_by_the_header(ask: Ask, desk: NotingDesk) -> None:
    desk.behaviour = a_page
    response = ask("GET", "/call/c-1/timeline", Accept="text/csv")
    assert response.body.decode() == f"{','.join(TIMELINE_COLUMNS)}\r\n,call_offer,,,\r\n"
    assert "X-Next-Cursor" not in response.headers


def test_json_is_given_unless_csv_is_asked_for(ask: Ask, desk: NotingDesk) -> None:
    desk.behaviour = a_page
    for target in ("/call/history", "/call/history?format=json"):
        assert ask("GET", target).document["calls"][0]["caller_name"] == "=1+1"


def test_what_is_no_table_has_no_format(ask: Ask) -> None:
    assert ask("GET", "/call/list?format=csv").status == 400
    assert ask("GET", "/call/list", Accept="text/csv").headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=-1",
        "until=1e9",
        "limit=0",
        "limit=1001",
        "limit=",
        "outcome=lost",
        "direction=in",
        "agent=a%20b",
        "organization=x",
        "cursor=x",
        "cursor=1~c",
        "cursor=1.2.3~c",
        "cursor=1.5~",
        "format=xml",
    ],
)
def test_bad_filters_are_refused(ask: Ask, desk: NotingDesk, query: str) -> None:
    response = ask("GET", f"/call/history?{query}")
    assert (response.status, response.document["error"]) == (400, "bad-parameters")
    assert query.partition("=")[0] in response.document["description"]
    assert desk.asked == []


def test_the_call_in_the_path_and_another_as_parameter_is_refused(ask: Ask) -> None:
    assert ask("GET", "/call/c-1/timeline?call_id=c-2").status == 400
    assert ask("GET", "/call/c-1/timeline?call_id=c-1").status == 200
    assert ask("GET", f"/call/{'c' * 65}/timeline").status == 400
