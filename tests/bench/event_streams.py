"""What event streams cost: latency, memory, and what they leave to requests.

    python -m tests.bench.event_streams [--streams 500] [--requests 100] [--calls 200]

The app is a process of its own beside the lab switch; the streams, each of another agent, are held
and read by a third process. Printed: from the change on the switch (a caller arrives, a waiting
caller hangs up) until a client has its event, with one stream and with all; the app's memory per
stream; the times of requests of which so many are always under way, without and with the streams,
and while callers come and go. Figures, never a test.
"""

import argparse
import multiprocessing
import selectors
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from tests.acceptance.app import App
from tests.acceptance.client import Client
from tests.acceptance.conftest import make_switch
from tests.acceptance.hearing import Stream
from tests.ports import free_address

SECONDS = 5.0
"""How long requests are measured."""


def hold(address: str, tokens: list[str], told: Connection) -> None:
    """Opens a stream with each token and reads them all, in a process of its own."""
    host, _, port = address.rpartition(":")
    selector = selectors.DefaultSelector()
    for token in tokens:
        stream = socket.create_connection((host, int(port)))
        request = f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        stream.sendall(request.encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 200")
        selector.register(stream, selectors.EVENT_READ)
    told.send(len(tokens))
    while True:
        for key, _ in selector.select():
            with suppress(OSError):
                key.fileobj.recv(1 << 20)  # type: ignore[union-attr]


class Bench:
    """One app on the lab switch."""

    def __init__(self, folder: Path, streams: int) -> None:
        self.switch = make_switch("lab", embedded=False)
        self.switch.start()
        database = Database(folder / "desk.db")
        database.open()
        agents = Agents(database)
        names = ["anna", *(f"agent{number}" for number in range(streams))]
        self.tokens = [agents.add(Agent(name, name, f"user/{name}")) for name in names]
        database.close()
        settings: dict[str, dict[str, object]] = {
            "http": {"listen": free_address()},
            "database": {"path": str(folder / "desk.db")},
            "outbound": {"listen": self.switch.outbound_address},
            "control": {
                "address": self.switch.control_address,
                "password": self.switch.control_password,
            },
            "log": {"level": "warning"},
        }
        self.app = App(folder, settings).start()

    def resident(self) -> int:
        """The app's memory, in kB."""
        status = Path(f"/proc/{self.app.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    def latencies(self, calls: int) -> dict[str, list[float]]:
        """Seconds from the change on the switch until it is heard, by what has changed."""
        stream = Stream(self.app.address, self.tokens[0])
        found: dict[str, list[float]] = {"arrival": [], "hangup": []}
        for _ in range(calls):
            found["arrival"].append(self._until(stream, "call_offer", self._arrives))
            stream.hears("queue_join")
            found["hangup"].append(self._until(stream, "call_hangup", self._leaves))
        stream.close()
        return found

    def _until(self, stream: Stream, name: str, change: Callable[[], None]) -> float:
        begin = time.perf_counter()
        # The driver waits until the change is complete on its side; that is not the app's time.
        acting = threading.Thread(target=change)
        acting.start()
        stream.hears(name)
        took = time.perf_counter() - begin
        acting.join()
        return took

    def _arrives(self) -> None:
        self.line = self.switch.place_call("5900", number="1", name="C", variables={})

    def _leaves(self) -> None:
        self.line.hang_up()

    def requests(self, at_once: int) -> list[float]:
        """Times of ``GET /call/list``, ``at_once`` always under way."""
        end = time.monotonic() + SECONDS
        times: list[float] = []

        def ask() -> None:
            client = Client(self.app.address, self.tokens[0], checks=False)
            while time.monotonic() < end:
                times.append(client.get("/call/list").seconds)
            client.close()

        threads = [threading.Thread(target=ask) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return times

    def busy(self, at_once: int) -> list[float]:
        """As :meth:`requests`, while callers come and go."""
        over = threading.Event()

        def come_and_go() -> None:
            while not over.is_set():
                self._arrives()
                self._leaves()

        coming = threading.Thread(target=come_and_go)
        coming.start()
        times = self.requests(at_once)
        over.set()
        coming.join()
        return times


def said(what: str, times: list[float]) -> None:
    ordered = sorted(times)
    centile = ordered[int(len(ordered) * 0.99)]
    middle = statistics.median(ordered)
    print(
        f"{what:<44} n={len(ordered):<6} median {middle * 1e3:7.2f} ms"
        f"  p99 {centile * 1e3:7.2f} ms  worst {ordered[-1] * 1e3:7.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--calls", type=int, default=200)
    given = parser.parse_args()
    spawning: Any = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.streams)
        for name, times in bench.latencies(given.calls).items():
            said(f"{name} heard, 1 stream", times)
        said(f"request, {given.requests} at once, no stream", bench.requests(given.requests))
        before = bench.resident()
        here, there = spawning.Pipe()
        arguments = (bench.app.address, bench.tokens[1:], there)
        holding = spawning.Process(target=hold, args=arguments, daemon=True)
        holding.start()
        here.recv()
        time.sleep(1)
        grown = bench.resident() - before
        print(f"{given.streams} streams open; {grown / given.streams:.1f} kB each")
        for name, times in bench.latencies(given.calls).items():
            said(f"{name} heard, {given.streams + 1} streams", times)
        said(f"request, {given.requests} at once, streams silent", bench.requests(given.requests))
        said(f"request, {given.requests} at once, callers come and go", bench.busy(given.requests))
        print(f"memory then: {(bench.resident() - before) / given.streams:.1f} kB per stream more")
        holding.terminate()
        bench.app.stop()
        bench.switch.stop()


if __name__ == "__main__":
    main()
