"""What the verbs share: finding the call that is meant, and waiting with a limit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from fsapp.calls.agent import Agent
from fsapp.calls.guard import may_dial, visible
from fsapp.calls.refusals import (
    Refusal,
    dependency_timeout,
    dependency_unavailable,
)
from fsapp.desk.board import LiveCall, Request, Turn
from fsapp.desk.context import Context
from fsapp.store.writer import WriterStopped
from fsapp.waiting import waiting

__all__ = ["Verbs", "committed"]

T = TypeVar("T")


class Verbs:
    """Base of the verbs that change calls. Their methods run on request threads and may wait."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._board = context.board

    def _named(self, agent: Agent, call_id: str) -> LiveCall:
        """The live call of this id that exists for her, else 404. In a turn."""
        live = self._board.calls.get(call_id)
        visible(agent, live.call if live else None, call_id)
        assert live is not None
        return live

    def _free(self, agent: Agent) -> None:
        """Refuses (409) while she is in a call or is being put into one. In a turn."""
        may_dial(agent, self._board.situation(agent))

    def _begin(self, request: Request, live: LiveCall | None) -> None:
        """The request keeps its agent, and its call, busy until it is finished. In a turn."""
        self._board.status(request.agent).request = request
        if live is not None:
            live.request = request

    def _wait(self, request: Request, limit: float) -> None:
        """Waits for the request's outcome; past ``limit`` seconds it is given up with 504."""
        try:
            with waiting():
                request.outcome.result(limit)
        except TimeoutError:
            with self._board.turn() as turn:
                self._give_up(turn, request)
            request.outcome.result()

    def _give_up(self, turn: Turn, request: Request) -> None:
        live = self._board.calls.get(request.call_id)
        document = live.call.document() if live is not None else None
        late = dependency_timeout("FreeSWITCH did not answer in time", document)
        self._board.finish(turn, request, late)

    def _recordable(self, look: Callable[[], LiveCall | None]) -> None:
        """Before anything is done: ``look`` makes the checks, in a turn and in their order; then
        503 unless the database takes changes. What could not be put on record is not begun."""
        with self._board.turn():
            live = look()
        try:
            committed(self._board.probe(), self._context.options.database_timeout)
        except Refusal as refusal:
            refusal.call = live.call.document() if live is not None else None
            raise

    def _commit(self, written: Future[T] | None, live: LiveCall, until: float = 0.0) -> T | None:
        """Waits until what was decided is on record; 503, showing the call, when it is not within
        ``database.timeout``, or at ``until`` (Unix seconds), if that is later."""
        if written is None:
            return None
        limit = max(self._context.options.database_timeout, until - self._board.clock.now())
        try:
            return committed(written, limit)
        except Refusal as refusal:
            refusal.call = live.call.document()
            raise


def committed(written: Future[T], limit: float) -> T:
    """What the writer's job answers once it is on record; 503 past ``limit`` seconds.

    The job stays handed in; whoever can undo what it reports takes it back.
    """
    try:
        with waiting():
            return written.result(limit)
    except TimeoutError:
        why = "The database did not take the change in time"
        raise dependency_unavailable(why) from None
    except (sqlite3.Error, WriterStopped) as error:
        raise dependency_unavailable(f"The database did not take the change: {error}") from error
