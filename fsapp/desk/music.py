"""What a waiting caller hears: music, else a soft tone, never silence (protocol §1).

FreeSWITCH answers a missing file or an unconfigured stream at once with the end of the playback
and leaves the caller in silence (freeswitch.md §2); ``tone_stream`` always exists.
"""

from __future__ import annotations

import logging
import uuid

from fsapp.calls.call import State
from fsapp.desk.about import about
from fsapp.desk.board import LiveCall, Turn
from fsapp.desk.context import Context
from fsapp.switch import commands
from fsapp.switch.channel import Event

__all__ = ["SOFT_TONE", "Music", "waits"]

log = logging.getLogger(__name__)

SOFT_TONE = "tone_stream://v=-20;%(600,1400,350,440);loops=-1"
"""Audible and patient: 0.6 s of tone every two seconds."""

TOO_SHORT_SECONDS = 1.0
"""A source that ends sooner would be started over and over: the tone takes its place."""

_ROUTING = "2"
"""CS_ROUTING: somebody has sent the channel to another extension."""


class Music:
    """Starts what a waiting call hears, and starts it again when it ends."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(self, turn: Turn, live: LiveCall) -> None:
        """Queue or park music for the call's present state, unless it plays already."""
        if live.playing:
            return
        options = self._context.options
        default = options.park_music if live.call.state is State.PARKED else options.queue_music
        self.play(turn, live, live.call.music or default)

    def change(self, turn: Turn, live: LiveCall) -> None:
        """From park to queue music, where they differ."""
        options = self._context.options
        if not live.call.music and options.park_music != options.queue_music:
            self.stopped(live)
        self.start(turn, live)

    def play(self, turn: Turn, live: LiveCall, source: str) -> None:
        """Plays ``source`` to the call; what may not be sent is replaced by the tone."""
        if live.connection is None:
            return
        identity = str(uuid.uuid4())
        try:
            command = commands.execute("playback", source, identity)
        except commands.BadArgument as error:
            log.warning("%s; playing a tone instead", error, extra=about(live))
            source = SOFT_TONE
            command = commands.execute("playback", source, identity)
        live.playing, live.source = identity, source
        live.started = self._context.board.clock.now()
        turn.post(live.connection, command)

    def stopped(self, live: LiveCall) -> None:
        """Nothing of ours is playing any more: bridged, or elsewhere in the dialplan."""
        live.playing = ""

    def ended(self, turn: Turn, live: LiveCall, event: Event) -> None:
        """The playback ended by itself, or never began, or was ended.

        Who has been sent elsewhere in the dialplan would hear there what is ordered now, and come
        no further; when she is back she has a new connection.
        """
        live.playing = ""
        if event.next_state == _ROUTING or not waits(live):
            return
        lasted = self._context.board.clock.now() - live.started
        if "NOT FOUND" in event.response or lasted < TOO_SHORT_SECONDS:
            self._replace(turn, live)
        else:
            self.play(turn, live, live.source)

    def _replace(self, turn: Turn, live: LiveCall) -> None:
        if live.source == SOFT_TONE:
            self._context.board.clock.later(TOO_SHORT_SECONDS, lambda: self._again(live))
            return
        log.warning("%s cannot be played; playing a tone", live.source, extra=about(live))
        self.play(turn, live, SOFT_TONE)

    def _again(self, live: LiveCall) -> None:
        with self._context.board.turn() as turn:
            if not live.playing and waits(live):
                self.play(turn, live, SOFT_TONE)


def waits(live: LiveCall) -> bool:
    """Whether it is to hear music: nobody speaks with it, and it is not just being joined."""
    joined = live.bridging is not None or live.partner is not None
    return not joined and live.call.state in (State.QUEUED, State.TRANSFERRING, State.PARKED)
