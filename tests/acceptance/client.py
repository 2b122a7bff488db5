"""HTTP as an agent's client speaks it: the standard library, one keep-alive connection an actor.

Nothing here knows how the app works, so that a fault in it cannot hide itself; every answer is held
to what `GET /openapi.json` says of it.
"""

import contextlib
import http.client
import json
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import urlencode

from fsapp.web.openapi import description
from tests.described import Description

DESCRIBED = Description(description())
"""The same that the app serves (test_openapi.py)."""

LIMIT = 40.0
"""No request may hang: longer than the longest ring, shorter than a test's own limit."""

IDLE = 3.0
"""A server closes idle keep-alive connections after a while; ours are given up before that."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: its code, headers and body, and how many seconds it took."""

    code: int
    headers: Message
    body: bytes
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document; AssertionError when the body is none."""
        try:
            document = json.loads(self.body.decode("utf-8"))
        except ValueError as error:
            raise AssertionError(f"not a JSON document ({error}): {self}") from error
        assert isinstance(document, dict), f"not a JSON object: {self}"
        return document

    @property
    def call(self) -> dict[str, Any]:
        """The call object in the document."""
        call: dict[str, Any] = self.document["call"]
        return call

    def __str__(self) -> str:
        return f"{self.code} {self.body[:600].decode('utf-8', 'replace')}"


@dataclass
class Client:
    """A client at ``address`` ("host:port"); requests at the same time take connections each.

    Without ``checks`` answers are not held to the description: where time is measured.
    """

    address: str
    token: str | None = None
    checks: bool = True
    _idle: list[tuple[float, http.client.HTTPConnection]] = field(default_factory=list)

    def get(self, path: str, **parameters: object) -> Answer:
        """GET with ``parameters`` in the query string."""
        return self.request("GET", path, query=parameters)

    def post(self, path: str, **parameters: object) -> Answer:
        """POST with ``parameters`` in the query string."""
        return self.request("POST", path, query=parameters)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; the token goes along unless ``headers`` have an Authorization."""
        if query:
            path = f"{path}?{query if isinstance(query, str) else urlencode(query)}"
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        began = time.monotonic()
        connection = self._connection()
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            connection.close()
            raise
        answer = Answer(response.status, response.headers, content, time.monotonic() - began)
        self._give_back(connection, response)
        if self.checks:
            is_as_described(method, path, answer)
        return answer

    def close(self) -> None:
        """Close every connection that waits to be used again."""
        while self._idle:
            self._idle.pop()[1].close()

    def _connection(self) -> http.client.HTTPConnection:
        with contextlib.suppress(IndexError):
            while True:
                used, connection = self._idle.pop()
                if time.monotonic() - used < IDLE and not closed_by_server(connection):
                    return connection
                connection.close()
        connection = http.client.HTTPConnection(self.address, timeout=LIMIT)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _give_back(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        if response.will_close:
            connection.close()
        else:
            self._idle.append((time.monotonic(), connection))


def closed_by_server(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection has something to read, which can only be its end."""
    return bool(select.select([connection.sock], [], [], 0)[0])


def is_as_described(method: str, path: str, answer: Answer) -> None:
    """AssertionError unless the answer is what `/openapi.json` says the request may get."""
    headers = dict(answer.headers.items())
    fault = DESCRIBED.fault(method, path, answer.code, headers, answer.body)
    assert fault is None, f"{method} {path}: {fault}: {answer}"


def send_raw(address: str, request: bytes, limit: float = 15.0) -> Answer | None:
    """What is answered to ``request``, sent byte for byte; None if the peer just closes."""
    host, _, port = address.rpartition(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=limit) as stream:
        # A server may refuse, and close, before it has read everything.
        with contextlib.suppress(ConnectionError):
            stream.sendall(request)
        response = http.client.HTTPResponse(stream)
        try:
            response.begin()
            body = response.read()
        except (http.client.BadStatusLine, ConnectionError):
            return None
        finally:
            response.close()
        answer = Answer(response.status, response.headers, body, time.monotonic() - began)
        is_as_described(*asked_for(request), answer)
        return answer


def asked_for(request: bytes) -> tuple[str, str]:
    """Method and path of a request, or what stands in their place."""
    words = request.partition(b"\r\n")[0].decode("latin-1").split(" ")
    return words[0], words[1] if len(words) > 1 else ""
