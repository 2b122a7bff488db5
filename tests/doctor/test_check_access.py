"""Who could use FreeSWITCH's default password, by what its configuration says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsapp.doctor import check_access
from fsapp.doctor.finding import Verdict
from fsapp.settings import Address, Control, Settings

from .answering import deployment


def configuration(**parameters: str) -> str:
    names = {name.replace("_", "-"): value for name, value in parameters.items()}
    inside = "".join(f'<param name="{name}" value="{value}"/>' for name, value in names.items())
    return f"<configuration><settings>{inside}</settings></configuration>"


def verdict(answer: str, control: Control) -> Verdict:
    asked = deployment(replace(Settings(), control=control), {"xml_locate": answer})
    (finding,) = check_access.password(asked)
    return finding.verdict


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (configuration(listen_ip="127.0.0.1"), Verdict.WARNING),
        # The example configuration: listens everywhere, and lets loopback in when nothing is said.
        (configuration(listen_ip="::"), Verdict.WARNING),
        (configuration(listen_ip="::", apply_inbound_acl="loopback.auto"), Verdict.WARNING),
        (configuration(listen_ip="::", apply_inbound_acl="lan"), Verdict.PROBLEM),
        (configuration(listen_ip="0.0.0.0", apply_inbound_acl="rfc1918.auto"), Verdict.PROBLEM),
        (configuration(listen_ip="::1", apply_inbound_acl="lan"), Verdict.WARNING),
        # What it listens on unless told.
        (configuration(apply_inbound_acl="lan"), Verdict.WARNING),
        ("-ERR no reply", Verdict.WARNING),
    ],
)
def test_the_default_password_is_worse_where_other_machines_get_in(
    answer: str, wanted: Verdict
) -> None:
    assert verdict(answer, Control()) is wanted


def test_every_access_list_has_to_admit_an_address() -> None:
    both = configuration(listen_ip="::", apply_inbound_acl="lan").replace(
        "</settings>", '<param name="apply-inbound-acl" value="loopback.auto"/></settings>'
    )
    assert verdict(both, Control()) is Verdict.WARNING


def test_an_event_socket_on_another_machine_is_reached_over_the_network() -> None:
    control = Control(address=Address("192.0.2.10", 8021))
    assert verdict(configuration(listen_ip="127.0.0.1"), control) is Verdict.PROBLEM


def test_a_password_of_ones_own_is_good_everywhere() -> None:
    control = Control(address=Address("192.0.2.10", 8021), password="of-my-own")
    assert verdict("", control) is Verdict.GOOD
