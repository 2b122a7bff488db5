"""Names FreeSWITCH gives to what a channel is doing, and to why it ended.

Source: the recordings (``Channel-State``, ``Channel-State-Number``, ``Channel-Call-State``,
``Hangup-Cause``) and ITU-T Q.850 for the causes' numbers.
"""

from __future__ import annotations

import enum

__all__ = ["CAUSES", "ChannelState", "Flag", "known_cause", "q850"]


class ChannelState(enum.IntEnum):
    """A channel's state; the number is ``Channel-State-Number``."""

    CS_NEW = 0
    CS_INIT = 1
    CS_ROUTING = 2
    CS_SOFT_EXECUTE = 3
    CS_EXECUTE = 4
    CS_EXCHANGE_MEDIA = 5
    CS_PARK = 6
    CS_CONSUME_MEDIA = 7
    CS_HIBERNATE = 8
    CS_RESET = 9
    CS_HANGUP = 10
    CS_REPORTING = 11
    CS_DESTROY = 12


class Flag(enum.Enum):
    """What else is true of a channel, beside its state."""

    TRANSFER = "taken out of what it is doing"
    REDIRECT = "taken out of its bridge"
    CONTROLLED = "parked under an Event Socket's control"
    PARK = "in a park loop"
    BRIDGED = "exchanging media"
    BRIDGE_ORIGINATOR = "the A side of its bridge"
    UUID_BRIDGE_ORIGINATOR = "the A side of a uuid_bridge under way"
    BREAK = "told to stop the current playback"
    BREAK_ALL = "told to stop the playback with all that is in it"
    BROADCAST = "executing something sent to it"
    STOP_BROADCAST = "told to stop what was sent to it"
    DIALPLAN = "runs a dialplan"
    ORIGINATING = "still being originated"
    BLEG = "called in, but bridged as the B side"


CAUSES = {
    "NONE": 0,
    "UNALLOCATED_NUMBER": 1,
    "NO_ROUTE_TRANSIT_NET": 2,
    "NO_ROUTE_DESTINATION": 3,
    "CHANNEL_UNACCEPTABLE": 6,
    "NORMAL_CLEARING": 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "NUMBER_CHANGED": 22,
    "EXCHANGE_ROUTING_ERROR": 25,
    "DESTINATION_OUT_OF_ORDER": 27,
    "INVALID_NUMBER_FORMAT": 28,
    "FACILITY_REJECTED": 29,
    "NORMAL_UNSPECIFIED": 31,
    "NORMAL_CIRCUIT_CONGESTION": 34,
    "NETWORK_OUT_OF_ORDER": 38,
    "NORMAL_TEMPORARY_FAILURE": 41,
    "SWITCH_CONGESTION": 42,
    "BEARERCAPABILITY_NOTAVAIL": 58,
    "CHAN_NOT_IMPLEMENTED": 66,
    "SERVICE_NOT_IMPLEMENTED": 79,
    "INCOMPATIBLE_DESTINATION": 88,
    "RECOVERY_ON_TIMER_EXPIRE": 102,
    "PROTOCOL_ERROR": 111,
    "INTERWORKING": 127,
    "ORIGINATOR_CANCEL": 487,
    "CRASH": 500,
    "SYSTEM_SHUTDOWN": 501,
    "LOSE_RACE": 502,
    "MANAGER_REQUEST": 503,
    "BLIND_TRANSFER": 600,
    "ATTENDED_TRANSFER": 601,
    "ALLOTTED_TIMEOUT": 602,
    "USER_CHALLENGE": 603,
    "MEDIA_TIMEOUT": 604,
    "PICKED_OFF": 605,
    "USER_NOT_REGISTERED": 606,
    "PROGRESS_TIMEOUT": 607,
    "INVALID_GATEWAY": 608,
    "GATEWAY_DOWN": 609,
}
"""Every hangup cause the lab switch knows, with its number."""

_Q850_LIMIT = 128


def known_cause(name: str) -> str:
    """The cause called ``name``; what FreeSWITCH takes for a word it does not know."""
    upper = name.strip().upper()
    return upper if upper in CAUSES else "NORMAL_CLEARING"


def q850(cause: str) -> int:
    """The cause's Q.850 number; causes outside of it count as normal clearing."""
    number = CAUSES.get(cause, 16)
    return number if number < _Q850_LIMIT else 16
