"""conf/fsapp.service: systemd takes it, and it hides nothing that fsapp needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from fsapp.metrics.table import PROCESS

from .shown import ROOT

UNIT = ROOT / "conf" / "fsapp.service"


def lines() -> list[str]:
    text = UNIT.read_text("utf-8")
    return [line for line in text.splitlines() if line and line[0] not in "#["]


def analyzed(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What systemd-analyze says of the unit, with a program that this machine has."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here to read the unit")
    text = UNIT.read_text("utf-8")
    assert "ExecStart=/opt/fsapp/.venv/bin/fsapp serve" in text
    unit = tmp_path / "fsapp.service"
    unit.write_text(text.replace("/opt/fsapp/.venv/bin/fsapp", sys.executable), "utf-8")
    return subprocess.run([program, *words, unit], capture_output=True, text=True, check=False)


def test_systemd_takes_the_shipped_unit(tmp_path: Path) -> None:
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines()
    done = analyzed(tmp_path, "verify")
    # Its other complaints are about units of this machine.
    assert [line for line in done.stderr.splitlines() if "fsapp" in line] == []


def test_the_figures_of_the_process_can_be_read_under_the_unit(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry, proc=str(proc_of_the_unit(tmp_path)))
    found = {sample.name for family in registry.collect() for sample in family.samples}
    assert found == {row.name for row in PROCESS}


def proc_of_the_unit(tmp_path: Path) -> Path:
    """/proc as the unit's process sees it: all of it, or processes alone."""
    if "ProcSubset=pid" not in lines():
        return Path("/proc")
    (tmp_path / "self").symlink_to("/proc/self")
    return tmp_path
