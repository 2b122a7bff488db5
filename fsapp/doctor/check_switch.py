"""What FreeSWITCH must have besides the dialplan: modules, music, media timers, the time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from fsapp.doctor.deployment import Deployment
from fsapp.doctor.finding import Finding, good, problem, unknown, warning
from fsapp.switch.commands import BadArgument

__all__ = ["clock", "is_there", "modules", "music", "timer"]

ALWAYS = ("mod_event_socket", "mod_dptools", "mod_commands", "mod_tone_stream", "mod_dialplan_xml")
MOST_SKEW_SECONDS = 2.0
LATE_MILLISECONDS = 300
"""For ten times 20 ms."""
TRIES = 3
"""Of which one in time will do: a machine that is busy for a moment is no fault."""
RATES = (8000, 16000, 32000, 48000)
_TOTAL = re.compile(r"Total Time: ([0-9.]+)ms")
_LOCAL = "local_stream://"


def modules(deployment: Deployment) -> Iterator[Finding]:
    """Those that fsapp and its dialplan files use."""
    needed = [*ALWAYS]
    if deployment.settings.dial.external.startswith("loopback/"):
        needed.append("mod_loopback")
    missing = [one for one in needed if deployment.ask("module_exists", one) != "true"]
    for module in missing:
        mend = f"add it to modules.conf.xml, and: load {module}"
        yield problem("modules", f"{module} is not loaded.", mend)
    if not missing:
        yield good("modules", "The modules fsapp needs are loaded.")


def music(deployment: Deployment) -> Iterator[Finding]:
    """A source that is missing is replaced by a soft tone; better to know."""
    sources = {deployment.settings.queue.music, deployment.settings.park.music}
    for source in sorted(sources):
        yield _music(deployment, source)


def _music(deployment: Deployment, source: str) -> Finding:
    try:
        why = _why_no_music(deployment, source)
    except BadArgument:
        return unknown("music", f"Whether {source} can be played cannot be asked.")
    if why is None:
        return good("music", f"{source} can be played.")
    mend = f"{why}; or set queue.music and park.music to what there is"
    return warning("music", f"{source} is not there: callers hear a soft tone.", mend)


def is_there(deployment: Deployment, source: str) -> bool:
    """Whether FreeSWITCH can play a file or stream, as far as can be asked."""
    try:
        return _why_no_music(deployment, source) is None
    except BadArgument:
        return True


def _why_no_music(deployment: Deployment, source: str) -> str | None:
    if source.startswith(_LOCAL):
        return _why_no_stream(deployment, source.removeprefix(_LOCAL))
    if "://" in source or not source.startswith("/"):
        return None
    # FreeSWITCH takes the file from a folder named after its rate, too (mod_sndfile.c of 1.10.12).
    folder, _, name = source.rpartition("/")
    places = (source, *(f"{folder}/{rate}/{name}" for rate in RATES))
    there = any(deployment.ask("file_exists", place) == "true" for place in places)
    return None if there else "put the file there, readable for FreeSWITCH"


def _why_no_stream(deployment: Deployment, name: str) -> str | None:
    """A stream is looked for by name and rate, then by name, then as ``default``; one whose
    directory has no files has ended (mod_local_stream.c of 1.10.12)."""
    if deployment.ask("module_exists", "mod_local_stream") != "true":
        return "load mod_local_stream"
    listed = deployment.ask("local_stream show")
    streams = {line.partition(",")[0] for line in listed.splitlines()}
    wanted = {one for base in (name, "default") for one in (base, *_rated(base))}
    if streams & wanted:
        return None
    return (
        f"name {name} in local_stream.conf.xml and put sound files into its directory "
        "(vanilla names moh; Debian's package of its files is freeswitch-music-default)"
    )


def _rated(name: str) -> Iterator[str]:
    return (f"{name}/{rate}" for rate in RATES)


def timer(deployment: Deployment) -> Iterator[Finding]:
    """Without one FreeSWITCH plays nothing to a phone that sends nothing, and does not get it out
    of where it is (freeswitch.md §3)."""
    yield _soft_timer(deployment)
    untimed = [name for name in _untimed_profiles(deployment) if name]
    for name in untimed:
        what = f"SIP profile {name} has no rtp-timer-name: a silent phone or caller is stuck."
        mend = f"set its rtp-timer-name to soft, and: sofia profile {name} restart"
        yield problem("timer", what, mend)


def _soft_timer(deployment: Deployment) -> Finding:
    took = []
    for _ in range(TRIES):
        answer = deployment.ask("timer_test", "20", "10", "soft")
        found = _TOTAL.search(answer)
        if found is None:
            what = f"FreeSWITCH's soft timer does not run: {answer}."
            return problem("timer", what, "see its log")
        took.append(float(found[1]))
        if took[-1] <= LATE_MILLISECONDS:
            return good("timer", "FreeSWITCH's media timer keeps time.")
    what = f"FreeSWITCH's media timer is late: 200 ms took at least {min(took):.0f} ms."
    return warning("timer", what, "give the machine more processor time")


def _untimed_profiles(deployment: Deployment) -> Iterator[str]:
    sofia = deployment.configuration("sofia.conf")
    for profile in sofia.iter("profile") if sofia is not None else ():
        if _timer_of(profile) in ("", "none"):
            yield profile.get("name", "")


def _timer_of(profile: Element) -> str:
    timers = [
        parameter.get("value", "")
        for parameter in profile.iter("param")
        if parameter.get("name") == "rtp-timer-name"
    ]
    return timers[-1] if timers else ""


def clock(deployment: Deployment) -> Iterator[Finding]:
    """Ages of calls are counted with this machine's clock."""
    answer = deployment.ask("strepoch")
    skew = int(answer) - time.time() if answer.isdigit() else None
    if skew is None:
        yield unknown("time", f"FreeSWITCH's time is not known: {answer}.")
    elif abs(skew) > MOST_SKEW_SECONDS:
        what = f"FreeSWITCH's clock is {skew:+.0f} s from this machine's."
        yield warning("time", what, "let both keep time by NTP")
    else:
        yield good("time", "FreeSWITCH and fsapp have the same time.")
