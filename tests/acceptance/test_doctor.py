"""`fsapp doctor` on a right deployment finds nothing to blame, and disturbs nobody unasked."""

from fsapp.calls.agent import Agent

from .doctor_stage import Report, Stage
from .switches.base import EventSocketSwitch
from .wait import wait_until

CHECKS = [
    "settings",
    "database",
    "event-socket",
    "password",
    "modules",
    "dialplan",
    "return",
    "music",
    "timer",
    "phones",
    "time",
    "fsapp",
    "call",
]


def in_order(report: Report) -> list[str]:
    """The names of the checks in the order of their first findings."""
    return list(dict.fromkeys(finding["check"] for finding in report.findings))


def test_a_right_deployment_has_nothing_to_mend(stage: Stage):
    report = stage.examined()
    assert report.blamed == []
    assert report.status == 0
    assert in_order(report) == CHECKS


def test_it_says_in_which_contexts_the_dialplan_hands_calls_over(stage: Stage):
    said = " ".join(stage.examined("--no-call").of("dialplan"))
    for context in ("public", "default"):
        assert f"fsapp_inbound in context {context} hands calls to fsapp" in said
    assert stage.switch.outbound_address in said


def test_a_call_goes_through_the_real_dialplan_of_each_context_and_leaves_nothing(stage: Stage):
    said = stage.examined().of("call")
    assert [" was queued in " in what for what in said] == [True, True]
    assert [" came back to its place by fsapp_return" in what for what in said] == [True, True]
    assert isinstance(stage.switch, EventSocketSwitch)
    stage.switch.wait_idle()


def test_fsapp_takes_the_test_calls_coming_and_going_for_no_trouble(stage: Stage):
    stage.app.test_begins()
    stage.examined()
    lines = stage.app.new_log().splitlines()
    assert [line for line in lines if "WARNING" in line or "ERROR" in line] == []


def test_no_call_is_made_and_no_phone_is_rung_unless_wanted(stage: Stage):
    report = stage.examined("--no-call")
    assert "call" not in in_order(report)
    assert "ring" not in in_order(report)


def test_phones_are_rung_for_a_moment_when_asked_for(stage: Stage):
    report = stage.examined("--no-call", "--ring-phones")
    assert report.blamed == []
    assert [what.rpartition(" ")[2] for what in report.of("ring")] == ["rings.", "rings."]
    for extension in ("1101", "1102"):
        wait_until(
            lambda extension=extension: not stage.switch.phone(extension).legs(),
            promise=f"{extension} has stopped",
        )


def test_who_only_looks_on_needs_no_phone(stage: Stage):
    """As docs/cli.md and docs/console.md add an operator and a wallboard."""
    with stage.agents() as agents:
        agents.add(Agent("wall", "Wallboard", "user/0", role="supervisor"))
    try:
        report = stage.examined("--no-call", "--ring-phones")
    finally:
        with stage.agents() as agents:
            agents.remove("wall")
    assert report.blamed == []
    assert "wall has no phone (user/0) and only looks on." in report.of("phones")
    assert len(report.of("ring")) == 2


def test_people_get_sentences_and_what_to_do(stage: Stage):
    done = stage.printed(FSAPP_CONTROL_PASSWORD="wrong")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[2].startswith(" problem  FreeSWITCH's Event Socket at ")
    assert lines[3].startswith("          -> set control.password ")
    assert lines[-1] == "1 thing must be mended"


def test_what_is_right_is_said_too(stage: Stage):
    done = stage.printed("--no-call")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "nothing to mend"
