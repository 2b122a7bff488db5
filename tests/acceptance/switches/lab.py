"""The acceptance suite's lab switch: the product's own stand-in for FreeSWITCH."""

import threading
from collections.abc import Mapping
from pathlib import Path

from fsapp.lab import Caller, LabTimeoutError, Phone
from fsapp.lab import LabSwitch as Lab
from fsapp.lab.clock import Clock
from tests.ports import free_address

from .base import NOTHING, EventSocketSwitch, WaitTooLong, heard, wait_until

DIALPLAN = Path(__file__).resolve().parents[3] / "dialplan"
PHONES = [str(number) for number in range(1101, 1150)]
"""Extensions that exist; dialling any other 1xxx gives SUBSCRIBER_ABSENT."""

TONE = """
<extension name="tone">
  <condition field="destination_number" expression="^tone$">
    <action application="answer"/>
    <action application="playback" data="tone_stream://v=-20;%(300,1500,440);loops=-1"/>
  </condition>
</extension>
"""


class LabSwitch(EventSocketSwitch):
    """A Switch (see base.py): the lab switch in this process, on ports of its own."""

    name = "lab"

    def __init__(
        self,
        *,
        dialplan: Path = DIALPLAN,
        password: str = "ClueCon",
        clock: Clock | None = None,
    ) -> None:
        self.control_password = password
        self.outbound_address = free_address()
        self.lab = Lab(
            self.outbound_address,
            free_address(),
            self.control_password,
            [dialplan],
            contexts={"public": TONE},
            clock=clock,
        )
        self.control_address = ""
        self._runs = False
        self._thawed = threading.Event()
        self._frozen: threading.Thread | None = None

    def start(self) -> None:
        self.lab.start()
        self._runs = True
        self.control_address = self.lab.control_address
        for extension in PHONES:
            self.lab.phone(extension)

    def stop(self) -> None:
        self.disconnect()
        self.lab.stop()

    def freeze(self) -> None:
        """Its one thread stands still, as the process's do after SIGSTOP."""
        stands = threading.Event()
        self._thawed.clear()

        def stand_still() -> None:
            stands.set()
            self._thawed.wait()

        self._frozen = threading.Thread(target=self.lab.do, args=(stand_still,), daemon=True)
        self._frozen.start()
        stands.wait()

    def thaw(self) -> None:
        self._thawed.set()
        if self._frozen is not None:
            self._frozen.join()
            self._frozen = None

    def crash(self) -> None:
        """Its thread ends, and with it all it held in memory."""
        self.disconnect()
        self.lab.stop()
        self._runs = False

    def come_back(self) -> None:
        if not self._runs:
            self.start()

    def place_call(
        self,
        destination: str = "5900",
        *,
        number: str = "2045550100",
        name: str = "Caller",
        variables: Mapping[str, str] = NOTHING,
    ) -> "CallerLine":
        return CallerLine(self, self.lab.place_call(destination, number, name, variables))

    def hears(self, uuid: str) -> str:
        sound = self.lab.hears(uuid)
        known = sound in {"silence", "nothing"} or sound in self.lab.live_channels()
        return sound if known else heard("playback", sound)

    def phone(self, extension: str) -> "PhoneLine":
        return PhoneLine(self, extension)

    def reset(self) -> None:
        """End every call, put every phone back to answering, forget ordered faults."""
        self.lab.faults.clear()
        self.api("hupall")
        for extension in PHONES:
            self.lab.phone(extension).answers()
        wait_until("no call is alive", lambda: not self.lab.live_channels())


class CallerLine:
    """A customer who called in."""

    def __init__(self, switch: LabSwitch, caller: Caller) -> None:
        self._switch = switch
        self._caller = caller
        self.number = caller.number
        self.uuid = caller.uuid

    def hang_up(self) -> None:
        self._caller.hang_up()

    def is_alive(self) -> bool:
        return self._caller.is_alive()

    def wait_ended(self, limit: float = 5.0) -> str:
        return _waited(self._caller.wait_ended, limit)


class PhoneLine:
    """The phone of one extension."""

    def __init__(self, switch: LabSwitch, extension: str) -> None:
        self._switch = switch
        self.extension = extension

    @property
    def _phone(self) -> Phone:
        """The one of the switch that runs now."""
        return self._switch.lab.phone(self.extension)

    def answers(self) -> None:
        self._phone.answers()

    def answers_after_ringing(self, seconds: float = 0.5) -> None:
        self._phone.answers(after=seconds)

    def is_busy(self) -> None:
        self._phone.busy()

    def stays_silent(self) -> None:
        self._phone.silent()

    def is_unregistered(self) -> None:
        self._phone.unregistered()

    def hang_up(self) -> None:
        self._phone.hang_up()

    def dies(self) -> None:
        self._phone.die("MEDIA_TIMEOUT")

    def wait_ringing(self, limit: float = 5.0) -> str:
        return _waited(self._phone.wait_ringing, limit)

    def wait_up(self, limit: float = 5.0) -> str:
        return _waited(self._phone.wait_up, limit)

    def wait_down(self, limit: float = 5.0) -> None:
        _waited(self._phone.wait_down, limit)

    def legs(self) -> list[str]:
        return self._phone.legs()


def _waited(wait, limit):
    """A lab wait, failing the way every switch's waits fail."""
    try:
        return wait(limit)
    except LabTimeoutError as late:
        raise WaitTooLong(str(late)) from None
