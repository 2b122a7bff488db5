"""What kinds of values settings have, and what makes a value a bad one.

The law of this file: a parser takes what the TOML file holds and answers the value, or raises
``ValueError`` with the words that complete "<setting> must be …". Strings that reach FreeSWITCH
carry no control characters: an Event Socket argument with a newline becomes a second command
(freeswitch.md §1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple

from fsapp.calls.text import PHONE, has_control

__all__ = [
    "ADDRESS",
    "CALLER_ID",
    "CONTEXT",
    "DESTINATION",
    "DIAL_STRING",
    "FORMAT",
    "LEVEL",
    "LISTEN",
    "NETWORKS",
    "OPTIONAL_NETWORKS",
    "OPTIONAL_PATH",
    "PASSWORD",
    "PATH",
    "SWITCH_TEXT",
    "SYNCHRONOUS",
    "WILDCARDS",
    "Address",
    "Kind",
    "Network",
    "networks",
    "seconds",
    "whole",
]

Network = IPv4Network | IPv6Network

WILDCARDS = frozenset({"0.0.0.0", "::"})
"""Hosts one can listen on and nobody can connect to."""

_HIGHEST_PORT = 65535
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")


class Address(NamedTuple):
    """A host and a port; ``str()`` gives ``host:port``, with brackets around an IPv6 host."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Kind:
    """``parse`` makes the setting's value of what the TOML file holds, ``from_text`` makes what
    the file would hold of an environment variable's text. A ``secret`` is never shown."""

    parse: Callable[[object], Any]
    from_text: Callable[[str], object] = str
    secret: bool = False


def whole(low: int, high: int) -> Kind:
    """A whole number from ``low`` to ``high``."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return Kind(parse, int)


def seconds(low: float, high: float) -> Kind:
    """A time in seconds from ``low`` to ``high``, fractions allowed."""

    def parse(value: object) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:  # type: ignore[operator]
            raise ValueError(f"seconds from {low:g} to {high:g}")
        return float(value)  # type: ignore[arg-type]

    return Kind(parse, float)


def networks(value: object) -> tuple[Network, ...]:
    """Networks in CIDR notation; at least one, or nobody could connect."""
    wanted = 'a list of networks such as "10.0.0.0/8"'
    if not isinstance(value, list) or not value:
        raise ValueError(wanted)
    if not all(isinstance(network, str) for network in value):
        raise ValueError(wanted)
    try:
        return tuple(ip_network(network.strip()) for network in value)
    except ValueError as error:
        raise ValueError(f"{wanted} ({error})") from error


def _address(lowest_port: int) -> Callable[[object], Address]:
    def parse(value: object) -> Address:
        host, _, port = (value if isinstance(value, str) else "").rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else ""
        good_host = _IPV6.fullmatch(bare) if bare else _HOST.fullmatch(host)
        good_port = re.fullmatch(r"[0-9]{1,5}", port) and lowest_port <= int(port) <= _HIGHEST_PORT
        if not good_host or not good_port:
            raise ValueError(f"host:port with a port from {lowest_port} to {_HIGHEST_PORT}")
        return Address(bare or host, int(port))

    return parse


def _text(wanted: str, accepts: Callable[[str], object]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or has_control(value) or not accepts(value):
            raise ValueError(wanted)
        return value

    return parse


def _path(value: object) -> Path:
    return Path(_text("a file name without control characters", bool)(value))


def _one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        word = value.lower() if isinstance(value, str) else ""
        if word not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return word

    return parse


LISTEN = Kind(_address(lowest_port=0))
ADDRESS = Kind(_address(lowest_port=1))
NETWORKS = Kind(networks, lambda text: text.split(","))
OPTIONAL_NETWORKS = Kind(
    lambda value: () if value == [] else networks(value),
    lambda text: text.split(",") if text else [],
)
PATH = Kind(_path)
OPTIONAL_PATH = Kind(lambda value: None if value == "" else _path(value))
LEVEL = Kind(_one_of("debug", "info", "warning", "error"))
FORMAT = Kind(_one_of("text", "json"))
SYNCHRONOUS = Kind(_one_of("normal", "full"))
SWITCH_TEXT = Kind(_text("text without control characters", str.strip))
PASSWORD = Kind(_text("text without control characters", str.strip), secret=True)
DIAL_STRING = Kind(
    _text(
        "a dial string with {extension} in it, without quotes, blanks, commas, brackets, | or &",
        lambda text: "{extension}" in text and PHONE.fullmatch(text.replace("{extension}", "1")),
    )
)
CALLER_ID = Kind(_text("digits, *, # or +, or empty", re.compile(r"[0-9*#+]{0,32}").fullmatch))
CONTEXT = Kind(_text("letters, digits, _, . and -", re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch))
DESTINATION = Kind(
    _text(
        'an extension, or an extension and its context as in "8000 XML default"',
        re.compile(r"[A-Za-z0-9_.+*#-]{1,64}( XML [A-Za-z0-9_.-]{1,64})?").fullmatch,
    )
)
