"""What the checks look at: settings, database file, FreeSWITCH."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fsapp.calls.agent import Agent
from fsapp.doctor.freeswitch import FreeSwitch
from fsapp.settings import Settings

__all__ = ["Deployment"]


@dataclass(frozen=True)
class Deployment:
    """``config`` is the settings' file, ``None`` for the built-in defaults."""

    settings: Settings
    config: Path | None
    agents: tuple[Agent, ...]
    switch: FreeSwitch
