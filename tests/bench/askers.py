"""Clients in a process of their own, each with a request under way all the time, and how long each
of their requests took: whether somebody starves is seen in the slowest client, not in the mean.
"""

import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.aside import Aside

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"Content-Length:"


class _Asker:
    """One client who asks again as soon as she is answered."""

    def __init__(self, address: str, token: str, method: str, path: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = [f"{method} {path} HTTP/1.1", "Host: desk", f"Authorization: Bearer {token}"]
        head += ["Content-Length: 0"] if method == "POST" else []
        self._request = "\r\n".join([*head, "", ""]).encode()
        self._answer = b""
        self.times: list[float] = []
        self.ask()

    def ask(self) -> None:
        self._answer, self._asked = b"", time.monotonic()
        self.socket.sendall(self._request)

    def read(self) -> None:
        self._answer += self.socket.recv(1 << 17)
        assert self._answer, "the app has closed a connection"
        head, whole, body = self._answer.partition(_HEAD_END)
        lengths = (line for line in head.split(b"\r\n") if line.startswith(_LENGTH))
        if whole and len(body) >= int(next(lengths)[len(_LENGTH) :]):
            assert head.startswith(b"HTTP/1.1 200"), self._answer
            self.times.append(time.monotonic() - self._asked)
            self.ask()


def _ask(address: str, tokens: Sequence[str], method: str, path: str, bench: Any) -> None:
    selector = selectors.DefaultSelector()
    askers = [_Asker(address, token, method, path) for token in tokens]
    for asker in askers:
        selector.register(asker.socket, selectors.EVENT_READ, asker)
    selector.register(bench, selectors.EVENT_READ, None)
    bench.send(None)
    over = False
    while not over:
        for key, _ in selector.select():
            if key.data is None:
                bench.recv()
                over = True
            else:
                key.data.read()
    bench.send([asker.times for asker in askers])


class Askers:
    """One client for each token, asking once this is made."""

    def __init__(self, address: str, tokens: Sequence[str], method: str, path: str) -> None:
        self._aside = Aside(_ask, address, tokens, method, path)
        self._aside.told()

    def stop(self) -> list[list[float]]:
        """Ends them; the seconds each answer took, a list a client."""
        times: list[list[float]] = self._aside.asked(None)
        self._aside.stop()
        return times
