"""Bridges: how two legs come together, and what becomes of each when they part.

The law of this file: CHANNEL_BRIDGE and CHANNEL_UNBRIDGE are about the A leg only; which leg
lives on after a bridge is decided by its own variables ``park_after_bridge``,
``transfer_after_bridge`` and ``hangup_after_bridge``, in that order.

Source: freeswitch.md §2 and §3, and the recordings. ``uuid_bridge`` only begins a bridge: both
legs leave what they do (CS_HIBERNATE, CS_RESET), A waits for B in CS_SOFT_EXECUTE.
"""

from __future__ import annotations

from fsapp.lab.channels import Channel
from fsapp.lab.events import header_line
from fsapp.lab.execution import parse_private_events
from fsapp.lab.states import ChannelState, Flag
from fsapp.lab.transfers import after_bridge, park_session

__all__ = ["begin_uuid_bridge", "bridge", "exchange_media", "soft_execute"]

_POLLS = 1000


def begin_uuid_bridge(a: Channel, b: Channel) -> bool:
    """Take two legs out of what they do, to be bridged; False when they cannot be."""
    if a.down or b.down:
        return False
    if not a.media_ready:
        if not b.media_ready:
            return False
        a, b = b, a
    if a.direction == "outbound":
        a.become_caller()
    if b.direction == "outbound":
        b.flags.discard(Flag.DIALPLAN)
    a.variables.set("uuid_bridge", b.uuid)
    _bond(a, b)
    _step_profiles(a, b)
    for channel in (a, b):
        channel.stop_broadcast()
        channel.flags |= {Flag.TRANSFER, Flag.REDIRECT}
        channel.flags -= {
            Flag.ORIGINATING, Flag.UUID_BRIDGE_ORIGINATOR, Flag.BRIDGE_ORIGINATOR,
        }  # fmt: skip
        channel.flags_of_next_state.discard(Flag.UUID_BRIDGE_ORIGINATOR)
    a.flags_of_next_state.add(Flag.UUID_BRIDGE_ORIGINATOR)
    for channel in (a, b):
        asleep = channel.state is ChannelState.CS_HIBERNATE
        channel.uuid_bridging = True
        channel.set_state(ChannelState.CS_CONSUME_MEDIA if asleep else ChannelState.CS_HIBERNATE)
        channel.wake()
    return True


def _bond(a: Channel, b: Channel) -> None:
    for one, other in ((a, b), (b, a)):
        one.variables.set("bridge_channel", other.name)
        one.variables.set("bridge_uuid", other.uuid)
        one.variables.set("signal_bond", other.uuid)


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


async def bridge(a: Channel, b: Channel) -> None:
    """Bridge A with B and wait for the end; run by A."""
    a.flags.add(Flag.BRIDGE_ORIGINATOR)
    b.flags.discard(Flag.BRIDGE_ORIGINATOR)
    if b.is_answered:
        a.answer()
    b.variables.set("call_uuid", a.uuid)
    _note_bridge_time(a, b)
    first = f"Bridge-A-Unique-ID: {a.uuid}\nBridge-B-Unique-ID: {b.uuid}\n"
    a.fire("CHANNEL_BRIDGE", first=first)
    for one, other in ((a, b), (b, a)):
        one.variables.set("bridge_to", other.uuid)
        one.variables.set("last_bridge_to", other.uuid)
    _bond(a, b)
    b.bridged_to = a
    b.set_state(ChannelState.CS_EXCHANGE_MEDIA)
    clean_exit = await _talk(a, b)
    a.flags.discard(Flag.BRIDGE_ORIGINATOR)
    b.stop_broadcast()
    await _wait_until_left(a, b)
    _note_causes(a, b)
    b.variables.set("call_uuid", b.uuid)
    a.fire("CHANNEL_UNBRIDGE", first=first)
    _part(a, b, clean_exit)


def _note_bridge_time(a: Channel, b: Channel) -> None:
    now = round(a.exchange.clock.now() * 1_000_000)
    a.times.bridged = b.times.bridged = now


async def _wait_until_left(a: Channel, b: Channel) -> None:
    while b.state is ChannelState.CS_EXCHANGE_MEDIA and b.bridged_to is a:
        await a.exchange.clock.sleep(_STEP)


_STEP = 0.001


def _note_causes(a: Channel, b: Channel) -> None:
    for one, other in ((a, b), (b, a)):
        if other.cause is not None:
            one.variables.set("bridge_hangup_cause", other.cause)


def _part(a: Channel, b: Channel, clean_exit: bool) -> None:
    """What A does after its bridge."""
    if clean_exit or {Flag.TRANSFER, Flag.REDIRECT} & a.flags or a.down or not b.is_answered:
        _reset_redirected(a)
        return
    if not after_bridge(a) and a.variables.is_true("hangup_after_bridge"):
        a.hangup(b.cause or "NORMAL_CLEARING")


def _reset_redirected(a: Channel) -> None:
    settled = {
        ChannelState.CS_RESET,
        ChannelState.CS_PARK,
        ChannelState.CS_ROUTING,
        ChannelState.CS_EXECUTE,
    }
    if Flag.REDIRECT in a.flags and a.state not in settled and not a.uuid_bridging:
        a.set_state(ChannelState.CS_RESET)


async def exchange_media(b: Channel) -> None:
    """What B does in CS_EXCHANGE_MEDIA: talk, then what its variables say."""
    a, b.bridged_to = b.bridged_to, None
    if a is None:
        b.hangup("DESTINATION_OUT_OF_ORDER")
        return
    b.bridged_to = a
    clean_exit = await _talk(b, a)
    b.bridged_to = None
    taken = {Flag.TRANSFER, Flag.REDIRECT} & b.flags
    if not taken and not clean_exit and b.state is ChannelState.CS_EXCHANGE_MEDIA:
        if after_bridge(b):
            return
        b.hangup("NORMAL_CLEARING" if b.is_answered else "ORIGINATOR_CANCEL")
    if b.state is ChannelState.CS_EXCHANGE_MEDIA:
        b.variables.set("park_timeout", "3")
        b.set_state(ChannelState.CS_PARK)


async def _talk(one: Channel, other: Channel) -> bool:
    """Exchange media until one of the two leaves; whether ``one`` was taken away on purpose."""
    one.flags.add(Flag.BRIDGED)
    one.watchers.add(other)
    other.wake()
    one.exchange.changed()
    await _until_both_bridged(one, other)
    one.hearing = other.uuid
    one.exchange.changed()
    clean_exit = await _until_apart(one, other)
    one.watchers.discard(other)
    one.flags.discard(Flag.BRIDGED)
    one.hearing = "silence"
    one.variables.set("bridge_to", None)
    other.wake()
    return clean_exit


async def _until_both_bridged(one: Channel, other: Channel) -> None:
    while Flag.BRIDGED not in other.flags and not other.down and one.ready:
        if other.state not in {ChannelState.CS_EXCHANGE_MEDIA, other.running_state}:
            return
        await one.exchange.clock.sleep(_STEP)


async def _until_apart(one: Channel, other: Channel) -> bool:
    while True:
        if Flag.TRANSFER in one.flags:
            return True
        if Flag.TRANSFER in other.flags or Flag.BRIDGED not in other.flags or other.down:
            return False
        if not one.ready:
            return not one.down
        if one.private_events:
            await parse_private_events(one)
        else:
            await one.wait()
