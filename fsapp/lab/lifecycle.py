"""The life of a channel: one run per channel, going from state to state until it ends.

The law of this file: a channel's run is the only one that enters states; everything else asks
through ``Channel.set_state`` and waits.

Source: the sequences of CHANNEL_STATE in the recordings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fsapp.lab import applications, bridge_application, bridging, uuid_bridge
from fsapp.lab.channels import Channel
from fsapp.lab.execution import execute, parse_private_events
from fsapp.lab.states import ChannelState, Flag

__all__ = ["LOADED", "run"]

LOADED = (applications, bridge_application)
"""The modules whose applications exist: each enters its own when it is imported."""


async def run(channel: Channel) -> None:
    """Live the channel's life; returns after CHANNEL_HANGUP_COMPLETE."""
    while channel.state is not ChannelState.CS_DESTROY:
        state = channel.state
        if state is not channel.running_state:
            channel.enter_state(state)
            channel.flags -= {Flag.TRANSFER, Flag.REDIRECT}
            await _HANDLERS[state](channel)
        elif channel.private_events:
            await parse_private_events(channel)
        else:
            await channel.wait()


async def _init(channel: Channel) -> None:
    channel.set_state(ChannelState.CS_ROUTING)
    channel.fire("CHANNEL_CREATE")
    if channel.direction == "outbound":
        channel.fire("CHANNEL_ORIGINATE")


async def _routing(channel: Channel) -> None:
    channel.variables.set("call_uuid", channel.uuid)
    if Flag.ORIGINATING in channel.flags:
        channel.set_state(ChannelState.CS_CONSUME_MEDIA)
        return
    extension = await channel.exchange.route(channel)
    if Flag.TRANSFER in channel.flags or channel.down:
        return
    if extension is None:
        channel.hangup("NO_ROUTE_DESTINATION")
        return
    channel.follow(extension)
    channel.set_state(ChannelState.CS_EXECUTE)


async def _execute(channel: Channel) -> None:
    channel.variables.set("call_uuid", channel.uuid)
    extension = channel.extension
    while channel.state is ChannelState.CS_EXECUTE and extension and extension.actions:
        action = extension.actions.popleft()
        if not await execute(channel, action.application, action.data):
            return
    if channel.ready and channel.state is ChannelState.CS_EXECUTE:
        channel.hangup("NORMAL_CLEARING")


async def _hibernate(channel: Channel) -> None:
    if channel.uuid_bridging:
        channel.set_state(ChannelState.CS_RESET)


async def _reset(channel: Channel) -> None:
    channel.variables.set("call_uuid", channel.uuid)
    if channel.uuid_bridging and Flag.UUID_BRIDGE_ORIGINATOR in channel.flags:
        channel.set_state(ChannelState.CS_SOFT_EXECUTE)


async def _hangup(channel: Channel) -> None:
    channel.note_hangup()
    channel.endpoint.ended(channel)
    channel.set_state(ChannelState.CS_REPORTING)


async def _reporting(channel: Channel) -> None:
    channel.fire("CHANNEL_HANGUP_COMPLETE", first=f"Hangup-Cause: {channel.cause}\n")
    channel.set_state(ChannelState.CS_DESTROY)


async def _park(channel: Channel) -> None:
    await applications.park(channel, "")


async def _rest(_channel: Channel) -> None:
    """States in which a channel only waits."""


_HANDLERS: dict[ChannelState, Callable[[Channel], Awaitable[None]]] = {
    ChannelState.CS_NEW: _rest,
    ChannelState.CS_INIT: _init,
    ChannelState.CS_ROUTING: _routing,
    ChannelState.CS_SOFT_EXECUTE: uuid_bridge.soft_execute,
    ChannelState.CS_EXECUTE: _execute,
    ChannelState.CS_EXCHANGE_MEDIA: bridging.exchange_media,
    ChannelState.CS_PARK: _park,
    ChannelState.CS_CONSUME_MEDIA: _hibernate,
    ChannelState.CS_HIBERNATE: _hibernate,
    ChannelState.CS_RESET: _reset,
    ChannelState.CS_HANGUP: _hangup,
    ChannelState.CS_REPORTING: _reporting,
}
