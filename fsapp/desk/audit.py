"""Calls that are stuck: of which fsapp and FreeSWITCH do not know the same.

The law of this file: it only looks. It asks on the control connection, waits for a limited time,
holds no lock meanwhile, and says nothing rather than guess. What it finds is true at one moment: a
call that has just ended may be among it, which is why a figure counts as trouble only when it stays
(``conf/prometheus-rules.yml``); ending such calls is the work of census.py and comparison.py.

``show channels`` lags by up to 0.3 s, ``uuid_exists`` is exact (measured): who is not listed is
asked about. A channel that nobody here knows is ours when its variable ``fsapp_app`` names us;
those of others are remembered for a while, so that a busy FreeSWITCH is not asked about each again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from fsapp.calls.call import State
from fsapp.desk.board import Board, LegPhase, LiveCall
from fsapp.desk.context import Context
from fsapp.desk.kept import app_of, is_customer
from fsapp.desk.reconcile import channels_listed
from fsapp.switch import commands
from fsapp.switch.channel import Channel, Dump, Reply
from fsapp.switch.connection import Connection

__all__ = ["NO_CHANNEL", "NO_ROW", "Audit"]

NO_CHANNEL = "no_channel"
"""A call or leg of ours whose channel FreeSWITCH does not have."""
NO_ROW = "no_row"
"""A channel of ours in FreeSWITCH that is no call or leg here."""

FRESH_SECONDS = 2.0
"""How long an answer serves: who asks more often gets the same."""
LIMIT_SECONDS = 1.0
OTHERS_SECONDS = 60.0
"""How long a channel counts as somebody else's."""


class Audit:
    """Asked by request threads; one of them looks at a time, others get what was seen last.
    ``limit``: how many seconds FreeSWITCH may take for each of the three questions."""

    def __init__(self, context: Context, limit: float = LIMIT_SECONDS) -> None:
        self._context = context
        self._limit = limit
        self._board: Board = context.board
        self._app = app_of(context.options)
        self._looking = threading.Lock()
        self._seen: Mapping[str, int] | None = None
        self._at = -FRESH_SECONDS
        self._others: dict[str, float] = {}

    def stuck(self) -> Mapping[str, int] | None:
        """How many there are, by :data:`NO_CHANNEL` and :data:`NO_ROW`; ``None`` when FreeSWITCH
        cannot be asked."""
        if not self._looking.acquire(blocking=False):
            return self._seen
        try:
            now = self._board.clock.now()
            if not 0 <= now - self._at < FRESH_SECONDS:
                self._seen = self._look(now)
                self._at = now
            return self._seen
        finally:
            self._looking.release()

    def _look(self, now: float) -> Mapping[str, int] | None:
        control = self._context.control.connection
        if control is None:
            return None
        answer = self._ask(control, [commands.api_show_channels()])
        there = channels_listed(answer[0]) if answer else None
        if there is None:
            return None
        unlisted = sorted(self._with_channels() - set(there))
        strange = self._strange(there, now)
        questions = [commands.api_exists(uuid) for uuid in unlisted]
        questions += [commands.api_get(uuid, "fsapp_app") for uuid in strange]
        answers = self._ask(control, questions)
        if answers is None:
            return None
        gone = {uuid for uuid, said in zip(unlisted, answers, strict=False) if said.text == "false"}
        ours = self._ours(strange, answers[len(unlisted) :], now)
        stray = self._without_row(control, ours)
        if stray is None:
            return None
        return {NO_CHANNEL: len(gone & self._with_channels()), NO_ROW: len(stray - self._known())}

    def _with_channels(self) -> set[str]:
        """Every call and leg that has a channel, as far as is known here."""
        board = self._board
        with board.turn():
            calls = {uuid for uuid, live in board.calls.items() if _was_dialled(live)}
            legs = board.legs.items()
            return calls | {uuid for uuid, leg in legs if leg.phase is not LegPhase.RINGING}

    def _known(self) -> set[str]:
        with self._board.turn():
            return self._board.calls.keys() | self._board.legs.keys()

    def _strange(self, there: Sequence[str], now: float) -> list[str]:
        """The channels that nobody here knows, and that were not somebody else's lately."""
        known = self._known()
        until = {uuid: self._others.get(uuid, 0.0) for uuid in there if uuid not in known}
        self._others = {uuid: moment for uuid, moment in until.items() if moment > now}
        return [uuid for uuid in until if uuid not in self._others]

    def _ours(self, strange: Sequence[str], answers: Sequence[Reply], now: float) -> list[str]:
        said = dict(zip(strange, answers, strict=True))
        others = [uuid for uuid, answer in said.items() if answer.text != self._app]
        self._others.update(dict.fromkeys(others, now + OTHERS_SECONDS))
        return [uuid for uuid, answer in said.items() if answer.text == self._app]

    def _without_row(self, control: Connection, ours: Sequence[str]) -> set[str] | None:
        """Those that should be a call or a leg here: not what is behind a loopback, nor what has
        hung up."""
        answers = self._ask(control, [commands.api_dump(uuid) for uuid in ours])
        if answers is None:
            return None
        channels = (Channel.read(Dump(answer.text)) for answer in answers)
        return {one.uuid for one in channels if one.uuid and not one.ended and _counts(one)}

    def _ask(self, control: Connection, questions: Sequence[str]) -> list[Reply] | None:
        """The answers, in order; ``None`` when they do not all come in time."""
        answers: list[Future[Reply]] = [Future() for _ in questions]
        for question, answer in zip(questions, answers, strict=True):
            control.post(question, on_reply=answer.set_result)
        control.flush()
        try:
            deadline = time.monotonic() + self._limit
            said = [answer.result(max(0.0, deadline - time.monotonic())) for answer in answers]
        except TimeoutError:
            return None
        return None if any(answer.lost for answer in said) else said


def _was_dialled(live: LiveCall) -> bool:
    """A number that is dialled only when the agent's phone is up has no channel before."""
    planned = live.call.state is State.CREATED or not (live.job or live.restored)
    dialling = live.call.state in (State.CREATED, State.RINGING)
    return live.call.inbound or not (dialling and planned)


def _counts(channel: Channel) -> bool:
    return is_customer(channel) or bool(channel.variables.get("fsapp_agent"))
