"""A channel: one leg of a call on the switch.

The law of this file: a channel's state is changed only through :meth:`Channel.set_state` and
:meth:`Channel.hangup`, and whoever waits on the channel (its own run, its bridge partner)
hears of it. What a channel *does* in a state is in ``lifecycle.py``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fsapp.lab.clock import settle
from fsapp.lab.events import Event
from fsapp.lab.headers import channel_headers
from fsapp.lab.profiles import Profile, Times
from fsapp.lab.states import ChannelState, Flag, q850
from fsapp.lab.variables import Variables, expand

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["Action", "Channel", "Endpoint", "Extension"]


@dataclass(frozen=True, slots=True)
class Action:
    """One application with its data, as a dialplan has it."""

    application: str
    data: str = ""


@dataclass(slots=True)
class Extension:
    """What routing found for a channel: actions, executed in order, each once."""

    name: str
    actions: deque[Action] = field(default_factory=deque)


class Endpoint(Protocol):
    """What a channel reaches outside the switch: a person's phone, or the other loopback leg."""

    def answered(self, channel: Channel) -> None:
        """The switch answered."""
        ...

    def ringing(self, channel: Channel) -> None:
        """The switch signalled ringing or early media."""
        ...

    def ended(self, channel: Channel) -> None:
        """The channel was hung up."""
        ...


