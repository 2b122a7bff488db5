"""HTTP as a client needs it: connections are kept, nothing is waited for without a limit, and what
is sent a second time can do no harm.

The law of this file: whatever goes wrong on the way is an :class:`Unreachable` that says whether
the server may have carried the request out.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fsapp.calls.document_types import ShownCallDocument

__all__ = ["Connections", "Refused", "Request", "Response", "Stream", "Unreachable", "trusting"]

IDLE_SECONDS = 3.0
"""A kept connection is given up after so long: the server closes idle ones after ten seconds."""
CONNECT_SECONDS = 5.0
_CHUNK = 65536
_SAFE = ("GET", "HEAD")
_GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class Unreachable(OSError):
    """There is no answer. ``sent``: whether the request may have been carried out all the same."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; ``path`` with its query string."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered; ``seconds`` is how long that took."""

    status: int
    headers: Message
    body: bytes
    seconds: float = 0.0

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document. Raises ``ValueError`` when the body is none."""
        document = json.loads(self.body)
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        return document


class Refused(Exception):
    """The server has refused, and nothing has changed.

    ``http`` is the status code; ``status``, ``error`` (for programs) and ``description`` (for
    people) are the document's, as are ``call`` (as it is now) and ``missing`` where there are any;
    ``retry_after`` is in seconds.
    """

    def __init__(self, response: Response) -> None:
        document = response.document
        self.http = response.status
        self.status: str = document["status"]
        self.error: str = document["error"]
        self.description: str = document["description"]
        self.call: ShownCallDocument | None = document.get("call")
        self.missing: dict[str, str] = document.get("missing", {})
        after = response.headers.get("Retry-After", "")
        self.retry_after = float(after) if after.isdecimal() else None
        super().__init__(f"{self.http} {self.status}: {self.description}")


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that goes on. The connection forgets its socket once the answer ends with it."""

    connection: http.client.HTTPConnection
    wire: socket.socket
    response: http.client.HTTPResponse

    def interrupt(self) -> None:
        """Whoever reads it, in another thread, has read to its end."""
        with contextlib.suppress(OSError):
            self.wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def trusting(certificate: Path) -> ssl.SSLContext:
    """TLS with the server that has this very certificate (the first one in the PEM file), whatever
    its name and whoever has signed it. Raises ``OSError`` or ``ssl.SSLError`` when it is none."""
    text = certificate.read_text("ascii", "replace")
    begin, end = text.find(_BEGIN), text.find(_END)
    if begin < 0 or end < 0:
        raise ssl.SSLError(f"{certificate} holds no certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Those behind it in the file are authorities: they would vouch for others, too.
    context.load_verify_locations(cadata=text[begin : end + len(_END)] + "\n")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


class Connections:
    """The way to one server. May be used by several threads: each request has a connection of its
    own while it lasts. Raises ``ValueError`` for a URL that is none."""

    def __init__(self, url: str, timeout: float, context: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not http://host:port or https://host:port")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._context: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._context = context or ssl.create_default_context()
        self._idle: deque[tuple[float, http.client.HTTPConnection]] = deque()

    def ask(self, request: Request, *, repeatable: bool = False) -> Response:
        """One request and its whole answer. ``repeatable`` says that asking twice does no harm,
        as asking with GET never does."""
        began = time.monotonic()
        kept = self._kept()
        if kept is not None:
            try:
                return self._asked(kept, request, began)
            except Unreachable as error:
                # The server has closed it at the very moment it was used again.
                again = repeatable or request.method in _SAFE
                if not again or not isinstance(error.__cause__, _GONE):
                    raise
        return self._asked(self.connect(), request, began)

    def _asked(
        self, connection: http.client.HTTPConnection, request: Request, began: float
    ) -> Response:
        until, wire = began + self._timeout, connection.sock
        with self._explained(connection):
            _limit(wire, until)
            response = self._sent(connection, request)
            content = bytearray()
            while chunk := response.read1(_CHUNK):
                content += chunk
                _limit(wire, until)
            if response.length:
                raise http.client.IncompleteRead(bytes(content), response.length)
            # Read to its end, but only Python 3.12 would know.
            response.close()
        if response.will_close:
            connection.close()
        else:
            self._idle.append((time.monotonic(), connection))
        took = time.monotonic() - began
        return Response(response.status, response.headers, bytes(content), took)

    def _sent(
        self, connection: http.client.HTTPConnection, request: Request
    ) -> http.client.HTTPResponse:
        path = self._prefix + request.path
        connection.request(request.method, path, body=request.body, headers=dict(request.headers))
        return connection.getresponse()

    def stream(self, request: Request, silence: float) -> Stream:
        """An answer that goes on; it may be silent for ``silence`` seconds."""
        connection = self.connect()
        wire = connection.sock
        with self._explained(connection):
            response = self._sent(connection, request)
            wire.settimeout(silence)
        return Stream(connection, wire, response)

    def connect(self) -> http.client.HTTPConnection:
        """A new connection. Raises :class:`Unreachable`."""
        limit = min(self._timeout, CONNECT_SECONDS)
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=limit)
            if self._context is None
            else http.client.HTTPSConnection(
                self._host, self._port, timeout=limit, context=self._context
            )
        )
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise Unreachable(f"{self.url}: {_reason(error)}", sent=False) from error
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self) -> None:
        """Closes every connection that is kept."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop()[1].close()

    def _kept(self) -> http.client.HTTPConnection | None:
        """A connection that was used before and is still open."""
        with contextlib.suppress(IndexError):
            while True:
                used, connection = self._idle.pop()
                # What an idle connection has to say can only be that it is over.
                if time.monotonic() - used < IDLE_SECONDS and not _speaks(connection.sock):
                    return connection
                connection.close()
        return None

    @contextlib.contextmanager
    def _explained(self, connection: http.client.HTTPConnection) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(f"{self.url}: {_reason(error)}", sent=True) from error
        except BaseException:
            connection.close()
            raise


def _limit(wire: socket.socket, until: float) -> None:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, _GONE):
        return "the connection was closed before there was an answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or error}"
    if isinstance(error, http.client.HTTPException):
        return f"no proper HTTP ({type(error).__name__})"
    return str(getattr(error, "strerror", None) or error)


def _speaks(sock: socket.socket) -> bool:
    """Whether there is something to read. (``select`` would refuse descriptors from 1,024 on.)"""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))
