"""A real FreeSWITCH with fsapp beside it, callers who come at a rate, and what each process costs.

The law of this file: nothing but the calls is measured. The acceptance suite's own watching is
taken away, nobody polls, and CPU time (user and system, all threads, ended ones too) is read only
while nothing is under way.
"""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from fsapp.calls.agent import Agent
from fsapp.store.agents import Agents
from fsapp.store.database import Database
from tests.acceptance.app import App, free_address
from tests.acceptance.conftest import make_switch
from tests.acceptance.switches.base import SwitchUnavailable
from tests.acceptance.switches.sipp import BUFFER, free_port
from tests.acceptance.wait import wait_until
from tests.bench.desk_calls import cpu_seconds, freeswitch_pid
from tests.bench.figures import LeftOutError

SCENARIO = Path(__file__).parent / "sipp" / "caller.xml"
QUIET_SECONDS = 0.3
"""How long after the last channel is gone the processes may still be tidying up."""
LEAST = 900
"""Milliseconds that every call lasts at least: whoever hangs up on a caller before that has not
played the tone, and the call counts as failed."""
NEVER = 600_000
"""Milliseconds after which a caller hangs up who leaves that to the other side."""


class CallsFailedError(Exception):
    """Not every call went as it should; what they cost says nothing. The message says how."""


@dataclass
class Stage:
    """FreeSWITCH, and one app that is ready."""

    switch: Any
    app: App
    tokens: Mapping[str, str]
    folder: Path

    @property
    def freeswitch(self) -> int:
        """FreeSWITCH's process id."""
        pid = freeswitch_pid(self.switch)
        assert pid is not None
        return pid

    def leads_to(self, address: str) -> None:
        """From now on the dialplan's ``socket`` action connects to ``address``."""
        self.switch.api(f"global_setvar fsapp_socket={address}")

    def calls(
        self,
        rate: float,
        count: int,
        milliseconds: int = NEVER,
        headers: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[bytes]":
        """``count`` callers, ``rate`` a second, each hanging up so long after she was answered."""
        scenario = self.folder / f"caller-{free_port()}.xml"
        lines = "\n".join(f"      {name}: {value}" for name, value in (headers or {}).items())
        scenario.write_text(
            Template(SCENARIO.read_text()).safe_substitute(
                least=LEAST,
                milliseconds=milliseconds - LEAST,
                headers=lines.strip() or "X-None: none",
            )
        )
        where = f"127.0.0.1:{self.switch._sip_port}"
        # Neither a call nor the whole of it may last for ever.
        limits = ["-timeout", f"{count / rate + 60:.0f}s", "-timeout_error"]
        return subprocess.Popen(
            [
                *("sipp", where, "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(free_port())),
                *("-cp", str(free_port())),
                *("-mp", str(free_port()), "-buff_size", str(BUFFER), "-nostdin", *limits),
                *("-r", f"{rate:g}", "-m", str(count), "-l", str(count)),
            ],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def work(
        self,
        rate: float,
        count: int,
        milliseconds: int = NEVER,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """:meth:`calls`, to their end. Raises :class:`CallsFailedError`."""
        status = self.calls(rate, count, milliseconds, headers).wait()
        if status != 0:
            raise CallsFailedError(f"not every call went as it should (sipp: {status})")

    def ended_on_record(self) -> int:
        """How many ended calls fsapp's database has."""
        with closing(sqlite3.connect(f"file:{self.folder / 'desk.db'}?mode=ro", uri=True)) as file:
            row = file.execute("SELECT count(*) FROM calls WHERE state = 'hungup'").fetchone()
        return int(row[0])

    def clear(self) -> None:
        """Ends whatever channels calls that failed have left."""
        self.switch.api("hupall NORMAL_CLEARING")
        self.is_quiet()

    def is_quiet(self) -> None:
        """Until no channel is left and nobody tidies up any more. Raises
        :class:`CallsFailedError`."""

        def channels() -> str:
            return str(self.switch.api("show channels count")).split()[0]

        try:
            wait_until(channels, lambda count: count == "0", promise="no channel", limit=30)
        except AssertionError as error:
            raise CallsFailedError(f"{channels()} channels were left over") from error
        time.sleep(QUIET_SECONDS)

    @contextmanager
    def costs(self, **processes: int) -> Iterator[dict[str, float]]:
        """CPU seconds that each of these processes, and ``freeswitch``, uses in between."""
        pids = {**processes, "freeswitch": self.freeswitch}
        self.is_quiet()
        spent = {name: -cpu_seconds(pid) for name, pid in pids.items()}
        yield spent
        self.is_quiet()
        for name, pid in pids.items():
            spent[name] += cpu_seconds(pid)


@contextmanager
def on_freeswitch(
    folder: Path, agents: Mapping[str, str], more: Mapping[str, Mapping[str, object]] | None = None
) -> Iterator[Stage]:
    """A stage with these agents (phones by id) and the shipped settings but for ``more``."""
    if not os.environ.get("FSAPP_FREESWITCH") and shutil.which("freeswitch") is None:
        raise LeftOutError("it needs a real FreeSWITCH (FSAPP_FREESWITCH) and SIPp")
    try:
        switch = make_switch("freeswitch", embedded=False)
        switch.start()
    except SwitchUnavailable as reason:
        raise LeftOutError(str(reason)) from reason
    with ExitStack() as stack:
        stack.callback(switch.stop)
        app, tokens = _app(switch, folder, agents, more or {})
        # It hears every event of every channel, and FreeSWITCH would pay for that.
        switch.watch.stop()
        app.launch()
        stack.callback(app.stop)
        yield Stage(switch, app.wait_ready(), tokens, folder)


def _app(
    switch: Any,
    folder: Path,
    agents: Mapping[str, str],
    more: Mapping[str, Mapping[str, object]],
) -> tuple[App, dict[str, str]]:
    database = Database(folder / "desk.db")
    database.open()
    staff = Agents(database)
    tokens = {
        name: staff.add(Agent(name, name.title(), f"user/{phone}"))
        for name, phone in agents.items()
    }
    database.close()
    settings: dict[str, dict[str, object]] = {
        "http": {"listen": free_address()},
        "database": {"path": str(folder / "desk.db")},
        "outbound": {"listen": switch.outbound_address},
        "control": {"address": switch.control_address, "password": switch.control_password},
        **{section: dict(keys) for section, keys in more.items()},
    }
    return App(folder, settings), tokens
