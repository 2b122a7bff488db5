"""The dialplan applications of the lab switch.

Source: FreeSWITCH's mod_dptools documentation and freeswitch.md §2. Applications that only
concern sound or accounting are taken and do nothing; what is in none of the lists here does not
exist, and executing it hangs the channel up, as on FreeSWITCH.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from fsapp.lab.channels import Channel
from fsapp.lab.execution import APPLICATIONS, Application, execute, idle, parse_private_events
from fsapp.lab.sounds import find_sound
from fsapp.lab.states import ChannelState, Flag, known_cause
from fsapp.lab.transfers import transfer

__all__ = ["application", "park"]

_IGNORED = ("log", "info", "eval", "sched_hangup", "start_dtmf", "set_audio_level", "jitterbuffer")


def application(name: str) -> Callable[[Application], Application]:
    """Enter a function as the application called ``name``."""

    def enter(function: Application) -> Application:
        APPLICATIONS[name] = function
        return function

    return enter


@application("answer")
async def answer(channel: Channel, _data: str) -> None:
    """Answer the call."""
    channel.answer()


@application("pre_answer")
async def pre_answer(channel: Channel, _data: str) -> None:
    """Let sound flow, unanswered."""
    channel.pre_answer()


@application("ring_ready")
async def ring_ready(channel: Channel, _data: str) -> None:
    """Signal ringing."""
    channel.ring()


@application("playback")
async def playback(channel: Channel, data: str) -> None:
    """Play a file or stream until it ends or is stopped."""
    await _play(channel, data, again=False)


@application("endless_playback")
async def endless_playback(channel: Channel, data: str) -> None:
    """Play a file or stream over and over."""
    await _play(channel, data, again=True)


@application("gentones")
async def gentones(channel: Channel, data: str) -> None:
    """Play tones."""
    tones, _, loops = data.partition("|")
    suffix = f";loops={loops}" if loops else ""
    await _play(channel, f"tone_stream://{tones}{suffix}", again=False)


async def _play(channel: Channel, data: str, *, again: bool) -> None:
    if not channel.media_ready and channel.direction == "inbound":
        channel.pre_answer()
    sound = find_sound(data, channel.exchange.streams)
    if sound is None:
        channel.variables.set("current_application_response", "FILE NOT FOUND")
        return
    before, channel.hearing = channel.hearing, sound.source
    channel.exchange.changed()

    def goes_on() -> bool:
        return channel.ready and Flag.BREAK not in channel.flags

    await idle(channel, None if again else sound.seconds, goes_on)
    if channel.hearing == sound.source:
        channel.hearing = before
    interrupted = not channel.ready and not channel.down
    channel.flags.discard(Flag.BREAK)
    response = "PLAYBACK ERROR" if interrupted else "FILE PLAYED"
    channel.variables.set("current_application_response", response)


@application("sleep")
async def sleep(channel: Channel, data: str) -> None:
    """Wait so many milliseconds."""
    milliseconds = int(data) if data.strip().isdigit() else 0
    await idle(channel, milliseconds / 1000, lambda: channel.ready)


@application("park")
async def park(channel: Channel, _data: str) -> None:
    """Wait for what is sent, until taken elsewhere or no longer controlled."""
    if Flag.CONTROLLED in channel.flags or channel.state is ChannelState.CS_RESET:
        return
    limit, cause = _park_timeout(channel)
    channel.flags |= {Flag.CONTROLLED, Flag.PARK}
    channel.fire("CHANNEL_PARK")
    held = {Flag.CONTROLLED, Flag.PARK}
    timed_out = await idle(channel, limit, lambda: channel.ready and held <= channel.flags)
    if timed_out:
        channel.hangup(cause)
    channel.flags -= held
    channel.fire("CHANNEL_UNPARK")


def _park_timeout(channel: Channel) -> tuple[float | None, str]:
    text = channel.variables.get("park_timeout")
    if text is None:
        return None, ""
    channel.variables.set("park_timeout", None)
    channel.variables.set("park_after_bridge", None)
    seconds, _, cause = text.partition(":")
    return (float(seconds) if seconds.isdigit() else None), known_cause(cause or "NORMAL_CLEARING")


@application("set")
async def set_variable(channel: Channel, data: str) -> None:
    """``name=value``; an empty value removes the variable."""
    name, _, value = data.partition("=")
    channel.variables.set(name.strip(), value)


APPLICATIONS["export"] = set_variable


@application("unset")
async def unset(channel: Channel, data: str) -> None:
    """Remove a variable."""
    channel.variables.set(data.strip(), None)


@application("multiset")
async def multiset(channel: Channel, data: str) -> None:
    """Several ``name=value`` at once, separated by blanks or what ``^^`` names."""
    marked = data.startswith("^^")
    pairs = data[3:].split(data[2]) if marked else shlex.split(data)
    for pair in pairs:
        await set_variable(channel, pair)


@application("hangup")
async def hangup(channel: Channel, data: str) -> None:
    """Hang up."""
    channel.hangup(known_cause(data or "NORMAL_CLEARING"))


@application("transfer")
async def transfer_application(channel: Channel, data: str) -> None:
    """``extension [dialplan [context]]``."""
    words = data.split()
    if words:
        extension, dialplan, context = [*words, "", ""][:3]
        transfer(channel, extension, dialplan, context)


@application("execute_extension")
async def execute_extension(channel: Channel, data: str) -> None:
    """Execute another extension's actions, then go on with this one's."""
    words = [*data.split(), "", ""]
    profile = channel.profile.next(channel.exchange.clock.now())
    profile.destination_number, profile.dialplan = words[0], words[1] or "XML"
    profile.context = words[2] or channel.profile.context
    extension = await channel.exchange.route(channel, profile)
    while extension is not None and extension.actions and channel.ready:
        action = extension.actions.popleft()
        await execute(channel, action.application, action.data)


async def _nothing(_channel: Channel, _data: str) -> None:
    """Applications whose effect nobody at the Event Socket sees."""


for _name in _IGNORED:
    APPLICATIONS[_name] = _nothing


@application("socket")
async def socket(channel: Channel, data: str) -> None:
    """``host:port[|host:port…] [async] [full]``: hand the call to an Event Socket listener.

    When none answers, the dialplan goes on at once.
    """
    words = data.split()
    session = None
    for host in words[0].split("|") if words else ():
        if host and session is None:
            channel.variables.set("socket_host", host.rpartition(":")[0] or host)
            session = await channel.exchange.connect(channel, host, words[1:])
    if session is None:
        return
    while channel.ready and not session.finished and not session.connected:
        await channel.wait()
    await park(channel, "")
    await parse_private_events(channel)
    taken = {Flag.TRANSFER, Flag.REDIRECT} & channel.flags
    resumes = session.resumes or channel.variables.is_true("socket_resume")
    if channel.state is not ChannelState.CS_HIBERNATE and not taken and resumes:
        channel.set_state(ChannelState.CS_EXECUTE)
