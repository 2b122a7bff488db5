"""What breaks the app so that an invariant (``invariants.py``) no longer holds.

The law of this file: each harm is one mistake a component could make, and says in which words the
invariant's check must complain of it; ``test_invariants.py`` does them one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import pytest

from fsapp.calls import call as call_module
from fsapp.calls import table as table_module
from fsapp.calls.agent import Agent
from fsapp.calls.call import State
from fsapp.calls.guard import Situation
from fsapp.calls.refusals import Refusal
from fsapp.calls.table import Happening
from fsapp.desk import bridges as bridges_module
from fsapp.desk import desk as desk_module
from fsapp.desk import lines as lines_module
from fsapp.desk.arrivals import Arrivals
from fsapp.desk.board import Board, LiveCall
from fsapp.desk.bridges import Bridges
from fsapp.desk.context import Context
from fsapp.desk.endings import Endings
from fsapp.desk.forgotten import Forgotten
from fsapp.desk.handler import EventHandler
from fsapp.desk.hangup import Hangup
from fsapp.desk.legs import Legs
from fsapp.desk.lines import Lines
from fsapp.desk.music import Music
from fsapp.desk.park import Park
from fsapp.desk.presence import Presence
from fsapp.store.calls import Calls, Event
from fsapp.store.schema import MIGRATIONS
from fsapp.store.writer import Written
from fsapp.switch import commands
from fsapp.switch import listener as listener_module
from fsapp.switch.connection import Connection
from tests.soak import invariants

__all__ = ["BREAKINGS", "Breaking"]

Break = Callable[[pytest.MonkeyPatch], None]


def silence(patch: pytest.MonkeyPatch) -> None:
    """Nobody is played anything."""
    patch.setattr(Music, "start", lambda *_: None)


def refused_and_done(patch: pytest.MonkeyPatch) -> None:
    """An agent who may not hang a call up is told so, and it is hung up all the same."""
    honest = Hangup._may_hang_up

    def wrong(verb: Hangup, agent: Agent, call_id: str | None) -> LiveCall:
        try:
            return honest(verb, agent, call_id)
        except Refusal:
            live, turn = verb._board.calls.get(call_id or ""), verb._board._turn
            if live is not None and turn is not None:
                verb._context.kill(turn, live.call.id, live.connection)
            raise

    patch.setattr(Hangup, "_may_hang_up", wrong)


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


def a_caller_in_no_place(patch: pytest.MonkeyPatch) -> None:
    """Who calls is answered, and never heard of again."""

    def new(arrivals: Arrivals, turn: Any, channel: Any, connection: Any) -> None:
        turn.post(connection, commands.execute("answer", "", channel.uuid))

    patch.setattr(Arrivals, "_new", new)


def a_call_of_nobody(patch: pytest.MonkeyPatch) -> None:
    """Whoever hangs up is still queued, spoken with or on hold."""
    patch.setattr(Endings, "hung_up", lambda *_: None)


def spoken_with_and_on_hold(patch: pytest.MonkeyPatch) -> None:
    """Parked on the switch, and on record still in the conversation."""

    def parked(arrivals: Arrivals, turn: Any, live: Any) -> None:
        leg, live.leg = live.leg, None
        arrivals._wait_again(turn, live)
        arrivals._legs.rest_when_parked(turn, leg, live.request)

    patch.setattr(Arrivals, "_parked", parked)


def queued_and_spoken_with(patch: pytest.MonkeyPatch) -> None:
    """Joined with the agent on the switch, and on record still in the queue."""
    honest = Bridges.done

    def done(bridges: Bridges, turn: Any, live: Any, other: str) -> None:
        honest(bridges, turn, live, other)
        if live.call.state is State.SPEAKING and live.call.inbound:
            bridges._board.happen(turn, live, Happening.LOSE_AGENT)

    patch.setattr(Bridges, "done", done)


def transferred_alone(patch: pytest.MonkeyPatch) -> None:
    """A transfer is put on record with somebody else than whom she was joined with."""
    honest = Board.happen

    def happen(board: Board, turn: Any, live: Any, happening: Happening, **facts: Any) -> Any:
        if happening is Happening.TRANSFER:
            facts["channel"] = live.call.id
        return honest(board, turn, live, happening, **facts)

    patch.setattr(Board, "happen", happen)


def sent_on_to_nowhere(patch: pytest.MonkeyPatch) -> None:
    """Who was queued for too long has left the queue on record, and is not told to go."""
    patch.setattr(Forgotten, "_command", lambda *_: commands.api_hostname())
    patch.setattr(Context, "dismiss", lambda *_: None)


def a_claim_never_released(patch: pytest.MonkeyPatch) -> None:
    """The phone fails, and the call stays claimed."""
    patch.setattr(Bridges, "_wait_on", lambda *_, **__: None)


def two_current_calls(patch: pytest.MonkeyPatch) -> None:
    """The guard does not ask whether she is in a call, and nothing else keeps her from two."""
    a_leg_for_each_call(patch)
    patch.setattr(Board, "situation", lambda *_: Situation())
    honest = MIGRATIONS.apply

    def apply(database: Any) -> None:
        honest(database)
        database.execute("DROP INDEX IF EXISTS one_current_call")

    patch.setattr(MIGRATIONS, "apply", apply)


def everybodys_current_call(patch: pytest.MonkeyPatch) -> None:
    """An agent in no call is told that she is in a colleague's."""
    honest = Board.current

    def current(board: Board, agent_id: str) -> Any:
        spoken = (one for one in board.calls.values() if one.call.state is State.SPEAKING)
        return honest(board, agent_id) or next(spoken, None)

    patch.setattr(Board, "current", current)


