"""The hand-shake with FreeSWITCH's own Event Socket: its greeting and our password."""

from __future__ import annotations

import socket
import time

from fsapp.switch import commands
from fsapp.switch.connection import prepare
from fsapp.switch.frames import Frame
from fsapp.switch.wire import BadFrame, Wire

__all__ = ["LoginRefused", "greet", "log_in"]

LIMIT_SECONDS = 5.0


class LoginRefused(Exception):
    """FreeSWITCH is there and does not want us: what it does, and what to do about it."""


def log_in(host: str, port: int, password: str, most_body: int) -> tuple[Wire, Frame]:
    """The connection and FreeSWITCH's answer to the password, within ``LIMIT_SECONDS``.

    ``most_body`` is how many bytes an answer may have. Raises :class:`LoginRefused`, ``OSError``
    or :class:`BadFrame`.
    """
    deadline = time.monotonic() + LIMIT_SECONDS
    sock = socket.create_connection((host, port), LIMIT_SECONDS)
    wire = Wire(sock, most_body)
    try:
        prepare(sock)
        return wire, greet(wire, password, deadline)
    except BaseException:
        wire.release()
        raise


def greet(wire: Wire, password: str, deadline: float) -> Frame:
    """FreeSWITCH's answer to the password; ``deadline`` is on the monotonic clock."""
    greeting = wire.greeted(deadline)
    if greeting.kind == "text/rude-rejection":
        raise LoginRefused(
            "turns this machine away: allow it by apply-inbound-acl in its event_socket.conf.xml"
        )
    if greeting.kind != "auth/request":
        raise BadFrame(f"its greeting is {greeting.kind[:64]!r}")
    wire.send(commands.auth(password))
    answer = wire.greeted(deadline)
    if not answer.reply.startswith("+OK"):
        raise LoginRefused(
            "refused the control password: set control.password to the one in its "
            "event_socket.conf.xml"
        )
    return answer
