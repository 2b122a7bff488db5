"""The acceptance suite's real FreeSWITCH, with SIPp as its callers and phones.

FreeSWITCH runs on loopback with ports of its own, around the shipped dialplan/ and conf/ unchanged
(freeswitch_conf.py). What a phone does is decided by the dial string of its directory user, a
global variable, and so changes with one api command.

To see what it did: FSAPP_FREESWITCH_DIRECTORY names a directory where its files and a debug log,
with every SIP message, are kept.
"""

import os
import random
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Container, Mapping
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import pytest

from tests.ports import free_address, free_port

from .base import NOTHING, EventSocketSwitch, SwitchUnavailable, heard, wait_until
from .event_socket import EventSocket, EventSocketError
from .freeswitch_conf import (
    CALLER_VARIABLES,
    PHONES,
    SHIPPED,
    phone_variable,
    write_configuration,
)
from .freeswitch_lines import FreeSwitchCaller, FreeSwitchPhone
from .guard import guarded, let_go
from .sipp import Sipp, Sipps, caller_headers
from .watch import Channel, ChannelWatch

BASE_PACKAGES = sysconfig.get_path("purelib", vars={"base": sys.base_prefix})
"""Where FreeSWITCH's installation puts `freeswitch.py`, unless told otherwise."""
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
"""Likewise on Debian, whose own Python looks there by itself; another `python3` that is first in
PATH, of which FreeSWITCH's takes its prefix, does not."""

READY_LIMIT = 30.0
LINGER_LIMIT = 10.0
LOG_LEVELS = "warning,err,crit,alert"
ALL_LOG_LEVELS = f"debug,info,notice,{LOG_LEVELS}"


def freeswitch_program() -> Path:
    """FreeSWITCH's path from FSAPP_FREESWITCH or PATH, or SwitchUnavailable."""
    named = os.environ.get("FSAPP_FREESWITCH") or shutil.which("freeswitch")
    if not named:
        raise SwitchUnavailable("no freeswitch in PATH, and FSAPP_FREESWITCH is not set")
    if not os.access(named, os.X_OK):
        raise SwitchUnavailable(f"{named} (FSAPP_FREESWITCH) cannot be executed")
    return Path(named).resolve()


