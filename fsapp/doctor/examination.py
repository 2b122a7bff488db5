"""All checks in the order in which what they find is to be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fsapp.doctor import (
    check_access,
    check_app,
    check_base,
    check_dialplan,
    check_phones,
    check_switch,
    trial,
)
from fsapp.doctor.deployment import Deployment
from fsapp.doctor.finding import Finding, Verdict, good, problem, unknown
from fsapp.settings import DEFAULT_FILE, Settings, SettingsError, load
from fsapp.switch.wire import BadFrame
from fsapp.web import tls

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
        tls.context(settings.http)
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
    if switch is None:
        yield unknown("freeswitch", "Nothing else can be asked until FreeSWITCH answers.")
        return
    try:
        yield from _with_switch(Deployment(settings, config, agents, switch), wanted)
    finally:
        switch.close()


def _with_switch(deployment: Deployment, wanted: Wanted) -> Iterator[Finding]:
    checks: list[Check] = [
        check_access.password,
        check_switch.modules,
        check_dialplan.check,
        check_switch.music,
        check_switch.timer,
        check_phones.phones,
        check_switch.clock,
        lambda deployment: _with_the_app(deployment, wanted),
    ]
    if wanted.ring:
        checks.append(check_phones.ring)
    for check in checks:
        try:
            yield from check(deployment)
        except (OSError, BadFrame) as error:
            mend = "see FreeSWITCH's log"
            yield problem("event-socket", f"FreeSWITCH has stopped answering: {error}.", mend)
            return


def _with_the_app(deployment: Deployment, wanted: Wanted) -> Iterator[Finding]:
    found = check_app.running(deployment.settings)
    yield found
    if not wanted.call:
        return
    if deployment.agents is None:
        yield unknown("call", "No test call is made: its way could not be seen in the database.")
    elif found.verdict is not Verdict.GOOD:
        yield unknown("call", "No test call is made until fsapp is ready.")
    else:
        yield from trial.check(deployment)
