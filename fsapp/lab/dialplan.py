"""The XML dialplan: which actions a call gets.

The law of this file: files are read as FreeSWITCH reads them (``<include>`` alone on its line,
else a complaint here instead of silence there), conditions are looked at when a call is routed.

Source: FreeSWITCH's documentation of the XML dialplan; freeswitch.md §6.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as xml

from fsapp.lab.channels import Action, Channel, Extension
from fsapp.lab.execution import APPLICATIONS
from fsapp.lab.profiles import Profile
from fsapp.lab.variables import truthy
from fsapp.lab.words import split_words

__all__ = ["Dialplan", "DialplanError", "inline_extension"]

_INCLUDE = re.compile(r"</?include>")


class DialplanError(Exception):
    """A dialplan FreeSWITCH would not read as it is meant."""


@dataclass(slots=True)
class _Hunt:
    """One search for an extension: the call, and the actions found so far."""

    channel: Channel
    profile: Profile
    found: Extension | None = None
    inline: list[Action] = field(default_factory=list)

    def add(self, element: xml.Element, name: str, data: str) -> None:
        """Take up an ``<action>`` or ``<anti-action>``."""
        action = Action(element.get("application", ""), data)
        if self.found is None:
            self.found = Extension(name)
        for _ in range(int(element.get("loop", "1"))):
            if truthy(element.get("inline")):
                self.execute(action)
            else:
                self.found.actions.append(action)

    def execute(self, action: Action) -> None:
        """An ``inline="true"`` action takes effect while conditions are still looked at."""
        data = self.channel.expand(action.data)
        name, _, value = data.partition("=")
        if action.application in {"set", "export"}:
            self.channel.variables.set(name.strip(), value)
        elif action.application == "unset":
            self.channel.variables.set(data.strip(), None)
        elif action.application not in APPLICATIONS:
            raise DialplanError(f"no application {action.application} to execute inline")


class Dialplan:
    """The contexts of one switch.

    ``files`` maps a context to the files it includes, in order (of a folder: each ``*.xml`` there
    when it is read); ``extra`` to XML text of further extensions at its end; ``settings`` are the
    ``$${name}`` that files may use.
    """

    def __init__(
        self,
        files: Mapping[str, Sequence[Path]],
        extra: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._files = {context: list(paths) for context, paths in files.items()}
        self._extra = dict(extra or {})
        self._settings = dict(settings or {})
        self._contexts: dict[str, list[xml.Element]] = {}
        self.reload()

    def reload(self) -> None:
        """Read the files. Raises :class:`DialplanError` or ``OSError``, and keeps what it had."""
        self._contexts = {
            context: self._extensions(context) for context in {*self._files, *self._extra}
        }

    def text(self) -> str:
        """The whole of it as XML, as FreeSWITCH's ``xml_locate dialplan`` shows it."""
        section = xml.Element("section", name="dialplan")
        for name, extensions in self._contexts.items():
            xml.SubElement(section, "context", name=name).extend(extensions)
        return xml.tostring(section, encoding="unicode")

    def _extensions(self, context: str) -> list[xml.Element]:
        extensions: list[xml.Element] = []
        for path in _files(self._files.get(context, ())):
            extensions += self._parse(path.read_text(encoding="utf-8"), str(path))
        extra = self._extra.get(context, "")
        return extensions + self._parse(extra, f"extra extensions of {context}")

    def _parse(self, text: str, source: str) -> list[xml.Element]:
        lines = [_without_include(line, source) for line in _visible(text).splitlines()]
        text = re.sub(r"\$\$\{([^}]*)\}", self._setting, "\n".join(lines))
        try:
            root = xml.fromstring(f"<context>{text}</context>")
        except xml.ParseError as error:
            raise DialplanError(f"{source}: {error}") from None
        return root.findall("extension")

    def _setting(self, found: re.Match[str]) -> str:
        return self._settings.get(found.group(1), "")

    async def route(self, channel: Channel, profile: Profile) -> Extension | None:
        """The actions for the call; None when no extension fits."""
        hunt = _Hunt(channel, profile)
        for element in self._contexts.get(profile.context, ()):
            name = element.get("name", "UNKNOWN")
            fits = _conditions(hunt, element, name)
            if fits and not truthy(element.get("continue")):
                break
        return hunt.found


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*.xml")) if path.is_dir() else (path,)


