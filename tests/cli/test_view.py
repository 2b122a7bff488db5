"""The picture of ``fsapp top``: all that matters, in any terminal, colour or not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsapp.cli.table import width
from fsapp.cli.view import View, lines

from .served import NOW, agent, call, organization

ORGANIZATIONS = [
    organization(1, "Bakery Jensen", waiting_amber=30, waiting_red=60),
    organization(2, "Dr. Holm", waiting_amber=30, waiting_red=60),
]
SGR = re.compile(r"\x1b\[[0-9;]*m")


def view(queued: int = 3, **keys: Any) -> View:
    waiting = [
        call(
            f"q-{number}",
            position=number + 1,
            caller_name=f"Caller {number}",
            arrival_time=str(NOW - 70 + 30 * number),
        )
        for number in range(queued)
    ]
    others = [
        call("s-1", state="speaking", position=None, bridged_at=str(NOW - 67), assigned_to="ann"),
        call("p-1", state="parked", position=None, parked_at=str(NOW - 9), assigned_to="ann"),
    ]
    agents = [
        agent("bob", state="offline"),
        agent("ann", state="speaking", current_call="s-1", parked_calls=["p-1"]),
        agent("eve", state="paused", pause_reason="lunch"),
    ]
    known: dict[str, Any] = {
        "url": "http://127.0.0.1:4242",
        "agent": agent("operator"),
        "queue": waiting,
        "calls": {one["id"]: one for one in (*waiting, *others)},
        "agents": {one["id"]: one for one in agents},
        "organizations": ORGANIZATIONS,
        "now": float(NOW),
    }
    return View(**{**known, **keys})


def test_the_whole_picture_without_a_limit() -> None:
    shown = lines(view(), 80, None, colours=False)
    assert re.fullmatch(
        r"fsapp http://127\.0\.0\.1:4242  as Operator +connected  \d\d:\d\d:\d\d", shown[0]
    )
    assert shown[1:] == [
        "QUEUE 3  longest 1:10",
        "  1  1:10  2045550100 Caller 0  5900  Bakery Jensen",
        "  2  0:40  2045550100 Caller 1  5900  Bakery Jensen",
        "  3  0:10  2045550100 Caller 2  5900  Bakery Jensen",
        "CALLS 2  speaking 1, parked 1",
        "  speaking  1:07  2045550100 Mrs. Lund  5900  ann  Bakery Jensen",
        "  parked    0:09  2045550100 Mrs. Lund  5900  ann  Bakery Jensen",
        "AGENTS 3  speaking 1, paused 1, offline 1",
        "  ann  speaking  0:05  2045550100 Mrs. Lund  1 on hold",
        "  eve  paused    0:05  lunch",
        "  bob  offline   0:05",
    ]


def test_eighty_by_twenty_four_is_enough() -> None:
    shown = lines(view(queued=40), 80, 24, colours=False)
    assert len(shown) == 24
    assert all(width(line) <= 80 for line in shown)
    text = "\n".join(shown)
    assert "QUEUE 40" in text
    assert re.search(r"… and \d+ more", text)
    assert "CALLS 2" in text
    assert "  bob  offline" in text
    assert shown[-1] == "q quits"


def test_what_is_short_is_whole_and_what_is_long_gets_the_rest() -> None:
    shown = lines(view(queued=40), 80, 24, colours=False)
    # 24 lines: head and foot, 3 of calls, 4 of agents; 15 are the queue's.
    assert sum(line.startswith("  ") and "Caller" in line for line in shown) == 13


def test_a_picture_that_is_not_up_to_date_says_so_first() -> None:
    shown = lines(view(trouble="the event stream broke"), 80, 24, colours=False)
    assert "NOT UP TO DATE: the event stream broke" in shown[0]


def test_colours_change_no_word() -> None:
    plain = lines(view(), 80, 24, colours=False)
    coloured = lines(view(), 80, 24, colours=True)
    assert [SGR.sub("", line).rstrip() for line in coloured] == plain
    assert coloured[2].startswith("\x1b[31m  1  1:10")
    assert coloured[3].startswith("\x1b[33m  2  0:40")
    assert coloured[4].startswith("  3  0:10")


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "\x07", "\x9b31m", "\u202e"])
def test_no_callers_name_steers_the_terminal(name: str) -> None:
    odd = call("x", state="speaking", position=None, caller_name=name)
    shown = lines(view(calls={"x": odd}), 80, None, colours=False)
    assert all(line.isprintable() for line in shown)


NAMES = st.text(max_size=60)


@given(
    st.lists(NAMES, max_size=30),
    st.lists(NAMES, max_size=30),
    st.integers(1, 200),
    st.integers(1, 60),
)
def test_it_fits_into_any_terminal(
    callers: list[str], agents: list[str], columns: int, height: int
) -> None:
    queue = [call(f"q{place}", caller_name=name) for place, name in enumerate(callers)]
    people = {
        f"a{place}": agent(f"a{place}", state="paused", pause_reason=name)
        for place, name in enumerate(agents)
    }
    shown = lines(
        view(queue=queue, agents=people, calls={one["id"]: one for one in queue}),
        columns,
        height,
        colours=False,
    )
    assert len(shown) == height
    assert all(width(line) <= columns for line in shown)
