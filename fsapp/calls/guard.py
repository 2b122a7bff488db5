"""Who may do what to which call: the one guard (protocol §2).

The law of this file: every verb asks here before it touches anything, and the order of the
questions is the protocol's: the call does not exist (404), it belongs to another agent (403),
its state or the agent's forbids it (409). The page: "Any given agent can only use the call
interfaces on calls directly under the agents control". Pure: values in, a refusal or nothing out.

What an agent is told she may do (:func:`can`) is answered by the same questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.refusals import (
    Refusal,
    agent_busy,
    agent_paused,
    bridge_failed,
    call_not_found,
    call_owned,
    greeting_playing,
    wrong_state,
)

__all__ = [
    "CALL_ON_HOLD_GONE",
    "DESTINATION_GONE",
    "VERBS",
    "Abilities",
    "Situation",
    "Subject",
    "can",
    "may_dial",
    "may_hang_up",
    "may_park",
    "may_pick_up",
    "may_take_next",
    "may_transfer",
    "may_unpark",
    "visible",
]

CALL_ON_HOLD_GONE = "Call on hold hung up"
DESTINATION_GONE = "Destination hung up before process could complete"
BAD_DESTINATION = "Bad destination"
INBOUND_DESTINATION = "Cannot transfer to an inbound call."
NOT_ON_HOLD = "Call is not on hold"


@dataclass(frozen=True, slots=True)
class Subject:
    """A live call, and what is being done to it.

    ``verb`` is that of the request under way, as ``call/park``; ``ending`` says that it is
    being hung up.
    """

    call: Call
    verb: str | None = None
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What of an agent decides, besides whose a call is.

    ``current`` is the call she is in or is being put into; ``engaged`` the id, and ``engaged_in``
    the call, that a request of hers is about to put her into; ``lost_destination`` whether her
    last current call was an outbound one that has hung up since.
    """

    current: Subject | None = None
    engaged: str | None = None
    engaged_in: Call | None = None
    lost_destination: bool = False


def visible(agent: Agent, call: Call | None, call_id: str) -> Call:
    """The call, if it exists for her: live, and of an organization she serves. Else 404."""
    if call is None or not call.live or not agent.serves(call.organization_id):
        raise call_not_found(call_id)
    return call


def may_pick_up(agent: Agent, subject: Subject, situation: Situation) -> None:
    """Pickup of a queued call, or of her own parked one."""
    call = subject.call
    _not_anothers(agent, call)
    if call.locked:
        raise greeting_playing(call.id, call.document)
    if call.is_current:
        raise _busy(agent, call)
    waiting = State.QUEUED if call.assigned_to is None else State.PARKED
    if call.state is not waiting:
        raise _wrong_state(call)
    may_dial(agent, situation)


def may_take_next(agent: Agent, situation: Situation) -> None:
    """Pickup without naming a call: not while she is in one, and not on pause."""
    may_dial(agent, situation)
    if agent.paused:
        raise agent_paused(agent.id)


def may_unpark(agent: Agent, subject: Subject, situation: Situation) -> None:
    """Takes back her own parked call."""
    call = subject.call
    _not_anothers(agent, call)
    if call.assigned_to is None or call.state is not State.PARKED:
        raise _wrong_state(call)
    may_dial(agent, situation)


def may_park(agent: Agent, subject: Subject, _situation: Situation) -> None:
    """Puts her own call, which she speaks in, on hold."""
    call = subject.call
    _not_anothers(agent, call)
    if call.assigned_to is None or call.state is not State.SPEAKING:
        raise _wrong_state(call)
    # A double click waits for the first one; any other command of hers comes first.
    if subject.verb not in (None, "call/park"):
        raise _busy(agent, call)


def may_hang_up(agent: Agent, subject: Subject, _situation: Situation) -> None:
    """Ends her own call in any state; one that is nobody's must be picked up first."""
    _not_anothers(agent, subject.call)
    if subject.call.assigned_to is None:
        raise _wrong_state(subject.call)