class FreeSwitch(EventSocketSwitch):
    """A Switch (see base.py): one FreeSWITCH process with its own configuration and ports."""

    name = "freeswitch"

    def __init__(
        self,
        *,
        embedded: bool = False,
        settings_file: Path | None = None,
        shipped: Path = SHIPPED,
        password: str = "ClueCon",
        registering: Container[str] = (),
    ) -> None:
        """``embedded``: with the app inside, started with ``settings_file`` if there is one. The
        ``shipped`` folder's conf/ holds this ``password``; ``registering`` phones must register."""
        self._program = freeswitch_program()
        self._shipped = shipped
        self.control_password = password
        self._registering = registering
        self._modules = ("mod_python3",) if embedded else ()
        self._settings_file = settings_file
        kept = os.environ.get("FSAPP_FREESWITCH_DIRECTORY")
        self._is_kept = bool(kept)
        self.directory = Path(kept or tempfile.mkdtemp(prefix="fsapp-freeswitch-")).resolve()
        self.control_address = free_address()
        self.outbound_address = free_address()
        self._sip_port = free_port()
        self.sipps = Sipps(self.directory, self._sip_port)
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: ChannelWatch | None = None
        self._is_frozen = False

    @property
    def sip_address(self) -> str:
        """Where it takes SIP."""
        return f"127.0.0.1:{self._sip_port}"

    @property
    def watch(self) -> ChannelWatch:
        """What its channels are doing."""
        assert self._watch is not None, "FreeSWITCH is not running"
        return self._watch

    def start(self) -> None:
        try:
            self.sipps.start()
            self.configure()
            self._launch()
        except BaseException:
            self.stop()
            raise

    def configure(self, **variables: str) -> None:
        """Write its configuration, with these preprocessor variables otherwise than usual."""
        write_configuration(
            self.directory,
            {**self._globals, **variables},
            self._modules,
            shipped=self._shipped,
            registering=self._registering,
        )

    def _launch(self) -> None:
        self._process = guarded(self._command(), self.directory, self._environment())
        wait_until("FreeSWITCH is ready", self._is_ready, READY_LIMIT, every=0.05)
        self._begin_to_watch()

    def _begin_to_watch(self) -> None:
        self._watch = ChannelWatch(self._connect())
        self._watch.start()
        self._warm_up()

    def freeze(self) -> None:
        self._holds_no_app("frozen")
        os.kill(self.pid, signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        if self._is_frozen:
            os.kill(self.pid, signal.SIGCONT)
            self._is_frozen = False

    def crash(self) -> None:
        self._holds_no_app("killed")
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        let_go(self._process)
        self._process = None
        self.watch.stop()
        self.disconnect()

    def come_back(self) -> None:
        if self._process is None:
            self._launch()

    def _holds_no_app(self, what: str) -> None:
        if self._modules:
            pytest.skip(f"the app inside FreeSWITCH is {what} with it")

    @property
    def pid(self) -> int:
        """FreeSWITCH's own process: the one child of its guard."""
        assert self._process is not None
        guard = self._process.pid
        return int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])

    def _connect(self) -> EventSocket:
        return EventSocket.connect(self.control_address, self.control_password)

    @cached_property
    def _globals(self) -> dict[str, object]:
        rtp = random.randrange(20000, 28000, 2)
        return {
            "domain": "127.0.0.1",
            "fsapp_control_port": self.control_address.rpartition(":")[2],
            "fsapp_socket": self.outbound_address,
            # Without a file of its own the app would take the ports that are everybody's default.
            "fsapp_settings": self._settings_file or self.directory / "none.toml",
            "sip_port": self._sip_port,
            # SIPp sends no audio: without a timer of its own FreeSWITCH would wait for it.
            "rtp_timer": "soft",
            "rtp_start_port": rtp,
            "rtp_end_port": rtp + 4000,
            "log_level": "debug" if self._is_kept else "warning",
            "log_levels": ALL_LOG_LEVELS if self._is_kept else LOG_LEVELS,
            "sip_trace": "yes" if self._is_kept else "no",
            **{phone_variable(phone): self.dial_string(phone) for phone in PHONES},
        }

    def _environment(self) -> dict[str, str]:
        """FreeSWITCH's Python finds the app in the environment that runs the suite, and its own
        module `freeswitch` where mod_python3 was installed."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("FSAPP_")}
        places = [SHIPPED, *site.getsitepackages(), BASE_PACKAGES, DEBIAN_PACKAGES]
        return {**ours, "PYTHONPATH": os.pathsep.join(map(str, places))}

    def _command(self) -> list[str]:
        modules = self._program.parents[1] / "lib" / "freeswitch" / "mod"
        own = (f"-{kind}" for kind in ("conf", "log", "db", "run"))
        directories = [word for kind in own for word in (kind, str(self.directory))]
        return [str(self._program), "-nonat", "-nf", "-nc", *directories, "-mod", str(modules)]

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"FreeSWITCH ended while starting; see {self.directory}")
        try:
            return "is ready" in self.api("status") and "RUNNING" in self.api("sofia status")
        except EventSocketError:
            self.disconnect()
            return False

    def _warm_up(self) -> None:
        """The first background job of a FreeSWITCH delays its events by half a second."""
        with self._connect() as connection:
            connection.command("event plain BACKGROUND_JOB")
            connection.command("bgapi originate user/1101 &hangup")
            next(connection.events())
        self.watch.wait("the first call is over", _all_ended)

    def stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        self.disconnect()
        if self._process is not None:
            let_go(self._process)
        self.sipps.stop()
        if not self._is_kept:
            shutil.rmtree(self.directory, ignore_errors=True)

    def place_call(
        self,
        destination: str = "5900",
        *,
        number: str = "2045550100",
        name: str = "Caller",
        variables: Mapping[str, str] = NOTHING,
    ) -> FreeSwitchCaller:
        unknown = set(variables) - CALLER_VARIABLES
        if unknown:
            raise ValueError(f"caller_variables.xml does not know {sorted(unknown)}")
        call_id = uuid4().hex
        headers = caller_headers(self.sip_address, destination, number, name)
        own = {f"X-Var-{key}": value for key, value in variables.items()}
        self.sipps.callers.tell("MESSAGE", call_id, {**headers, **own})
        return FreeSwitchCaller(self, call_id, number)

    def phone(self, extension: str) -> FreeSwitchPhone:
        return FreeSwitchPhone(self, extension)

    def dial_string(self, extension: str, sipp: Sipp | None = None) -> str:
        """The dial string that makes an extension one of the phones of `sipp`."""
        return f"sofia/suite/{extension}@{(sipp or self.sipps.answering).address}"

    def set_dial_string(self, extension: str, dial_string: str) -> None:
        """What the next call to this extension dials."""
        self.api(f"global_setvar {phone_variable(extension)}={dial_string}")

    def reset(self) -> None:
        for extension in PHONES:
            self.set_dial_string(extension, self.dial_string(extension))
        self.api("hupall NORMAL_CLEARING")
        self.watch.wait("every call is over", _all_ended)

    def settle(self) -> None:
        self.catch_up()
        # A channel goes a moment after its hangup, or when the app's connection stops lingering.
        self.watch.wait("ended channels are gone", _none_lingers, LINGER_LIMIT)

    def catch_up(self) -> None:
        """Wait until `watch` knows everything that has happened by now."""
        self.watch.catch_up(self.control())

    def channels(self) -> list[dict[str, str]]:
        # FreeSWITCH writes that table in batches, up to 0.3 s late; the events are exact.
        self.catch_up()
        exact = wait_until("show channels is up to date", self._up_to_date, 2.0)
        return exact[0]

    def _up_to_date(self) -> tuple[list[dict[str, str]]] | None:
        rows = super().channels()
        there = {channel.uuid for channel in self.watch.all() if not channel.gone}
        return (rows,) if {row["uuid"] for row in rows} == there else None

    def hears(self, uuid: str) -> str:
        self.catch_up()
        channel = self.watch.get(uuid)
        if channel is None or channel.ended:
            return "nothing"
        partner = self.watch.get(self.variable(uuid, "signal_bond"))
        if partner is not None and not partner.ended:
            return partner.uuid
        return next((s for s in map(_sound, channel.innermost()) if s != "silence"), "silence")


def _sound(running: tuple[str, str]) -> str:
    return heard(*running)


def _none_lingers(channels: list[Channel]) -> bool:
    return not any(channel.ended and not channel.gone for channel in channels)


def _all_ended(channels: list[Channel]) -> bool:
    return all(channel.ended for channel in channels)