def owned_in_the_queue(patch: pytest.MonkeyPatch) -> None:
    """Who is back in the queue still belongs to her agent."""
    for happening in (Happening.RELEASE, Happening.LOSE_AGENT):
        patch.setitem(table_module._CHANGES, happening, lambda call, _facts: call)


def speaking_with_nobody(patch: pytest.MonkeyPatch) -> None:
    """An agent without a call is said to be speaking."""
    honest = Presence.document
    patch.setattr(Presence, "document", lambda *given: {**honest(*given), "state": "speaking"})


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
    honest = Lines.queue
    patch.setattr(Lines, "queue", lambda *given: honest(*given)[::-1])


def a_place_too_far(patch: pytest.MonkeyPatch) -> None:
    """Who is next is told that somebody is before her."""
    honest = desk_module.places
    patch.setattr(
        desk_module, "places", lambda calls: {one: at + 1 for one, at in honest(calls).items()}
    )


def no_priorities(patch: pytest.MonkeyPatch) -> None:
    """The one order of queues, everywhere, forgets priorities and who lost her agent."""

    def queue_key(call: Any) -> tuple[bool, int, float, str]:
        return (False, 0, call.arrival, call.id)

    for module in (call_module, lines_module, invariants):
        patch.setattr(module, "queue_key", queue_key)


def ended_calls_stay(patch: pytest.MonkeyPatch) -> None:
    """An ended call is not taken off the board."""
    patch.setattr(Board, "remove", lambda *_: None)


def one_is_kept_from_the_queue(patch: pytest.MonkeyPatch) -> None:
    """Agents are not told of whoever is last in the queue."""
    honest = Lines.queue
    patch.setattr(Lines, "queue", lambda *given: honest(*given)[:-1])


def told_as_before(patch: pytest.MonkeyPatch) -> None:
    """A park's event tells of the call as if she had never answered."""

    def change(events: Sequence[Event]) -> Sequence[Event]:
        return [
            replace(one, document={**one.document, "answered_at": None})
            if one.name == "call_park"
            else one
            for one in events
        ]

    changed_events(patch, change)


def rows_without_events(patch: pytest.MonkeyPatch) -> None:
    changed_events(patch, lambda events: [e for e in events if e.call_id is None])


def events_without_rows(patch: pytest.MonkeyPatch) -> None:
    """What is recorded of a call that nobody has taken is told, and not written."""
    honest = Calls.record

    def record(calls: Calls, call: Any, events: Sequence[Event], *more: Any) -> Any:
        if call.handled_by == ():
            return calls._database.submit(lambda database: calls.append(database, events))
        return honest(calls, call, events, *more)

    patch.setattr(Calls, "record", record)


