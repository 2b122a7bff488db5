"""conf/fsapp.service: systemd takes it, what it locks stays locked, and nothing fsapp needs is."""

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
LOCKS = """
User=fsapp
Group=fsapp
StateDirectoryMode=0700
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=prlimit64 setrlimit
SystemCallErrorNumber=EPERM
""".strip().splitlines()
"""Whoever takes one out says here, too, that it may go."""
MOST_EXPOSED = 25
"""In tenths, of 100; 15 with systemd 252, and other versions weigh otherwise."""


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


def test_every_lock_is_there_and_none_is_opened_again() -> None:
    """A later line of the same name would change, or undo, an earlier one."""
    names = {lock.partition("=")[0] for lock in LOCKS}
    assert [line for line in lines() if line.partition("=")[0] in names] == LOCKS


def test_systemd_finds_little_that_a_taken_over_fsapp_could_do(tmp_path: Path) -> None:
    limit = f"--threshold={MOST_EXPOSED}"
    done = analyzed(tmp_path, "security", "--offline=yes", "--no-pager", limit)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a unit that is not loaded (before 250)")
    assert done.returncode == 0, done.stdout + done.stderr


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
