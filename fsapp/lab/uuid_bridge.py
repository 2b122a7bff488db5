"""``uuid_bridge``: two legs leave what they do and meet.

The law of this file: the command only begins a bridge. Both legs go through CS_HIBERNATE and
CS_RESET, A waits for B in CS_SOFT_EXECUTE; either may die on the way, and what becomes of the
other then is decided here.

Source: freeswitch.md §2, the recordings, and the same commands given to FreeSWITCH 1.10.12.
"""

from __future__ import annotations

from fsapp.lab.bridging import bond, bridge
from fsapp.lab.channels import Channel
from fsapp.lab.events import header_line
from fsapp.lab.states import ChannelState, Flag
from fsapp.lab.transfers import after_bridge, park_session

__all__ = ["begin_uuid_bridge", "soft_execute"]

_POLLS = 1000
_FORGOTTEN = {Flag.ORIGINATING, Flag.UUID_BRIDGE_ORIGINATOR, Flag.BRIDGE_ORIGINATOR}


def begin_uuid_bridge(a: Channel, b: Channel) -> bool:
    """Take two legs out of what they do, to be bridged; False when they cannot be."""
    if a.down or b.down or not (a.media_ready or b.media_ready):
        return False
    if not a.media_ready:
        a, b = b, a
    if a.direction == "outbound":
        a.become_caller()
    if b.direction == "outbound":
        b.flags.discard(Flag.DIALPLAN)
    a.variables.set("uuid_bridge", b.uuid)
    bond(a, b)
    _step_profiles(a, b)
    for channel in (a, b):
        _take_out(channel)
    a.flags_of_next_state.add(Flag.UUID_BRIDGE_ORIGINATOR)
    for channel in (a, b):
        _set_off(channel)
    return True


def _take_out(channel: Channel) -> None:
    """Interrupt what the channel does, and forget what it was to others."""
    channel.stop_broadcast()
    channel.flags |= {Flag.TRANSFER, Flag.REDIRECT}
    channel.flags -= _FORGOTTEN
    channel.flags_of_next_state -= _FORGOTTEN


def _set_off(channel: Channel) -> None:
    asleep = channel.state is ChannelState.CS_HIBERNATE
    channel.uuid_bridging = True
    channel.set_state(ChannelState.CS_CONSUME_MEDIA if asleep else ChannelState.CS_HIBERNATE)
    channel.wake()


def _step_profiles(a: Channel, b: Channel) -> None:
    now = a.exchange.clock.now()
    _arrange_parties(a, b)
    for one in (b, a):
        one.variables.set("original_destination_number", one.profile.destination_number)
        one.variables.set("original_caller_id_name", one.profile.caller_id_name)
        one.variables.set("original_caller_id_number", one.profile.caller_id_number)
        one.profile = one.profile.next(now)
    b.remember_other_leg("originator", a)
    a.remember_other_leg("originatee", b)
    a.profile.callee_id_name = b.profile.callee_id_name
    a.profile.callee_id_number = b.profile.callee_id_number
    b.profile.caller_id_name = a.profile.caller_id_name
    b.profile.caller_id_number = a.profile.caller_id_number
    for one, other in ((a, b), (b, a)):
        source = f"{int(now)}:{one.profile.id}:uuid_br:{other.uuid}"
        one.profile.transfer_source = source
        one.variables.push("transfer_history", source)
        one.variables.set("transfer_source", source)


def _arrange_parties(a: Channel, b: Channel) -> None:
    """Who called in, but is bridged as B, counts as called."""
    if Flag.BLEG in a.flags:
        a.profile.swap_parties()
        b.flags.discard(Flag.BLEG)
    if b.direction == "inbound" and Flag.BLEG not in b.flags:
        b.profile.swap_parties()
        b.profile.caller_id_name = b.profile.caller_id_name or "Unknown"
        b.profile.caller_id_number = b.profile.caller_id_number or "Unknown"
        b.flags.add(Flag.BLEG)


async def soft_execute(a: Channel) -> None:
    """What a leg under uuid_bridge does in CS_SOFT_EXECUTE: A waits for B, then bridges."""
    a.uuid_bridging = False
    if Flag.UUID_BRIDGE_ORIGINATOR not in a.flags:
        return
    b = a.exchange.locate(a.variables.get("uuid_bridge") or "")
    if b is None:
        if not after_bridge(a):
            a.hangup("DESTINATION_OUT_OF_ORDER")
    else:
        a.variables.set("uuid_bridge", None)
        await _meet(a, b)
    a.flags.discard(Flag.UUID_BRIDGE_ORIGINATOR)


async def _meet(a: Channel, b: Channel) -> None:
    if not await _wait_for(a, b):
        return
    if b.down:
        _called_off(a)
        return
    if not a.ready:
        b.hangup("DESTINATION_OUT_OF_ORDER")
        return
    for one, other in ((a, b), (b, a)):
        one.application, one.application_data = "uuid_bridge", other.uuid
        data = header_line("Application-Data", other.uuid)
        one.fire("CHANNEL_EXECUTE", last=f"Application: uuid_bridge\n{data}")
    await bridge(a, b)
    stays = {ChannelState.CS_ROUTING, ChannelState.CS_PARK}
    taken = {Flag.TRANSFER, Flag.REDIRECT} & a.flags
    if not taken and not a.down and a.state not in stays:
        a.set_state(ChannelState.CS_EXECUTE)


async def _wait_for(a: Channel, b: Channel) -> bool:
    """Wait until B stands in CS_SOFT_EXECUTE, or a leg is down; False when B bridges itself."""
    for _ in range(_POLLS):
        if b.down or a.down:
            return True
        if b.state is b.running_state:
            if b.running_state is ChannelState.CS_RESET:
                b.set_state(ChannelState.CS_SOFT_EXECUTE)
            if b.running_state is ChannelState.CS_SOFT_EXECUTE:
                return Flag.UUID_BRIDGE_ORIGINATOR not in b.flags
        await a.exchange.clock.sleep(a.exchange.latency.poll)
    for channel in (a, b):
        channel.hangup("DESTINATION_OUT_OF_ORDER")
    return True


def _called_off(a: Channel) -> None:
    """B died before the bridge was made."""
    if a.variables.is_true("uuid_bridge_continue_on_cancel"):
        a.set_state(ChannelState.CS_EXECUTE)
    elif a.variables.is_true("uuid_bridge_park_on_cancel"):
        park_session(a)
    elif Flag.TRANSFER not in a.flags:
        a.hangup("ORIGINATOR_CANCEL")
