"""What is said of an agent's phone, by what FreeSWITCH knows of its registrations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsapp.calls.agent import Agent
from fsapp.doctor import check_phones
from fsapp.doctor.finding import Finding, Verdict
from fsapp.settings import Settings

from .answering import deployment


def registration(status: str, took: str) -> str:
    """A row of ``sofia status profile``, as FreeSWITCH 1.10.12 writes it."""
    return (
        "Contact:    \tsip:1101@192.0.2.7:5060\n"
        "Status:     \tRegistered(UDP)(unknown) EXP(2026-11-29 22:00:00) EXPSECS(3600)\n"
        f"Ping-Status:\t{status}\nPing-Time:\t{took}\nHost:       \tpbx\n\n"
    )


def found(*rows: tuple[str, str], contact: str = "sofia/internal/sip:1101@192.0.2.7") -> Finding:
    answers = {
        "global_getvar domain": "example.com",
        "user_data": "${sofia_contact(*/${dialed_user}@${dialed_domain})}",
        "sofia_contact": contact,
        "sofia status profile internal user 1101@example.com": "".join(
            registration(*row) for row in rows
        ),
    }
    agents = (Agent("anna", "Anna", "user/1101"),)
    asked = replace(deployment(Settings(), answers), agents=agents)
    (finding,) = check_phones.phones(asked)
    return finding


def test_a_phone_that_answered_a_ping_is_said_to_answer() -> None:
    finding = found(("Reachable", "13.41"))
    assert finding.verdict is Verdict.GOOD
    assert "is registered and answers FreeSWITCH's pings" in finding.what


@pytest.mark.parametrize("rows", [[("Reachable", "0.00")], []])
def test_of_a_phone_that_nobody_has_pinged_only_the_registration_is_known(
    rows: list[tuple[str, str]],
) -> None:
    finding = found(*rows)
    assert finding.verdict is Verdict.GOOD
    assert "whether it answers only ringing it tells (--ring-phones)" in finding.what


def test_a_phone_that_answers_no_ping_is_named() -> None:
    finding = found(("Unreachable", "32000.11"))
    assert finding.verdict is Verdict.WARNING
    assert "does not answer FreeSWITCH's pings" in finding.what


def test_one_of_several_phones_of_an_agent_that_answers_will_do() -> None:
    assert found(("Unreachable", "32000.11"), ("Reachable", "9.80")).verdict is Verdict.GOOD


def test_a_contact_that_belongs_to_no_sip_profile_is_not_asked_about() -> None:
    assert found(contact="verto.rtc/u:1101").verdict is Verdict.GOOD
