"""What FreeSWITCH has, compared with what is on record, when it begins to answer.

fsapp may have been killed between any two commands, and its database may be older than the calls,
or lost. So FreeSWITCH is believed: who is joined with whom, and whose channel it is by the
variables on it (kept.py). Callers who wait are fetched from the dialplan's loop; a
conversation is taken in as it is; a call whose row is lost is rebuilt; an agent's leg that nobody
needs, or that rings for a request nobody waits for any more, is released. Channels of ours by
their variables that another fsapp connects to (``fsapp_app``) are left alone, and no two channels
that speak with each other are ever taken apart here. The log says what was found and done.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from fsapp.calls.agent import Agent
from fsapp.calls.call import State
from fsapp.calls.table import Happening
from fsapp.desk.about import about, about_channel
from fsapp.desk.board import Leg, LegPhase, LiveCall, Turn
from fsapp.desk.bridges import conversation_variables
from fsapp.desk.context import Context
from fsapp.desk.endings import Endings
from fsapp.desk.fetches import Fetches
from fsapp.desk.kept import app_of, is_customer, parked_at, rebuilt, was_sent_on
from fsapp.desk.legs import Legs
from fsapp.desk.restore import take_in_leg
from fsapp.desk.transfers import TOGETHER
from fsapp.switch import commands
from fsapp.switch.channel import Channel
from fsapp.switch.connection import Connection

__all__ = ["COMES_BACK", "FETCH_AGAIN_SECONDS", "OVERDUE_SECONDS", "Comparison", "Look", "View"]

log = logging.getLogger(__name__)

OVERDUE_SECONDS = 5.0
"""How long a caller may stand alone before FreeSWITCH is asked what she does instead."""

FETCH_AGAIN_SECONDS = 20.0
"""How long a caller may take who was fetched. A pass of the example configuration's ``default``
takes ten seconds while its phones have the example password; sent again, she begins anew."""

COMES_BACK = (State.CREATED, State.QUEUED, State.TRANSFERRING, State.PARKED, State.RINGING)
"""Calls in these states stand in the dialplan's loop when nobody is joined with them."""


_BEFORE_OVERFLOW = (State.QUEUED, State.TRANSFERRING)
"""What the row of a caller may still say who was sent on: a pickup came to nothing before."""


class Look(Enum):
    """Which look it is, and so what it may conclude."""

    FIRST = auto()
    """Those listed at once."""
    WHOLE = auto()
    """All there are: what is not seen now is not there."""
    AGAIN = auto()
    """All, because of somebody who should have come back by now."""


@dataclass(frozen=True)
class View:
    """What FreeSWITCH told over ``control`` of the channels that had to be asked about, by uuid."""

    control: Connection
    channels: Mapping[str, Channel]
    look: Look


