"""All checks in the order in which what they find is to be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fsapp.doctor import check_base, check_dialplan, check_switch, trial
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.finding import Finding, good, problem, unknown
from fsapp.settings import DEFAULT_FILE, Settings, SettingsError, load
from fsapp.switch.wire import BadFrame

__all__ = ["Wanted", "examine"]

Check = Callable[[Deployment], Iterable[Finding]]


@dataclass(frozen=True)
class Wanted:
    """What disturbs somebody and is therefore asked for, or may be left out."""

    call: bool = True
    ring: bool = False


def examine(config: Path | None, environ: Mapping[str, str], wanted: Wanted) -> Iterator[Finding]:
    """Each finding as soon as it is there. Never raises for what is wrong with a deployment."""
    try:
        settings = load(config, environ)
    except SettingsError as error:
        yield problem("settings", f"{error}.", "correct it; docs/settings.md lists all settings")
        return
    source = config or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    told = f"The settings in {source} are valid." if source else "The built-in settings are used."
    yield good("settings", told)
    yield from _with_settings(settings, source, wanted)


def _with_settings(settings: Settings, config: Path | None, wanted: Wanted) -> Iterator[Finding]:
    agents, finding = check_base.roster(settings)
    yield finding
    switch, finding = check_base.connect(settings)
    yield finding
    yield from check_base.password(settings)
    if switch is None:
        yield unknown("freeswitch", "Nothing else can be asked until FreeSWITCH answers.")
        return
    try:
        yield from _with_switch(Deployment(settings, config, agents, switch), wanted)
    finally:
        switch.close()


def _with_switch(deployment: Deployment, wanted: Wanted) -> Iterator[Finding]:
    checks: list[Check] = [
        check_switch.modules,
        check_dialplan.check,
        check_switch.music,
        check_switch.timer,
        check_switch.phones,
        check_switch.clock,
    ]
    if wanted.ring:
        checks.append(check_switch.ring)
    if wanted.call:
        checks.append(trial.check)
    for check in checks:
        try:
            yield from check(deployment)
        except (OSError, BadFrame) as error:
            mend = "see FreeSWITCH's log"
            yield problem("event-socket", f"FreeSWITCH has stopped answering: {error}.", mend)
            return
