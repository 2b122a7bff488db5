"""The two kinds of Event Socket connection: outbound (one per ``socket`` action) and control.

Source: freeswitch.md §2 and §3. What the end of an outbound connection does to its channel is
the whole of ``socket_resume``: with it true the channel is reset wherever it stands, which
takes a waiting caller on in its dialplan and tears a conversation apart.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fsapp.lab.event_socket import Command, Handler, Outcome, Session
from fsapp.lab.states import ChannelState, Flag

if TYPE_CHECKING:
    from fsapp.lab.channels import Channel
    from fsapp.lab.exchange import Exchange

__all__ = ["ControlSession", "OutboundSession"]

_PATIENCE = 25.0


class OutboundSession(Session):
    """The switch connected to the app, for one channel."""

    authorized = True

    def __init__(self, exchange: Exchange, channel: Channel, modes: list[str]) -> None:
        super().__init__(exchange)
        self.channel: Channel = channel
        self.full = "full" in modes
        self.mode = "async" if "async" in modes else "static"
        self.connected = False
        self.resumes = False
        self._noticed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.exchange.hold(self.channel, self)
        clock = self.exchange.clock
        self._patience = clock.call_later(_PATIENCE, self._lose_patience)
        if self.channel.down:
            self.close()

    def data_received(self, data: bytes) -> None:
        if self.channel.down:
            self._notice_hangup()
        if not self.finished:
            super().data_received(data)

    def _lose_patience(self) -> None:
        if not self.connected:
            self.close()

    def handlers(self) -> list[tuple[str, Handler]]:
        own: list[tuple[str, Handler]] = [
            ("resume", self._resume),
            ("connect", self._connect),
            ("getvar", self._getvar),
            ("myevents", self.subscribe(lambda _: self.subscription.own())),
            ("divert_events", self._divert),
            ("linger", self._set_linger),
            ("nolinger", self._no_linger),
        ]
        common = super().handlers()
        if not self.full:
            common = [known for known in common if known[0] in {"filter ", "sendmsg"}]
        return own + common

    def _connect(self, _command: Command) -> Outcome:
        self.connected = True
        self._patience.cancel()
        control = "full" if self.full else "single-channel"
        mode = f"Socket-Mode: {self.mode}\nControl: {control}\n"
        head = "Content-Type: command/reply\nReply-Text: %2BOK%0A\n"
        self.write(self.channel.channel_data(head + mode))
        self.channel.wake()
        return None

    def _set_linger(self, command: Command) -> Outcome:
        text = command.argument.strip()
        if not text:
            self.linger = -1.0
            return "+OK will linger"
        seconds = int(text) if text.isdigit() else 0
        self.linger = float(seconds)
        return f"+OK will linger {seconds} seconds"

    def _divert(self, command: Command) -> Outcome:
        """Taken, but nothing is diverted: nothing on the lab switch queues such events."""
        onoff = command.argument.strip().lower()
        if not onoff:
            return "-ERR missing value."
        return "+OK events diverted" if onoff == "on" else "+OK events not diverted"

    def _no_linger(self, _command: Command) -> Outcome:
        self.linger = None
        return "+OK will not linger"

    def _resume(self, _command: Command) -> Outcome:
        self.resumes = True
        self.channel.variables.set("socket_resume", "true")
        return "+OK"

    def _getvar(self, command: Command) -> Outcome:
        return self.channel.value_of(command.argument.strip()) or ""

    def channel_down(self) -> None:
        """The channel was hung up: linger or close, as soon as that is noticed."""
        self.exchange.clock.call_later(self.exchange.latency.notice, self._notice_hangup)

    def _notice_hangup(self) -> None:
        if self.finished or self._noticed:
            return
        self._noticed = True
        if self.linger is None:
            self.close()
            return
        name, seconds = self.channel.name, int(self.linger)
        self.write(self._notice("linger", f"Channel-Name: {name}", f"Linger-Time: {seconds}"))
        if self.linger >= 0:
            self.exchange.clock.call_later(self.linger, self._stop_lingering)

    def _stop_lingering(self) -> None:
        if not self.finished:
            self.close()

    def ended(self) -> None:
        self._patience.cancel()
        channel = self.channel
        taken = {Flag.TRANSFER, Flag.REDIRECT} & channel.flags
        resumes = self.resumes or channel.variables.is_true("socket_resume")
        if channel.state is not ChannelState.CS_HIBERNATE and not taken and resumes:
            channel.set_state(ChannelState.CS_RESET)
        channel.clear_flag(Flag.CONTROLLED)
        channel.wake()
        self.exchange.release(channel, self)


class ControlSession(Session):
    """The app connected to the switch."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.write("Content-Type: auth/request\n\n")

    def unauthorized(self, command: Command) -> Outcome:
        if command.verb != "auth":
            return "-ERR command not found"
        if command.argument == self.exchange.password:
            self.authorized = True
            return "+OK accepted"
        self.reply("-ERR invalid")
        self.close()
        return None