class Comparison:
    """One look at FreeSWITCH, carried out in one turn."""

    def __init__(
        self,
        context: Context,
        turn: Turn,
        view: View,
        *,
        legs: Legs,
        endings: Endings,
        fetches: Fetches,
        joined: Callable[[Turn, LiveCall, str], None],
        look_later: Callable[[], None],
    ) -> None:
        """``joined``: told whom a call that is just being joined is joined with already.
        ``look_later``: called when it takes another look to conclude anything."""
        self._context, self._board = context, context.board
        self._legs, self._endings, self._fetches = legs, endings, fetches
        self._joined, self._look_later = joined, look_later
        self._turn, self._control, self._look = turn, view.control, view.look
        self._app = app_of(context.options)
        there = view.channels.items()
        self._seen = {uuid: channel for uuid, channel in there if not channel.ended}
        self._found: Counter[str] = Counter()

    def carry_out(self) -> None:
        """Calls first, then the legs that are left, then calls that miss one."""
        ours = [channel for channel in self._seen.values() if self._is_ours(channel)]
        for channel in ours:
            self._know(channel)
        for channel in ours:
            live = self._board.calls.get(channel.uuid)
            if live is not None and live.connection is None and not live.ending:
                self._of_call(live, channel)
        if self._look is Look.WHOLE:
            self._end_again()
        for channel in ours:
            if channel.variables.get("fsapp_agent") and channel.uuid not in self._board.legs:
                self._of_leg(channel)
        if self._look is Look.WHOLE:
            self._conclude()
        looked, self._board.looked = self._board.looked, None
        if looked is not None:
            looked.set_result(None)
        self._say()

    def _end_again(self) -> None:
        """Calls and legs that were to be hung up while FreeSWITCH could not be told."""
        for live in list(self._board.calls.values()):
            if live.ending and live.connection is None and live.call.id in self._seen:
                self._endings.end(self._turn, live)
        for leg in list(self._board.legs.values()):
            if leg.unwanted and leg.uuid in self._seen:
                self._legs.release(self._turn, leg)

    def _is_ours(self, channel: Channel) -> bool:
        if channel.uuid in self._board.calls or channel.uuid in self._board.legs:
            return True
        if not (is_customer(channel) or channel.variables.get("fsapp_agent")):
            return False
        mine = channel.variables.get("fsapp_app") == self._app
        if not mine:
            self._found["of another fsapp, left alone"] += 1
        return mine

    def _know(self, channel: Channel) -> None:
        """A call whose row is lost is rebuilt; an id that has ended is not opened again."""
        board = self._board
        if channel.uuid in board.calls or not is_customer(channel):
            return
        if board.has_ended(channel.uuid):
            known = about_channel(channel.uuid)
            log.warning("ended on record, but FreeSWITCH has it; hung up", extra=known)
            self._context.kill(self._turn, channel.uuid, self._control)
            return
        call = rebuilt(channel, board.clock.now(), self._context.options.context)
        live = LiveCall(call, answered=channel.answered, restored=True)
        live.alone_since = board.clock.now()
        board.rebuild(live)
        self._found["rebuilt from the channel"] += 1

    def _of_call(self, live: LiveCall, channel: Channel) -> None:
        live.answered = live.answered or channel.answered
        other = self._partner(channel)
        if live.call.state in _BEFORE_OVERFLOW and was_sent_on(channel) and not _under_way(live):
            if live.call.state is State.TRANSFERRING:
                self._board.happen(self._turn, live, Happening.RELEASE)
            self._board.happen(self._turn, live, Happening.OVERFLOW)
            self._found["sent on, and not on record so"] += 1
        elif other is None:
            self._apart(live, channel)
        else:
            live.apart_since = None
            self._together(live, channel, other)

    def _together(self, live: LiveCall, channel: Channel, other: Channel) -> None:
        if _under_way(live):
            # Who waits for it may wait in vain: FreeSWITCH tells on a connection that is gone.
            self._joined(self._turn, live, other.uuid)
        elif other.uuid in self._board.calls:
            self._transferred(live, self._board.calls[other.uuid], channel.bridged_at)
        elif other.variables.get("fsapp_agent"):
            self._answered(live, channel.answered_at)
            self._in_conversation(live, other, channel.bridged_at)
        else:
            self._found["joined with a channel that is not ours, left alone"] += 1

    def _partner(self, channel: Channel) -> Channel | None:
        """Whom the channel is joined with: both say so, and both are there."""
        other = self._seen.get(channel.variables.get("signal_bond", ""))
        mutual = other is not None and other.variables.get("signal_bond") == channel.uuid
        return other if mutual else None

    def _answered(self, live: LiveCall, since: int | None) -> None:
        """A number that rang, and was answered and joined while nobody looked."""
        if live.call.state is State.RINGING and live.call.answered_at is None:
            self._board.happen(self._turn, live, Happening.ANSWER, at=since)

    def _in_conversation(self, live: LiveCall, leg: Channel, since: int | None) -> None:
        """``since``: when FreeSWITCH bridged them (Unix seconds)."""
        call, agent = live.call, self._agent(leg, live)
        self._leave_others(live, agent)
        if call.state is State.SPEAKING and call.b_leg == leg.uuid:
            self._found["conversations that go on"] += 1
        elif call.assigned_to == agent.id and call.state in (
            State.TRANSFERRING,
            State.PARKED,
            State.RINGING,
        ):
            self._board.happen(self._turn, live, Happening.BRIDGE, at=since, channel=leg.uuid)
            self._found["conversations that had just begun"] += 1
        else:
            self._correct(live, agent, leg, since)
        live.bridging = None
        if live.leg is None or live.leg.uuid != leg.uuid:
            self._take_in(live, agent, leg)
        elif live.leg.phase is LegPhase.IDLE:
            live.leg.phase = LegPhase.BRIDGED
        variables = conversation_variables(live.call, agent.id)
        self._post(
            commands.api_set(live.call.id, variables),
            commands.api_set(leg.uuid, {"park_after_bridge": ""}),
        )

    def _leave_others(self, live: LiveCall, agent: Agent) -> None:
        """No agent is in two calls: the other one, on record, she must have left."""
        other = self._board.current(agent.id)
        if other is None or other is live or _under_way(other):
            return
        channel = self._seen.get(other.call.id)
        parked = channel is not None and channel.variables.get("fsapp_state") == State.PARKED
        if other.call.state is State.SPEAKING and channel is not None and parked:
            self._board.happen(self._turn, other, Happening.PARK, at=parked_at(channel))
        elif other.call.state is State.SPEAKING:
            self._board.happen(self._turn, other, Happening.LOSE_AGENT)
        elif other.call.state is State.TRANSFERRING:
            self._board.happen(self._turn, other, Happening.RELEASE)
        if other.leg is not None and other.leg.live is other:
            other.leg.live = None
        other.leg, other.restored = None, False

    def _correct(self, live: LiveCall, agent: Agent, leg: Channel, since: int | None) -> None:
        """The row is older than the conversation."""
        call = live.call
        handled = call.handled_by if agent.id in call.handled_by else (*call.handled_by, agent.id)
        true = replace(
            call,
            state=State.SPEAKING,
            assigned_to=agent.id,
            b_leg=leg.uuid,
            handled_by=handled,
            bridged_at=call.bridged_at or since or int(self._board.clock.now()),
        )
        self._board.correct(self._turn, live, replace(true, locked=False, parked_at=None))
        self._found["conversations that go on"] += 1

    def _take_in(self, live: LiveCall, agent: Agent, channel: Channel) -> None:
        """The leg is this call's, whosever it was on record."""
        other, status = self._board.legs.get(channel.uuid), self._board.status(agent)
        if other is not None and other.live is not None:
            other.live.leg = None
        if status.leg is not None and status.leg is not other and status.leg.live in (None, live):
            self._legs.release(self._turn, status.leg)
        take_in_leg(self._board, live, agent, channel.uuid)
        self._turn.agents.add(agent.id)

    def _agent(self, leg: Channel, live: LiveCall | None = None) -> Agent:
        """Whose leg it is; one whose row is lost, too, is made up until she is heard of."""
        agent_id = leg.variables["fsapp_agent"]
        status = self._board.agents.get(agent_id)
        if status is not None:
            return status.agent
        organizations = frozenset({live.call.organization_id} if live is not None else ())
        return Agent(agent_id, agent_id, "", organizations=organizations)

    def _transferred(self, one: LiveCall, other: LiveCall, since: int | None) -> None:
        """Two customers speak with each other: a transfer, written down or not. ``since``: when
        FreeSWITCH bridged them (Unix seconds)."""
        if _under_way(one) or _under_way(other):
            return
        for live, partner in ((one, other), (other, one)):
            leg, live.leg = live.leg, None
            live.bridging = None
            if leg is not None:
                leg.live = None
                self._legs.release(self._turn, leg)
            self._write_transfer(live, partner, since)
            self._post(commands.api_set(live.call.id, TOGETHER))

    def _write_transfer(self, live: LiveCall, partner: LiveCall, since: int | None) -> None:
        call, to = live.call, partner.call.id
        if call.state in (State.SPEAKING, State.PARKED):
            self._board.happen(self._turn, live, Happening.TRANSFER, at=since, channel=to)
        elif call.state is not State.TRANSFERRED or call.b_leg != to:
            true = replace(call, state=State.TRANSFERRED, assigned_to=None, b_leg=to, locked=False)
            self._board.correct(self._turn, live, true)
        else:
            return
        self._found["transferred calls that were not on record so"] += 1

    def _apart(self, live: LiveCall, channel: Channel) -> None:
        """Nobody is joined with it: whoever waits is fetched, and need not stay in the loop's
        pause; one whose connection died before she was in the loop would never come.

        Not at once: while a phone rings by a command of her old connection, FreeSWITCH keeps that
        one, and when it ends it would throw her out of the new one (measured).
        """
        call = live.call
        if call.state is State.TRANSFERRING and live.request is None:
            self._board.happen(self._turn, live, Happening.RELEASE)
            self._found["pickups undone"] += 1
        if call.state is State.RINGING and not channel.answered:
            self._found["still ringing"] += 1
        elif live.alone_since is None or (live.bridging is not None and live.told):
            return  # on her way by herself, just answered; or just being joined
        elif call.state in COMES_BACK and self._look is not Look.FIRST and self._may_fetch(live):
            self._fetches.fetch(self._turn, live, self._control)
            self._found["fetched"] += 1
        elif call.state is State.SPEAKING and not (channel.executing or _under_way(live)):
            self._out_of_conversation(live)

    def _out_of_conversation(self, live: LiveCall) -> None:
        """On record she speaks with an agent, in FreeSWITCH she hears nothing: the source of a
        transfer has hung up as the two were being joined, and FreeSWITCH leaves her in CS_RESET
        (measured). She may just be being joined, too, so not before she was seen so for a while.

        She is fetched; should her agent's leg be up she speaks on with her, else she is first in
        the queue, as anybody whose conversation ended while nobody looked (arrivals.py).
        """
        self._look_later()
        now = self._board.clock.now()
        if live.apart_since is None:
            live.apart_since = now
        if now - live.apart_since < OVERDUE_SECONDS or not self._may_fetch(live):
            return
        leg = live.leg
        seen = self._seen.get(leg.uuid) if leg is not None else None
        if leg is not None and seen is not None and self._partner(seen) is None:
            # Her channel tells how the source ended; her agent's leg has not.
            leg.phase, live.restored = LegPhase.IDLE, False
        self._fetches.fetch(self._turn, live, self._control)
        self._found["out of a conversation, fetched"] += 1

    def _may_fetch(self, live: LiveCall) -> bool:
        """Once, and again when she has not come for long."""
        return self._board.clock.now() - live.fetched > FETCH_AGAIN_SECONDS

    def _of_leg(self, channel: Channel) -> None:
        """An agent's leg that is in no conversation of ours."""
        if self._partner(channel) is not None:
            self._found["legs joined with a channel that is not ours, left alone"] += 1
            return
        agent = self._agent(channel)
        status = self._board.agents.get(agent.id)
        wanted = channel.answered and status is not None and status.leg is None
        live = self._board.current(agent.id)
        dialling = live is not None and live.call.state is State.RINGING
        if wanted and (dialling or (live is None and self._board.parked(agent.id))):
            self._bring_back(agent, channel.uuid, live if dialling else None)
        elif self._look is not Look.FIRST or not channel.answered:
            known = about_channel(None, agent.id)
            log.info("leg %s is of no use any more; released", channel.uuid, extra=known)
            self._context.kill(self._turn, channel.uuid, self._control)
            self._found["legs released"] += 1

    def _bring_back(self, agent: Agent, uuid: str, live: LiveCall | None) -> None:
        leg = Leg(uuid, agent, job="")
        self._board.legs[uuid] = leg
        self._board.status(agent).leg = leg
        if live is None:
            self._legs.rest(self._turn, leg)
        else:
            self._legs.engage(leg, live)
            self._legs.fetch(self._turn, leg)
        self._found["legs brought back"] += 1

    def _conclude(self) -> None:
        """What was waited for has been seen now, or is not there."""
        self._board.reconciled = True
        for live in list(self._board.calls.values()):
            dialled = live.call.state is State.RINGING and not live.job and not live.ending
            if dialled and live.leg is None and live.request is None:
                log.warning("her agent's leg is gone; hung up", extra=about(live))
                self._endings.end(self._turn, live)
                self._found["dialled for an agent who is gone"] += 1

    def _say(self) -> None:
        if self._found:
            said = ", ".join(f"{count} {what}" for what, count in sorted(self._found.items()))
            log.info("looked at what FreeSWITCH has: %s", said)

    def _post(self, *posted: str) -> None:
        self._turn.post(self._control, *posted)


def _under_way(live: LiveCall) -> bool:
    """Whether somebody is at it just now, who will say what comes of it."""
    bridging = live.bridging is not None and live.told
    return live.request is not None or bridging or live.ending
