"""Writes the configuration the suite's FreeSWITCH starts with.

Everything that does not change from run to run stands in freeswitch_conf/*.xml, around the shipped
dialplan/ and conf/ as they are; here are only ports and paths, and one user per phone.
"""

from collections.abc import Container, Iterable, Mapping
from pathlib import Path

SUITE = Path(__file__).resolve().parent / "freeswitch_conf"
SHIPPED = Path(__file__).resolve().parents[3]

PHONES = [str(number) for number in range(1101, 1150)]
"""Extensions that exist; dialling any other 1xxx gives SUBSCRIBER_ABSENT."""

UNREGISTERED = "error/USER_NOT_REGISTERED"
"""The dial string FreeSWITCH itself makes of a user who is not registered."""

CALLER_VARIABLES = {
    "organization_id",
    "fsapp_priority",
    "fsapp_greeting",
    "fsapp_music",
    "fsapp_announcement",
    "fsapp_overflow_announcement",
}
"""What a caller's X-Var-… headers may set: caller_variables.xml and sipp/callers.xml know these."""


def phone_variable(extension: str) -> str:
    """The global variable that holds an extension's dial string."""
    return f"phone_{extension}"


def user(extension: str) -> str:
    """The directory user of one phone, whose dial string a global variable holds."""
    dial_string = f'<param name="dial-string" value="${{{phone_variable(extension)}}}"/>'
    return f'<user id="{extension}"><params>{dial_string}</params></user>'


def registering_user(extension: str) -> str:
    """The directory user of a phone that has to register, with its extension as password."""
    contact = "${sofia_contact(*/${dialed_user}@${dialed_domain})}"
    parameters = {"password": extension, "dial-string": contact}
    inside = "".join(f'<param name="{name}" value="{v}"/>' for name, v in parameters.items())
    return f'<user id="{extension}"><params>{inside}</params></user>'


def include(path: Path, elements: Iterable[str]) -> Path:
    """Write an include file; its path."""
    path.write_text("\n".join(["<include>", *elements, "</include>", ""]))
    return path


def write_configuration(
    directory: Path,
    variables: Mapping[str, object],
    more_modules: Iterable[str] = (),
    *,
    shipped: Path = SHIPPED,
    registering: Container[str] = (),
) -> None:
    """Write freeswitch.xml, with these preprocessor variables, and its includes. ``shipped`` has
    the folders dialplan/ and conf/; the phones of ``registering`` have to register."""
    loads = (f'<load module="{module}"/>' for module in more_modules)
    users = (registering_user(one) if one in registering else user(one) for one in PHONES)
    paths = {
        "suite": SUITE,
        "shipped": shipped,
        "users": include(directory / "users.xml", users),
        "more_modules": include(directory / "more_modules.xml", loads),
        "directory": directory,
    }
    lines = [
        '<document type="freeswitch/xml">',
        *(
            f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>'
            for name, value in {**paths, **variables}.items()
        ),
        f'<X-PRE-PROCESS cmd="include" data="{SUITE}/suite.xml"/>',
        "</document>",
    ]
    (directory / "freeswitch.xml").write_text("\n".join([*lines, ""]))
