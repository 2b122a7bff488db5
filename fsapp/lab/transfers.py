"""Sending a channel elsewhere: into the dialplan, or to wait (``uuid_transfer``, ``uuid_park``).

Source: freeswitch.md §3, the recordings, and measurements on FreeSWITCH 1.10.12: every transfer
takes one off ``max_forwards`` (70 at first); at 0 the call ends with EXCHANGE_ROUTING_ERROR.
"""

from __future__ import annotations

from fsapp.lab.channels import Channel
from fsapp.lab.states import ChannelState, Flag

__all__ = ["after_bridge", "park_session", "transfer"]

_FORWARDS = 70


def transfer(
    channel: Channel, extension: str, dialplan: str | None = None, context: str | None = None
) -> bool:
    """Route the channel anew, to ``extension`` in ``context``; False when it may not."""
    if channel.down or not _may_forward(channel):
        return False
    channel.flags.discard(Flag.ORIGINATING)
    channel.uuid_bridging = False
    _unbond(channel)
    _new_profile(channel, extension, dialplan, context)
    channel.flags.add(Flag.TRANSFER)
    channel.set_state(ChannelState.CS_ROUTING)
    channel.wake()
    return True


def _may_forward(channel: Channel) -> bool:
    variables = channel.variables
    name = "max_session_transfers" if variables.get("max_session_transfers") else "max_forwards"
    known = variables.get(name)
    left = int(known) - 1 if known and known.lstrip("-").isdigit() else _FORWARDS
    if left <= 0:
        channel.hangup("EXCHANGE_ROUTING_ERROR")
        return False
    variables.set(name, str(left))
    return True


def _unbond(channel: Channel) -> None:
    channel.variables.set("signal_bond", None)
    partner = channel.exchange.locate(channel.variables.get("bridge_to") or "")
    if partner is not None:
        partner.variables.set("signal_bond", None)


def _new_profile(
    channel: Channel, extension: str, dialplan: str | None, context: str | None
) -> None:
    before, now = channel.profile, channel.exchange.clock.now()
    inherited = before.dialplan if before.dialplan.lower() != "inline" else ""
    profile = before.next(now)
    profile.dialplan = dialplan or inherited or "XML"
    profile.context = context or before.context or "default"
    profile.destination_number, profile.rdnis = extension, before.destination_number
    where = f"{extension}/{profile.context}/{profile.dialplan}"
    profile.transfer_source = f"{int(now)}:{profile.id}:bl_xfer:{where}"
    channel.profile, channel.other_leg = profile, None
    channel.variables.push("transfer_history", profile.transfer_source)
    channel.variables.set("transfer_source", profile.transfer_source)


def park_session(channel: Channel) -> None:
    """Take the channel out of what it does and let it wait in CS_PARK."""
    channel.flags.add(Flag.TRANSFER)
    channel.uuid_bridging = False
    channel.set_state(ChannelState.CS_PARK)
    channel.wake()


def after_bridge(channel: Channel) -> bool:
    """Park or transfer a leg whose bridge ended, if its variables say so; whether they do."""
    if channel.variables.is_true("park_after_bridge"):
        park_session(channel)
        return True
    if where := channel.variables.get("transfer_after_bridge"):
        channel.variables.set("transfer_after_bridge", None)
        extension, dialplan, context = [*where.split(":"), "", ""][:3]
        transfer(channel, extension, dialplan, context)
        return True
    return False
