"""What a call's channel carries, so that the call can be told from the channel alone.

The row is the record; but the file may be lost while FreeSWITCH and its callers are not. Channel
variables survive fsapp (freeswitch.md §3): whatever changes them goes along with the commands that
are sent anyway. ``fsapp_app`` says whose channel it is: the address it connects to. Two fsapps
beside one FreeSWITCH leave each other's channels alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from fsapp.calls.agent import AGENT_ID
from fsapp.calls.call import Call, State
from fsapp.desk.context import RETURN_POINT, Options
from fsapp.switch import commands
from fsapp.switch.channel import Channel

__all__ = [
    "app_of",
    "first_seen",
    "identity",
    "is_customer",
    "parked_at",
    "present",
    "rebuilt",
    "speaking",
    "was_sent_on",
]

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_MICROSECONDS = re.compile(r"[0-9]{16}")
_CONTEXT = re.compile(r"[\w.@-]{1,64}")
_OWNED = (State.RINGING, State.TRANSFERRING, State.SPEAKING, State.PARKED)
_JOINED = (State.SPEAKING, State.TRANSFERRED)
_BETWEEN = ":"
"""Stands between agents' ids, which have none in them."""
_MANY = 20
"""How many agents are named: a channel's variable is no place for a long story."""


def app_of(options: Options) -> str:
    """How this fsapp marks its channels."""
    return options.advertise.replace("[", "").replace("]", "")


def identity(call: Call, options: Options) -> dict[str, str]:
    """What never changes about a call and FreeSWITCH would not know otherwise."""
    variables = {
        "fsapp_app": app_of(options),
        "fsapp_arrival": str(round(call.arrival * 1_000_000)),
        "fsapp_destination": call.destination,
        "fsapp_cm_id": "" if call.cm_id is None else str(call.cm_id),
        # FreeSWITCH's own change when a callee is joined with somebody.
        "fsapp_caller_id": call.caller_id,
        "fsapp_caller_name": call.caller_name,
    }
    return {name: value for name, value in variables.items() if value and commands.fits(value)}


def present(call: Call) -> dict[str, str]:
    """What changes with the call's state."""
    return {
        "fsapp_state": call.state.value,
        "fsapp_owner": call.assigned_to or "",
        "fsapp_head": "true" if call.head else "",
        "fsapp_parked_at": "" if call.parked_at is None else str(call.parked_at),
        "fsapp_handled_by": _BETWEEN.join(call.handled_by[-_MANY:]),
    }


def speaking(call: Call, owner: str) -> dict[str, str]:
    """As :func:`present`, for the conversation that is about to begin."""
    handled = call.handled_by if owner in call.handled_by else (*call.handled_by, owner)
    begun = replace(call, state=State.SPEAKING, assigned_to=owner, handled_by=handled)
    return present(replace(begun, head=False, parked_at=None))


def is_customer(channel: Channel) -> bool:
    """Whether the channel is a call that an fsapp has had before: no agent's leg, nor one behind
    a loopback, which inherits the variables of the call in front."""
    variables = channel.variables
    own = variables.get("fsapp_call") in (None, "", channel.uuid)
    return bool(variables.get("fsapp_state")) and own and not variables.get("fsapp_agent")


def was_sent_on(channel: Channel) -> bool:
    """Whether the channel, known as a call of ours, was taken out of the queue to a dialplan
    destination: nothing on it leads back, and it is in no state of ours (forgotten.py)."""
    variables = channel.variables
    return variables.get("socket_resume") == "false" and not variables.get("fsapp_state")


def first_seen(channel: Channel, now: float, default_context: str) -> Call:
    """The call of a channel that has connected for the first time."""
    variables = channel.variables
    original = variables.get("fsapp_destination", "") or channel.destination
    contexts = (variables.get("fsapp_context", ""), channel.context, default_context)
    return Call(
        id=channel.uuid,
        state=State.CREATED,
        inbound=True,
        destination="" if original == RETURN_POINT else original,
        caller_id=channel.caller_number,
        caller_name=channel.caller_name,
        organization_id=_integer(variables.get("organization_id", ""), 1),
        priority=_integer(variables.get("fsapp_priority", ""), 0),
        arrival=_arrival(variables, now),
        context=next(context for context in contexts if _CONTEXT.fullmatch(context)),
        music=variables.get("fsapp_music", ""),
    )


def rebuilt(channel: Channel, now: float, default_context: str) -> Call:
    """The call as its channel tells of it: what is missing is as in a new call."""
    variables = channel.variables
    call, state = first_seen(channel, now, default_context), _state(variables)
    owner = variables.get("fsapp_owner", "")
    handled = variables.get("fsapp_handled_by", "").split(_BETWEEN)
    return replace(
        call,
        state=state,
        b_leg=variables.get("signal_bond") or None if state in _JOINED else None,
        assigned_to=owner if state in _OWNED else None,
        inbound=variables.get("fsapp_call") != channel.uuid,
        head=variables.get("fsapp_head") == "true",
        cm_id=_maybe(variables.get("fsapp_cm_id", "")),
        caller_id=variables.get("fsapp_caller_id") or call.caller_id,
        caller_name=variables.get("fsapp_caller_name") or call.caller_name,
        parked_at=parked_at(channel),
        answered_at=channel.answered_at,
        bridged_at=channel.bridged_at,
        handled_by=tuple(agent for agent in handled if AGENT_ID.fullmatch(agent)),
    )


def parked_at(channel: Channel) -> int | None:
    """Since when she is on hold, in Unix seconds, if the channel tells."""
    return _maybe(channel.variables.get("fsapp_parked_at", ""), digits=12)


def _state(variables: Mapping[str, str]) -> State:
    """A claim of which only the channel tells is undone, and so is what nobody can be owner of."""
    try:
        state = State(variables.get("fsapp_state", ""))
    except ValueError:
        return State.QUEUED
    owned = AGENT_ID.fullmatch(variables.get("fsapp_owner", "")) is not None
    if state in (State.TRANSFERRING, State.HUNGUP) or (state in _OWNED and not owned):
        return State.QUEUED
    return state


def _arrival(variables: Mapping[str, str], now: float) -> float:
    """When the dialplan, or we, first had it; never in the future."""
    kept = variables.get("fsapp_arrival", "")
    return min(now, int(kept) / 1_000_000) if _MICROSECONDS.fullmatch(kept) else now


def _integer(text: str, default: int) -> int:
    """The dialplan's number, or the default when it is none."""
    return int(text) if _INTEGER.fullmatch(text.strip()) else default


def _maybe(text: str, digits: int = 9) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= digits else None
