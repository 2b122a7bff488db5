"""Contact methods and their import: whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp.calls.contact import Contact
from fsapp.store.contacts import BadContacts, Contacts
from fsapp.store.database import Database

HEADER = "cm_id,name,number,organization_id\n"


@pytest.fixture
def contacts(tmp_path: Path) -> Iterator[Contacts]:
    database = Database(tmp_path / "contacts.db")
    database.open()
    yield Contacts(database)
    database.close()


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "contacts.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_imported_contacts_are_found(contacts: Contacts, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + '4200,"Zoë, reception",+4533445566,1\n42,Bob,1142,7\n')
    assert contacts.import_csv(file) == 2
    assert contacts.get(4200) == Contact(4200, "Zoë, reception", "+4533445566", 1)
    assert contacts.get(42) == Contact(42, "Bob", "1142", 7)
    assert contacts.get(43) is None


def test_columns_may_stand_in_any_order_and_lines_end_as_they_like(
    contacts: Contacts, tmp_path: Path
) -> None:
    content = "\ufefforganization_id,number,cm_id,name\r\n1, 1142 ,42,Bob\r\n\r\n"
    assert contacts.import_csv(written(tmp_path, content)) == 1
    assert contacts.get(42) == Contact(42, "Bob", "1142", 1)


def test_a_later_import_replaces_the_same_cm_id_and_keeps_the_others(
    contacts: Contacts, tmp_path: Path
) -> None:
    contacts.load([Contact(1, "A", "1101", 1), Contact(2, "B", "1102", 1)])
    contacts.import_csv(written(tmp_path, HEADER + "2,C,1103,7\n"))
    assert contacts.get(1) == Contact(1, "A", "1101", 1)
    assert contacts.get(2) == Contact(2, "C", "1103", 7)


BAD = [
    ("", "line 1: the columns must be cm_id, name, number, organization_id"),
    ("cm_id,name,number\n1,A,1101\n", "line 1: the columns must be"),
    (HEADER.replace("name", "name,name"), "line 1: the columns must be"),
    (HEADER + "1,A,1101\n", "line 2: there must be 4 values"),
    (HEADER + "1,A,1101,1,x\n", "line 2: there must be 4 values"),
    (HEADER + "1,A,1101,1\nx,B,1102,1\n", "line 3: cm_id must be a whole number"),
    (HEADER + "-1,A,1101,1\n", "line 2: cm_id must be a whole number"),
    (HEADER + "99999999999999999999,A,1101,1\n", "line 2: cm_id must be a whole number"),
    (HEADER + "1,A,1101,\n", "line 2: organization_id must be a whole number"),
    (HEADER + "1,A,,1\n", "line 2: number must be 1 to 32 digits"),
    (HEADER + "1,A,11 01,1\n", "line 2: number must be 1 to 32 digits"),
    (HEADER + '1,A,"1101\napi system x",1\n', "line 3: number must be 1 to 32 digits"),
    (HEADER + "1,A\x07,1101,1\n", "line 2: name must be at most 200 printable"),
    (HEADER + f"1,{'A' * 201},1101,1\n", "line 2: name must be at most 200 printable"),
    (HEADER + "1,A,1101,1\n1,B,1102,1\n", "line 3: cm_id 1 is there twice"),
    (HEADER + '1,"A,1101,1\n', "line 2: unexpected end of data"),
    (HEADER.encode() + b"1,A,1101,1\n2,\xff,1102,1\n", "is not UTF-8"),
]


@pytest.mark.parametrize(("content", "words"), BAD)
def test_a_bad_row_is_named_and_nothing_is_imported(
    contacts: Contacts, tmp_path: Path, content: str | bytes, words: str
) -> None:
    with pytest.raises(BadContacts) as caught:
        contacts.import_csv(written(tmp_path, content))
    line = str(caught.value)
    assert f"contacts.csv: {words}" in line
    assert line.isprintable()
    assert contacts.get(1) is None


def test_a_file_that_is_not_there_is_named(contacts: Contacts, tmp_path: Path) -> None:
    with pytest.raises(BadContacts, match=r"none\.csv: cannot be read: No such file"):
        contacts.import_csv(tmp_path / "none.csv")


def test_an_empty_import_is_no_contact(contacts: Contacts, tmp_path: Path) -> None:
    assert contacts.import_csv(written(tmp_path, HEADER)) == 0


def found(contacts: Contacts, text: str, *, limit: int = 8, first: int | None = None) -> list[int]:
    return [contact.cm_id for contact in contacts.search(text, [1, 7], limit, first)]


@pytest.fixture
def directory(contacts: Contacts) -> Contacts:
    """Five contact methods, one of them of an organization nobody here serves."""
    contacts.load(
        [
            Contact(1, "Zoë Vest, reception", "+4533445566", 1),
            Contact(2, "Bob West", "1142", 1),
            Contact(3, "Dr. Vestergaard", "1143", 7),
            Contact(4, "Vest", "1144", 9),
            Contact(5, 'O\'Hara "Red" AND (x*)', "*72#", 7),
        ]
    )
    return contacts


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("vest", [3, 1]),
        ("VEST zoe", [1]),
        ("est", []),
        ("114", [2, 3]),
        ("+4533", [1]),
        ("ha", [5]),
        ('"red"', [5]),
        ("AND", [5]),
        ("*", []),
        ("", []),
        (" - ", []),
        ("x NOT y", []),
        ("name:vest", []),
    ],
)
def test_a_search_finds_what_begins_with_the_words_typed(
    directory: Contacts, text: str, ids: list[int]
) -> None:
    assert found(directory, text) == ids


def test_one_organization_may_come_first_and_the_rest_is_cut_off(directory: Contacts) -> None:
    assert found(directory, "vest", first=1) == [1, 3]
    assert found(directory, "vest", first=1, limit=1) == [1]
    assert found(directory, "vest", first=9) == [3, 1]


def test_a_changed_contact_is_found_by_its_new_name_only(directory: Contacts) -> None:
    directory.load([Contact(2, "Bob Eastwood", "1142", 1)])
    assert found(directory, "west") == []
    assert found(directory, "east") == [2]