def may_transfer(agent: Agent, source: Subject, situation: Situation) -> None:
    """Connects her own parked call with her current one, outbound and answered (protocol §4)."""
    current = situation.current
    # The same call twice is a bad destination, not a call that is not on hold.
    if current is None or current.call.id != source.call.id:
        _on_hold(agent, source.call)
    destination = _destination(source.call, situation)
    if source.ending or destination.ending:
        gone = CALL_ON_HOLD_GONE if source.ending else DESTINATION_GONE
        raise bridge_failed(gone, destination.call.document)
    if source.verb is not None or destination.verb is not None:
        raise _busy(agent, destination.call)


def may_dial(agent: Agent, situation: Situation) -> None:
    """She is free for another call: what originate, pickup and unpark ask."""
    if situation.current is not None:
        raise _busy(agent, situation.current.call)
    if situation.engaged is not None:
        call = situation.engaged_in
        raise agent_busy(agent.id, situation.engaged, None if call is None else call.document)


_QUESTIONS: dict[str, Callable[[Agent, Subject, Situation], None]] = {
    "pickup": may_pick_up,
    "park": may_park,
    "unpark": may_unpark,
    "hangup": may_hang_up,
    "transfer": may_transfer,
}
VERBS = tuple(_QUESTIONS)
"""The verbs that name a call, in protocol §4's words; of transfer it is the source."""


def can(agent: Agent, subject: Subject, situation: Situation) -> list[str]:
    """The verbs that would be allowed for her on this call now.

    What is only known once it has been tried is not in it: that her phone is answered, that
    FreeSWITCH and the database are there.
    """
    try:
        # What every verb asks first.
        visible(agent, subject.call, subject.call.id)
        _not_anothers(agent, subject.call)
    except Refusal:
        return []
    return [verb for verb in VERBS if _allowed(verb, agent, subject, situation)]


class Abilities:
    """:func:`can` for many calls of one moment. Of a call that is not hers the guard looks at
    nothing that tells it from the next one in the same state, so each kind is asked about once."""

    def __init__(self, agent: Agent, situation: Situation) -> None:
        self._agent = agent
        self._situation = situation
        self._known: dict[tuple[object, ...], list[str]] = {}

    def on(self, subject: Subject) -> list[str]:
        """The verbs that would be allowed for her on this call now."""
        call = subject.call
        if call.assigned_to == self._agent.id:
            return can(self._agent, subject, self._situation)
        kind = (
            call.assigned_to,
            call.organization_id,
            call.state,
            call.locked,
            subject.verb,
            subject.ending,
        )
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = can(self._agent, subject, self._situation)
        return known


def _allowed(verb: str, agent: Agent, subject: Subject, situation: Situation) -> bool:
    try:
        _QUESTIONS[verb](agent, subject, situation)
    except Refusal:
        return False
    return True


def _on_hold(agent: Agent, source: Call) -> None:
    _not_anothers(agent, source)
    if source.assigned_to is None or source.state is not State.PARKED:
        raise bridge_failed(NOT_ON_HOLD, source.document)


def _destination(source: Call, situation: Situation) -> Subject:
    """The call the source is connected with: her current one, outbound and answered."""
    current = situation.current
    if current is None:
        why = DESTINATION_GONE if situation.lost_destination else BAD_DESTINATION
        raise bridge_failed(why, source.document)
    call = current.call
    if call.id == source.id:
        raise bridge_failed(BAD_DESTINATION, call.document)
    if call.inbound:
        raise bridge_failed(INBOUND_DESTINATION, call.document)
    if call.state is not State.SPEAKING:
        raise bridge_failed(BAD_DESTINATION, call.document)
    return current


def _not_anothers(agent: Agent, call: Call) -> None:
    if call.assigned_to is not None and call.assigned_to != agent.id:
        raise call_owned(call.id, call.assigned_to, call.document)


def _busy(agent: Agent, current: Call) -> Refusal:
    return agent_busy(agent.id, current.id, current.document)


def _wrong_state(call: Call) -> Refusal:
    return wrong_state(call.id, call.state.value, call.document)
