"""Whom an agent may dial and for whom she answers: hers, and nobody else's."""

from collections.abc import Iterator
from typing import Any

import pytest

from fsapp.calls.agent import Agent
from fsapp.calls.contact import Contact
from fsapp.desk.directory import Directory
from fsapp.store.contacts import Contacts
from fsapp.store.database import Database
from fsapp.store.organizations import Organization, Organizations

ANN = Agent("ann", "Ann", "user/1101", organizations=frozenset({1, 2}))
EVE = Agent("eve", "Eve", "user/1109", organizations=frozenset({3}))


@pytest.fixture
def directory(tmp_path: Any) -> Iterator[Directory]:
    database = Database(tmp_path / "directory.db")
    database.open()
    contacts, organizations = Contacts(database), Organizations(database)
    contacts.load(Contact(number, f"Vest {number}", f"11{number:02}", 1) for number in range(1, 31))
    contacts.load([Contact(40, "Vest of two", "1140", 2), Contact(50, "Vest of three", "1150", 3)])
    organizations.set(Organization(2, "Dr. Holm", "Good morning"), Organization(3, "Bakery"))
    yield Directory(contacts, organizations, 20, 45)
    database.close()


def matches(directory: Directory, agent: Agent, **parameters: str) -> list[dict[str, Any]]:
    shown = directory.matches(agent, parameters)["contacts"]
    assert isinstance(shown, list)
    return shown


def test_a_match_has_all_it_takes_to_dial_it(directory: Directory) -> None:
    assert matches(directory, ANN, q="1140") == [
        {"cm_id": 40, "name": "Vest of two", "number": "1140", "organization_id": 2}
    ]


def test_nobody_finds_another_organizations_contacts(directory: Directory) -> None:
    assert matches(directory, ANN, q="1150") == []
    assert [found["cm_id"] for found in matches(directory, EVE, q="vest")] == [50]


def test_there_are_eight_matches_or_as_many_as_asked_for(directory: Directory) -> None:
    assert len(matches(directory, ANN, q="vest")) == 8
    assert len(matches(directory, ANN, q="vest", limit="50")) == 31


def test_the_callers_organization_comes_first(directory: Directory) -> None:
    assert matches(directory, ANN, q="vest", organization_id="2")[0]["cm_id"] == 40


def test_every_organization_she_serves_is_listed_named_or_not(directory: Directory) -> None:
    limits = {"waiting_amber": 20, "waiting_red": 45}
    assert directory.organizations(ANN, {}) == {
        "status": "success",
        "organizations": [
            {"id": 1, "name": None, "greeting": "", **limits},
            {"id": 2, "name": "Dr. Holm", "greeting": "Good morning", **limits},
        ],
    }
