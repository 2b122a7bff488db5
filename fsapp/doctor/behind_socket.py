"""What a call meets behind the ``socket`` of its extension, when nobody answers there or fsapp has
let it go.

The law of this file: values in, values out. An action counts against somebody only where it is
executed whatever else there is to a call; what depends on more, or is not known here, is trusted.

Source: mod_dptools.c, mod_sofia.c and mod_dialplan_xml.c of 1.10.12. ``redirect`` does nothing to a
call that is answered, as fsapp's are, and the end of an extension is the end of the call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from xml.etree.ElementTree import Element

from fsapp.doctor.dialplan import RETURN_POINT, Entry, has
from fsapp.doctor.sources import is_signal

__all__ = ["Fate", "Fates", "fate", "leads_back", "pauses"]

Lasts = Callable[[str], bool]
"""Whether playing a source takes time (``sources.lasts``)."""

_QUIET = frozenset(
    {
        *("answer", "pre_answer", "ring_ready", "acknowledge_call", "wait_for_answer"),
        *("set", "export", "unset", "multiset", "multiunset", "bridge_export", "set_global"),
        *("push", "unshift", "set_name", "set_user", "set_profile_var", "hash", "db", "eval"),
        *("log", "info", "event", "verbose_events", "session_loglevel", "presence", "privacy"),
        *("playback", "loop_playback", "gentones", "sleep", "break", "sched_hangup"),
        *("start_dtmf", "stop_dtmf", "flush_dtmf", "queue_dtmf", "send_dtmf", "send_display"),
        *("set_audio_level", "set_mute", "jitterbuffer", "record_session", "stop_record_session"),
        *("bind_meta_app", "unbind_meta_app", "bind_digit_action", "clear_digit_action"),
    }
)
"""Applications behind which the call is where it was."""
_ENDS = frozenset({"hangup", "respond", "redirect"})
_STAYS_AWAY = frozenset({"transfer", "park", "endless_playback"})
"""What comes behind these is never executed."""
_SPEAKS = frozenset({"say", "speak", "phrase"})
_PLAYS = frozenset({"playback", "loop_playback", "endless_playback"})
_COUNT = re.compile(r"\+\S*\s+")
"""What ``loop_playback`` may have before its source."""


class Fates(Enum):
    """What becomes of a caller behind the socket.

    ``TOLD`` is a fallback: who is hung up on behind an announcement is not lost without a word, and
    where an administrator wants it so it is no fault. It is worth a warning all the same: nobody is
    to be dropped for fsapp's sake (protocol §7), and at each restart of fsapp those who wait are
    handed back to the same place, and hung up on.
    """

    LED_ON = "led on"
    TOLD = "told something, then hung up on"
    LOST = "hung up on"


@dataclass(frozen=True)
class Fate:
    """``why`` says, of who is not led on, what ends the call."""

    what: Fates
    why: str = ""


@dataclass(frozen=True)
class Step:
    """An action behind the socket; ``certain``: executed whatever else there is to a call."""

    application: str
    data: str
    certain: bool


def fate(entry: Entry, contexts: Mapping[str, Element], lasts: Lasts) -> Fate:
    """What becomes of a call that ``entry``'s last socket does not keep."""
    told = False
    for step in _steps(entry):
        told = told or _tells(step, lasts)
        found = _fate_by(step, told, entry.context, contexts)
        if found is not None:
            return found
    if entry.extension.get("continue") == "true":
        return Fate(Fates.LED_ON)
    return _ended("nothing follows", told)


def _fate_by(step: Step, told: bool, context: str, contexts: Mapping[str, Element]) -> Fate | None:
    """What this one step makes of the call; ``None`` when it goes on to the next."""
    if _ends(step):
        return _ended(f"{step.application} ends the call", told) if step.certain else None
    if step.application == "transfer":
        missing = _missing(step.data, context, contexts)
        if missing is None or not step.certain:
            return Fate(Fates.LED_ON)
        return Fate(Fates.LOST, missing)
    known = step.application in {*_QUIET, *_SPEAKS, "respond"}
    return None if known else Fate(Fates.LED_ON)


