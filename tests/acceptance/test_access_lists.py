"""FreeSWITCH reads the shipped access lists as they are meant: conf/acl.conf.xml."""

import pytest

from .conftest import skip_without_files
from .switches.base import Switch

pytestmark = pytest.mark.freeswitch_only("the lab switch has no access lists")


@pytest.fixture(autouse=True)
def own_files(request: pytest.FixtureRequest) -> None:
    skip_without_files(request.config)


@pytest.mark.parametrize(
    ("address", "access_list", "admitted"),
    [
        ("192.0.2.10", "fsapp", True),
        ("192.0.2.11", "fsapp", False),
        ("127.0.0.1", "fsapp", False),
        # Those of the example configuration, which the file replaces.
        ("192.168.42.42", "lan", True),
        ("192.168.42.41", "lan", False),
        ("10.0.0.1", "domains", False),
    ],
)
def test_an_address_is_admitted_or_not(
    switch: Switch, address: str, access_list: str, admitted: bool
):
    assert switch.api(f"acl {address} {access_list}") == str(admitted).lower()
