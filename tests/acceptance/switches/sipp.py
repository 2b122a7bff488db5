"""SIPp as callers and phones of the real FreeSWITCH.

Forty callers may start 20 ms apart, and a SIPp needs 0.1 s to start: therefore one SIPp is all the
callers, and one for each behaviour is all the phones that behave so. Datagrams of ours make it
start and end single calls (see the scenarios in sipp/).
"""

import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from urllib.parse import quote

from tests.ports import free_port, takes_datagrams

from .base import NOTHING, SwitchUnavailable, wait_until
from .guard import guarded, let_go

SCENARIOS = Path(__file__).parent / "sipp"
BUFFER = 4 << 20
"""Bytes a SIPp may leave unread: forty calls at once overflow its own default."""

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def caller_headers(switch: str, destination: str, number: str, name: str) -> dict[str, str]:
    """What a caller needs to know: who she is, and whom to call on the switch at this address."""
    shown = name.replace("\\", "\\\\").replace('"', '\\"')
    user = quote(number, safe="+*", errors="surrogateescape")
    return {
        "X-Caller": f'"{shown}" <sip:{user}@127.0.0.1>',
        "X-Destination": f"sip:{quote(destination, safe='+*')}@{switch}",
    }


@dataclass
class Sipp:
    """One SIPp with a scenario of ours."""

    scenario: str
    directory: Path
    values: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    _again: int = 5

    @property
    def address(self) -> str:
        """Where it takes SIP."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; wait_ready() tells when it listens."""
        program = shutil.which("sipp")
        if program is None:
            raise SwitchUnavailable("SIPp is not installed (no sipp in PATH)")
        self.process = guarded([program, *self._arguments()], self.directory)

    def wait_ready(self) -> None:
        """Wait until it listens. One that has ended is started again: another program had one of
        its ports between our look and its own."""

        def listens() -> bool:
            ended = self.process is not None and self.process.poll() is not None
            if ended and self._again:
                self._again -= 1
                self.stop()
                self.start()
            return not ended and takes_datagrams(self.port)

        wait_until(f"SIPp listens on {self.address}", listens)

    def _arguments(self) -> list[str]:
        name = f"{self.scenario}-{self.port}"
        scenario = self.directory / f"{name}.xml"
        template = Template((SCENARIOS / f"{self.scenario}.xml").read_text())
        scenario.write_text(template.safe_substitute(self.values))
        sockets = ["-i", "127.0.0.1", "-p", str(self.port), "-cp", str(free_port())]
        media = ["-mp", str(free_port()), "-buff_size", str(BUFFER)]
        errors = ["-trace_err", "-error_file", str(self.directory / f"{name}.err")]
        return ["-sf", str(scenario), *sockets, *media, "-nostdin", *errors, *self.options]

    def tell(self, method: str, call_id: str, headers: Mapping[str, str] = NOTHING) -> None:
        """Send it a bare request of ours, which it does not answer; bytes that are no UTF-8 as
        they are."""
        lines = [
            f"{method} sip:sipp@{self.address} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-tell-{call_id}",
            "From: <sip:suite@127.0.0.1>;tag=suite",
            f"To: <sip:sipp@{self.address}>",
            f"Call-ID: {call_id}",
            f"CSeq: 1 {method}",
            *(f"{name}: {value}" for name, value in headers.items()),
            "Content-Length: 0",
        ]
        bad = [line for line in lines if UNPRINTABLE.search(line)]
        if bad:
            raise ValueError(f"a SIP header cannot carry {bad}")
        request = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(request, ("127.0.0.1", self.port))

    def stop(self) -> None:
        """End it at once, whatever its calls are doing."""
        if self.process is not None:
            let_go(self.process)
            self.process = None


class Sipps:
    """All the SIPps of one FreeSWITCH, each working in `directory`."""

    def __init__(self, directory: Path, sip_port: int) -> None:
        self._directory = directory
        # -rsa: it is ours what the callers are told, and FreeSWITCH's what they answer.
        self.callers = Sipp("callers", directory, options=("-rsa", f"127.0.0.1:{sip_port}"))
        self.busy = Sipp("phone_busy", directory)
        self.answering = self._phones(0)
        self._ringing = {0.0: self.answering}

    def _phones(self, seconds: float) -> Sipp:
        # SIPp takes no timeout of 0.
        milliseconds = max(1, round(seconds * 1000))
        return Sipp("phone", self._directory, {"milliseconds": str(milliseconds)})

    def _all(self) -> list[Sipp]:
        return [self.callers, self.busy, *self._ringing.values()]

    def start(self) -> None:
        """Start those that every test needs."""
        for sipp in self._all():
            sipp.start()
        for sipp in self._all():
            sipp.wait_ready()

    def ringing(self, seconds: float) -> Sipp:
        """The phones that ring for so long before they answer; started when first asked for."""
        if seconds not in self._ringing:
            sipp = self._phones(seconds)
            sipp.start()
            sipp.wait_ready()
            self._ringing[seconds] = sipp
        return self._ringing[seconds]

    def at(self, address: str) -> Sipp:
        """The one that listens on this address."""
        return next(sipp for sipp in self._all() if sipp.address == address)

    def stop(self) -> None:
        """End them all."""
        for sipp in self._all():
            sipp.stop()
