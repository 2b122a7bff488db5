"""The state table of a call (protocol §5).

The law of this file: whatever happens to a call goes through :func:`happen`; it looks the
pair (state, happening) up in :data:`TABLE` and answers the changed call and the names of the
events that tell of it, in order (protocol §6). A pair that is not in the table raises
:class:`UnknownTransition` and changes nothing. Nothing here knows sockets, clocks, threads
or SQL; the time and the facts are handed in.

Change a row here, and the state diagram in the documentation and ``tests/calls/test_table.py``
change with it: both walk this table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from fsapp.calls.call import Call, State
from fsapp.calls.outcome import outcome, waited

__all__ = [
    "EVENTS",
    "FOR_EVER",
    "LEAVING",
    "TABLE",
    "Facts",
    "Happening",
    "Limits",
    "Step",
    "UnknownTransition",
    "happen",
]


class Happening(StrEnum):
    """What can happen to a call."""

    GREETING = "greeting"
    QUEUE = "queue"
    DIAL = "dial"
    ANSWER = "answer"
    CLAIM = "claim"
    RELEASE = "release"
    BRIDGE = "bridge"
    PARK = "park"
    LOSE_AGENT = "lose agent"
    OVERFLOW = "overflow"
    TRANSFER = "transfer"
    HANGUP = "hangup"


EVENTS = (
    "call_offer",
    "call_lock",
    "call_unlock",
    "queue_join",
    "queue_leave",
    "call_pickup",
    "call_state",
    "call_park",
    "call_unpark",
    "call_transfer",
    "call_hangup",
    "agent_state",
)
"""Every event name of protocol §6."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a happening: when (Unix seconds), who, with which channel, why.

    ``recall_at`` and ``overflow_at``: when a caller who is put on hold or queued by it will have
    waited for too long; ``None`` is never. ``unanswered``: she has hung up before she was answered.
    """

    now: int
    agent: str | None = None
    channel: str | None = None
    cause: str | None = None
    unanswered: bool = False
    recall_at: int | None = None
    overflow_at: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a caller may be on hold, and queued, in seconds; 0: for ever."""

    hold: float = 0.0
    queue: float = 0.0

    def facts(self, now: float, **known: Any) -> Facts:
        """The facts of a happening at ``now`` (Unix seconds with fractions)."""
        return Facts(
            int(now),
            **known,
            recall_at=_end(now, self.hold),
            overflow_at=_end(now, self.queue),
        )

    def applied(self, call: Call, now: float) -> Call:
        """A call found in its state at ``now``, with when it will have waited too long."""
        parked, queued = call.state is State.PARKED, call.state is State.QUEUED
        return replace(
            call,
            recall_at=_end(call.parked_at or now, self.hold) if parked else None,
            overflow_at=_end(call.arrival, self.queue) if queued else None,
        )


FOR_EVER = Limits()


def _end(now: float, limit: float) -> int | None:
    """The first whole second at which ``limit`` has passed."""
    return math.ceil(now + limit) if limit else None


@dataclass(frozen=True, slots=True)
class Step:
    """One row's right-hand side: the state after it, and the events that tell of it."""

    state: State
    events: tuple[str, ...] = ()


class UnknownTransition(Exception):
    """The table has no row for this state and happening."""

    def __init__(self, call: Call, happening: Happening) -> None:
        super().__init__(f"{call.id}: {happening.value} cannot happen while {call.state.value}")
        self.call = call
        self.happening = happening


_S, _H = State, Happening

TABLE: dict[tuple[State, Happening], Step] = {
    (_S.CREATED, _H.GREETING): Step(_S.CREATED, ("call_lock",)),
    (_S.CREATED, _H.QUEUE): Step(_S.QUEUED, ("queue_join",)),
    (_S.CREATED, _H.DIAL): Step(_S.RINGING, ("call_state",)),
    (_S.CREATED, _H.HANGUP): Step(_S.HUNGUP, ("call_hangup",)),
    (_S.QUEUED, _H.CLAIM): Step(_S.TRANSFERRING, ("queue_leave", "call_pickup")),
    (_S.QUEUED, _H.OVERFLOW): Step(_S.TRANSFERRED, ("queue_leave", "call_transfer")),
    (_S.QUEUED, _H.HANGUP): Step(_S.HUNGUP, ("queue_leave", "call_hangup")),
    (_S.TRANSFERRING, _H.RELEASE): Step(_S.QUEUED, ("queue_join",)),
    (_S.TRANSFERRING, _H.BRIDGE): Step(_S.SPEAKING, ("call_state",)),
    (_S.TRANSFERRING, _H.HANGUP): Step(_S.HUNGUP, ("call_hangup",)),
    (_S.RINGING, _H.ANSWER): Step(_S.RINGING),
    (_S.RINGING, _H.BRIDGE): Step(_S.SPEAKING, ("call_state",)),
    (_S.RINGING, _H.HANGUP): Step(_S.HUNGUP, ("call_hangup",)),
    (_S.SPEAKING, _H.PARK): Step(_S.PARKED, ("call_park",)),
    (_S.SPEAKING, _H.LOSE_AGENT): Step(_S.QUEUED, ("queue_join",)),
    (_S.SPEAKING, _H.TRANSFER): Step(_S.TRANSFERRED, ("call_transfer",)),
    (_S.SPEAKING, _H.HANGUP): Step(_S.HUNGUP, ("call_hangup",)),
    (_S.PARKED, _H.BRIDGE): Step(_S.SPEAKING, ("call_unpark", "call_pickup")),
    (_S.PARKED, _H.LOSE_AGENT): Step(_S.QUEUED, ("call_unpark", "queue_join")),
    (_S.PARKED, _H.TRANSFER): Step(_S.TRANSFERRED, ("call_unpark", "call_transfer")),
    (_S.PARKED, _H.HANGUP): Step(_S.HUNGUP, ("call_unpark", "call_hangup")),
    # Where she was sent on to has led her back.
    (_S.TRANSFERRED, _H.QUEUE): Step(_S.QUEUED, ("queue_join",)),
    (_S.TRANSFERRED, _H.HANGUP): Step(_S.HUNGUP, ("call_hangup",)),
}