def _visible(text: str) -> str:
    """The text with comments blanked out, lines kept."""
    return re.sub(r"<!--.*?-->", lambda found: "\n" * found.group().count("\n"), text, flags=re.S)


def _without_include(line: str, source: str) -> str:
    if not _INCLUDE.search(line):
        return line
    if not _INCLUDE.fullmatch(line.strip()):
        raise DialplanError(f"{source}: FreeSWITCH would drop this line: {line.strip()}")
    return ""


def _conditions(hunt: _Hunt, parent: xml.Element, name: str) -> bool:
    """Go through the conditions of an extension or of a condition; whether it fits."""
    proceed = False
    for condition in parent.findall("condition"):
        matched, captured = _match(hunt, condition)
        proceed = bool(matched)
        if matched:
            for action in condition.findall("action"):
                hunt.add(action, name, _substitute(_data(action), captured))
        else:
            for action in condition.findall("anti-action"):
                hunt.add(action, name, _data(action))
                proceed = True
        if _breaks(condition, bool(matched)):
            break
        nested = proceed and condition.find("condition") is not None
        if nested and not _nested(hunt, condition, name):
            proceed = False
            if condition.get("break") != "never":
                return proceed
    return proceed


def _nested(hunt: _Hunt, condition: xml.Element, name: str) -> bool:
    fits = _conditions(hunt, condition, name)
    return fits or not truthy(condition.get("require-nested", "true"))


def _breaks(condition: xml.Element, matched: bool) -> bool:
    when = condition.get("break", "on-false").lower()
    return when == "always" or (when == "on-true" if matched else when == "on-false")


def _data(action: xml.Element) -> str:
    return (action.text or "").strip() or action.get("data", "")


def _match(hunt: _Hunt, condition: xml.Element) -> tuple[bool, re.Match[str] | None]:
    rule = condition.get("regex")
    if rule is None:
        return _match_one(hunt, condition)
    outcomes = [_match_one(hunt, regex) for regex in condition.findall("regex")]
    passed = [outcome for outcome in outcomes if outcome[0]]
    fits = {
        "all": len(passed) == len(outcomes),
        "xor": len(passed) == 1,
    }.get(rule.lower(), bool(passed))
    return fits, passed[-1][1] if passed else None


def _match_one(hunt: _Hunt, element: xml.Element) -> tuple[bool, re.Match[str] | None]:
    field_name = element.get("field")
    if field_name is None:
        return True, None
    expression = element.findtext("expression") or element.get("expression") or ""
    value = _field(hunt, field_name)
    found = re.search(hunt.channel.expand(expression), value)
    return found is not None, found


def _field(hunt: _Hunt, name: str) -> str:
    if "$" in name:
        return hunt.channel.expand(name)
    return hunt.profile.field(name) or ""


def _substitute(data: str, found: re.Match[str] | None) -> str:
    """``$1`` and its like, only when the expression captures something."""
    if found is None or not found.re.groups:
        return data

    def captured(reference: re.Match[str]) -> str:
        number = int(reference.group(1))
        return (found.group(number) or "") if number <= found.re.groups else ""

    return re.sub(r"\$(\d)", captured, data)


def inline_extension(text: str) -> Extension:
    """An inline dialplan: ``set:a=b,socket:host:port async full``."""
    actions: deque[Action] = deque()
    for part in split_words(text, ","):
        name, _, data = part.strip().partition(":")
        actions.append(Action(name, data))
    return Extension("inline", actions)
