"""What a shift's calls need is given back: sixteen rounds of it leave what the fourth has left.

The whole app beside the lab switch in one process. Objects are counted by type: ours, python-ESL's,
and the libraries' that stand for a connection, a thread or a request. So are threads, descriptors
and the database's reading connections.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fsapp.desk import context as context_module
from fsapp.desk import originate
from fsapp.desk.board import Board, LiveCall
from fsapp.desk.clock import _Timer
from tests.switch.peer import wait_until
from tests.test_half_open import ANN, Rig
from tests.web.hearing import Ear

COUNTED = ("fsapp.", "ESL", "socket", "cheroot.", "threading", "concurrent.", "sqlite3.Connection")
WARM_UP, ROUNDS = 4, 12
"""What is made once, and what still has its time (a connection that lingers), is there after a few
rounds; one thing more for each round would be 12 more."""
LIMIT = 20.0


class Shift(Rig):
    """One agent's work, and those who disturb it."""

    command_seconds = 10.0

    def start(self) -> None:
        super().start()
        self.lab.phone("1142")
        self.token = self.service.agents.reissue(ANN.id)

    def round(self) -> None:
        """Calls that are answered, held, taken back, given up and dialled; streams that come and
        go, requests with a wrong token, peers that do not speak Event Socket."""
        stream = self.listens(self.token)
        served, impatient = self.caller(), self.caller()
        self.ask("call/pickup", call_id=served.uuid)
        self.ask("call/park")
        impatient.hang_up()
        self.is_in(impatient, None)
        self.ask("call/originate", extension="1142")
        self.ask("call/hangup")
        self.ask("call/unpark", call_id=served.uuid)
        other = self.listens(self.token)
        stream.close()
        self.ask("call/hangup")
        self.is_in(served, None)
        other.close()
        self.listens("wrong").close()
        self.babble()
        self.rests()

    def listens(self, token: str) -> Ear:
        head = f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        return Ear(self.service.server.address, head.encode())

    def babble(self) -> None:
        with closing(socket.create_connection(self.service.listener.address)) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while peer.recv(4096):
                pass

    def rests(self) -> None:
        """No call, leg, job or stream is left, and nobody is connected."""
        board = self.service.board
        wait_until(lambda: not (board.calls or board.legs or board.jobs), "a call or leg is left")
        wait_until(lambda: not self.service.streams._streams, "a stream is left")
        wait_until(lambda: not self.service.listener._threads, "a connection is left")


def held(shift: Shift) -> Counter[str]:
    """How many of each there are. The lab switch's would be in another process; a timer that was
    cancelled holds nothing and goes at its time."""
    gc.collect()
    there = [one for one in gc.get_objects() if not (isinstance(one, _Timer) and one.cancelled)]
    names = (f"{type(one).__module__}.{type(one).__qualname__}" for one in there)
    found = Counter(n for n in names if n.startswith(COUNTED) and not n.startswith("fsapp.lab"))
    found["threads"] = threading.active_count()
    found["descriptors"] = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path opens one too
    found["readers"] = len(shift.service.database._readers)
    return found


@pytest.fixture
def shift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Shift]:
    # pytest keeps every line with all that it names; the app's own log does not.
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(context_module, "LINGER_SECONDS", 0.3)
    monkeypatch.setattr(originate, "RETURN_SECONDS", 1.0)
    shift = Shift(tmp_path)
    shift.start()
    yield shift
    shift.stop()


def grown(shift: Shift, warm_up: int, rounds: int, limit: float) -> Counter[str]:
    """What there is more of after ``rounds`` than before, ``limit`` seconds after the last one."""
    for _ in range(warm_up):
        shift.round()
    before = held(shift)
    for _ in range(rounds):
        shift.round()
    more = held(shift) - before
    deadline = time.monotonic() + limit
    while more and time.monotonic() < deadline:
        time.sleep(0.1)
        more = held(shift) - before
    return more


def test_what_was_needed_is_given_back(shift: Shift) -> None:
    assert not grown(shift, WARM_UP, ROUNDS, LIMIT)


def test_what_is_not_given_back_is_noticed(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    """The board's calls are remembered by somebody for ever: three a round."""
    remembered: list[LiveCall] = []
    honest = Board.remove

    def remove(board: Board, live: LiveCall) -> None:
        remembered.append(live)
        honest(board, live)

    monkeypatch.setattr(Board, "remove", remove)
    assert grown(shift, warm_up=1, rounds=2, limit=2.0)["fsapp.desk.live.LiveCall"] == 6
