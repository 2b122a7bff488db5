"""The same words to the lab switch and to a real FreeSWITCH get the same answers and events.

The recordings show what the app did on the day they were made; this shows what it does now, and
what may go wrong with it. Where the two differ, the lab switch is wrong. Needs FSAPP_FREESWITCH,
and what the acceptance suite needs on a real FreeSWITCH.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from ..acceptance.switches.base import EventSocketSwitch, SwitchUnavailable
from ..acceptance.switches.freeswitch import FreeSwitch
from ..acceptance.switches.lab import LabSwitch
from .conftest import MUSIC
from .wire import Frame, Listener, NothingCameError, Wire

pytestmark = pytest.mark.skipif(
    not os.environ.get("FSAPP_FREESWITCH"), reason="FSAPP_FREESWITCH is not set"
)

QUIET = 0.35
"""How long nothing must come before the next word, in seconds: both switches have said all."""

Story = list[str]


@dataclass
class Stage:
    """One of the two switches, and what an app hears of it, uuids by the names given to them."""

    switch: EventSocketSwitch
    listener: Listener
    names: dict[str, str] = field(default_factory=dict)
    story: Story = field(default_factory=list)
    uuids: Iterator[int] = field(default_factory=lambda: count(1))

    def new_uuid(self, name: str) -> str:
        uuid = f"00000000-0000-4000-8000-{next(self.uuids):012d}"
        self.names[uuid] = name
        return uuid

    def accept(self) -> Wire:
        wire = self.listener.accept(8.0)
        wire.send("connect", "linger 5", "myevents", "nixevent CHANNEL_STATE CHANNEL_PARK")
        wire.send("event plain BACKGROUND_JOB CHANNEL_PARK")
        self.hear(wire)
        self.story.clear()
        return wire

    def hear(self, *wires: Wire) -> None:
        """Write down what comes until nothing more comes."""
        for wire in wires:
            self.story.append("--")
            try:
                while True:
                    self._note(wire.next(QUIET))
            except NothingCameError:
                if wire.ended:
                    self.story.append("the end")

    def _note(self, frame: Frame) -> None:
        if frame.get("Content-Disposition") == "linger":
            return
        parts = ("Event-Name", "Channel-State", "Application", "Application-Data")
        parts += ("Application-Response", "Hangup-Cause", "Reply-Text", "Content-Disposition")
        text = " ".join(frame[part] for part in parts if frame.get(part))
        self.story.append(self._named(f"{text} {frame.body}".strip()))

    def _named(self, text: str) -> str:
        for uuid, name in self.names.items():
            text = text.replace(uuid, name)
        text = text.replace(self.listener.address, "APP")
        return " ".join("JOB" if len(word) == 36 else word for word in text.split(" "))

    def do(self, wire: Wire, *commands: str) -> None:
        wire.send(*commands)
        self.hear(wire)

    def channels(self) -> None:
        """Write down what channels there are, and what they do."""
        rows = json.loads(self.switch.api("show channels as json")).get("rows", [])
        shown = sorted((r["name"].split("/")[0], r["state"], r["application"]) for r in rows)
        self.story += [" ".join(row) for row in shown]

    # -- where scenes begin --------------------------------------------------------------

    def caller(self) -> tuple[str, Wire]:
        self.line = self.switch.place_call()
        wire = self.accept()
        self.names[self.line.uuid] = "CALLER"
        self.do(wire, execute("answer"))
        self.story.clear()
        return self.line.uuid, wire

    def leg(self, wire: Wire) -> tuple[str, Wire]:
        uuid = self.new_uuid("LEG")
        app = f"&socket('{self.listener.address} async full')"
        wire.send(f"bgapi originate {{origination_uuid={uuid}}}user/1101 {app}")
        own = self.accept()
        self.hear(wire)
        return uuid, own

    def talk(self) -> tuple[str, Wire, str, Wire]:
        caller, wire = self.caller()
        leg, own = self.leg(wire)
        self.story.clear()
        self.do(
            wire, f"api uuid_setvar_multi {caller} {TALKING}", f"api uuid_bridge {caller} {leg}"
        )
        self.hear(own)
        return caller, wire, leg, own

    def parked(self) -> tuple[str, Wire, str, Wire]:
        caller, wire, leg, own = self.talk()
        wire.send(
            f"api uuid_setvar {leg} park_after_bridge true",
            f"api uuid_setvar_multi {caller} socket_resume=false;transfer_after_bridge=",
            f"api uuid_transfer {caller} fsapp_return XML public",
            "exit",
        )
        again = self.accept()
        self.hear(wire, own)
        return caller, again, leg, own

    def dialled(self) -> tuple[str, Wire, str, Wire, str, Wire]:
        caller, wire, leg, own = self.parked()
        callee = self.new_uuid("CALLEE")
        self.do(own, execute("playback", MUSIC))
        variables = f"{{origination_uuid={callee},loopback_bowout=false}}"
        own.send(f"bgapi originate {variables}loopback/tone/public fsapp_return XML default")
        answered = self.accept()
        self.do(answered, f"api uuid_bridge {callee} {leg}")
        self.hear(own)
        return caller, wire, leg, own, callee, answered


TALKING = (
    "socket_resume=false;hangup_after_bridge=false;"
    "transfer_after_bridge=fsapp_return:XML:public;uuid_bridge_continue_on_cancel=true"
)
CONNECTED = "hangup_after_bridge=true;transfer_after_bridge=;socket_resume=false"


def execute(application: str, argument: str = "") -> str:
    return (
        f"sendmsg\ncall-command: execute\nexecute-app-name: {application}\n"
        f"execute-app-arg: {argument}"
    )


# -- scenes -------------------------------------------------------------------------------


def playbacks_within_playbacks(stage: Stage) -> None:
    caller, wire = stage.caller()
    stage.do(wire, execute("playback", MUSIC))
    stage.do(wire, execute("playback", "tone_stream://%(100,100,550)"))
    stage.do(wire, execute("playback", "tone_stream://%(100,100,550);loops=-1"))
    stage.do(wire, f"api uuid_break {caller}")
    stage.do(wire, execute("playback", "/nowhere/x.wav"))
    stage.do(wire, execute("nosuchapp", "x"))


def the_agents_phone_dies(stage: Stage) -> None:
    caller, wire, leg, own = stage.talk()
    stage.do(wire, f"api uuid_kill {leg} MEDIA_TIMEOUT")
    stage.hear(own)
    again = stage.accept()
    stage.do(again, f"api uuid_kill {caller}")


def the_leg_dies_before_the_bridge(stage: Stage) -> None:
    caller, wire = stage.caller()
    leg, own = stage.leg(wire)
    stage.do(
        wire,
        f"api uuid_setvar_multi {caller} {TALKING}",
        f"api uuid_bridge {caller} {leg}",
        f"api uuid_kill {leg} MEDIA_TIMEOUT",
    )
    stage.hear(own)


def the_caller_dies_before_the_bridge(stage: Stage) -> None:
    caller, wire = stage.caller()
    leg, own = stage.leg(wire)
    stage.do(wire, f"api uuid_bridge {caller} {leg}", f"api uuid_kill {caller}")
    stage.hear(own)
    stage.do(own, f"api uuid_exists {leg}")


def parked_and_taken_back(stage: Stage) -> None:
    caller, wire, leg, own = stage.parked()
    stage.do(wire, execute("playback", MUSIC))
    stage.do(wire, f"api uuid_setvar {leg} park_after_bridge false")
    stage.do(wire, f"api uuid_setvar_multi {caller} {TALKING}", f"api uuid_bridge {caller} {leg}")
    stage.hear(own)
    stage.line.hang_up()
    stage.hear(wire, own)


def dialled_and_transferred(stage: Stage) -> None:
    caller, wire, leg, own, callee, answered = stage.dialled()
    stage.do(
        answered,
        f"api uuid_setvar {leg} park_after_bridge false",
        f"api uuid_setvar_multi {callee} {CONNECTED}",
        f"api uuid_setvar_multi {caller} {CONNECTED}",
        f"api uuid_bridge {caller} {callee}",
    )
    stage.hear(own, wire)
    stage.line.hang_up()
    stage.hear(wire, answered)


def the_outside_party_hangs_up(stage: Stage) -> None:
    _, _, _, own, callee, answered = stage.dialled()
    stage.do(answered, f"api uuid_kill {callee}")
    stage.hear(own)


def the_app_dies_in_a_conversation(stage: Stage) -> None:
    _, wire, _, own = stage.talk()
    wire.close()
    stage.hear(own)
    stage.channels()


def the_old_of_two_connections_closes(stage: Stage) -> None:
    caller, wire = stage.caller()
    wire.send(f"api uuid_transfer {caller} fsapp_return XML public")
    again = stage.accept()
    wire.close()
    stage.hear(again)


def transfers_are_used_up(stage: Stage) -> None:
    caller, wire = stage.caller()
    stage.do(wire, f"api uuid_setvar {caller} max_forwards 1")
    stage.do(wire, f"api uuid_transfer {caller} fsapp_return XML public")


def words_refused(stage: Stage) -> None:
    caller, wire = stage.caller()
    for command in (
        "nosuchverb", "myevents", "event plain NO_SUCH_EVENT", "nixevent", "linger x", "filter",
        "filter a b", "filter delete all", "getvar nothing", "sendmsg x", "sendmsg", "CONNECT",
        "api nosuch", "api uuid_setvar", "api uuid_setvar_multi x", "api uuid_getvar x y",
        f"api uuid_getvar {caller} nothing", f"api uuid_setvar {caller} a b c",
        f"api uuid_getvar {caller} a", "api uuid_kill", "api uuid_kill x", "api uuid_park",
        "api uuid_bridge x", "api uuid_bridge x y", "api uuid_transfer x", "api uuid_break",
        "api originate user/1101", "api originate user/9999 &park",
        "api originate error/USER_BUSY &park", "api originate foo/1 &park",
        "api originate {a=b user/1101 &park", "api originate loopback/77/default &park",
        "noevents", "noevents", "exit",
    ):  # fmt: skip
        wire.send(command)
        stage._note(wire.next())


SCENES = [
    playbacks_within_playbacks,
    the_agents_phone_dies,
    the_leg_dies_before_the_bridge,
    the_caller_dies_before_the_bridge,
    parked_and_taken_back,
    dialled_and_transferred,
    the_outside_party_hangs_up,
    the_app_dies_in_a_conversation,
    the_old_of_two_connections_closes,
    transfers_are_used_up,
    words_refused,
]


@pytest.fixture(scope="module")
def stages() -> Iterator[list[Stage]]:
    stages: list[Stage] = []
    try:
        for make in (LabSwitch, FreeSwitch):
            switch = make()
            listener = Listener(int(switch.outbound_address.rpartition(":")[2]))
            stages.append(Stage(switch, listener))
            switch.start()
        yield stages
    except SwitchUnavailable as reason:
        pytest.skip(str(reason))
    finally:
        for stage in stages:
            stage.switch.stop()
            stage.listener.close()


def played(stage: Stage, scene: Callable[[Stage], None]) -> Story:
    stage.story.clear()
    try:
        scene(stage)
        return list(stage.story)
    finally:
        stage.listener.hang_up()
        stage.switch.reset()
        while not stage.listener.nobody_comes(0.2):
            stage.listener.hang_up()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_the_lab_switch_does_as_freeswitch(
    stages: list[Stage], scene: Callable[[Stage], None]
) -> None:
    lab, freeswitch = (played(stage, scene) for stage in stages)
    assert "\n".join(lab) == "\n".join(freeswitch)
