"""The app inside FreeSWITCH, as mod_python3 runs it; everything else is as beside it."""

import itertools
import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from .app import App, merged
from .switches.event_socket import EventSocket
from .switches.freeswitch import FreeSwitch

WHY = "the app is no process of its own inside FreeSWITCH"

STOP_SECONDS = 20.0
"""How long FreeSWITCH's command may take to answer; the app's own limit is ten."""


STAMP = re.compile(r"([0-9a-f-]{36} )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ ")


class Ours:
    """Whether a line of FreeSWITCH's log, or the line it goes on from, was written by Python."""

    def __init__(self) -> None:
        self._ours = False

    def __call__(self, line: str) -> bool:
        if STAMP.match(line):
            self._ours = "switch_cpp.cpp" in line
        return self._ours


class EmbeddedApp(App):
    """An app that FreeSWITCH's own command starts and stops."""

    def __init__(
        self, switch: FreeSwitch, directory: Path, settings: dict[str, dict[str, object]]
    ) -> None:
        super().__init__(directory, settings)
        self._switch = switch
        self._stopping: threading.Thread | None = None
        self._said = ""

    @property
    def log_file(self) -> Path:
        return self._switch.directory / "freeswitch.log"

    def log(self) -> str:
        """What the app wrote; FreeSWITCH's own lines are left out."""
        lines = itertools.groupby(super().log().splitlines(), key=Ours())
        return "\n".join(line for ours, some in lines if ours for line in some)

    @property
    def pid(self) -> NoReturn:
        pytest.skip(WHY)

    @property
    def host(self) -> int:
        """FreeSWITCH's own."""
        return self._switch.pid

    @property
    def is_running(self) -> bool:
        return self._switch.api("python fsapp.embedded status").startswith("fsapp runs")

    def launch(self, **extra: str) -> None:
        """``extra`` are settings as environment variables; FreeSWITCH's own environment is what it
        was started with, so that they come in the file."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "fsapp.toml"
        file.write_text(toml(merged(self.settings, named(extra))), encoding="utf-8")
        answer = self._switch.api(f"python fsapp.embedded start {file}")
        assert answer.startswith("fsapp has started"), answer

    def terminate(self) -> None:
        """FreeSWITCH's command that stops it, which answers when it has ended."""
        self._stopping = threading.Thread(target=self._stop, daemon=True)
        self._stopping.start()

    def stop(self, limit: float = 10.0) -> int:
        self.terminate()
        return self.wait_exit(limit)

    def wait_exit(self, limit: float = 10.0) -> int:
        """0 when it has ended, at most ``limit`` seconds from now."""
        if self._stopping is not None:
            self._stopping.join(limit)
            assert not self._stopping.is_alive(), f"still running after {limit} s"
            self._stopping = None
        return 0 if self._said.startswith(("fsapp has stopped", "fsapp does not run")) else 1

    def _stop(self) -> None:
        # A connection of its own: meanwhile FreeSWITCH answers nothing else on it.
        connection = EventSocket.connect(
            self._switch.control_address, self._switch.control_password, limit=STOP_SECONDS
        )
        self._said = connection.api("python fsapp.embedded stop")
        connection.close()

    def kill(self) -> NoReturn:
        pytest.skip(WHY)


def named(variables: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """``FSAPP_SECTION_KEY`` variables as sections of keys."""
    sections: dict[str, dict[str, object]] = {}
    for name, value in variables.items():
        _, section, key = name.lower().split("_", 2)
        sections.setdefault(section, {})[key] = value
    return sections


def toml(settings: dict[str, dict[str, object]]) -> str:
    """The settings as a file; JSON's strings, numbers, truths and lists are TOML's."""
    lines: list[str] = []
    for section, keys in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join([*lines, ""])
