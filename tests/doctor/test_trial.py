"""The test call's way back, by what database and FreeSWITCH show of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import cast

import pytest

from fsapp.calls.call import Call, State
from fsapp.doctor.finding import Finding, Verdict
from fsapp.doctor.trial import Trial
from fsapp.settings import Settings
from fsapp.store.calls import Calls

from .answering import Answer, deployment

QUEUED = Call("1", State.QUEUED, True, "5000", "0", 999_999_999, 1000.5, context="public")
HUNGUP = replace(QUEUED, state=State.HUNGUP)
GONE = "-ERR No such channel!"
FETCHED: dict[str, Answer] = {
    "originate": "+OK 1",
    "uuid_kill": "+OK",
    "uuid_setvar_multi": "+OK",
    "uuid_transfer": "+OK",
}


class Shown:
    """What the database shows of the call, one look after the other; the last one for ever."""

    def __init__(self, *looks: Call) -> None:
        self._looks: Iterator[Call] = chain(looks, repeat(looks[-1]))

    def find(self, _call_id: str) -> Call:
        return next(self._looks)


def variables(*attempts: str) -> Iterator[str]:
    """FreeSWITCH's answers: fsapp has marked the channel, then ``fsapp_attempts``."""
    return chain(["queued"], attempts, repeat(attempts[-1]))


def tried(*looks: Call, back: bool = True, **answers: Answer) -> list[Finding]:
    asked = deployment(Settings(), {**FETCHED, **answers})
    trial = Trial(asked, cast(Calls, Shown(*looks)), lambda _seconds: None)
    return list(trial.tried("5000", "public", back=back))


def test_a_call_that_is_queued_again_as_it_was_has_come_back() -> None:
    came = variables("doctor", "doctorx", "_undef_")
    (finding,) = tried(*[QUEUED] * 6, HUNGUP, uuid_getvar=came)
    assert finding.verdict is Verdict.GOOD
    assert "came back to its place by fsapp_return" in finding.what


@pytest.mark.parametrize(
    ("looks", "answers", "why"),
    [
        ([QUEUED, QUEUED, HUNGUP], {"uuid_getvar": variables(GONE)}, "it was hung up on"),
        ([QUEUED], {"uuid_getvar": variables("doctor")}, "it did not arrive within 15 s"),
        (
            [QUEUED, QUEUED, replace(QUEUED, arrival=1003.0)],
            {"uuid_getvar": variables("_undef_")},
            "it has lost its place",
        ),
        ([QUEUED], {"uuid_getvar": "_undef_"}, "fsapp has not marked its channel"),
        (
            [QUEUED],
            {"uuid_getvar": variables("doctor"), "uuid_transfer": GONE},
            f"FreeSWITCH says {GONE}",
        ),
    ],
)
def test_a_call_that_does_not_come_back_is_a_problem(
    looks: list[Call], answers: dict[str, Answer], why: str
) -> None:
    (finding,) = tried(*looks, **answers)
    assert finding.verdict is Verdict.PROBLEM
    assert f"did not come back to the queue by fsapp_return: {why}." in finding.what


def test_where_the_return_point_is_broken_the_way_back_is_left_out_and_that_is_said() -> None:
    there, back = tried(QUEUED, QUEUED, HUNGUP, back=False)
    assert there.verdict is Verdict.GOOD
    assert "came back" not in there.what
    assert back.verdict is Verdict.UNKNOWN


def test_a_call_of_which_the_end_is_not_noticed_is_a_problem() -> None:
    (finding,) = tried(QUEUED, uuid_getvar=variables("_undef_"))
    assert finding.verdict is Verdict.PROBLEM
    assert "its end was not noticed" in finding.what
