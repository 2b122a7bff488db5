"""Executing applications on a channel: those of its dialplan, and those sent to it.

Source: freeswitch.md §2 and the recordings: CHANNEL_EXECUTE, the application, then
CHANNEL_EXECUTE_COMPLETE with ``Application-Response``; an unknown application hangs up.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping

from fsapp.lab.channels import Channel
from fsapp.lab.events import header_line
from fsapp.lab.states import Flag, known_cause

__all__ = ["APPLICATIONS", "Application", "execute", "idle", "parse_private_events"]

Application = Callable[[Channel, str], Awaitable[None]]

APPLICATIONS: dict[str, Application] = {}
"""Every application the lab switch has, by name; filled by the modules that write them."""

_SILENT_WHEN_DONE = frozenset({"playback", "endless_playback", "gentones"})


async def execute(channel: Channel, name: str, data: str, identifier: str | None = None) -> bool:
    """Run one application; False when there is none of that name, or the channel is down.

    ``identifier`` is what comes back as ``Application-UUID``.
    """
    application = APPLICATIONS.get(name)
    if application is None:
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return False
    if channel.down:
        return True
    data = channel.expand(data)
    _announce(channel, name, data)
    last = _application_lines(name, data)
    identity = header_line("Application-UUID", identifier or str(uuid.uuid4()))
    channel.fire("CHANNEL_EXECUTE", last=last + identity)
    channel.flags -= {Flag.BREAK, Flag.BREAK_ALL}
    await application(channel, data)
    response = channel.variables.get("current_application_response") or "_none_"
    answer = header_line("Application-Response", response)
    channel.fire("CHANNEL_EXECUTE_COMPLETE", last=last + answer + identity)
    return True


def _announce(channel: Channel, name: str, data: str) -> None:
    channel.application, channel.application_data = name, data
    channel.variables.set("current_application_data", data)
    channel.variables.set("current_application", name)
    channel.variables.set("current_application_response", None)


def _application_lines(name: str, data: str) -> str:
    argument = header_line("Application-Data", data) if data else ""
    return header_line("Application", name) + argument


async def parse_private_events(channel: Channel) -> None:
    """Carry out what was sent to the channel (``sendmsg``), one after the other."""
    while channel.private_events:
        headers = channel.private_events.popleft()
        command = headers.get("call-command", "").lower()
        if command == "execute":
            await _execute_sent(channel, headers)
        elif command == "hangup":
            channel.hangup(known_cause(headers.get("hangup-cause", "NORMAL_CLEARING")))
        if Flag.BREAK in channel.flags:
            break


async def _execute_sent(channel: Channel, headers: Mapping[str, str]) -> None:
    name = headers.get("execute-app-name", "")
    if not name:
        return
    channel.flags.discard(Flag.STOP_BROADCAST)
    outermost = Flag.BROADCAST not in channel.flags
    channel.flags.add(Flag.BROADCAST)
    loops = int(headers.get("loops", "1") or 1)
    channel.variables.set("current_loop", "1")
    channel.variables.set("total_loops", str(loops))
    data = headers.get("execute-app-arg") or headers.get("body", "")
    await _loop(channel, name, data, headers.get("event-uuid"), loops)
    channel.variables.set("current_loop", None)
    channel.variables.set("total_loops", None)
    if outermost:
        channel.flags.discard(Flag.BROADCAST)
    if Flag.STOP_BROADCAST in channel.flags:
        channel.flags.discard(Flag.BROADCAST)
        channel.flags.add(Flag.BREAK)


async def _loop(channel: Channel, name: str, data: str, identifier: str | None, loops: int) -> None:
    done = 0
    while loops < 0 or done < loops:
        began = channel.exchange.clock.now()
        done += 1
        if not await execute(channel, name, data, identifier):
            return
        quick = channel.exchange.clock.now() - began < _LOOP_MINIMUM
        if not channel.ready or Flag.STOP_BROADCAST in channel.flags or quick:
            return


_LOOP_MINIMUM = 0.5


async def idle(channel: Channel, seconds: float | None, goes_on: Callable[[], bool]) -> bool:
    """Wait ``seconds`` (None: for ever) while ``goes_on()``, carrying out what is sent.

    True when the time is over, False when ``goes_on()`` no longer holds.
    """
    clock = channel.exchange.clock
    until = None if seconds is None else clock.now() + seconds
    while goes_on():
        if until is not None and clock.now() >= until - _ROUNDING:
            return True
        if channel.private_events:
            await parse_private_events(channel)
        else:
            await channel.wait(None if until is None else until - clock.now())
    return False


_ROUNDING = 1e-6
