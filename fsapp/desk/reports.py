"""What was: the history of calls, a call's timeline and the day's figures, for one agent at a time.

The law of this file: an agent is told of no call but those of organizations she serves
(protocol §2); one that is not hers to see does not exist.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from fsapp.calls.agent import Agent
from fsapp.calls.document_types import (
    FiguresDocument,
    HistoryAnswer,
    StatisticsAnswer,
    StatisticsDocument,
    TimelineAnswer,
)
from fsapp.calls.outcome import history_document
from fsapp.calls.refusals import call_not_found
from fsapp.calls.timeline import timeline
from fsapp.desk.board import Board
from fsapp.desk.shown import shown
from fsapp.store.history import Figures, Filters, History, Place
from fsapp.waiting import waiting

__all__ = ["Reports", "filters_of", "place_of", "placed"]

Parameters = Mapping[str, str]

DEFAULT_PAGE = 100
SETTLE_SECONDS = 0.5
"""How long a report waits for changes that are on their way to the disk."""
STEP_SECONDS = 900
"""One step of the day's picture: a quarter of an hour."""


class Reports:
    """Reads what is on record, once what has happened until now is (or the database is in trouble);
    ``board`` has the calls that have ended but are not yet."""

    def __init__(self, board: Board, history: History) -> None:
        self._board = board
        self._history = history

    def history(self, agent: Agent, parameters: Parameters) -> HistoryAnswer:
        """``GET /call/history``: a page of ended calls, newest arrival first."""
        organizations = agent.organizations
        if "organization" in parameters:
            organizations &= {int(parameters["organization"])}
        limit = int(parameters.get("limit", DEFAULT_PAGE))
        self._settle()
        after = place_of(parameters["cursor"]) if "cursor" in parameters else None
        calls, place = self._history.page(filters_of(parameters), organizations, limit, after)
        return {
            "status": "success",
            "calls": [history_document(call) for call in calls],
            "next": placed(place),
        }

    def _settle(self) -> None:
        """Whom she was told has ended is in the history that she reads next."""
        with waiting():
            self._history.settle(SETTLE_SECONDS)

    def timeline(self, agent: Agent, parameters: Parameters) -> TimelineAnswer:
        """``GET /call/<call_id>/timeline``: who did what when, live calls included."""
        call_id = parameters["call_id"]
        with self._board.turn():
            live = self._board.calls.get(call_id)
        call = live.call if live is not None else self._board.find_ended(call_id)
        if call is None or not agent.serves(call.organization_id):
            raise call_not_found(call_id)
        self._settle()
        entries = timeline(self._history.events(call_id, agent.organizations))
        return {"status": "success", "call": shown(self._board, agent, call), "timeline": entries}

    def statistics(self, agent: Agent, _: Parameters) -> StatisticsAnswer:
        """``GET /call/statistics``: today's inbound calls, by organization and by the quarter."""
        now = self._board.clock.now()
        since = _midnight(now)
        self._settle()
        figures = self._history.figures(agent.organizations, since, now, STEP_SECONDS)
        by_organization: dict[int, list[Figures]] = defaultdict(list)
        by_step: dict[int, list[Figures]] = defaultdict(list)
        for one in figures:
            by_organization[one.organization_id].append(one)
            by_step[one.step].append(one)
        steps = range(int((now - since) // STEP_SECONDS) + 1)
        document: StatisticsDocument = {
            "since": str(since),
            "until": str(int(now)),
            "step": STEP_SECONDS,
            "total": _summed(figures),
            "organizations": [
                {"organization_id": number, **_summed(by_organization[number])}
                for number in sorted(by_organization)
            ],
            "steps": [
                {"from": str(since + step * STEP_SECONDS), **_summed(by_step[step])}
                for step in steps
            ],
        }
        return {"status": "success", "statistics": document}


def filters_of(parameters: Parameters) -> Filters:
    """The filters among a request's checked parameters."""
    direction = parameters.get("direction")
    return Filters(
        since=_moment(parameters.get("since")),
        until=_moment(parameters.get("until")),
        agent=parameters.get("agent"),
        inbound=None if direction is None else direction == "inbound",
        outcome=parameters.get("outcome"),
        number=parameters.get("number"),
    )


def place_of(cursor: str) -> Place:
    """The place that a page's ``next`` stands for."""
    arrival, _, call_id = cursor.partition("~")
    return Place(float(arrival), call_id)


def placed(place: Place | None) -> str | None:
    """A place as a page's ``next``; ``repr`` gives the very same number back."""
    return None if place is None else f"{place.arrival!r}~{place.id}"


def _moment(text: str | None) -> float | None:
    return None if text is None else float(text)


def _midnight(now: float) -> int:
    """When the local day began, in Unix seconds."""
    day = time.localtime(now)
    return int(time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1)))


def _summed(chosen: Sequence[Figures]) -> FiguresDocument:
    """The figures together, as one entry of the document."""
    offered = sum(one.offered for one in chosen)
    answered = sum(one.answered for one in chosen)
    abandoned = sum(one.abandoned for one in chosen)
    overflowed = sum(one.overflowed for one in chosen)
    waits = sum(one.waits for one in chosen)
    longest = [one.waited_longest for one in chosen if one.waited_longest is not None]
    return {
        "offered": offered,
        "answered": answered,
        "abandoned": abandoned,
        "overflowed": overflowed,
        "waiting": offered - answered - abandoned - overflowed,
        "waited_average": round(sum(one.waited for one in chosen) / waits, 1) if waits else None,
        "waited_longest": max(longest, default=None),
    }
