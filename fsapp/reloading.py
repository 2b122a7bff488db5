"""The settings read again while fsapp runs: what takes effect, what waits for a restart.

The law of this file: all that may change does, or nothing. What cannot be used is said in one line,
and the settings stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from fsapp.logs import Log
from fsapp.risks import risks
from fsapp.settings import DEFAULT_FILE, TABLE, Row, Settings, SettingsError, load

__all__ = ["Reloading", "Source", "differing", "taken"]

log = logging.getLogger(__name__)


class Source:
    """Where the settings are: the file at ``path`` (``None``: ``conf/fsapp.toml``, if there is
    one) and ``environ``."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ

    def read(self) -> Settings:
        """As :func:`fsapp.settings.load`. A file that was read once has to be there the next time:
        the defaults are not what was meant."""
        if self._path is None and DEFAULT_FILE.is_file():
            self._path = DEFAULT_FILE
        return load(self._path, self._environ)

    def named(self, error: SettingsError) -> str:
        """The error, which begins with the file or variable it is about."""
        text, name = str(error), str(self._path or "the environment")
        return text if text.startswith((name, "FSAPP_")) else f"{name}: {text}"


class Running(Protocol):
    """``service.Service``."""

    settings: Settings
    """In effect."""

    def change(self, settings: Settings) -> None:
        """Puts settings into effect that differ in those only that may change. Raises
        ``SettingsError``; then nothing has changed."""

    def read_agents(self) -> None:
        """Looks at once at who works here now."""


class Reloading:
    """Reads the settings of ``running`` and its ``log`` again whenever it is told to."""

    def __init__(self, source: Source, running: Running, log: Log) -> None:
        self._source = source
        self._running = running
        self._log = log

    def reload(self) -> str:
        """Settings and agents as they are now; says in a sentence, here and in the log, what came
        of it. Raises nothing that is wrong with the settings."""
        try:
            said = self._settings()
        except SettingsError as error:
            said = f"the settings stay as they are: {self._source.named(error)}"
            log.error("%s", said)
        self._running.read_agents()
        return said

    def _settings(self) -> str:
        wanted, before = self._source.read(), self._running.settings
        now = taken(before, wanted)
        self._running.change(now)
        changed, waiting = differing(before, now), differing(now, wanted)
        said = f"the settings have been read again: {_changes(changed, now)}"
        self._log.set_format(now.log.format)
        self._log.change_level(now.log.level, lambda: log.info("%s", said))
        if waiting:
            names = ", ".join(row.name for row in waiting)
            log.warning("to take effect at the next start only: %s", names)
            said += f"; at the next start only: {names}"
        for risk in sorted({*risks(now)} - {*risks(before)}):
            log.warning("%s", risk)
        return said


def taken(settings: Settings, wanted: Settings) -> Settings:
    """``settings`` with what may change while fsapp runs taken from ``wanted``."""
    changed: dict[str, dict[str, object]] = {}
    for row in TABLE:
        if row.live:
            changed.setdefault(row.section, {})[row.key] = row.of(wanted)
    sections = {name: replace(getattr(settings, name), **keys) for name, keys in changed.items()}
    return replace(settings, **sections)


def differing(one: Settings, other: Settings) -> list[Row]:
    """The settings that are not the same in both."""
    return [row for row in TABLE if row.of(one) != row.of(other)]


def _changes(changed: list[Row], now: Settings) -> str:
    shown = (f"{row.name} {'********' if row.kind.secret else row.of(now)}" for row in changed)
    return ", ".join(shown) or "nothing is another than before"
