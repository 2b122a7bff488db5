"""Whether music can be played, and whether the timer is late, by what FreeSWITCH answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from fsapp.doctor import check_switch
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.finding import Finding, Verdict
from fsapp.settings import Park, Queue, Settings

from .answering import Answer, deployment


def playing(music: str, **answers: Answer) -> Deployment:
    settings = replace(Settings(), queue=Queue(music=music), park=Park(music=music))
    return deployment(settings, answers)


def timed(**answers: Answer) -> Deployment:
    return deployment(Settings(), answers)


def verdicts(findings: Iterable[Finding]) -> list[Verdict]:
    return [finding.verdict for finding in findings]


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        ("moh/8000,/sounds/music/8000\n", Verdict.GOOD),
        ("moh,/sounds/music\n", Verdict.GOOD),
        # FreeSWITCH takes this one when the one it is asked for is not there.
        ("default,/sounds/music/8000\n", Verdict.GOOD),
        ("other/8000,/sounds/other\n", Verdict.WARNING),
        # Named in local_stream.conf.xml, but without files: FreeSWITCH has ended it.
        ("-ERR no reply", Verdict.WARNING),
    ],
)
def test_a_stream_is_there_when_freeswitch_plays_it(listed: str, wanted: Verdict) -> None:
    asked = playing("local_stream://moh", module_exists="true", local_stream=listed)
    assert verdicts(check_switch.music(asked)) == [wanted]


def test_a_stream_needs_its_module() -> None:
    asked = playing("local_stream://moh", module_exists="false")
    assert verdicts(check_switch.music(asked)) == [Verdict.WARNING]


def test_what_cannot_be_asked_about_is_not_blamed() -> None:
    assert verdicts(check_switch.music(playing("/my music/hold.wav"))) == [Verdict.UNKNOWN]


def took(milliseconds: float) -> str:
    return f"Avg: {milliseconds / 10:.3f}ms Total Time: {milliseconds:.3f}ms"


def test_a_machine_that_is_busy_for_a_moment_is_not_blamed() -> None:
    asked = timed(timer_test=iter([took(900.0), took(301.0), took(200.0)]))
    assert verdicts(check_switch.timer(asked)) == [Verdict.GOOD]


def test_a_timer_that_is_always_late_is_told_with_its_best_time() -> None:
    asked = timed(timer_test=iter([took(900.0), took(400.0), took(800.0)]))
    (finding,) = check_switch.timer(asked)
    assert finding.verdict is Verdict.WARNING
    assert "at least 400 ms" in finding.what


def test_no_timer_at_all_is_a_problem() -> None:
    asked = timed(timer_test="-ERR Timer Error!")
    assert verdicts(check_switch.timer(asked)) == [Verdict.PROBLEM]


@pytest.mark.parametrize(
    ("parameter", "untimed"),
    [
        ('<param name="rtp-timer-name" value="soft"/>', False),
        ('<param name="rtp-timer-name" value="none"/>', True),
        ("", True),
    ],
)
def test_a_sip_profile_has_a_timer_or_is_named(parameter: str, untimed: bool) -> None:
    profile = f'<profile name="internal">{parameter}</profile>'
    sofia = f"<configuration><profiles>{profile}</profiles></configuration>"
    found = list(check_switch.timer(timed(timer_test=took(200.0), xml_locate=sofia)))
    problems = [one.what for one in found if one.verdict is Verdict.PROBLEM]
    assert ["internal" in what for what in problems] == [True] * untimed
