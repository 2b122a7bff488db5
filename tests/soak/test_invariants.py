"""Each invariant, broken on purpose in the app itself, is noticed by its check.

A component is made to do the wrong thing, stories are told, and the check of exactly that
invariant must complain within a few of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fsapp.desk import bridges as bridges_module
from fsapp.desk import desk as desk_module
from fsapp.desk.board import Board
from fsapp.desk.legs import Legs
from fsapp.desk.music import Music
from fsapp.desk.park import Park
from fsapp.store.calls import Calls, Event
from tests.soak import invariants
from tests.soak.invariants import CHECKS, Check, Picture, violations
from tests.soak.story import Broken, Counts, prepare, tell
from tests.soak.test_soak import FAULTS

Breaking = Callable[[pytest.MonkeyPatch], None]
STORIES = 60
"""The most stories told until one of them shows the harm; most show it in the first."""


def silence(patch: pytest.MonkeyPatch) -> None:
    """Nobody is played anything."""
    patch.setattr(Music, "start", lambda *_: None)


def no_way_back(patch: pytest.MonkeyPatch) -> None:
    """A caller whose agent's phone dies is hung up on."""
    honest = bridges_module.conversation_variables
    wrong = {"hangup_after_bridge": "true", "transfer_after_bridge": ""}
    patch.setattr(
        bridges_module, "conversation_variables", lambda *given: {**honest(*given), **wrong}
    )


def a_leg_for_each_call(patch: pytest.MonkeyPatch) -> None:
    """The phone is rung though the leg is up, and a leg without a call is kept for ever."""

    def obtain(legs: Legs, turn: Any, request: Any, call: Any, way: Any) -> Any:
        return legs.ring(turn, request, call, way)

    patch.setattr(Legs, "obtain", obtain)
    patch.setattr(Legs, "_expire", lambda *_: None)


def everybodys_parked_calls(patch: pytest.MonkeyPatch) -> None:
    """An agent is told of every parked call as hers."""

    def parked(board: Board, _agent: str) -> list[Any]:
        return [live.call for live in board.calls.values() if live.call.state == "parked"]

    patch.setattr(Board, "parked", parked)


def engaged_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A finished pickup goes on keeping its agent busy."""
    honest = Board.finish

    def finish(board: Board, turn: Any, request: Any, refusal: Any = None) -> None:
        honest(board, turn, request, refusal)
        if request is not None and request.verb == "call/pickup" and refusal is not None:
            board.status(request.agent).request = request

    patch.setattr(Board, "finish", finish)


def last_come_first_served(patch: pytest.MonkeyPatch) -> None:
    """Agents are told the queue the wrong way round."""
    patch.setattr(desk_module, "queue_key", lambda call: -call.arrival)


def ended_calls_stay(patch: pytest.MonkeyPatch) -> None:
    """An ended call is not taken off the board."""
    patch.setattr(Board, "remove", lambda *_: None)


def untold_parks(patch: pytest.MonkeyPatch) -> None:
    """A park changes the row, and no event tells of it."""
    changed_events(patch, lambda events: [e for e in events if e.name != "call_park"])


def untold_unparks(patch: pytest.MonkeyPatch) -> None:
    """call_unpark is left out."""
    changed_events(patch, lambda events: [e for e in events if e.name != "call_unpark"])


def told_backwards(patch: pytest.MonkeyPatch) -> None:
    """The explaining event comes first."""
    changed_events(patch, lambda events: list(events)[::-1])


def time_runs_back(patch: pytest.MonkeyPatch) -> None:
    """Each event seems to have happened before the last one."""
    ticks = itertools.count()
    changed_events(patch, lambda es: [replace(e, timestamp=1e9 - next(ticks)) for e in es])


def changed_events(
    patch: pytest.MonkeyPatch, change: Callable[[Sequence[Event]], Sequence[Event]]
) -> None:
    honest = Calls.append
    patch.setattr(
        Calls, "append", lambda calls, database, events: honest(calls, database, change(events))
    )


def jobs_pile_up(patch: pytest.MonkeyPatch) -> None:
    """What to do with a finished ringing's result is kept for ever."""
    honest = Legs.gone

    def gone(legs: Legs, turn: Any, leg: Any, cause: str) -> None:
        honest(legs, turn, leg, cause)
        legs._board.jobs[leg.job] = lambda *_: None

    patch.setattr(Legs, "gone", gone)


def a_mistake_in_park(patch: pytest.MonkeyPatch) -> None:
    def park(_park: Park, *_: Any) -> None:
        raise RuntimeError("a mistake")

    patch.setattr(Park, "park", park)


BREAKINGS: dict[str, Breaking] = {
    "every_customer_is_in_exactly_one_place": silence,
    "nobody_was_dropped": no_way_back,
    "no_agent_is_in_two_places": a_leg_for_each_call,
    "each_owner_is_one_agent": everybodys_parked_calls,
    "no_agent_is_stuck": engaged_for_ever,
    "the_queue_has_one_order": last_come_first_served,
    "every_live_call_is_listed": ended_calls_stay,
    "each_row_is_its_event_log_replayed": untold_parks,
    "each_log_is_a_path_of_the_table": untold_unparks,
    "every_leaving_is_explained_after_it": told_backwards,
    "the_log_only_grows": time_runs_back,
    "nothing_is_left": jobs_pile_up,
    "nothing_failed": a_mistake_in_park,
}

LEFT_OUT = {"the_queue_has_one_order": ("an_agent_works",)}
"""What is not done in the stories, so that several callers are in the queue at once."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    prepare(folder / "prepared.db")
    return folder


def test_every_invariant_is_broken_here() -> None:
    assert list(BREAKINGS) == [check.__name__ for check in CHECKS]


@pytest.mark.parametrize("name", BREAKINGS)
def test_a_broken_invariant_is_noticed(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str
) -> None:
    BREAKINGS[name](monkeypatch)
    found = first_violation(folder, getattr(invariants, name), (*FAULTS, *LEFT_OUT.get(name, ())))
    assert found.startswith(name)


def first_violation(folder: Path, check: Check, without: Sequence[str]) -> str:
    """What the check has to say about the first story that it does not like."""
    for seed in range(STORIES):
        try:
            tell(seed, folder, Counts(), operations=40, checks=[check], without=without)
        except Broken as broken:
            return broken.found[0]
    return "nothing was noticed"


def test_an_empty_picture_breaks_nothing() -> None:
    assert violations(Picture()) == []
