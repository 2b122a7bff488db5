"""A lab switch with a listener beside it, and what the tests do with both."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from fsapp.lab import PROMPT, Caller, LabSwitch, Latency

from .wire import Listener, Wire, connect

MUSIC = "tone_stream://%(200,200,440);loops=-1"

PUBLIC = """
<extension name="desk">
  <condition field="destination_number" expression="^5900$">
    <action application="set" data="socket_resume=true"/>
    <action application="set" data="hangup_after_bridge=false"/>
    <action application="socket" data="$${fsapp_socket} async full"/>
    <action application="sleep" data="20"/>
    <action application="transfer" data="5900 XML ${context}"/>
  </condition>
</extension>
<extension name="once">
  <condition field="destination_number" expression="^once$">
    <action application="answer"/>
    <action application="socket" data="$${fsapp_socket} async full"/>
    <action application="playback" data="silence_stream://-1"/>
  </condition>
</extension>
<extension name="tone">
  <condition field="destination_number" expression="^tone$">
    <action application="answer"/>
    <action application="playback" data="tone_stream://%(200,200,440);loops=-1"/>
  </condition>
</extension>
"""


@dataclass
class Desk:
    """The lab switch, the app's listener, and short ways to get somewhere."""

    lab: LabSwitch
    listener: Listener
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    wires: list[Wire] = field(default_factory=list)

    def caller(self, destination: str = "5900", **given: object) -> tuple[Caller, Wire]:
        """A caller handed over, answered."""
        caller = self.lab.place_call(destination, **given)
        wire = self.listener.accept()
        wire.hello()
        if not caller.is_answered:
            wire.execute("answer")
            wire.event("CHANNEL_EXECUTE_COMPLETE", Application="answer")
        return caller, wire

    def leg(self, wire: Wire, extension: str = "1101") -> tuple[str, Wire]:
        """An agent's leg, up, with a connection of its own."""
        self.lab.phone(extension)
        uuid = f"leg-{next(self.numbers)}"
        wire.ask(
            f"bgapi originate {{origination_uuid={uuid}}}user/{extension} "
            f"&socket('{self.listener.address} async full')"
        )
        own = self.listener.accept()
        own.hello()
        assert wire.event("BACKGROUND_JOB").body == f"+OK {uuid}\n"
        return uuid, own

    def talk(self, caller: Caller, wire: Wire, extension: str = "1101") -> tuple[str, Wire]:
        """The caller in conversation with an agent's leg."""
        uuid, own = self.leg(wire, extension)
        assert wire.api(f"uuid_bridge {caller.uuid} {uuid}") == f"+OK {uuid}"
        wire.event("CHANNEL_BRIDGE")
        own.event("CHANNEL_STATE", Channel_State="CS_EXCHANGE_MEDIA")
        return uuid, own

    def control(self) -> Wire:
        """A connection to the control port, let in."""
        wire = self.unauthorized()
        assert wire.next()["Content-Type"] == "auth/request"
        assert wire.ask("auth ClueCon") == "+OK accepted"
        return wire

    def unauthorized(self) -> Wire:
        """A connection to the control port, not let in yet."""
        self.wires.append(connect(self.lab.control_address))
        return self.wires[-1]

    def close(self) -> None:
        for wire in self.wires:
            wire.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@contextlib.contextmanager
def running(listener: Listener, latency: Latency) -> Iterator[Desk]:
    contexts = {"public": PUBLIC, "default": PUBLIC}
    address = listener.address
    with LabSwitch(address, "127.0.0.1:0", contexts=contexts, latency=latency) as lab:
        desk = Desk(lab, listener)
        yield desk
        desk.close()
        assert not lab.do(lambda: lab.exchange.failures), "something on the switch failed"


@pytest.fixture
def desk(listener: Listener) -> Iterator[Desk]:
    with running(listener, PROMPT) as desk:
        yield desk


@pytest.fixture
def slow_desk(listener: Listener) -> Iterator[Desk]:
    """Bridges take so long that something can happen meanwhile."""
    with running(listener, Latency(poll=0.4)) as desk:
        yield desk
