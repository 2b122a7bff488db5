"""A FreeSWITCH that runs already, in a container, say: the suite only talks to it.

It has its own configuration, with what tests/lab/freeswitch.sh adds for the suite: the SIP profile
`suite`, the extensions of callers and phones, and users 1101-1149. SIPp and the app run here, on
the same machine or in the same network namespace: all is on loopback. The environment says where:

    SUITE_CONTROL_ADDRESS   its Event Socket, e.g. 127.0.0.1:8021
    SUITE_CONTROL_PASSWORD  and its password
    SUITE_SIP_ADDRESS       where its profile `suite` takes SIP, e.g. 127.0.0.1:5090

What takes its process (freezing, killing, starting it) is not the suite's here: those tests are
skipped, and say so.
"""

import os
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from tests.ports import free_address

from .base import EventSocketSwitch, SwitchUnavailable, wait_until
from .event_socket import EventSocketError
from .freeswitch import READY_LIMIT, FreeSwitch
from .freeswitch_conf import PHONES
from .sipp import Sipps
from .watch import ChannelWatch

CALLS_A_SECOND, CALLS = 1000, 2000
"""The example configuration allows 30 and 1000."""


def _given(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SwitchUnavailable(f"{name} is not set: see tests/acceptance/switches/running.py")
    return value


class RunningFreeSwitch(FreeSwitch):
    """A Switch (see base.py) whose process is somebody else's."""

    name = "running"
    # In the example configuration's contexts something is done with every call, if only a note.
    no_route = "NORMAL_CLEARING"

    def __init__(self) -> None:
        self.control_address = _given("SUITE_CONTROL_ADDRESS")
        self.control_password = _given("SUITE_CONTROL_PASSWORD")
        self._sip_port = int(_given("SUITE_SIP_ADDRESS").rpartition(":")[2])
        self.outbound_address = free_address()
        self.directory = Path(tempfile.mkdtemp(prefix="fsapp-running-")).resolve()
        self.sipps = Sipps(self.directory, self._sip_port)
        self._is_kept = False
        self._process = None
        self._watch: ChannelWatch | None = None
        self._is_frozen = False
        self._socket_before = ""

    def start(self) -> None:
        try:
            self.sipps.start()
            wait_until("FreeSWITCH is ready", self._is_ready, READY_LIMIT, every=0.2)
            self._prepare()
            self._begin_to_watch()
        except BaseException:
            self.stop()
            raise

    def _is_ready(self) -> bool:
        try:
            return "is ready" in self.api("status") and "suite" in self.api("sofia status")
        except EventSocketError:
            self.disconnect()
            return False

    def _prepare(self) -> None:
        self._socket_before = self.api("global_getvar fsapp_socket")
        self.api(f"global_setvar fsapp_socket={self.outbound_address}")
        self.api(f"fsctl sps {CALLS_A_SECOND}")
        self.api(f"fsctl max_sessions {CALLS}")
        for extension in PHONES:
            self.set_dial_string(extension, self.dial_string(extension))

    def stop(self) -> None:
        """Leaves it as it was, and running."""
        try:
            before = "" if self._socket_before.startswith("-ERR") else self._socket_before
            self.api(f"global_setvar fsapp_socket={before}")
            self.api("hupall NORMAL_CLEARING")
        except EventSocketError:
            EventSocketSwitch.disconnect(self)
        super().stop()

    def needs_its_process(self) -> NoReturn:
        pytest.skip("a FreeSWITCH that runs already cannot be stopped: its process is not ours")

    def freeze(self) -> None:
        self.needs_its_process()

    def thaw(self) -> None:
        """It never is frozen."""

    def crash(self) -> None:
        self.needs_its_process()

    def come_back(self) -> None:
        """It never was away."""
