"""What organizations are called."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp.store.database import Database
from fsapp.store.organizations import Organization, Organizations, UnknownOrganization

HOLM = Organization(2, "Dr. Holm", "Dr. Holm's practice, good morning")
BAKERY = Organization(7, "Bakery")


@pytest.fixture
def organizations(tmp_path: Path) -> Iterator[Organizations]:
    database = Database(tmp_path / "organizations.db")
    database.open()
    yield Organizations(database)
    database.close()


def test_what_was_set_last_holds(organizations: Organizations) -> None:
    organizations.set(BAKERY, Organization(2, "Holm"))
    organizations.set(HOLM)
    assert organizations.all() == [HOLM, BAKERY]


def test_only_those_asked_for_and_known_are_named(organizations: Organizations) -> None:
    organizations.set(HOLM, BAKERY)
    assert organizations.named({2, 3}) == {2: HOLM}


def test_a_forgotten_one_has_no_name(organizations: Organizations) -> None:
    organizations.set(HOLM, BAKERY)
    organizations.remove(2)
    assert organizations.all() == [BAKERY]
    with pytest.raises(UnknownOrganization, match="organization 2 has no name"):
        organizations.remove(2)