def _ends(step: Step) -> bool:
    """``respond`` with a provisional answer, e.g. 183, leaves the call as it is."""
    provisional = step.application == "respond" and step.data.startswith("1")
    return step.application in _ENDS and not provisional


def _ended(why: str, told: bool) -> Fate:
    return Fate(Fates.TOLD if told else Fates.LOST, why)


def _tells(step: Step, lasts: Lasts) -> bool:
    """Whether a caller learns something by it; a tone tells nothing."""
    if step.application in _PLAYS:
        source = _COUNT.sub("", step.data, count=1)
        return not is_signal(source) and lasts(source)
    return step.application in _SPEAKS


def leads_back(entry: Entry, contexts: Mapping[str, Element]) -> bool:
    """Whether a call that the return point's socket does not keep comes to a return point again."""
    for step in _steps(entry):
        if _is_back(step, entry.context):
            return _missing(step.data, entry.context, contexts) is None
        if step.certain and (_ends(step) or step.application in _STAYS_AWAY):
            return False
    return False


def pauses(entry: Entry, lasts: Lasts) -> bool:
    """Whether something between the socket and the way back takes time: without it the loop spins
    when there is somebody who takes calls and drops them at once."""
    before = takewhile(lambda step: not _is_back(step, entry.context), _steps(entry))
    return any(_takes_time(step, lasts) for step in before)


def _takes_time(step: Step, lasts: Lasts) -> bool:
    if step.application == "sleep":
        milliseconds = re.match(r"\s*(\d+)", step.data)
        return "$" in step.data or (milliseconds is not None and int(milliseconds[1]) > 0)
    if step.application == "gentones":
        return lasts(f"tone_stream://{step.data}")
    return step.application in _PLAYS and lasts(_COUNT.sub("", step.data, count=1))


def _is_back(step: Step, context: str) -> bool:
    target = _target(step.data, context)
    return step.application == "transfer" and target is not None and target[0] == RETURN_POINT


def _missing(data: str, context: str, contexts: Mapping[str, Element]) -> str | None:
    """Why a transfer of a call in ``context`` leads nowhere; ``None`` when it leads somewhere, or
    that is not known. Whether there is a return point in the call's own context is asked
    elsewhere."""
    target = _target(data, context)
    if target is None or target == (RETURN_POINT, context):
        return None
    extension, named = target
    # FreeSWITCH looks into "global" when there is no context of that name.
    found = contexts.get(named, contexts.get("global"))
    if found is not None and has(found, extension):
        return None
    return f"it transfers to {extension}, which context {named} does not have"


def _target(data: str, context: str) -> tuple[str, str] | None:
    """Extension and context of a transfer's data; ``None`` when they depend on the call, or it
    leads to another kind of dialplan."""
    words = data.replace("${context}", context).split()
    extension, dialplan, named = [*words, *("", "XML", context)[len(words) :]][:3]
    # An option (-both) shifts the words and is not needed by anybody here.
    known = extension[:1] not in ("", "-") and dialplan.upper() == "XML"
    return (extension, named) if known and "$" not in extension + named else None


def _steps(entry: Entry) -> list[Step]:
    """What stands behind the last socket, in the order of execution."""
    placed = list(_placed(entry.extension))
    sockets = (place for place, (_, action) in enumerate(placed) if _is_socket(action))
    last = max(sockets)
    home, socket = placed[last]
    return [
        Step(
            action.get("application") or "",
            (action.text or "").strip() or action.get("data") or "",
            _is_bare(condition, entry.extension, action)
            or (condition is home and action.tag == socket.tag),
        )
        for condition, action in placed[last + 1 :]
    ]


def _placed(extension: Element) -> Iterator[tuple[Element, Element]]:
    """The extension's actions and anti-actions, each with its condition."""
    for condition in extension.iter("condition"):
        for action in condition:
            if action.tag in ("action", "anti-action"):
                yield condition, action


def _is_socket(action: Element) -> bool:
    return action.get("application") == "socket"


def _is_bare(condition: Element, extension: Element, action: Element) -> bool:
    """Whether the action stands under a condition that holds for every call."""
    tests = set(condition.attrib) - {"break"}
    return action.tag == "action" and not tests and condition in extension.findall("condition")
