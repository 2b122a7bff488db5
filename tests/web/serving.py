"""A desk that only notes what it is asked, and raw HTTP to the real server around it."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from fsapp.calls.agent import Agent
from fsapp.calls.refusals import too_many_streams
from fsapp.settings import Address

ANN = Agent("ann", "Ann", "user/1101")
BOB = Agent("bob", "Bob", "user/1102")
LIMIT = 10.0

Perform = Callable[[Agent, str, Mapping[str, str]], dict[str, object]]


@dataclass
class NotingDesk:
    """Answers every verb with what reached it, unless told otherwise."""

    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    behaviour: Perform | None = None

    def perform(self, agent: Agent, verb: str, parameters: Mapping[str, str]) -> dict[str, object]:
        self.asked.append((agent.id, verb, dict(parameters)))
        if self.behaviour is not None:
            return self.behaviour(agent, verb, parameters)
        return {"status": "success", "verb": verb, "parameters": dict(parameters)}

    def readiness(self) -> dict[str, str]:
        return self.missing


class Holders:
    """Two agents whose tokens are theirs, but for those that are void by now."""

    def __init__(self) -> None:
        self.void: set[str] = set()
        self.serves: dict[str, frozenset[int]] = {}

    def by_token(self, token: str) -> Agent | None:
        agent = {"ann-token": ANN, "bob-token": BOB}.get(token)
        if agent is None or token in self.void:
            return None
        return replace(agent, organizations=self.serves.get(agent.id, agent.organizations))


class NoStreams:
    """No place for an event stream."""

    def admit(self, *_: object) -> NoReturn:
        raise too_many_streams(0)


@dataclass(frozen=True)
class Response:
    """One HTTP response; ``document`` is its JSON object."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


def parsed(raw: bytes) -> Response:
    """The one response in ``raw``, which must be all of it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    status = int(first.split()[1])
    assert first.startswith("HTTP/1.1 ")
    assert len(body) in {int(headers["Content-Length"]), 0}
    return Response(status, headers, body)


def exchange(address: Address, sent: bytes, *, half_close: bool = True) -> bytes:
    """Everything the server answers to ``sent`` on one connection, until it closes."""
    with socket.create_connection(address, timeout=LIMIT) as connection:
        connection.sendall(sent)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def request(
    method: str,
    target: str,
    body: bytes = b"",
    token: str | None = "ann-token",
    **headers: str,
) -> bytes:
    """A request as bytes; header names are written with _ for -."""
    named = {"Host": "x", "Connection": "close"}
    if token is not None:
        named["Authorization"] = f"Bearer {token}"
    if body or method == "POST":
        named["Content-Length"] = str(len(body))
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
