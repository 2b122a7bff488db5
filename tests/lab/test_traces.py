"""The lab switch gives what FreeSWITCH gave, recording by recording.

The law of this file: an app cannot tell the lab switch from the recordings - same frames, same
headers, same order per connection, same replies and refusals. The recorded app's side is sent
again, at the recorded moments of a clock moved by hand; what happened outside the wire is done
with the lab switch's phones and callers.

The recordings are looked for in `../shared/traces` beside the repository or where FSAPP_TRACES
says; where there are none, the distilled copies in `traces/` stand for them (see distill.py).
"""

import json
import os
import selectors
import socket
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsapp.lab import FREESWITCH, LabSwitch, ManualClock

from .distill import NAMES as HEADER_NAMES
from .distill import distil, from_document, to_document
from .recordings import (
    Frame,
    Names,
    Scenario,
    Stream,
    in_order,
    is_floating,
    normal_frame,
    without_races,
)

DISTILLED = Path(__file__).parent / "traces"
RECORDED = Path(os.environ.get("FSAPP_TRACES") or Path(__file__).parents[3] / "shared" / "traces")
NAMES = sorted(path.stem for path in DISTILLED.glob("*.json"))

PUBLIC = """
<extension name="desk">
  <condition field="destination_number" expression="^5900$">
    <action application="set" data="organization_id=1"/>
    <action application="set" data="socket_resume=true"/>
    <action application="set" data="hangup_after_bridge=false"/>
    <action application="socket" data="$${fsapp_socket} async full"/>
    <action application="sleep" data="1000"/>
    <action application="transfer" data="5900 XML public"/>
  </condition>
</extension>
<extension name="outside_party">
  <condition field="destination_number" expression="^(1142)$">
    <action application="answer"/>
    <action application="park"/>
  </condition>
</extension>
"""
"""The dialplan the recordings were made with."""

RINGING = 0.1
"""How long before an app's first word its call was placed."""

STEP = 0.005
PATIENCE = 2.0
REAL_LIMIT = 5.0


