"""A FreeSWITCH that gives the answers a test has in mind, for what cannot be staged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from fsapp.doctor.deployment import Deployment
from fsapp.doctor.freeswitch import FreeSwitch
from fsapp.settings import Settings

Answer = str | Iterator[str]
"""Always the same, or one after the other."""


class Answering:
    """Answers a question by the words it begins with; with nothing when it has no answer."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers

    def ask(self, command: str, _limit: float | None = None) -> str:
        question = command.removeprefix("api ")
        for beginning, answer in self._answers.items():
            if question.startswith(beginning):
                return answer if isinstance(answer, str) else next(answer)
        return ""


def deployment(settings: Settings, answers: Mapping[str, Answer]) -> Deployment:
    """A deployment without agents, whose FreeSWITCH answers so."""
    return Deployment(settings, None, (), cast(FreeSwitch, Answering(answers)))
