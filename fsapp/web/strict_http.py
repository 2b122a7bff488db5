"""HTTP itself, as strict as the public side of a telephone system should be.

The law of this file: what is not plain HTTP/1.1 is refused with a JSON document, nothing is read
without a limit, and nothing a client sends makes cheroot answer 500, wait for bytes that nobody
announced, or mistake the rest of one request for the next one.

cheroot is more forgiving; each override names what it would let through.
"""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

from cheroot.makefile import MakeFile
from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest

from fsapp.web.answers import Answer, incident, unparsable
from fsapp.web.intake import Intake

__all__ = ["StrictConnection"]

_METHOD = re.compile(rb"[A-Z]{1,20}")
_HEADER = re.compile(rb"([!#$%&'*+.^`|~0-9A-Za-z_-]+):([\t\x20-\x7e\x80-\xff]*)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_SINGLE = frozenset(
    {
        b"Authorization",
        b"Content-Length",
        b"Content-Type",
        b"Host",
        b"Idempotency-Key",
        b"Transfer-Encoding",
    }
)
_WANTS_TLS = "This port speaks HTTPS only."
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1048576


class StrictHeaders(HeaderReader):
    """Refuses what cheroot overlooks: continuation lines (a first one makes it answer 500), blanks
    before the colon, control characters, a second of the headers that matter, and lengths such as
    -1 or 1_0, with which it reads on for ever or too far."""

    def __call__(self, rfile: Any, hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        headers = {} if hdict is None else hdict
        while (line := rfile.readline()) != b"\r\n":
            match = _HEADER.fullmatch(line)
            if match is None:
                raise ValueError("A header line is malformed.")
            _add(headers, match[1].title(), match[2].strip())
        if not _LENGTH.fullmatch(headers.get(b"Content-Length", b"0")):
            raise ValueError("Content-Length must be a whole number.")
        return headers


def _add(headers: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    if b"_" in name:
        return  # WSGI could not tell it from the header spelt with a hyphen
    if name == b"Expect":
        return  # Whoever waited to be told to go on has been told (intake.py)
    if name in headers and name in _SINGLE:
        raise ValueError(f"{name.decode()} is given twice.")
    headers[name] = b", ".join(filter(None, (headers.get(name), value)))


class StrictRequest(HTTPRequest):
    """One request and its response."""

    header_reader = StrictHeaders()
    _head = b""
    """The response's head, until it is written with what follows it."""

    def read_request_line(self) -> bool:
        """As cheroot, which passes on a ValueError of urlsplit() (``//[``) and drops tabs."""
        try:
            good: bool = super().read_request_line()  # type: ignore[no-untyped-call]
        except ValueError:
            return self._refuse("400", "The request's address is malformed.")
        if not good:
            return False
        if not _METHOD.fullmatch(self.method):
            return self._refuse("400", "The request's method is malformed.")
        if not all(0x20 < byte < 0x7F for byte in self.uri):  # noqa: PLR2004 - printable ASCII
            return self._refuse("400", "The request's address has a control character in it.")
        return True

    def read_request_headers(self) -> bool:
        """As cheroot, but without chunked bodies: it reads their lines without a limit, and what
        of them is left unread it takes for the next request. RFC 9112 §6.3 allows 411."""
        good: bool = super().read_request_headers()  # type: ignore[no-untyped-call]
        if good and b"Transfer-Encoding" in self.inheaders:
            return self._refuse("411", "Send the body with Content-Length.")
        return good

    def simple_response(self, status: str, msg: str = "") -> None:
        """cheroot's own refusals, as JSON; the connection is closed after each."""
        answer = _own_answer(HTTPStatus(int(status[:3])), msg)
        self.server.refused(answer.http.value)
        self._close_unread()
        with suppress(OSError):  # the client need not be there any more
            self.conn.wfile.write(_raw(answer))

    def send_headers(self) -> None:
        """As cheroot, which would first read whatever the client has announced to send."""
        if getattr(self.rfile, "remaining", 0) > 0:
            self._close_unread()
        if self.conn.successor is not None:
            # No chunks: what follows is not cheroot's to write, and ends with the connection.
            self.response_protocol = "HTTP/1.0"
        if self.conn.late:
            self.close_connection = True
            self.conn.hold()
        with self._collected() as head:
            super().send_headers()
        self._head = bytes(head)

    def write(self, chunk: bytes) -> None:
        """As cheroot, which writes head and body each for itself: twice the system calls, and
        two packets for the client to wake up for."""
        head, self._head = self._head, b""
        if not self.chunked_write:
            self.conn.wfile.write(head + chunk)
            return
        with self._collected() as data:
            super().write(chunk)
        self.conn.wfile.write(head + data)

    def respond(self) -> None:
        """As cheroot; a response without a body is its head."""
        super().respond()
        if self._head:
            self.write(b"")

    @contextmanager
    def _collected(self) -> Iterator[bytearray]:
        """What cheroot would write to the client now."""
        file, data = self.conn.wfile, bytearray()
        self.conn.wfile = _Holding(data)
        try:
            yield data
        finally:
            self.conn.wfile = file

    def _refuse(self, status: str, why: str) -> bool:
        self.simple_response(status, why)
        return False

    def _close_unread(self) -> None:
        self.close_connection = True
        self.conn.unread = True


def _raw(answer: Answer) -> bytes:
    """The whole response, after which the connection is closed."""
    lines = [f"HTTP/1.1 {answer.status_line}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + answer.body


def _own_answer(http: HTTPStatus, why: str) -> Answer:
    if http is HTTPStatus.INTERNAL_SERVER_ERROR:
        return incident("the HTTP server")
    if http is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # Of cheroot's own limits only the headers' is set; this is the status they have by now.
        http = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return unparsable(http, why)


class StrictConnection(HTTPConnection):
    """One client's connection. She is read from by ``intake.py`` only."""

    RequestHandlerClass = StrictRequest
    unread = False
    """Whether the client may still be sending what nobody will read."""
    successor: Callable[[Any], None] | None = None
    """Who takes the socket over once the response has begun."""
    leaving = 0
    """How many bytes may still come from a client who has her answer; 0 while she may ask."""
    until = 0.0
    """How long the selector waits for her, on the monotonic clock."""
    late = 0.0
    """How many seconds after it is made the answer is sent (``guesses.py``); infinite: never."""
    _held: bytearray | None = None

    def __init__(self, server: Any, sock: Any, makefile: Any = MakeFile) -> None:
        super().__init__(server, sock, makefile)
        self.rfile = Intake(server.max_request_header_size, server.body_limit)

    def close(self) -> None:
        """As cheroot; but closing while the client still sends would reset the connection and
        take the answer away from her, so what she sends is let in for a moment. An answer that
        is held waits there, too. A connection that has a successor is handed over instead,
        whatever became of the response."""
        successor, self.successor = self.successor, None
        if successor is not None:
            successor(self.socket)
            return
        waits = self.unread or self._held
        if not waits or self.late == math.inf or not self.server.ready:
            self.close_now()
            return
        self.leaving = _LINGER_BYTES
        if self.unread and not self._held:
            self.until = time.monotonic() + _LINGER_SECONDS
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        self.server.see_off(self)

    def close_now(self) -> None:
        super().close()

    def gone(self, *, plain: bool) -> None:
        """The client has left, or speaks plain HTTP where she should not."""
        if plain:
            self._send_past_tls(_raw(unparsable(HTTPStatus.BAD_REQUEST, _WANTS_TLS)))
        self.close_now()

    def go_on(self) -> None:
        """Tells her to send her body (``Expect: 100-continue``)."""
        with suppress(OSError):
            self.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def hold(self) -> None:
        """What is answered from here on is sent so ``late``, and no thread waits for it."""
        self._held = bytearray()
        self.until = time.monotonic() + self.late
        self.wfile = _Holding(self._held)

    def say_held(self) -> None:
        if self._held:
            with suppress(OSError):
                self.socket.send(self._held)

    def _send_past_tls(self, data: bytes) -> None:
        with suppress(OSError):
            socket.socket.send(self.socket, data)


class _Holding:
    """In place of the file that writes to the client: keeps what it is given."""

    bytes_written = 0

    def __init__(self, held: bytearray) -> None:
        self._held = held

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)