class Channel:
    """One leg. Belongs to the switch's thread; nobody else touches it."""

    def __init__(
        self, exchange: Exchange, uuid: str, profile: Profile, endpoint: Endpoint, name: str
    ) -> None:
        self.exchange = exchange
        self.uuid = uuid
        self.name = name
        self.direction = profile.direction
        self.profile = self.first_profile = profile
        self.shown_state = ChannelState.CS_NEW
        self.endpoint = endpoint
        self.other_leg: tuple[str, str] | None = None
        self.times = Times(created=self._micros())
        self.variables = Variables()
        self.state = self.running_state = ChannelState.CS_NEW
        self.call_state = self._last_call_state = "DOWN"
        self.flags: set[Flag] = {Flag.DIALPLAN} if self.direction == "inbound" else set()
        self.flags_of_next_state: set[Flag] = set()
        self.cause: str | None = None
        self.is_answered = self.has_early_media = self.is_ringing = False
        self.extension: Extension | None = None
        self.private_events: deque[Mapping[str, str]] = deque()
        self.watchers: set[Channel] = set()
        self.application = self.application_data = ""
        self.hearing = "silence"
        self.presence_id = ""
        self.uuid_bridging = False
        self.bridged_to: Channel | None = None
        self._woken = False
        self._onlookers: list[asyncio.Future[None]] = []
        self._sleeper: asyncio.Future[None] | None = None
        profile.unique_id, profile.channel_name = uuid, name
        profile.created = self.times.created

    def __repr__(self) -> str:
        return f"<Channel {self.name} {self.uuid} {self.state.name}>"

    def _micros(self) -> int:
        return round(self.exchange.clock.now() * 1_000_000)

    # -- being told and waiting ---------------------------------------------------------

    def wake(self) -> None:
        """Tell the channel's run, and whoever watches it, that something changed."""
        for channel in (*self.watchers, self):
            channel._woken = True
            if channel._sleeper is not None:
                settle(channel._sleeper)
        for watcher in self._onlookers:
            settle(watcher)
        self._onlookers.clear()

    async def changed(self) -> None:
        """Wait until the channel is woken; for others than its own run."""
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._onlookers.append(watcher)
        await watcher

    async def wait(self, seconds: float | None = None) -> None:
        """Sleep until woken, or ``seconds`` at most; a wake is noticed one tick later."""
        if not self._woken:
            await self._sleep(seconds)
        if self._woken:
            self._woken = False
            await self.exchange.clock.sleep(self.exchange.latency.tick)

    async def _sleep(self, seconds: float | None) -> None:
        sleeper = self._sleeper = asyncio.get_running_loop().create_future()
        timer = None
        if seconds is not None:
            clock = self.exchange.clock
            timer = clock.call_later(seconds, lambda: settle(sleeper))
        try:
            await sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()

    # -- state -------------------------------------------------------------------------

    @property
    def down(self) -> bool:
        """Whether the channel has been hung up."""
        return self.state >= ChannelState.CS_HANGUP

    @property
    def shown_call_state(self) -> str:
        """``callstate`` in ``show channels``, which a hangup no longer changes."""
        return self._last_call_state if self.call_state == "HANGUP" else self.call_state

    @property
    def ready(self) -> bool:
        """Whether the channel may go on with what it is executing."""
        return (
            self.cause is None
            and ChannelState.CS_ROUTING < self.state < ChannelState.CS_HANGUP
            and self.state is not ChannelState.CS_RESET
            and Flag.TRANSFER not in self.flags
            and self.state is self.running_state
        )

    @property
    def media_ready(self) -> bool:
        """Whether sound flows."""
        return self.is_answered or self.has_early_media

    def set_state(self, state: ChannelState) -> None:
        """Ask the channel's run to go into ``state``; a hung up channel stays so."""
        if self.state is state or (self.down and state < self.state):
            return
        self.state = state
        self.wake()

    def set_flag(self, flag: Flag) -> None:
        """Set a flag and let the channel notice."""
        self.flags.add(flag)
        self.wake()

    def clear_flag(self, flag: Flag) -> None:
        """Clear a flag and let the channel notice."""
        if flag in self.flags:
            self.flags.discard(flag)
            self.wake()

    def enter_state(self, state: ChannelState) -> None:
        """The run has arrived in ``state`` (CHANNEL_STATE)."""
        self.flags |= self.flags_of_next_state
        self.flags_of_next_state.clear()
        self.running_state = state
        if not self.down:
            self.shown_state = state
        if self.direction == "inbound" and not self.down:
            self.call_state = self._inbound_call_state(state)
        self.fire("CHANNEL_STATE")

    def _inbound_call_state(self, state: ChannelState) -> str:
        if state is ChannelState.CS_ROUTING:
            return "RINGING"
        if self.is_answered:
            return "ACTIVE"
        return "EARLY" if self.has_early_media else self.call_state

    def hangup(self, cause: str) -> None:
        """Hang the channel up; only the first cause counts (CHANNEL_HANGUP)."""
        if self.down:
            return
        self.state = ChannelState.CS_HANGUP
        self.cause = cause
        if partner := self.exchange.locate(self.variables.get("signal_bond") or ""):
            partner.variables.set("last_bridge_hangup_cause", cause)
        if Flag.BRIDGE_ORIGINATOR in self.flags:
            self.variables.set("last_bridge_role", "originator")
        elif Flag.BRIDGED in self.flags:
            self.variables.set("last_bridge_role", "originatee")
        self.fire("CHANNEL_HANGUP")
        self.exchange.hung_up(self)
        self.wake()

    def abandon(self) -> None:
        """Leave the switch without a word: the channel's run failed."""
        self.hangup("CRASH")
        self.note_hangup()
        self.endpoint.ended(self)
        self.state = ChannelState.CS_DESTROY

    def note_hangup(self) -> None:
        """Write down cause and time, before CHANNEL_HANGUP_COMPLETE."""
        self.times.hangup = self._micros()
        cause = self.cause or "NORMAL_CLEARING"
        self.variables.set("hangup_cause", cause)
        self.variables.set("hangup_cause_q850", str(q850(cause)))
        self._last_call_state, self.call_state = self.call_state, "HANGUP"
        self.hearing = "silence"

    # -- signalling --------------------------------------------------------------------

    def ring(self) -> None:
        """Signal ringing (CHANNEL_PROGRESS)."""
        if self.is_ringing or self.media_ready or self.down:
            return
        self.is_ringing = True
        self.call_state = "RINGING"
        self.times.progress = self._micros()
        self.fire("CHANNEL_PROGRESS")
        self.endpoint.ringing(self)
        self.wake()

    def pre_answer(self) -> None:
        """Let sound flow before answering (CHANNEL_PROGRESS_MEDIA)."""
        if self.media_ready or self.down:
            return
        self.has_early_media = True
        self.call_state = "EARLY"
        self.times.progress_media = self._micros()
        self.fire("CHANNEL_PROGRESS_MEDIA")
        self.endpoint.ringing(self)
        self.wake()

    def answer(self) -> None:
        """Answer (CHANNEL_ANSWER); nothing happens when it is answered already."""
        if self.is_answered or self.down:
            return
        self.is_answered = True
        self.times.answered = self._micros()
        self.fire("CHANNEL_ANSWER")
        self.call_state = "ACTIVE"
        self.variables.set("endpoint_disposition", "ANSWER")
        self.endpoint.answered(self)
        self.wake()

    def press(self, digit: str) -> None:
        """Its owner pressed a key (DTMF)."""
        last = f"DTMF-Digit: {digit}\nDTMF-Duration: 2000\nDTMF-Source: RTP\n"
        self.fire("DTMF", last=last)

    # -- who calls whom ----------------------------------------------------------------

    def follow(self, extension: Extension) -> None:
        """Take up the actions that routing found, or that an originate asked for."""
        self.extension = extension
        if self.direction == "outbound":
            self.become_caller()

    def become_caller(self) -> None:
        """A called party that runs a dialplan is its own caller: the numbers change places."""
        if Flag.DIALPLAN in self.flags:
            return
        self.variables.set("pre_transfer_caller_id_name", self.profile.caller_id_name)
        self.variables.set("pre_transfer_caller_id_number", self.profile.caller_id_number)
        self.profile.swap_parties()
        self.variables.set("channel_cid_flipped", "yes")
        self.flags.add(Flag.DIALPLAN)

    # -- what was sent to it -----------------------------------------------------------

    def queue_private_event(self, headers: Mapping[str, str]) -> None:
        """Take a ``sendmsg``; it is carried out when the channel looks for one."""
        self.private_events.append(headers)
        self.wake()

    def stop_broadcast(self) -> None:
        """Stop what was sent to the channel and is being executed."""
        if Flag.BROADCAST in self.flags:
            self.flags |= {Flag.STOP_BROADCAST, Flag.BREAK, Flag.BREAK_ALL}
            self.wake()

    # -- events ------------------------------------------------------------------------

    def value_of(self, name: str) -> str | None:
        """A variable, a field of the caller profile or a global variable, by name."""
        value = self.variables.get(name)
        if value is None:
            value = self.profile.field(name)
        return value if value is not None else self.exchange.settings.get(name)

    def expand(self, text: str) -> str:
        """Dialplan data with its ``${…}`` replaced."""
        if "${" not in text:
            return text
        return expand(text, self.value_of, self.exchange.expansion_command)

    def fire(self, name: str, *, first: str = "", last: str = "") -> None:
        """Send an event about this channel to whoever listens.

        ``first`` and ``last`` are headers before and after the channel's own.
        """
        self.exchange.changed()
        if not self.exchange.is_wanted(name, self.uuid):
            return
        text = f"{self.exchange.preamble(name)}{first}{channel_headers(self, name)}{last}"
        self.exchange.deliver(Event(name, text, unique_id=self.uuid))

    def remember_other_leg(self, kind: str, other: Channel) -> None:
        """Keep the other leg's profile for the ``Other-Leg-`` headers.

        ``kind`` says what the other is to this channel, ``originator`` or ``originatee``.
        """
        times = other.times if kind == "originatee" else Times()
        self.other_leg = (kind, other.profile.lines("Other-Leg", times))

    def channel_data(self, mode: str) -> str:
        """The answer to ``connect``; ``mode`` is the headers on the socket's mode."""
        own = self.profile.lines("Channel", self.times)
        return f"{self.exchange.preamble('CHANNEL_DATA')}{own}{channel_headers(self)}{mode}\n"
