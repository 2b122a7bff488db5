"""Who may come in by the Event Socket's password? Whoever does can run programs there.

Source: mod_event_socket.c of 1.10.12. Each access list must admit an address; without one it is
``loopback.auto``. ``listen-ip`` is 127.0.0.1 unless set; the example configuration says ``::``.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from xml.etree.ElementTree import Element

from fsapp.doctor.deployment import Deployment
from fsapp.doctor.finding import Finding, good, problem, warning
from fsapp.settings import Control

__all__ = ["password"]

LOOPBACK_LIST = "loopback.auto"


def password(deployment: Deployment) -> Iterator[Finding]:
    """Is it FreeSWITCH's default, and who could use that?"""
    control = deployment.settings.control
    if control.password != Control().password:
        yield good("password", "The control password is one of your own.")
        return
    what = "The control password is FreeSWITCH's default, which everybody knows"
    mend = (
        "change it in event_socket.conf.xml and in control.password, then: reload mod_event_socket"
    )
    reached = _reached_from_outside(deployment)
    if reached is None:
        yield warning("password", f"{what}; users of this machine can get in.", mend)
    else:
        yield problem("password", f"{what}, and other machines reach {reached}.", mend)


def _reached_from_outside(deployment: Deployment) -> str | None:
    """The address at which machines other than FreeSWITCH's own get in, if there is one."""
    asked = deployment.settings.control.address
    if not _is_loopback(asked.host):
        return str(asked)
    configuration = deployment.configuration("event_socket.conf")
    if configuration is None:
        return None
    listens = _values(configuration, "listen-ip")
    lists = [name for name in _values(configuration, "apply-inbound-acl") if name]
    if LOOPBACK_LIST in (lists or [LOOPBACK_LIST]):
        return None
    outside = [host for host in listens if not _is_loopback(host)]
    return f"it at {outside[-1]}, admitted by {', '.join(lists)}" if outside else None


def _values(configuration: Element, name: str) -> list[str]:
    parameters = configuration.iter("param")
    return [one.get("value", "") for one in parameters if one.get("name") == name]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
