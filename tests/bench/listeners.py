"""Clients of the event stream in a process of their own, and when they heard of what.

All of them read everything; every tenth looks at what it reads and notes, for each call, when it
heard that it came and that it was over. More would measure this process instead of the app.
"""

import re
import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.aside import Aside

_EVENT = re.compile(rb'event: (call_offer|call_hangup)\ndata: .*?"call":\{"id":"([^"]+)"')
_TAIL = 4096
"""Longer than an event: what a chunk cuts in two is put together again."""
LOOKS = 10

Heard = dict[tuple[str, str], list[float]]
"""By event and call: when each client that looks has heard it (monotonic clock)."""


class _Client:
    def __init__(self, address: str, token: str, *, looks: bool) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        request = f"GET /events HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {token}\r\n\r\n"
        self.socket.sendall(request.encode())
        assert self.socket.recv(15).startswith(b"HTTP/1.1 200"), "no stream"
        self._looks = looks
        self._rest = b""

    def read(self, heard: Heard) -> None:
        data = self.socket.recv(65536)
        assert data, "the app has ended a stream"
        if not self._looks:
            return
        now, data = time.monotonic(), self._rest + data
        end = 0
        for found in _EVENT.finditer(data):
            heard.setdefault((found[1].decode(), found[2].decode()), []).append(now)
            end = found.end()
        self._rest = data[max(end, len(data) - _TAIL) :]


def _listen(address: str, tokens: Sequence[str], bench: Any) -> None:
    selector, heard = selectors.DefaultSelector(), Heard()
    for number, token in enumerate(tokens):
        client = _Client(address, token, looks=number % LOOKS == 0)
        selector.register(client.socket, selectors.EVENT_READ, client)
    selector.register(bench, selectors.EVENT_READ, None)
    bench.send(None)
    over = False
    while not over:
        for key, _ in selector.select():
            if key.data is None:
                bench.recv()
                over = True
            else:
                key.data.read(heard)
    bench.send(heard)


class Listeners:
    """One client for each token, listening once this is made."""

    def __init__(self, address: str, tokens: Sequence[str]) -> None:
        self._aside = Aside(_listen, address, tokens)
        self._aside.told()

    def stop(self) -> Heard:
        """Ends all streams; what was heard."""
        heard: Heard = self._aside.asked(None)
        self._aside.stop()
        return heard
