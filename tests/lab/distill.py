"""Distil the recordings into the small files under `traces/`.

    python -m tests.lab.distill FOLDER_OF_RECORDINGS

writes one compact JSON file per recording. The replay test compares with the recordings
themselves where it finds them, and with these files everywhere else; where it finds both, it
also checks that they say the same.
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from .recordings import (
    Frame,
    Names,
    Scenario,
    Stream,
    in_order,
    normal_frame,
    parse_headers,
    recorded_lines,
)

HERE = Path(__file__).parent / "traces"
NAMES = HERE / "names" / "header-names.json"

OUTSIDE = {
    "caller hangs up": "caller hangs up",
    "caller cancels": "caller hangs up",
    "agent hangs up": "agent hangs up",
    "outside party hangs up": "outside party hangs up",
    "callee exists: true": "outside party hangs up",
}
"""Notes that tell of something done outside the wire, and what that was."""


class Distillery:
    """Turns the lines of one recording into a Scenario."""

    def __init__(self, name: str) -> None:
        self.scenario = Scenario(name)
        self.names = Names()
        self.hung_up_at: float | None = None
        self._leg_uuids: list[str] = []
        self._streams: dict[str, Stream] = defaultdict(Stream)
        self._calls = 0
        self._closed: set[str] = set()
        self._done: set[str] = set()

    def line(self, line: dict[str, Any]) -> None:
        if "note" in line:
            self._note(line["t"], line["note"])
        elif line["dir"] == "app>fs":
            self._sent(line)
        else:
            self._received(line)

    def _step(self, moment: float, **step: Any) -> None:
        arrived = {name: len(in_order(seen)) for name, seen in self.scenario.frames.items()}
        self.scenario.steps.append({"t": moment, **step, "after": arrived})

    def _do(self, moment: float, what: str) -> None:
        if what not in self._done or "hangs up" in what:
            self._done.add(what)
            self._step(moment, do=what)

    def _note(self, moment: float, note: str) -> None:
        what = OUTSIDE.get(note)
        if what is not None:
            self._do(moment, what)

    def _sent(self, line: dict[str, Any]) -> None:
        name = line["conn"]
        if line.get("eof"):
            if name not in self._closed:
                self._step(line["t"], on=name, close=True)
            self._closed.add(name)
            return
        text = line["data"]
        for uuid in re.findall(r"origination_uuid=([0-9a-f-]{36})", text):
            self._leg_uuids.append(uuid)
            self.names.know(uuid, f"leg{len(self._leg_uuids)}")
        last = self.scenario.steps[-1] if self.scenario.steps else {}
        if last.get("on") == name and not text.strip("\n"):
            last["send"] += text
        else:
            self._step(line["t"], on=name, send=self.names.normal(text))

    def _received(self, line: dict[str, Any]) -> None:
        name = line["conn"]
        if line.get("eof"):
            self._closed.add(name)
            self.scenario.frames[name].append({"kind": "end"})
            return
        for headers, body in self._streams[name].feed(line["data"]):
            if headers.get("Event-Name") == "CHANNEL_DATA" and name.startswith("outbound"):
                self._arrival(headers["Unique-ID"])
            self._infer(line["t"], body)
            self.scenario.frames[name].append(normal_frame(headers, body, self.names))

    def _arrival(self, uuid: str) -> None:
        known = self.names.normal(uuid)
        if known == "<uuid>":
            self._calls += 1
            self.names.know(uuid, f"call{self._calls}")
            connect = next(
                step for step in reversed(self.scenario.steps) if "connect" in step.get("send", "")
            )
            connect["calls"] = True

    def _infer(self, moment: float, body: str) -> None:
        """What happened outside the wire without a note, seen by its effect."""
        if moment == self.hung_up_at:
            self._do(moment, "hupall")
        if "Event-Name: DTMF\n" in body:
            digit = parse_headers(body)["DTMF-Digit"]
            self._do(moment, f"caller presses {digit}")
        if "-ERR ORIGINATOR_CANCEL" in body:
            self._do(moment, "the ringing is cancelled")


def hung_up_at(lines: list[dict[str, Any]]) -> float | None:
    """When all channels were hung up from outside: the first word of it on any connection."""
    noticed: dict[str, float] = {}
    for line in lines:
        text = line.get("data", "")
        if "Content-Disposition: linger" in text:
            noticed.setdefault(line["conn"], line["t"])
        if re.search(r"Event-Name: CHANNEL_HANGUP\n(.+\n)*Hangup-Cause: MANAGER_REQUEST", text):
            moment: float = noticed.get(line["conn"], line["t"])
            return moment
    return None


def distil(path: Path) -> Scenario:
    """One recording as a Scenario."""
    lines = recorded_lines(path)
    distillery = Distillery(path.stem)
    distillery.hung_up_at = hung_up_at(lines)
    for line in lines:
        distillery.line(line)
    return distillery.scenario


def header_names(scenarios: list[Scenario]) -> list[str]:
    """Every header name that occurs, once."""
    frames = (f for scenario in scenarios for seen in scenario.frames.values() for f in seen)
    return sorted({name for frame in frames for name in _names(frame)})


def _names(frame: Frame) -> list[str]:
    body = frame.get("body")
    return [*frame.get("names", ()), *(_names(body) if isinstance(body, dict) else ())]


def to_document(scenario: Scenario, names: list[str]) -> dict[str, Any]:
    """A Scenario as it is kept: every frame as what differs from one of those before it."""
    frames = {}
    for connection, sequence in scenario.frames.items():
        packed = [_packed(frame, names) for frame in sequence]
        frames[connection] = [_smallest(packed, place) for place in range(len(packed))]
    return {"name": scenario.name, "steps": scenario.steps, "frames": frames}


def from_document(document: dict[str, Any], names: list[str]) -> Scenario:
    """The Scenario a document keeps."""
    scenario = Scenario(document["name"], document["steps"])
    for connection, sequence in document["frames"].items():
        packed: list[dict[str, Any]] = [{}]
        for difference in sequence:
            known = packed[-difference.get("<", len(packed))]
            known = {k: v for k, v in known.items() if k not in difference.get("-", ())}
            packed.append(known | difference.get("+", {}))
            scenario.frames[connection].append(_unpacked(packed[-1], names))
    return scenario


def _packed(frame: Frame, names: list[str]) -> dict[str, Any]:
    """A frame whose header names are the bits of a number, written in hexadecimal."""
    packed = dict(frame)
    if isinstance(packed.get("body"), dict):
        packed["body"] = _packed(packed["body"], names)
    if "names" in packed:
        packed["names"] = f"{sum(1 << names.index(name) for name in packed['names']):x}"
    return packed


def _unpacked(packed: dict[str, Any], names: list[str]) -> Frame:
    frame = dict(packed)
    if isinstance(frame.get("body"), dict):
        frame["body"] = _unpacked(frame["body"], names)
    if "names" in frame:
        bits = int(frame["names"], 16)
        frame["names"] = [name for place, name in enumerate(names) if bits >> place & 1]
    return frame


def _smallest(packed: list[dict[str, Any]], place: int) -> dict[str, Any]:
    """The shortest way to tell one frame from nothing, or from one of the eight before it."""
    ways = [_difference({}, packed[place])]
    for back in range(1, min(place, 8) + 1):
        ways.append({"<": back} | _difference(packed[place - back], packed[place]))
    return min(ways, key=lambda way: len(json.dumps(way)))


def _difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    added = {key: value for key, value in new.items() if key not in old or old[key] != value}
    removed = [key for key in old if key not in new]
    return ({"+": added} if added else {}) | ({"-": removed} if removed else {})


def write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


def main(folder: Path) -> None:
    scenarios = [distil(path) for path in sorted(folder.glob("*.jsonl"))]
    names = header_names(scenarios)
    write(NAMES, names)
    for scenario in scenarios:
        write(HERE / f"{scenario.name}.json", to_document(scenario, names))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
