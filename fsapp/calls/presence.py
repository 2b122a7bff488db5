"""An agent's presence: derived from what is true of her, never a flag somebody set (protocol §3).

The law of this file: each state follows from signs that are true now or end by themselves, so no
agent is stuck in one. From top to bottom, the first that holds:

======== =========================================================================================
speaking her current call is a conversation
ringing  she is being put into a call: her phone rings, or a number she dialled does
offline  nothing shows that she is there: no leg of hers is up, she has no open event stream, and
         her last sign of life (a request, the end of a leg or of a stream) is older than
         ``agent.offline_after``. When FreeSWITCH says that her phone cannot be reached, neither her
         earlier requests nor her streams count until there is another sign of life
paused   she has said so
idle     she can be given the next call
======== =========================================================================================

Offline forbids nothing: her next request is a sign of life.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fsapp.calls.call import State

__all__ = ["UNREACHABLE", "AgentState", "Signs", "offline_from", "presence"]

UNREACHABLE = frozenset(
    {
        "USER_NOT_REGISTERED",
        "SUBSCRIBER_ABSENT",
        "UNALLOCATED_NUMBER",
        "NO_ROUTE_DESTINATION",
        "DESTINATION_OUT_OF_ORDER",
    }
)
"""FreeSWITCH's causes that say that there is no phone; a busy or silent one is there."""


class AgentState(StrEnum):
    """The states of an agent (protocol §3)."""

    IDLE = "idle"
    RINGING = "ringing"
    SPEAKING = "speaking"
    PAUSED = "paused"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Signs:
    """What is true of an agent.

    ``call`` is the state of her current call, ``engaged`` whether a request is putting her into
    one, ``leg`` whether her phone is connected, ``streams`` how many event streams that count she
    has open, ``seen`` her last sign of life in Unix seconds.
    """

    call: State | None = None
    engaged: bool = False
    leg: bool = False
    streams: int = 0
    seen: float | None = None
    paused: bool = False


def presence(signs: Signs, now: float, offline_after: float) -> AgentState:
    """Her state at ``now`` (Unix seconds); ``offline_after`` in seconds."""
    if signs.call is State.SPEAKING:
        return AgentState.SPEAKING
    if signs.call is not None or signs.engaged:
        return AgentState.RINGING
    gone = offline_from(signs, offline_after)
    if gone is not None and gone <= now:
        return AgentState.OFFLINE
    return AgentState.PAUSED if signs.paused else AgentState.IDLE


def offline_from(signs: Signs, offline_after: float) -> float | None:
    """From when on she is offline if nothing else happens (Unix seconds); ``None`` while something
    shows that she is there."""
    if signs.call is not None or signs.engaged or signs.leg or signs.streams:
        return None
    return 0.0 if signs.seen is None else signs.seen + offline_after
