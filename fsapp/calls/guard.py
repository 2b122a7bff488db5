"""Who may do what to which call: the one guard (protocol §2).

The law of this file: every verb asks here before it touches anything, and the order of the
questions is the protocol's: the call does not exist (404), it belongs to another agent (403),
its state or the agent's forbids it (409). The page: "Any given agent can only use the call
interfaces on calls directly under the agents control". Pure: values in, a refusal or nothing out.
"""

from __future__ import annotations

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.refusals import (
    Refusal,
    agent_busy,
    bridge_failed,
    call_not_found,
    call_owned,
    greeting_playing,
    wrong_state,
)

__all__ = [
    "CALL_ON_HOLD_GONE",
    "DESTINATION_GONE",
    "may_hang_up",
    "may_park",
    "may_pick_up",
    "may_transfer",
    "may_unpark",
    "transfer_destination",
    "visible",
]

CALL_ON_HOLD_GONE = "Call on hold hung up"
DESTINATION_GONE = "Destination hung up before process could complete"
BAD_DESTINATION = "Bad destination"
INBOUND_DESTINATION = "Cannot transfer to an inbound call."
NOT_ON_HOLD = "Call is not on hold"


def visible(agent: Agent, call: Call | None, call_id: str) -> Call:
    """The call, if it exists for her: live, and of an organization she serves. Else 404."""
    if call is None or not call.live or not agent.serves(call.organization_id):
        raise call_not_found(call_id)
    return call


def may_pick_up(agent: Agent, call: Call, current: Call | None) -> None:
    """Pickup of a queued call, or of her own parked one."""
    _not_anothers(agent, call)
    if call.locked:
        raise greeting_playing(call.id, call.document())
    if call.is_current:
        raise _busy(agent, call)
    waiting = State.QUEUED if call.assigned_to is None else State.PARKED
    if call.state is not waiting:
        raise _wrong_state(call)
    _not_busy(agent, current)


def may_unpark(agent: Agent, call: Call, current: Call | None) -> None:
    """Takes back her own parked call."""
    _not_anothers(agent, call)
    if call.assigned_to is None or call.state is not State.PARKED:
        raise _wrong_state(call)
    _not_busy(agent, current)


def may_park(agent: Agent, call: Call) -> None:
    """Puts her own call, which she speaks in, on hold."""
    _not_anothers(agent, call)
    if call.assigned_to is None or call.state is not State.SPEAKING:
        raise _wrong_state(call)


def may_hang_up(agent: Agent, call: Call) -> None:
    """Ends her own call in any state; one that is nobody's must be picked up first."""
    _not_anothers(agent, call)
    if call.assigned_to is None:
        raise _wrong_state(call)


def may_transfer(agent: Agent, source: Call) -> None:
    """The source of a transfer: her own parked call (protocol §4)."""
    _not_anothers(agent, source)
    if source.assigned_to is None or source.state is not State.PARKED:
        raise bridge_failed(NOT_ON_HOLD, source.document())


def transfer_destination(source: Call, current: Call | None, *, just_ended: bool) -> Call:
    """The call the source is connected with: her current one, outbound and answered.

    ``just_ended``: her last current call was an outbound one that has hung up since.
    """
    if current is None:
        why = DESTINATION_GONE if just_ended else BAD_DESTINATION
        raise bridge_failed(why, source.document())
    if current.id == source.id:
        raise bridge_failed(BAD_DESTINATION, current.document())
    if current.inbound:
        raise bridge_failed(INBOUND_DESTINATION, current.document())
    if current.state is not State.SPEAKING or current.organization_id != source.organization_id:
        raise bridge_failed(BAD_DESTINATION, current.document())
    return current


def _not_anothers(agent: Agent, call: Call) -> None:
    if call.assigned_to is not None and call.assigned_to != agent.id:
        raise call_owned(call.id, call.assigned_to, call.document())


def _not_busy(agent: Agent, current: Call | None) -> None:
    if current is not None:
        raise _busy(agent, current)


def _busy(agent: Agent, current: Call) -> Refusal:
    return agent_busy(agent.id, current.id, current.document())


def _wrong_state(call: Call) -> Refusal:
    return wrong_state(call.id, call.state.value, call.document())