LEAVING: dict[State, tuple[str, ...]] = {
    _S.QUEUED: ("queue_leave",),
    _S.PARKED: ("call_unpark",),
}
"""What is told before the event that takes a call out of these states, whichever it is."""


def happen(call: Call, happening: Happening, facts: Facts) -> tuple[Call, tuple[str, ...]]:
    """The call after ``happening``, and the events that tell of it, in order.

    Raises :class:`UnknownTransition` when the table has no such row.
    """
    step = TABLE.get((call.state, happening))
    if step is None:
        raise UnknownTransition(call, happening)
    changed = replace(_CHANGES[happening](call, facts), state=step.state)
    if call.locked and not changed.locked:
        return changed, ("call_unlock", *step.events)
    return changed, step.events


def _greeting(call: Call, facts: Facts) -> Call:
    return replace(call, locked=True, answered_at=facts.now)


def _queue(call: Call, facts: Facts) -> Call:
    return replace(
        call,
        locked=False,
        b_leg=None,
        answered_at=call.answered_at or facts.now,
        overflow_at=facts.overflow_at,
        overflowed_at=None,
        # Led back to the queue before anybody spoke with her, she waits on.
        waited=call.waited if call.handled_by else None,
    )


def _dial(call: Call, facts: Facts) -> Call:
    handled = _handled(call, facts.agent)
    return replace(call, locked=False, assigned_to=facts.agent, handled_by=handled)


def _answer(call: Call, facts: Facts) -> Call:
    return replace(call, answered_at=facts.now)


def _claim(call: Call, facts: Facts) -> Call:
    return replace(call, assigned_to=facts.agent)


def _release(call: Call, _facts: Facts) -> Call:
    return replace(call, assigned_to=None, b_leg=None)


def _bridge(call: Call, facts: Facts) -> Call:
    return replace(
        call,
        b_leg=facts.channel,
        head=False,
        bridged_at=facts.now,
        parked_at=None,
        recall_at=None,
        overflow_at=None,
        answered_at=call.answered_at or facts.now,
        handled_by=_handled(call, call.assigned_to),
        waited=waited(call, facts.now),
    )


def _park(call: Call, facts: Facts) -> Call:
    return replace(call, b_leg=None, parked_at=facts.now, recall_at=facts.recall_at)


def _lose_agent(call: Call, facts: Facts) -> Call:
    return replace(
        _release(call, facts),
        head=True,
        parked_at=None,
        recall_at=None,
        overflow_at=facts.overflow_at,
    )


def _overflow(call: Call, facts: Facts) -> Call:
    return replace(
        call,
        head=False,
        overflow_at=None,
        overflowed_at=facts.now,
        waited=waited(call, facts.now),
    )


def _transfer(call: Call, facts: Facts) -> Call:
    return replace(
        call,
        assigned_to=None,
        b_leg=facts.channel,
        bridged_at=facts.now,
        parked_at=None,
        recall_at=None,
    )


def _hangup(call: Call, facts: Facts) -> Call:
    return replace(
        call,
        locked=False,
        b_leg=None,
        answered_at=None if facts.unanswered else call.answered_at,
        ended_at=facts.now,
        hangup_cause=facts.cause,
        recall_at=None,
        overflow_at=None,
        waited=waited(call, facts.now),
        outcome=outcome(call).value,
    )


def _handled(call: Call, agent: str | None) -> tuple[str, ...]:
    if agent is None or agent in call.handled_by:
        return call.handled_by
    return (*call.handled_by, agent)


_CHANGES: dict[Happening, Callable[[Call, Facts], Call]] = {
    _H.GREETING: _greeting,
    _H.QUEUE: _queue,
    _H.DIAL: _dial,
    _H.ANSWER: _answer,
    _H.CLAIM: _claim,
    _H.RELEASE: _release,
    _H.BRIDGE: _bridge,
    _H.PARK: _park,
    _H.LOSE_AGENT: _lose_agent,
    _H.OVERFLOW: _overflow,
    _H.TRANSFER: _transfer,
    _H.HANGUP: _hangup,
}
