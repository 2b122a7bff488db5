"""What an administrator, or ``fsapp doctor``, asks a switch about itself.

The law of this file: every answer is true of this lab switch, in FreeSWITCH's words. Nothing here
changes anything.

Source: FreeSWITCH's own answers, measured on 1.10.12. An empty answer becomes ``-ERR no reply`` on
the Event Socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as xml

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange
    from fsapp.lab.phones import PhoneSet

__all__ = ["QUESTIONS"]

MODULES = frozenset(
    {
        "mod_commands",
        "mod_dialplan_xml",
        "mod_dptools",
        "mod_event_socket",
        "mod_local_stream",
        "mod_loopback",
        "mod_sndfile",
        "mod_sofia",
        "mod_tone_stream",
    }
)
"""What the lab switch imitates."""

DIAL_STRING = "${sofia_contact(*/${dialed_user}@${dialed_domain})}"
_INTERVALS = frozenset({"10", "20", "30", "32", "40", "60", "120"})
_COUNTS = range(1, 401)
_USER_WORDS = 3
_MILLISECONDS = 1000
_LINE = "=" * 97


def module_exists(_exchange: Exchange, argument: str) -> str:
    """``true`` or ``false``."""
    return "true" if argument in MODULES else "false"


def file_exists(_exchange: Exchange, argument: str) -> str:
    """``true`` or ``false``."""
    return "true" if Path(argument).exists() else "false"


def strepoch(exchange: Exchange, _argument: str) -> str:
    """The time in Unix seconds; dates cannot be converted here."""
    return str(int(exchange.clock.now()))


async def timer_test(exchange: Exchange, argument: str) -> str:
    """``[MILLISECONDS [COUNT [TIMER]]]``: how long so many intervals take."""
    interval, count, timer = [*argument.split(), *("20", "50", "soft")[len(argument.split()) :]][:3]
    if interval not in _INTERVALS:
        return "parameter missing: <10|20|40|60|120> [<1..200>] [<timer_name>]\n"
    if timer != "soft":
        return "Timer Error!\n"
    times = int(count) if count.isdigit() and int(count) in _COUNTS else 50
    began = exchange.clock.now()
    for number in range(1, times + 1):
        due = began + number * int(interval) / _MILLISECONDS
        await exchange.clock.sleep(due - exchange.clock.now())
    took = (exchange.clock.now() - began) * _MILLISECONDS
    return f"Avg: {took / times:.3f}ms Total Time: {took:.3f}ms\n"


def local_stream(exchange: Exchange, argument: str) -> str:
    """``show``: the streams there are and where they come from."""
    if argument != "show":
        return "-USAGE: <show|start|reload|stop|hup> <local_stream_name>\n"
    return "".join(f"{name},\n" for name in sorted(exchange.streams))


def user_data(exchange: Exchange, argument: str) -> str:
    """``USER@DOMAIN param dial-string``; empty for what there is not."""
    user, *what = argument.split()
    known = len(what) == _USER_WORDS - 1 and _phone(exchange, user) is not None
    return DIAL_STRING if known and what == ["param", "dial-string"] else ""


def sofia_contact(exchange: Exchange, argument: str) -> str:
    """``[PROFILE/]USER@DOMAIN``: where a registered phone is reached."""
    user = argument.rpartition("/")[2]
    phone = _phone(exchange, user)
    if phone is None or phone.unreachable:
        return "error/user_not_registered"
    return f"sofia/internal/sip:{phone.extension}@127.0.0.1:5091"


def sofia(exchange: Exchange, argument: str) -> str:
    """``status profile internal user USER@DOMAIN``: the phone's registration.

    Nobody is pinged here: whoever is registered is reachable, as on a FreeSWITCH that does not.
    """
    match argument.split():
        case ["status", "profile", "internal", "user", address]:
            contact = sofia_contact(exchange, address).removeprefix("sofia/internal/")
            rows = [] if contact.startswith("error/") else [_registration(address, contact)]
            total = f"Total items returned: {len(rows)}\n{_LINE}\n"
            return f"\nRegistrations:\n{_LINE}\n{''.join(rows)}{total}"
        case ["status", "profile", _, "user", _]:
            return "Invalid Profile!\n"
    return "Invalid Syntax!\n"


def _registration(address: str, contact: str) -> str:
    user, _, domain = address.partition("@")
    rows = (
        ("Call-ID:    ", f"lab-{user}"),
        ("User:       ", address),
        ("Contact:    ", f'"" <{contact}>'),
        ("Agent:      ", "lab switch"),
        ("Status:     ", "Registered(UDP)(unknown) EXP(unknown) EXPSECS(3600)"),
        ("Ping-Status:", "Reachable"),
        ("Ping-Time:", "0.00"),
        ("Host:       ", "lab"),
        ("IP:         ", "127.0.0.1"),
        ("Port:       ", "5091"),
        ("Auth-User:  ", user),
        ("Auth-Realm: ", domain),
        ("MWI-Account:", address),
    )
    return "".join(f"{name}\t{value}\n" for name, value in rows) + "\n"


def _phone(exchange: Exchange, user: str) -> PhoneSet | None:
    name, _, domain = user.partition("@")
    return exchange.phones.find(name) if domain == exchange.settings.get("domain") else None


def xml_locate(exchange: Exchange, argument: str) -> str:
    """``dialplan``, or ``configuration configuration name NAME.conf``."""
    match argument.split():
        case ["dialplan"]:
            return exchange.dialplan.text()
        case ["configuration", "configuration", "name", "event_socket.conf"]:
            return _configuration("event_socket.conf", _event_socket(exchange))
        case ["configuration", "configuration", "name", "sofia.conf"]:
            return _configuration("sofia.conf", [_profile()])
    return "can't find anything\n"


def _configuration(name: str, inside: list[xml.Element]) -> str:
    whole = xml.Element("configuration", name=name)
    whole.extend(inside)
    return xml.tostring(whole, encoding="unicode")


def _event_socket(exchange: Exchange) -> list[xml.Element]:
    host, _, port = exchange.address.rpartition(":")
    settings = xml.Element("settings")
    given = {"listen-ip": host, "listen-port": port, "password": exchange.password}
    _add_parameters(settings, given)
    return [settings]


def _profile() -> xml.Element:
    profiles = xml.Element("profiles")
    profile = xml.SubElement(profiles, "profile", name="internal")
    # What is played here needs no timer of a phone's own.
    _add_parameters(xml.SubElement(profile, "settings"), {"rtp-timer-name": "soft"})
    return profiles


def _add_parameters(settings: xml.Element, values: dict[str, str]) -> None:
    for name, value in values.items():
        xml.SubElement(settings, "param", name=name, value=value)


QUESTIONS: dict[str, Callable[[Exchange, str], str | Awaitable[str]]] = {
    "file_exists": file_exists,
    "local_stream": local_stream,
    "module_exists": module_exists,
    "sofia": sofia,
    "sofia_contact": sofia_contact,
    "strepoch": strepoch,
    "timer_test": timer_test,
    "user_data": user_data,
    "xml_locate": xml_locate,
}
"""These API commands by name."""
