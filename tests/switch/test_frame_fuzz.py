"""Frames as FreeSWITCH sends them, mutilated, to the Event Socket side: it lives and serves on.

The side under test runs in a process of its own (``victim.py``), because what python-ESL does with
hostile bytes may be the end of its process. The frames are the lab switch's, which is compared byte
for byte with recordings of FreeSWITCH.
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.soak.lines import Line
from tests.soak.story import Counts, prepare, tell
from tests.switch.peer import LIMIT, Peer
from tests.switch.victim import PASSWORD

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "150"))
MOST_GROWTH = 32 * 1024
"""KiB the victim may have more after as much again; what its threads need it has by then."""

NASTY = (
    b"\0", b"\n\n", b"\r\n\r\n", b"%", b"%00", b"%0A%0A", b"ARRAY::a|:b", b"ARRAY%3A%3Aa|:ARRAY::b",
    b":", b": ", b"\xff\xfe", b"A" * 70_000, b"Content-Length: 5\n", b"Event-Name: \n",
    b"Content-Type: text/event-json\n", b"Content-Type: text/event-xml\n",
)  # fmt: skip
LENGTHS = (
    b"-1", b"0", b"1", b"2147483648", b"9223372036854775000", b"30000000000", b"1e9", b"", b"0x10",
    b" 7", b"99999999999999999999999",
)  # fmt: skip


@cache
def frames() -> list[bytes]:
    """What the lab switch says in a few stories, each frame once by its kind."""
    heard: dict[bytes, bytes] = {}
    honest = Line.deliver_to_app

    def listening(line: Line) -> None:
        data = line.to_app[0]
        if data:
            kind = re.sub(rb"[^A-Z_a-z]", b"", b"".join(data.split(b"\n", 4)[:4]))[:90]
            heard.setdefault(kind, data)
        honest(line)

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        prepare(Path(folder) / "prepared.db")
        patch.setattr(Line, "deliver_to_app", listening)
        for seed in ("frames", "more frames"):
            tell(seed, Path(folder), Counts(), operations=25)
    return list(heard.values())


def mutilated(seed: int) -> bytes:
    """Some frames in a row, with up to six injuries."""
    rng = random.Random(seed)
    data = b"".join(rng.choices(frames(), k=rng.randint(1, 4)))
    for _ in range(rng.randint(1, 6)):
        data = rng.choice(INJURIES)(rng, data)
    return data[:400_000]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _lack(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randrange(60) :]


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), rng.randrange(1, 6))):
        changed[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(changed)


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(NASTY) + data[place:]


def _splice(rng: random.Random, data: bytes) -> bytes:
    other = rng.choice(frames())
    return _cut(rng, data) + other[rng.randrange(len(other)) :]


def _again(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data + data[start : start + rng.randrange(400)]


def _lie(rng: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb"Content-Length: *([0-9]+)", data))
    if not found:
        return b"Content-Length: " + rng.choice(LENGTHS) + b"\n" + data
    one = rng.choice(found)
    return data[: one.start(1)] + rng.choice(LENGTHS) + data[one.end(1) :]


INJURIES = (_cut, _lack, _flip, _insert, _splice, _again, _lie, _lie)


class Victim:
    """The process under attack, and FreeSWITCH's Event Socket it logs in to."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(LIMIT)
        port = self._server.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.switch.victim", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def hurt_by_a_call(self, data: bytes, *, greeted: bool) -> None:
        """A channel connects and sends ``data``, in place of its own data or after it."""
        with self._calling() as peer, suppress(OSError):
            if greeted:
                peer.channel_data()
            peer.sock.sendall(data)

    def hurt_by_the_switch(self, data: bytes, *, logged_in: bool) -> None:
        """FreeSWITCH's Event Socket sends ``data``, in place of its greeting or after the login."""
        with self._admitting() as peer, suppress(OSError, AssertionError):
            if logged_in:
                self._let_in(peer)
            peer.sock.sendall(data)

    def serves(self) -> None:
        """The next call and the next login are as good as if nothing had been."""
        assert self.process.poll() is None, f"the process is dead: {self.process.returncode}"
        with self._calling() as peer:
            peer.channel_data()
            commands = [peer.read() for _ in range(5)]
            assert commands[0] == "linger 5"
            assert commands[-1] == "api status"
        with self._admitting() as peer:
            self._let_in(peer)
            assert str(peer.read()).startswith("event plain")

    def held(self) -> tuple[int, int]:
        """Its memory in KiB, and its threads."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = dict(line.split(":", 1) for line in status.splitlines())
        return int(found["VmRSS"].split()[0]), int(found["Threads"])

    def close(self) -> None:
        self._server.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(LIMIT)

    @contextmanager
    def _calling(self) -> Iterator[Peer]:
        peer = Peer(socket.create_connection(("127.0.0.1", self.port), LIMIT))
        try:
            assert peer.read() == "connect"
            yield peer
        finally:
            peer.close()

    @contextmanager
    def _admitting(self) -> Iterator[Peer]:
        accepted, _ = self._server.accept()
        peer = Peer(accepted)
        try:
            yield peer
        finally:
            peer.close()

    def _let_in(self, peer: Peer) -> None:
        peer.send("Content-Type: auth/request\n\n")
        assert peer.read() == f"auth {PASSWORD}"
        peer.reply("+OK accepted")


class Hospital:
    """A victim that is alive: another one when the last has died."""

    def __init__(self) -> None:
        self._victim: Victim | None = None

    def victim(self) -> Victim:
        if self._victim is None or self._victim.process.poll() is not None:
            self.close()
            self._victim = Victim()
        return self._victim

    def close(self) -> None:
        if self._victim is not None:
            self._victim.close()


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    hospital = Hospital()
    yield hospital
    hospital.close()


ABSURD = b"Content-Length: 9223372036854775000\nContent-Type: text/event-plain\n\nEvent-Name: X\n\n"


def seeds() -> st.SearchStrategy[bytes]:
    return st.integers(0, 2**32).map(mutilated)


fuzzed = settings(max_examples=EXAMPLES, deadline=None, database=None)


@fuzzed
@example(data=ABSURD, greeted=True)
@example(data=ABSURD.replace(b"9223372036854775000", b"-1"), greeted=False)
@given(data=seeds(), greeted=st.booleans())
def test_a_hostile_channel_harms_no_other(hospital: Hospital, data: bytes, greeted: bool) -> None:
    victim = hospital.victim()
    victim.hurt_by_a_call(data, greeted=greeted)
    victim.serves()


@fuzzed
@example(data=ABSURD, logged_in=True)
@example(data=ABSURD.replace(b"9223372036854775000", b"30000000000"), logged_in=True)
@given(data=seeds(), logged_in=st.booleans())
def test_a_hostile_switch_is_left_and_logged_in_to_again(
    hospital: Hospital, data: bytes, logged_in: bool
) -> None:
    victim = hospital.victim()
    victim.hurt_by_the_switch(data, logged_in=logged_in)
    victim.serves()


def hurt(victim: Victim, seeds: range) -> None:
    """Many hostile channels, one after the other."""
    for seed in seeds:
        victim.hurt_by_a_call(mutilated(seed), greeted=bool(seed % 2))
    victim.serves()


def test_hostile_frames_cost_neither_memory_nor_threads() -> None:
    victim = Victim()
    try:
        hurt(victim, range(EXAMPLES))
        memory, threads = victim.held()
        hurt(victim, range(EXAMPLES, 2 * EXAMPLES))
        now, left = victim.held()
        assert now - memory < MOST_GROWTH
        assert left <= threads + 2
    finally:
        victim.close()


def test_a_crash_is_noticed() -> None:
    """A victim that dies, as of a segmentation fault, does not pass for one that serves."""
    victim = Victim()
    victim.process.kill()
    victim.process.wait(LIMIT)
    with pytest.raises((AssertionError, OSError)):
        victim.serves()
    victim.close()
