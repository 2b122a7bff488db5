"""The app inside FreeSWITCH, as mod_python3 runs it; everything else is as beside it."""

import itertools
import json
import re
from pathlib import Path
from typing import NoReturn

import pytest

from .app import App
from .switches.freeswitch import FreeSwitch

WHY = "the app is no process of its own inside FreeSWITCH"


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
    def is_running(self) -> bool:
        return self._switch.api("python fsapp.embedded status").startswith("fsapp runs")

    def launch(self, **extra: str) -> None:
        assert not extra, "FreeSWITCH's environment is what it was started with"
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "fsapp.toml"
        file.write_text(toml(self.settings), encoding="utf-8")
        answer = self._switch.api(f"python fsapp.embedded start {file}")
        assert answer.startswith("fsapp has started"), answer

    def stop(self, limit: float = 10.0) -> int:  # noqa: ARG002
        if not self.is_running:
            return 0
        answer = self._switch.api("python fsapp.embedded stop")
        return 0 if answer.startswith("fsapp has stopped") else 1

    def kill(self) -> NoReturn:
        pytest.skip(WHY)

    def wait_exit(self, limit: float = 10.0) -> int:  # noqa: ARG002
        pytest.skip(WHY)


def toml(settings: dict[str, dict[str, object]]) -> str:
    """The settings as a file; JSON's strings, numbers, truths and lists are TOML's."""
    lines: list[str] = []
    for section, keys in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join([*lines, ""])