def parks_never_written(patch: pytest.MonkeyPatch) -> None:
    """A park is answered as if it were on record, and its transaction is lost."""
    honest = Calls.record

    def record(calls: Calls, call: Any, *more: Any) -> Any:
        if call.state is not State.PARKED:
            return honest(calls, call, *more)
        lost: Written[None] = Written()
        lost.set_result(None)
        return lost

    patch.setattr(Calls, "record", record)


def untold_parks(patch: pytest.MonkeyPatch) -> None:
    """A park changes the row, and no event tells of it."""
    changed_events(patch, lambda events: [e for e in events if e.name != "call_park"])


def untold_unparks(patch: pytest.MonkeyPatch) -> None:
    """call_unpark is left out."""
    changed_events(patch, lambda events: [e for e in events if e.name != "call_unpark"])


def untold_leaves(patch: pytest.MonkeyPatch) -> None:
    """queue_leave is left out."""
    changed_events(patch, lambda events: [e for e in events if e.name != "queue_leave"])


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


def legs_pile_up(patch: pytest.MonkeyPatch) -> None:
    """An agent's leg that has ended is never forgotten."""
    honest = Legs.gone

    def gone(legs: Legs, turn: Any, leg: Any, cause: str) -> None:
        honest(legs, turn, leg, cause)
        legs._board.legs[leg.uuid] = leg

    patch.setattr(Legs, "gone", gone)


def owners_pile_up(patch: pytest.MonkeyPatch) -> None:
    """Whose call it was is never forgotten."""
    honest = Lines._take_out

    def take_out(lines: Lines, live: Any, call: Any) -> None:
        honest(lines, live, call)
        if call.assigned_to is not None:
            lines._owned.setdefault(call.assigned_to, set()).add(live)

    patch.setattr(Lines, "_take_out", take_out)


def connections_stay_open(patch: pytest.MonkeyPatch) -> None:
    """Nothing tells FreeSWITCH that the app is done with a channel that has ended."""
    patch.setattr(listener_module, "LINGER_SECONDS", 3600)
    patch.setattr(EventHandler, "_close", lambda *_: None)
    patch.setattr(Context, "make_sure_closed", lambda *_: None)


def threads_pile_up(patch: pytest.MonkeyPatch) -> None:
    """A receiving thread goes on waiting when its connection has ended."""
    honest = Connection.receive

    def receive(connection: Connection, handler: Any) -> None:
        honest(connection, handler)
        if connection.uuid:
            Future[None]().result()

    patch.setattr(Connection, "receive", receive)


def channels_pile_up(patch: pytest.MonkeyPatch) -> None:
    """An agent's phone is rung once more, for nobody, after she has hung up."""
    honest = Legs.gone

    def gone(legs: Legs, turn: Any, leg: Any, cause: str) -> None:
        honest(legs, turn, leg, cause)
        control = legs._context.control.connection
        if control is not None:
            turn.post(control, f"bgapi originate {leg.agent.phone} &park()\n\n")

    patch.setattr(Legs, "gone", gone)


def a_mistake_in_park(patch: pytest.MonkeyPatch) -> None:
    def park(_park: Park, *_: Any) -> None:
        raise RuntimeError("a mistake")

    patch.setattr(Park, "park", park)


def an_answer_nobody_knows(patch: pytest.MonkeyPatch) -> None:
    def park(_park: Park, *_: Any) -> None:
        raise Refusal(HTTPStatus.IM_A_TEAPOT, "short and stout", "teapot", "It pours.")

    patch.setattr(Park, "park", park)


def no_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Park, "park", lambda *_: Future[None]().result())


@dataclass(frozen=True)
class Breaking:
    """An invariant, what breaks it, and what its check says then (a regular expression).
    ``without``: what is not done in the stories, so that it shows; ``patient``: nobody is soon sent
    on or rings back in them."""

    invariant: str
    harm: Break
    says: str
    without: tuple[str, ...] = ()
    patient: bool = True


NO_WORK = ("an_agent_works", "an_agent_does_anything")
"""So that several callers are in the queue at once."""

UNDISTURBED = (
    "an_agent_does_anything",
    "a_caller_hangs_up",
    "a_phone_is_set",
    "a_phone_is_hung_up",
    "a_phone_dies",
    "the_outside_party_goes",
)
"""So that an agent gets as far as a transfer."""