class Replay:
    """Plays a scenario's app against a lab switch and keeps what comes back."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.got: dict[str, list[Frame]] = defaultdict(list)
        self._streams: dict[str, Stream] = defaultdict(Stream)
        self._sockets: dict[str, socket.socket] = {}
        self._replies: dict[str, int] = defaultdict(int)
        self._calls: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.names = Names(self.address)
        self.lab = LabSwitch(
            self.address,
            "127.0.0.1:0",
            contexts={"public": PUBLIC},
            clock=ManualClock(),
            latency=FREESWITCH,
        )

    def __enter__(self) -> "Replay":
        self.lab.start()
        self._began = self.lab.clock.now()
        for extension in ("1101", "1102", "1103", "1104"):
            self.lab.phone(extension)
        self.lab.phone("1102").busy()
        self.lab.phone("1103").silent()
        self.lab.phone("1104").unregistered()
        return self

    def __exit__(self, *_error: object) -> None:
        for connection in self._sockets.values():
            connection.close()
        self._listener.close()
        self._selector.close()
        self.lab.stop()

    # -- playing -----------------------------------------------------------------------

    def play(self) -> None:
        for step in self.scenario.steps:
            if step.get("calls"):
                self._let_pass(step["t"] - RINGING)
            self._open(step)
            self._let_pass(step["t"])
            self._until_arrived(step["after"])
            self._carry_out(step)
        whole = {name: len(in_order(seen)) for name, seen in self.scenario.frames.items()}
        self._until_arrived(whole, patience=20.0)

    def _let_pass(self, moment: float) -> None:
        """Let time pass until so many seconds after the beginning."""
        clock = self.lab.clock
        self.lab.advance(max(self._began + moment - clock.now(), 0.0))

    def _open(self, step: dict) -> None:
        """The connection of a step exists before its time comes."""
        name = step.get("on")
        if name is None or name in self._sockets:
            return
        if name.startswith("inbound"):
            host, _, port = self.lab.control_address.rpartition(":")
            self._take(name, socket.create_connection((host, int(port)), REAL_LIMIT))
            self._wait_frames(name, 1)
        else:
            if step.get("calls"):
                self._place_call()
            self._accept(name)

    def _place_call(self) -> None:
        caller = self.lab.place_call("5900", "sipp", "sipp")
        self.caller = caller
        self._calls.append(caller.uuid)
        self.names.know(caller.uuid, f"call{len(self._calls)}")

    def _accept(self, name: str) -> None:
        """Let time pass until the switch connects."""
        self._listener.settimeout(0.002)
        for _ in range(2000):
            self.lab.advance(STEP)
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._take(name, connection)
            return
        raise AssertionError(f"the lab switch never opened {name}")

    def _take(self, name: str, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._sockets[name] = connection
        self._selector.register(connection, selectors.EVENT_READ, name)

    def _carry_out(self, step: dict) -> None:
        if "do" in step:
            self._outside(step["do"])
        elif step.get("close"):
            self._close(step["on"])
        else:
            self._send(step["on"], step["send"])

    def _send(self, name: str, text: str) -> None:
        text = self.names.actual(text)
        for leg in (f"leg{number}" for number in range(1, 9)):
            if f"<{leg}>" in text:
                uuid = f"00000000-0000-4000-8000-00000000000{leg[-1]}"
                self.names.know(uuid, leg)
                text = self.names.actual(text)
        commands = [part for part in text.split("\n\n") if part.strip("\n")]
        self._sockets[name].sendall(text.encode())
        self._wait_frames(name, self._replies[name] + len(commands))

    def _close(self, name: str) -> None:
        connection = self._sockets[name]
        self._selector.unregister(connection)
        before = len(self.lab.do(lambda: self.lab.exchange.sessions))
        connection.close()
        self.got[name].append({"kind": "end"})
        sessions = self.lab.exchange.sessions
        self.lab.wait_for(lambda: len(sessions) < before, "the switch sees the closing")

    def _outside(self, what: str) -> None:
        if what == "caller hangs up":
            self.caller.hang_up()
        elif what == "agent hangs up":
            self.lab.phone("1101").hang_up()
        elif what == "outside party hangs up":
            self._hang_up_outside_party()
        elif what == "hupall":
            self.lab.api("hupall MANAGER_REQUEST")
        elif what == "the ringing is cancelled":
            self.lab.api(f"uuid_kill {self.lab.phone('1103').legs()[0]} ORIGINATOR_CANCEL")
        elif what.startswith("caller presses"):
            self.lab.api(f"uuid_recv_dtmf {self.caller.uuid} {what[-1]}")
        else:
            raise AssertionError(f"nobody knows how: {what}")

    def _hang_up_outside_party(self) -> None:
        rows = json.loads(self.lab.api("show channels as json"))["rows"]
        leg = next(row["uuid"] for row in rows if row["name"] == "loopback/1142-b")
        self.lab.api(f"uuid_kill {leg}")

    # -- receiving ---------------------------------------------------------------------

    def _wait_frames(self, name: str, replies: int) -> None:
        """Wait, in real time, until so many replies have come."""
        while self._replies[name] < replies:
            if not self._read(REAL_LIMIT):
                raise AssertionError(f"{name}: no reply; so far {self.got[name][-3:]}")

    def _read(self, limit: float) -> bool:
        ready = self._selector.select(limit)
        for key, _ in ready:
            data = key.fileobj.recv(1 << 20)
            if not data:
                self._selector.unregister(key.fileobj)
                self.got[key.data].append({"kind": "end"})
                continue
            for headers, body in self._streams[key.data].feed(data.decode()):
                if headers.get("Content-Type", "") != "text/event-plain":
                    self._replies[key.data] += 1
                self.got[key.data].append(normal_frame(headers, body, self.names))
        return bool(ready)

    def _until_arrived(self, wanted: dict[str, int], patience: float = PATIENCE) -> None:
        """Let time pass until so many frames have come."""
        passed = 0.0
        while self._read(0):
            pass
        while any(len(in_order(self.got[name])) < count for name, count in wanted.items()):
            if passed > patience:
                return
            self.lab.advance(STEP)
            passed += STEP
            while self._read(0):
                pass


def recorded(name: str) -> Scenario:
    path = RECORDED / f"{name}.jsonl"
    return distil(path) if path.exists() else distilled(name)


def distilled(name: str) -> Scenario:
    return from_document(kept(DISTILLED / f"{name}.json"), kept(HEADER_NAMES))


def kept(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=NAMES)
def replayed(request: pytest.FixtureRequest) -> Iterator[Replay]:
    with Replay(recorded(request.param)) as replay:
        replay.play()
        yield replay


def sketch(frame: Frame) -> str:
    """A frame in a few words, for a failure that can be read."""
    keys = ("Event-Name", "Channel-State", "Application", "Application-Response", "Reply-Text")
    keys += ("Hangup-Cause", "Content-Disposition", "body")
    known = [str(frame[key]) for key in keys if key in frame]
    return " ".join([frame["kind"], *known])


def test_every_recording_is_replayed() -> None:
    assert len(NAMES) == 20


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recordings in {RECORDED}")
def test_the_distilled_copies_say_what_the_recordings_say() -> None:
    assert sorted(path.stem for path in RECORDED.glob("*.jsonl")) == NAMES
    for name in NAMES:
        made = to_document(distil(RECORDED / f"{name}.jsonl"), kept(HEADER_NAMES))
        assert kept(DISTILLED / f"{name}.json") == json.loads(json.dumps(made)), name


def test_same_frames_in_the_same_order(replayed: Replay) -> None:
    for connection, frames in replayed.scenario.frames.items():
        got = "\n".join(sketch(frame) for frame in in_order(replayed.got[connection]))
        assert got == "\n".join(sketch(frame) for frame in in_order(frames)), connection


def compared(replayed: Replay) -> Iterator[tuple[str, Frame, Frame]]:
    """Every frame got beside the frame recorded, and where it stands."""
    for connection, frames in replayed.scenario.frames.items():
        expected = without_races(in_order(frames))
        got = without_races(in_order(replayed.got[connection]))
        for number, pair in enumerate(zip(got, expected, strict=True)):
            yield f"{connection}, frame {number}: {sketch(pair[1])}", *pair


def test_same_headers_with_the_same_values(replayed: Replay) -> None:
    for where, got, expected in compared(replayed):
        values = {name: value for name, value in got.items() if name != "names"}
        assert values == {k: v for k, v in expected.items() if k != "names"}, where


def test_same_header_names(replayed: Replay) -> None:
    for where, got, expected in compared(replayed):
        assert not set(expected["names"]) - set(got["names"]), where


def test_connections_are_told_when_their_channel_is_down(replayed: Replay) -> None:
    for connection, frames in replayed.scenario.frames.items():
        notices = [f for f in frames if is_floating(f) and "Content-Disposition" in f]
        got = [f for f in replayed.got[connection] if "Linger-Time" in f]
        assert got == notices
