"""What happens on connections, handed to the part of the desk it concerns."""

from __future__ import annotations

import logging

from fsapp.calls.call import State
from fsapp.desk.board import Leg, LegPhase, LiveCall, Turn
from fsapp.desk.parts import Parts
from fsapp.switch import commands
from fsapp.switch.channel import Channel, Event
from fsapp.switch.connection import Connection

__all__ = ["EventHandler"]

log = logging.getLogger(__name__)


RESULT_SECONDS = 1.0
"""How long a job's result may come behind the end of the channel it has dialled."""

_ENDED = ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE")


class EventHandler:
    """A ``fsapp.switch.connection.Handler``; called on receiving threads, never waits."""

    def __init__(self, parts: Parts) -> None:
        self._board = parts.context.board
        self._legs = parts.legs
        self._music = parts.music
        self._bridges = parts.bridges
        self._endings = parts.endings
        self._joined = parts.joined
        self._arrivals = parts.arrivals
        self._census = parts.census
        self._reconciliation = parts.reconciliation

    def connected(self, channel: Channel, connection: Connection) -> None:
        with self._board.turn() as turn:
            self._arrivals.connected(turn, channel, connection)

    def disconnected(self, connection: Connection) -> None:
        with self._board.turn():
            self._census.connection_lost(connection)

    def switch_came_up(self) -> None:
        """FreeSWITCH answers (again): whoever stands alone is asked about, then what else there is.
        In this order: who has ended leaves her agent to the one she speaks with."""
        with self._board.turn():
            self._census.schedule(0)
            self._reconciliation.schedule()

    def knows(self, uuid: str) -> bool:
        return uuid in self._board.calls or uuid in self._board.legs

    def missed(self, uuid: str, cause: str) -> None:
        self._board.causes.add(uuid, cause)

    def happened(self, event: Event, connection: Connection) -> None:
        with self._board.turn() as turn:
            if event.name == "BACKGROUND_JOB":
                finished = self._board.jobs.pop(event.job, None)
                if finished is not None:
                    finished(turn, event.body)
            elif event.uuid == connection.uuid:
                self._of_channel(turn, event, connection)
                if event.name == "CHANNEL_HANGUP_COMPLETE":
                    self._close(turn, connection)
            elif event.name == "CHANNEL_HANGUP_COMPLETE":
                self._told_by_control(turn, event)
            elif event.name == "CHANNEL_PARK" and event.state == "CS_PARK":
                self._parked_alone(turn, event.uuid)

    def _told_by_control(self, turn: Turn, event: Event) -> None:
        """A channel has ended whose own connection may be gone. What came of dialling one is
        its job's result."""
        live, leg = self._board.calls.get(event.uuid), self._board.legs.get(event.uuid)
        dialled = live is not None and live.call.state is State.RINGING and live.job
        if live is not None and (live.answered or not dialled):
            self._endings.hung_up(turn, live, event.cause, unanswered=event.unanswered)
        elif live is not None:
            later = lambda: self._dialled_in_vain(live, event.cause)  # noqa: E731
            self._board.clock.later(RESULT_SECONDS, later)
        elif leg is not None and leg.phase is not LegPhase.RINGING:
            self._legs.gone(turn, leg, event.cause)

    def _dialled_in_vain(self, live: LiveCall, cause: str) -> None:
        """The job's result has not come: the connection that had it done is gone, perhaps."""
        with self._board.turn() as turn:
            self._endings.hung_up(turn, live, cause)

    def _parked_alone(self, turn: Turn, uuid: str) -> None:
        """A leg without a connection of its own has come out of a bridge."""
        leg = self._board.legs.get(uuid)
        if leg is not None and leg.connection is None:
            self._parked(turn, leg)

    def _close(self, turn: Turn, connection: Connection) -> None:
        """Until the connection is closed FreeSWITCH keeps the ended channel listed.

        One that still waits for a job's result is left to its linger time.
        """
        ringing = (leg for leg in self._board.legs.values() if leg.phase is LegPhase.RINGING)
        if not any(leg.way is connection for leg in ringing):
            turn.post(connection, commands.exit_())

    def _of_channel(self, turn: Turn, event: Event, connection: Connection) -> None:
        if event.name == "DISCONNECT_NOTICE":
            self._census.channel_down(connection)
            return
        live = self._board.calls.get(event.uuid)
        leg = self._board.legs.get(event.uuid)
        # A connection that has been superseded while this event waited for its turn.
        if live is not None and live.connection in (connection, None):
            self._of_call(turn, live, event)
        elif leg is not None:
            self._of_leg(turn, leg, event)

    def _of_call(self, turn: Turn, live: LiveCall, event: Event) -> None:
        if event.name in _ENDED:
            self._endings.hung_up(turn, live, event.cause, unanswered=event.unanswered)
        elif event.name == "CHANNEL_ANSWER":
            self._bridges.answered(turn, live)
        elif event.name == "CHANNEL_BRIDGE":
            self._joined(turn, live, event.other_uuid)
        elif event.name == "CHANNEL_EXECUTE_COMPLETE":
            self._playback_ended(turn, live, event)

    def _playback_ended(self, turn: Turn, live: LiveCall, event: Event) -> None:
        if not live.playing or event.application_uuid != live.playing:
            return
        if live.call.state is State.CREATED:
            self._arrivals.greeted(turn, live)
        else:
            self._music.ended(turn, live, event)

    def _of_leg(self, turn: Turn, leg: Leg, event: Event) -> None:
        if event.name in _ENDED:
            self._legs.gone(turn, leg, event.cause)
        elif event.name == "CHANNEL_PARK" and event.state == "CS_PARK":
            self._parked(turn, leg)

    def _parked(self, turn: Turn, leg: Leg) -> None:
        """The leg has come out of a bridge and stays. (A leg that arrives is told to be parked,
        too, but in the state CS_EXECUTE.)"""
        if leg.phase is not LegPhase.BRIDGED:
            return
        live = leg.live
        if live is not None and live.call.state is State.SPEAKING and live.leg is leg:
            leg.phase = LegPhase.IDLE
            self._endings.settle(turn, live)
        else:
            self._legs.rest(turn, leg)
