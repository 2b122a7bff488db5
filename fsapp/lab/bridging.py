"""Bridges: how two legs come together, and what becomes of each when they part.

The law of this file: CHANNEL_BRIDGE and CHANNEL_UNBRIDGE are about the A leg only; which leg
lives on after a bridge is decided by its own variables ``park_after_bridge``,
``transfer_after_bridge`` and ``hangup_after_bridge``, in that order.

Source: freeswitch.md §2 and §3, and the recordings.
"""

from __future__ import annotations

from fsapp.lab.channels import Channel
from fsapp.lab.execution import parse_private_events
from fsapp.lab.states import ChannelState, Flag
from fsapp.lab.transfers import after_bridge

__all__ = ["bond", "bridge", "exchange_media"]


def bond(a: Channel, b: Channel) -> None:
    """Each leg's variables name the other."""
    for one, other in ((a, b), (b, a)):
        one.variables.set("bridge_channel", other.name)
        one.variables.set("bridge_uuid", other.uuid)
        one.variables.set("signal_bond", other.uuid)


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
    bond(a, b)
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
