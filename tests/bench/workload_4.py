"""Requests a second: /call/state, and /call/queue with 200 queued calls.

Beside it stands what the app is built on, doing nothing: Bottle on cheroot, in a process of its
own with as many threads, answering a constant document of the same size with the same type. Both
are asked by the same load generator, on 8 keep-alive connections, in turns.
"""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fsapp.settings import Http
from tests.bench.aside import Aside
from tests.bench.desk import Desk
from tests.bench.figures import Figure, over_rounds
from tests.bench.lab import Lab
from tests.bench.load import Load, get
from tests.ports import free_address

TITLE = "requests a second beside bare Bottle on cheroot"
QUEUED = 200
CONNECTIONS = 8
ROUNDS, SECONDS = 7, 2.0
SHARE = 0.6


def _bare(address: str, sizes: dict[str, int], bench: Any) -> None:
    from bottle import Bottle, response
    from cheroot.wsgi import Server

    bottle = Bottle()
    for path, size in sizes.items():
        document = b"x" * size

        def constant(document: bytes = document) -> bytes:
            response.content_type = "application/json"
            return document

        bottle.get(path)(constant)
    host, _, port = address.rpartition(":")
    server = Server((host, int(port)), bottle, numthreads=Http().threads)
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()
    bench.send(None)
    bench.recv()


class Bare:
    """The bare server, answering documents of these sizes at these paths."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.address = free_address()
        self._aside = Aside(_bare, self.address, sizes)
        self._aside.told()

    def stop(self) -> None:
        self._aside.stop()


def run() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        load = Load()
        stack.callback(load.stop)
        lab = Lab()
        stack.callback(lab.stop)
        desk = Desk(folder, lab)
        stack.callback(desk.stop)
        call_id = lab.place(QUEUED, 100)[0]
        desk.waits_until_queued(QUEUED)
        asked = {"/call/state": f"/call/state?call_id={call_id}", "/call/queue": "/call/queue"}
        sizes = {path: len(desk.anna.get(asked[path]).body) for path in asked}
        bare = Bare(sizes)
        stack.callback(bare.stop)
        for path, whole in asked.items():
            yield compared(load, desk, bare, path, whole)


def compared(load: Load, desk: Desk, bare: Bare, path: str, whole: str) -> Figure:
    ours, theirs = get(whole, desk.tokens["anna"]), get(path)
    sides = (
        lambda: load.rate(desk.app.address, ours, CONNECTIONS, SECONDS),
        lambda: load.rate(bare.address, theirs, CONNECTIONS, SECONDS),
    )
    rates = over_rounds(sides, ROUNDS)
    return Figure(4, path, rates[0], "requests/s", "bare", rates[1], at_least=SHARE)
