"""A load generator in a process of its own that costs little: raw requests, always the same ones.

How many answers a second come back on so many keep-alive connections, each of which asks again as
soon as it has its answer.
"""

import re
import selectors
import socket
import time
from typing import Any

from tests.bench.aside import Aside

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNK = 262144


class _Client:
    """One connection: what it has received of its answer."""

    def __init__(self, address: str, request: bytes) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._received = 0
        self._whole = 0

    def ask(self) -> None:
        self._received = self._whole = 0
        self.socket.sendall(self._request)

    def answered(self) -> bool:
        """Takes what has come; whether the answer is here whole. Raises ConnectionError."""
        data = self.socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server has closed a connection")
        if not self._whole:
            self._whole = _length_of(data)
        self._received += len(data)
        return self._received >= self._whole


def _length_of(data: bytes) -> int:
    """Of a whole answer by its beginning, whose head comes in one piece."""
    head = data.find(b"\r\n\r\n")
    length = _LENGTH.search(data, 0, head)
    if not data.startswith(b"HTTP/1.1 200") or length is None:
        raise ConnectionError(f"answered with {data[:300]!r}")
    return head + 4 + int(length[1])


def _rate(address: str, request: bytes, connections: int, seconds: float) -> float:
    selector = selectors.DefaultSelector()
    clients = [_Client(address, request) for _ in range(connections)]
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.ask()
    answers, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < seconds:
        for key, _ in selector.select(1):
            if key.data.answered():
                answers += 1
                key.data.ask()
    for client in clients:
        client.socket.close()
    return answers / took


def _serve(bench: Any) -> None:
    while (wanted := bench.recv()) is not None:
        try:
            bench.send(_rate(*wanted))
        except OSError as error:
            bench.send(error)


class Load:
    """The other process."""

    def __init__(self) -> None:
        self._aside = Aside(_serve)

    def rate(self, address: str, request: bytes, connections: int, seconds: float) -> float:
        """Answers a second. Raises OSError when one is not 200."""
        answer = self._aside.asked((address, request, connections, seconds))
        if isinstance(answer, OSError):
            raise answer
        return float(answer)

    def stop(self) -> None:
        self._aside.stop()


def get(path: str, token: str = "") -> bytes:
    """A request as a browser's keep-alive connection would send it, with few headers."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: desk\r\n{bearer}\r\n".encode()
