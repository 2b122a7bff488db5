"""Originate: the agent's phone first, then the number she wants (protocol §4).

The call's id is chosen before anything is dialled, and the row with its ``Idempotency-Key`` is on
record before the number is: the same key never dials twice, across a restart too. A refused
originate leaves nothing behind.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.refusals import (
    Refusal,
    bad_parameters,
    call_not_found,
    dependency_timeout,
    dependency_unavailable,
    phone_unavailable,
)
from fsapp.calls.table import Happening
from fsapp.desk.about import about
from fsapp.desk.board import Leg, LiveCall, Request, Turn
from fsapp.desk.context import RETURN_POINT
from fsapp.desk.kept import identity, present
from fsapp.desk.legs import GRACE_SECONDS, displayable
from fsapp.desk.parts import Parts
from fsapp.desk.verbs import Verbs
from fsapp.store.calls import Calls, KeyRecord
from fsapp.store.writer import Written
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.waiting import waiting

__all__ = ["Originate", "Target"]

log = logging.getLogger(__name__)

RETURN_SECONDS = 15.0
"""How long a callee who has answered may take to the return point: FreeSWITCH's example
configuration makes each call of its ``default`` context wait ten (measured)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is dialled, for which organization; ``cm_id`` when by contact method."""

    number: str
    organization_id: int
    cm_id: int | None = None

    def describe(self) -> str:
        return f"cm_id={self.cm_id}" if self.cm_id is not None else f"extension={self.number}"


class Originate(Verbs):
    """``POST /call/originate``."""

    def __init__(self, parts: Parts, calls: Calls) -> None:
        super().__init__(parts.context)
        self._legs = parts.legs
        self._endings = parts.endings
        self._calls = calls
        self._flights: dict[tuple[str, str], Future[Call]] = {}
        self._flights_lock = threading.Lock()

    def originate(self, agent: Agent, target: Target, key: str | None) -> Call:
        """Dials ``target``; returns the call as soon as dialling has started."""
        if key is None:
            return self._originate(agent, target, None)
        flight, mine = self._flight((agent.id, key))
        if not mine:
            return self._present(self._same(flight), target)
        try:
            call = self._once(agent, target, key)
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(call)
            return call
        finally:
            with self._flights_lock:
                del self._flights[agent.id, key]

    def _flight(self, name: tuple[str, str]) -> tuple[Future[Call], bool]:
        """The request under way with this key, and whether it is ours to carry out."""
        with self._flights_lock:
            flight = self._flights.get(name)
            if flight is not None:
                return flight, False
            self._flights[name] = flight = Future()
            return flight, True

    def _same(self, flight: Future[Call]) -> Call:
        """What the request under way with the same key comes to."""
        try:
            with waiting():
                return flight.result(self._limit() + 2 * self._context.options.database_timeout)
        except TimeoutError:
            late = "The first request with this Idempotency-Key is not done yet"
            raise dependency_timeout(late) from None

    def _once(self, agent: Agent, target: Target, key: str) -> Call:
        used = self._calls.used_key(agent.id, key)
        if used is None:
            return self._originate(agent, target, key)
        if used.target != target.describe():
            raise bad_parameters(f"This Idempotency-Key was used for {used.target}.")
        with self._board.turn():
            live = self._board.calls.get(used.call_id)
        call = live.call if live is not None else self._board.find_ended(used.call_id)
        if call is None:
            raise call_not_found(used.call_id)
        return call

    def _present(self, call: Call, target: Target) -> Call:
        if _described(call) != target.describe():
            raise bad_parameters("This Idempotency-Key is being used for another number.")
        return call

    def _originate(self, agent: Agent, target: Target, key: str | None) -> Call:
        live = LiveCall(self._plan(agent, target))
        request = Request("call/originate", agent, live.call.id)
        self._recordable(lambda: self._free(agent))
        with self._board.turn() as turn:
            self._free(agent)
            self._context.require_new_work()
            self._board.plan(live)
            self._begin(request, live)
            turn.agents.add(agent.id)
        try:
            leg = self._phone(request, live.call)
            self._record(request, live, leg, key)
            self._dial(request, live, leg)
        except Refusal as refusal:
            self._take_back(request, live, refusal)
            raise
        except Exception:
            self._take_back(request, live, dependency_unavailable("Dialling failed"))
            raise
        return live.call

    def _take_back(self, request: Request, live: LiveCall, refusal: Refusal) -> None:
        """Nobody was dialled: nothing of it is left, and the agent is free."""
        with self._board.turn() as turn:
            if live.call.state is State.CREATED:
                self._board.withdraw(live)
            idle = self._legs.usable(self._board.status(request.agent))
            if idle is not None and idle.live is None:
                self._legs.rest(turn, idle)
            self._board.finish(turn, request, refusal)

    def _plan(self, agent: Agent, target: Target) -> Call:
        shown = self._context.options.caller_id_number or agent.phone.rpartition("/")[2]
        return Call(
            id=str(uuid.uuid4()),
            state=State.CREATED,
            inbound=False,
            destination=target.number,
            caller_id=shown.partition("@")[0],
            caller_name=agent.name,
            organization_id=target.organization_id,
            assigned_to=agent.id,
            arrival=self._board.clock.now(),
            cm_id=target.cm_id,
            context=self._context.options.context,
        )

    def _phone(self, request: Request, planned: Call) -> Leg:
        """The agent's leg, up and free: the one she has, or her phone is rung."""
        phone = Request("phone", request.agent, planned.id)
        with self._board.turn() as turn:
            way = self._context.require_switch()
            self._board.status(request.agent).phone = phone
            leg = self._legs.obtain(turn, phone, planned, way)
            if leg is not None and self._legs.usable(self._board.status(request.agent)) is leg:
                self._legs.hold(leg)
                return leg
        self._wait(phone, self._limit())
        with self._board.turn():
            leg = self._legs.usable(self._board.status(request.agent))
        if leg is None:
            raise phone_unavailable(request.agent.phone, "NORMAL_CLEARING")
        return leg

    def _limit(self) -> float:
        options = self._context.options
        return options.ring_timeout + GRACE_SECONDS + 2 * options.switch_timeout

    def _record(self, request: Request, live: LiveCall, leg: Leg, key: str | None) -> None:
        """The call is on record before anybody is dialled."""
        record = self._key(request, live.call, key)
        with self._board.turn() as turn:
            if not live.call.live:
                raise call_not_found(live.call.id)
            if self._legs.usable(self._board.status(request.agent)) is not leg:
                raise phone_unavailable(request.agent.phone, "NORMAL_CLEARING")
            self._legs.engage(leg, live)
            dialling = Happening.DIAL
            written = self._board.happen(turn, live, dialling, agent=request.agent.id, key=record)
        try:
            self._commit(written, live)
        except Refusal as refusal:
            refusal.call = None
            self._unrecord(live, leg, written)
            raise

    def _unrecord(self, live: LiveCall, leg: Leg, written: Written[None]) -> None:
        """The call is not on record in time: it is taken back there, and forgotten here."""
        never = written.withdraw()
        with self._board.turn() as turn:
            if not never:
                self._endings.hung_up(turn, live, "NORMAL_TEMPORARY_FAILURE")
            elif live.call.live:
                live.leg = leg.live = None
                self._board.withdraw(live)

    def _key(self, request: Request, planned: Call, key: str | None) -> KeyRecord | None:
        if key is None:
            return None
        now = int(self._board.clock.now())
        return KeyRecord(request.agent.id, key, planned.id, _described(planned), now)

    def _dial(self, request: Request, live: LiveCall, leg: Leg) -> None:
        with self._board.turn() as turn:
            connection = leg.connection
            if not live.call.live:
                # She hung up, or her phone did, before the number was dialled.
                raise call_not_found(live.call.id)
            if live.ending or connection is None:
                self._endings.hung_up(turn, live, "ORIGINATOR_CANCEL")
                raise call_not_found(live.call.id)
            live.job = str(uuid.uuid4())
            self._board.jobs[live.job] = lambda turn, result: self._result(turn, live, result)
            options = self._context.options
            ringback = commands.execute("playback", options.ringback, str(uuid.uuid4()))
            reply = lambda reply: self._accepted(request, live, reply)  # noqa: E731
            turn.post(connection, ringback, self._command(live), on_reply=reply)
            limit = options.external_ring_timeout + GRACE_SECONDS
            self._board.clock.later(limit, lambda: self._overdue(live))
        self._wait(request, options.switch_timeout)

    def _command(self, live: LiveCall) -> str:
        options, call = self._context.options, live.call
        variables: dict[str, str | Sequence[str]] = {
            "origination_uuid": call.id,
            "originate_timeout": str(max(1, round(options.external_ring_timeout))),
            "ignore_early_media": "true",
            # A loopback leg that removed itself would take the call's id with it.
            "loopback_bowout": "false",
            # A loopback leg speaks L16, and FreeSWITCH would offer the far phone that alone.
            "loopback_export": ("export_vars", "media_mix_inbound_outbound_codecs"),
            "export_vars": "media_mix_inbound_outbound_codecs",
            "media_mix_inbound_outbound_codecs": "true",
            "fsapp_call": call.id,
            "organization_id": str(call.organization_id),
            **identity(call, options),
            **{name: value for name, value in present(call).items() if value},
        }
        if call.caller_id:
            variables["origination_caller_id_number"] = displayable(call.caller_id)
            variables["origination_caller_id_name"] = displayable(call.caller_name)
        dial_string = options.external.replace("{extension}", call.destination)
        return commands.bgapi_originate_to_extension(
            live.job, dial_string, variables, RETURN_POINT, call.context
        )

    def _accepted(self, request: Request, live: LiveCall, reply: Reply) -> None:
        """FreeSWITCH has taken the command: dialling has started."""
        with self._board.turn() as turn:
            if not reply.refused:
                self._board.finish(turn, request)
                return
            if reply.lost:
                # FreeSWITCH may have taken the command before the connection broke.
                self._endings.end(turn, live, doomed=True)
            refusal = dependency_unavailable("FreeSWITCH refused to dial")
            self._board.finish(turn, request, refusal)
            self._endings.hung_up(turn, live, "NORMAL_TEMPORARY_FAILURE")

    def _result(self, turn: Turn, live: LiveCall, result: str) -> None:
        """What came of dialling: ``+OK uuid``, or ``-ERR CAUSE``."""
        if result.startswith("-ERR"):
            self._endings.hung_up(turn, live, result.removeprefix("-ERR").strip())
        elif live.connection is None:
            self._board.clock.later(RETURN_SECONDS, lambda: self._overdue(live))

    def _overdue(self, live: LiveCall) -> None:
        """Answered, but it never came to the return point; or no result at all."""
        with self._board.turn() as turn:
            if live.call.state is State.RINGING and live.connection is None:
                where = f"{RETURN_POINT} in context {live.call.context}"
                log.warning("did not come through %s; hung up", where, extra=about(live))
                self._endings.end(turn, live)

    def _give_up(self, turn: Turn, request: Request) -> None:
        live = self._board.calls.get(request.call_id)
        if live is not None and live.request is request:
            self._endings.end(turn, live, doomed=True)
        super()._give_up(turn, request)


def _described(call: Call) -> str:
    """What was dialled to make ``call``, as :meth:`Target.describe` says it."""
    return Target(call.destination, call.organization_id, call.cm_id).describe()
