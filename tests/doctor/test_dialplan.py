"""What the doctor reads out of a dialplan: the shipped one, and ones an administrator may have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from fsapp.doctor import dialplan
from fsapp.doctor.dialplan import Entry

SHIPPED = Path(__file__).parents[2] / "dialplan"
SOCKET = '<action application="socket" data="127.0.0.1:8084 async full"/>'
RESUME = '<action application="set" data="socket_resume=true"/>'
BACK = '<action application="transfer" data="fsapp_return XML ${context}"/>'
TONE = '<action application="playback" data="tone_stream://%(300,1500,440)"/>'


def extension(
    *actions: str, expression: str = r"^5\d{3}$", name: str = "own", more: str = ""
) -> str:
    return (
        f'<extension name="{name}" {more}><condition field="destination_number" '
        f'expression="{expression}">{"".join(actions)}</condition></extension>'
    )


def context(extensions: Iterable[str]) -> Element:
    inside = "".join(extensions)
    text = f'<section name="dialplan"><context name="public">{inside}</context></section>'
    return dialplan.contexts(text)["public"]


def shipped() -> Element:
    files = (SHIPPED / name for name in ("fsapp_inbound.xml", "fsapp_return.xml"))
    text = (path.read_text("utf-8") for path in files)
    return context(part.replace("<include>", "").replace("</include>", "") for part in text)


def only(extensions: Iterable[str]) -> Entry:
    (entry,) = dialplan.entries(context(extensions), {"fsapp_socket": ""})
    return entry


@pytest.mark.parametrize(
    ("variable", "address"), [("", "127.0.0.1:8084"), ("192.0.2.10:9000", "192.0.2.10:9000")]
)
def test_the_shipped_files_lead_where_the_global_variable_says(variable: str, address: str) -> None:
    entries = list(dialplan.entries(shipped(), {"fsapp_socket": variable}))
    assert [entry.addresses for entry in entries] == [(address,), (address,)]
    assert [entry.is_return_point for entry in entries] == [False, True]


def test_the_shipped_files_have_all_that_is_asked_for() -> None:
    whole = shipped()
    inbound, back = dialplan.entries(whole, {"fsapp_socket": ""})
    assert inbound.arguments == back.arguments == "async full"
    assert inbound.resumes
    assert dialplan.number_for(inbound, whole) == "5000"


def test_a_call_that_would_not_run_on_is_seen() -> None:
    assert not only([extension(SOCKET, BACK)]).resumes


def test_several_addresses_are_several() -> None:
    two = '<action application="socket" data="a:1|b:2 async full"/>'
    assert only([extension(two, BACK)]).addresses == ("a:1", "b:2")


def test_a_number_that_another_extension_takes_first_is_not_tried() -> None:
    taken = extension('<action application="park"/>', expression="^50[0-9]{2}$", name="taken")
    through = extension(RESUME, expression="^5", name="through", more='continue="true"')
    whole = context([taken, through, extension(RESUME, SOCKET, BACK)])
    (entry,) = dialplan.entries(whole, {})
    assert dialplan.number_for(entry, whole) == "5100"


def test_an_extension_that_nobody_reaches_has_no_number() -> None:
    taken = extension('<action application="park"/>', expression="^5", name="taken")
    whole = context([taken, extension(RESUME, SOCKET, BACK)])
    (entry,) = dialplan.entries(whole, {})
    assert dialplan.number_for(entry, whole) is None


def test_an_expression_python_does_not_know_takes_nothing() -> None:
    odd = only([extension(SOCKET, BACK, expression="^(?|5)")])
    assert dialplan.number_for(odd, context([])) is None


@pytest.mark.parametrize(
    ("test", "there"),
    [
        ('field="destination_number" expression="^80\\d\\d$"', True),
        ('field="destination_number" expression="^81\\d\\d$"', False),
        ("", True),
        # What is not understood here, or stands in a variable, might take it.
        ('field="destination_number" expression="^(?|80)"', True),
        ('field="destination_number" expression="^${mailbox}$"', True),
        ('field="${open}" expression="true"', False),
    ],
)
def test_a_destination_is_there_when_an_extension_takes_it(test: str, there: bool) -> None:
    inside = f'<condition {test}><action application="park"/></condition>'
    whole = context([f'<extension name="own">{inside}</extension>'])
    assert dialplan.has(whole, "8000") is there


def test_a_destination_may_stand_among_several_expressions_or_in_an_element() -> None:
    several = '<regex field="destination_number" expression="^8000$"/>'
    element = "<expression>^9000$</expression>"
    whole = context(
        [
            f'<extension name="a"><condition regex="any">{several}</condition></extension>',
            '<extension name="b"><condition field="destination_number">'
            f"{element}</condition></extension>",
        ]
    )
    assert [dialplan.has(whole, number) for number in ("8000", "9000", "7000")] == [
        True,
        True,
        False,
    ]
