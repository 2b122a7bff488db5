"""HTTP as an agent's client speaks it: `fsapp.client`, and what only tests want to see of answers.

Every answer is held to what `GET /openapi.json` says of it.
"""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlencode

import fsapp.client
from fsapp.client import Response, Unreachable
from fsapp.client.connections import Connections
from fsapp.web.openapi import description
from tests.described import Description

DESCRIBED = Description(description())
"""The same that the app serves (test_openapi.py)."""

LIMIT = 40.0
"""No request may hang: longer than the longest ring, shorter than a test's own limit."""

NOWHERE = "nowhere.invalid"


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


class Client(fsapp.client.Client):
    """A client at ``address`` ("host:port"), which may change.

    Its own methods answer documents and raise refusals; these here answer whatever comes. Without
    ``checks`` answers are not held to the description: where time is measured.
    """

    def __init__(self, address: str, token: str | None = None, *, checks: bool = True) -> None:
        self.checks = checks
        self._address = address
        super().__init__(f"http://{address or NOWHERE}", token, timeout=LIMIT)

    @property
    def address(self) -> str:
        return self._address

    def moves_to(self, address: str) -> None:
        """Turn to another app."""
        self.close()
        self._address = address
        self._connections = Connections(f"http://{address}", LIMIT, None)

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
        """One request; the token goes along unless ``headers`` have an Authorization. What goes
        wrong on the way is raised as it was."""
        if query:
            path = f"{path}?{query if isinstance(query, str) else urlencode(query)}"
        try:
            return answer_of(self.send(method, path, body, headers))
        except Unreachable as error:
            raise error.__cause__ or error from error

    def send(self, method: str, path: str, *arguments: Any, **named: Any) -> Response:
        """As `fsapp.client` does, for all that it asks; the answer must be as described."""
        response = super().send(method, path, *arguments, **named)
        if self.checks:
            is_as_described(method, path, answer_of(response))
        return response


def answer_of(response: Response) -> Answer:
    return Answer(response.status, response.headers, response.body, response.seconds)


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
