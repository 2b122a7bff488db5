"""What the checks look at: settings, database file, FreeSWITCH."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fsapp.calls.agent import Agent
from fsapp.doctor.freeswitch import FreeSwitch
from fsapp.settings import Settings
from fsapp.switch import commands

__all__ = ["Deployment"]


@dataclass(frozen=True)
class Deployment:
    """``config`` is the settings' file, ``None`` for the built-in defaults."""

    settings: Settings
    config: Path | None
    agents: tuple[Agent, ...] | None
    """``None``: they cannot be read."""
    switch: FreeSwitch

    def ask(self, question: str, *arguments: str) -> str:
        """FreeSWITCH's answer to one of ``fsapp.switch.commands.QUESTIONS``. Raises ``OSError`` or
        ``fsapp.switch.wire.BadFrame``."""
        return self.switch.ask(commands.api_question(question, *arguments))

    def configuration(self, name: str) -> Element | None:
        """One of FreeSWITCH's configurations, e.g. ``sofia.conf``; ``None`` when there is none."""
        answer = self.ask("xml_locate", "configuration", "configuration", "name", name)
        try:
            # FreeSWITCH itself is who answers here, over a connection that needed its password.
            return ElementTree.fromstring(answer)
        except ElementTree.ParseError:
            return None