BREAKINGS = (
    Breaking("every_customer_is_in_exactly_one_place", silence, "hears nothing"),
    Breaking("every_customer_is_in_exactly_one_place", a_caller_in_no_place, "and no live call"),
    Breaking("every_customer_is_in_exactly_one_place", a_call_of_nobody, "not on the switch"),
    Breaking(
        "every_customer_is_in_exactly_one_place",
        spoken_with_and_on_hold,
        "speaks with .* on record",
    ),
    Breaking(
        "every_customer_is_in_exactly_one_place", queued_and_spoken_with, "waits on record .queued"
    ),
    Breaking(
        "every_customer_is_in_exactly_one_place",
        transferred_alone,
        "is transferred on record",
        UNDISTURBED,
    ),
    Breaking(
        "every_customer_is_in_exactly_one_place",
        sent_on_to_nowhere,
        "was sent on, on the switch",
        patient=False,
    ),
    Breaking(
        "every_customer_is_in_exactly_one_place", a_claim_never_released, "nothing is under way"
    ),
    Breaking("nobody_was_dropped", no_way_back, "was hung up"),
    Breaking("nobody_was_dropped", refused_and_done, "was hung up"),
    Breaking("no_agent_is_in_two_places", a_leg_for_each_call, "legs on the switch"),
    Breaking("no_agent_is_in_two_places", two_current_calls, "has 2 current calls"),
    Breaking(
        "each_owner_is_one_agent", everybodys_parked_calls, "otherwise in the agents' answers"
    ),
    Breaking(
        "each_owner_is_one_agent", everybodys_current_call, "otherwise in the agents' answers"
    ),
    Breaking("each_owner_is_one_agent", owned_in_the_queue, "is queued and belongs to"),
    Breaking("no_agent_is_stuck", engaged_for_ever, "is ringing though"),
    Breaking("no_agent_is_stuck", speaking_with_nobody, "is speaking, current call None"),
    Breaking("the_queue_has_one_order", last_come_first_served, "the record says", NO_WORK),
    Breaking("the_queue_has_one_order", a_place_too_far, "is number 1, and told to be .*2"),
    Breaking("the_queue_has_one_order", no_priorities, "the order is not total", NO_WORK),
    Breaking("every_live_call_is_listed", ended_calls_stay, "live on record are"),
    Breaking("every_live_call_is_listed", one_is_kept_from_the_queue, "queued on record are"),
    Breaking("each_row_is_its_event_log_replayed", untold_parks, "otherwise than the row"),
    Breaking("each_row_is_its_event_log_replayed", told_as_before, "otherwise .*answered_at"),
    Breaking("each_row_is_its_event_log_replayed", rows_without_events, "no event tells of it"),
    Breaking("each_row_is_its_event_log_replayed", events_without_rows, "events and no row"),
    Breaking(
        "what_was_answered_is_in_the_log",
        parks_never_written,
        "call/park was answered with .* no event tells of it",
    ),
    Breaking("each_log_is_a_path_of_the_table", untold_unparks, "nothing leads from"),
    Breaking("every_leaving_is_explained_after_it", told_backwards, "is followed by"),
    Breaking("every_leaving_is_explained_after_it", untold_leaves, "joins and leaves do not match"),
    Breaking("the_log_only_grows", time_runs_back, "after one that happened later"),
    Breaking("nothing_is_left", jobs_pile_up, "job .* on the board"),
    Breaking("nothing_is_left", legs_pile_up, "leg .* on the board"),
    Breaking("nothing_is_left", ended_calls_stay, "call .* on the board"),
    Breaking("nothing_is_left", owners_pile_up, "still owns a call"),
    Breaking("nothing_is_left", engaged_for_ever, "has a request"),
    Breaking("nothing_is_left", connections_stay_open, "connection "),
    Breaking("nothing_is_left", threads_pile_up, "thread "),
    Breaking("nothing_is_left", channels_pile_up, "channel "),
    Breaking("nothing_failed", a_mistake_in_park, "RuntimeError"),
    Breaking("nothing_failed", an_answer_nobody_knows, "answered 418"),
    Breaking("nothing_failed", no_answer, "never answered"),
)
