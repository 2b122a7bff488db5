"""The desk: every verb of the agent call protocol (§4), as plain values in and a document out.

Who asks, which verb, which parameters come in; the JSON document of the answer goes out, or a
:class:`fsapp.calls.refusals.Refusal` is raised. Nothing here knows HTTP.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import sqlite_utils

from fsapp.calls.agent import Agent
from fsapp.calls.call import State
from fsapp.calls.document_types import (
    AgentAnswer,
    AgentsAnswer,
    CallAnswer,
    CallsAnswer,
    HungUpAnswer,
    ParkedAnswer,
    StateAnswer,
    TransferAnswer,
)
from fsapp.calls.documents import ShownList
from fsapp.calls.refusals import (
    CALL_OWNED,
    Refusal,
    call_not_found,
    dependency_unavailable,
    not_authorized,
)
from fsapp.calls.table import Happening
from fsapp.desk.directory import Directory
from fsapp.desk.hangup import Hangup
from fsapp.desk.originate import Originate, Target
from fsapp.desk.park import Park
from fsapp.desk.parts import Parts
from fsapp.desk.pickup import Pickup
from fsapp.desk.queue_list import QueueList
from fsapp.desk.reports import Reports
from fsapp.desk.shown import all_shown, places, present, shown, state_shown
from fsapp.desk.transfer import Transfer
from fsapp.desk.verbs import committed
from fsapp.store.agents import Agents, UnknownAgent
from fsapp.store.calls import Calls
from fsapp.waiting import waiting

__all__ = ["CHECKS", "Desk", "Health"]

Document = Mapping[str, object]
Parameters = Mapping[str, str]
Verb = Callable[[Agent, Parameters], Document]


CHECKS = ("draining", "switch", "database", "listener")
"""What :meth:`Desk.readiness` looks at."""


@dataclass(frozen=True)
class Health:
    """What the desk stands on; each asks it now, and answers a sentence when it fails."""

    switch: Callable[[], str | None]
    database: Callable[[], str | None]
    listener: Callable[[], str | None]


_TOUCH_CALLS = frozenset(
    f"call/{verb}" for verb in ("pickup", "park", "unpark", "hangup", "originate", "transfer")
)


class Desk:
    """Answers agents' requests; its methods run on request threads."""

    def __init__(
        self,
        parts: Parts,
        calls: Calls,
        agents: Agents,
        directory: Directory,
        health: Health,
        *,
        reports: Reports,
    ) -> None:
        self._context = parts.context
        self._board = parts.context.board
        self._queue = QueueList(self._board)
        self._agents = agents
        self._calls = calls
        self._directory = directory
        self._health = health
        self._pickup = Pickup(parts, calls)
        self._park = Park(parts)
        self._hangup = Hangup(parts)
        self._originate = Originate(parts, calls)
        self._transfer = Transfer(parts)
        parts.forgotten.find = agents.look_up
        self._verbs: dict[str, Verb] = {
            "call/list": self._call_list,
            "call/queue": self._call_queue,
            "call/state": self._call_state,
            "call/pickup": self._call_pickup,
            "call/park": self._call_park,
            "call/unpark": self._call_unpark,
            "call/hangup": self._call_hangup,
            "call/originate": self._call_originate,
            "call/transfer": self._call_transfer,
            "call/history": reports.history,
            "call/timeline": reports.timeline,
            "call/statistics": reports.statistics,
            "contact": directory.matches,
            "organization/list": directory.organizations,
            "agent": self._agent,
            "agent/list": self._agent_list,
            "agent/state": self._agent_state,
        }

    def perform(self, agent: Agent, verb: str, parameters: Parameters) -> Document:
        """The answer's document. Raises ``Refusal``; ``KeyError`` for a verb there is not."""
        perform = self._verbs[verb]
        with self._board.turn():
            self._board.presence.asked(agent)
        self._wait_for_first_look(verb)
        try:
            return self._retried(perform, agent, parameters)
        except Refusal as refusal:
            if refusal.call is None and refusal.http >= HTTPStatus.INTERNAL_SERVER_ERROR:
                refusal.call = self._named(agent, parameters)
            refusal.call = present(self._board, agent, refusal.call)
            raise
        except UnknownAgent:
            raise not_authorized() from None
        except sqlite3.Error as error:
            unread = dependency_unavailable(f"The database cannot be read: {error}")
            unread.call = present(self._board, agent, self._named(agent, parameters))
            raise unread from error

    def _named(self, agent: Agent, parameters: Parameters) -> Mapping[str, object] | None:
        """The call that was named, if she may see it. Only for a refusal that is about what is
        away: to one that says there is no such call, it may have come meanwhile."""
        live = self._board.calls.get(parameters.get("call_id") or parameters.get("source") or "")
        if live is None or not agent.serves(live.call.organization_id):
            return None
        return live.call.document()

    def _wait_for_first_look(self, verb: str) -> None:
        """After a restart nothing is done to calls before it is known who speaks with whom."""
        looked, up = self._board.looked, self._context.control.connection is not None
        if verb in _TOUCH_CALLS and looked is not None and up:
            with suppress(TimeoutError), waiting():
                looked.result(self._context.options.switch_timeout)

    def _retried(self, perform: Verb, agent: Agent, parameters: Parameters) -> Document:
        """Nobody is kept from a call by an agent who has been removed meanwhile."""
        try:
            return perform(agent, parameters)
        except Refusal as refusal:
            if refusal.error != CALL_OWNED or not self._abandoned(refusal.call):
                raise
        return perform(agent, parameters)

    def _abandoned(self, document: Mapping[str, object] | None) -> bool:
        """Whether the call was on hold for an agent who is no more; then it is queued again."""
        if document is None or self._is_there(str(document["assigned_to"])):
            return False
        with self._board.turn() as turn:
            live = self._board.calls.get(str(document["id"]))
            if live is None or live.call.state is not State.PARKED or live.request is not None:
                return False
            self._board.happen(turn, live, Happening.LOSE_AGENT)
        return True

    def _is_there(self, agent_id: str) -> bool:
        """Whether there is such an agent; who cannot be looked up is not taken for gone."""
        try:
            return self._agents.get(agent_id) is not None
        except sqlite3.Error:
            return True

    def readiness(self) -> dict[str, str]:
        """Empty when calls can be worked; else what is missing, each in a sentence."""
        stopping = "fsapp is shutting down" if self._context.drain.begun else None
        health = self._health
        found = (stopping, health.switch(), health.database(), health.listener())
        return {name: why for name, why in zip(CHECKS, found, strict=True) if why is not None}

    def _call_list(self, agent: Agent, _: Parameters) -> CallsAnswer:
        with self._board.turn():
            seen = [(live, live.subject) for live in self._board.lines.live(agent.organizations)]
            situation = self._board.situation(agent)
        order = places(subject for _, subject in seen)
        seen.sort(key=lambda one: (one[1].call.arrival, one[1].call.id))
        shown = ShownList(all_shown(agent, seen, situation, order))
        return {"status": "success", "calls": shown}

    def _call_queue(self, agent: Agent, _: Parameters) -> CallsAnswer:
        return {"status": "success", "calls": self._queue.read(agent)}

    def _call_state(self, agent: Agent, parameters: Parameters) -> StateAnswer:
        call_id = parameters["call_id"]
        with self._board.turn():
            live = self._board.calls.get(call_id)
        call = live.call if live else self._board.find_ended(call_id)
        if call is None or not agent.serves(call.organization_id):
            raise call_not_found(call_id)
        return {"status": "success", "call": state_shown(self._board, agent, call)}

    def _call_pickup(self, agent: Agent, parameters: Parameters) -> CallAnswer:
        call_id, take = parameters.get("call_id"), self._pickup
        call = take.next(agent) if call_id is None else take.pickup(agent, call_id)
        return {"status": "success", "call": shown(self._board, agent, call)}

    def _call_unpark(self, agent: Agent, parameters: Parameters) -> CallAnswer:
        call = self._pickup.unpark(agent, parameters["call_id"])
        return {"status": "success", "call": shown(self._board, agent, call)}

    def _call_park(self, agent: Agent, parameters: Parameters) -> ParkedAnswer:
        call = self._park.park(agent, parameters.get("call_id"))
        said = f"{call.id} was put on hold"
        return {"status": "on hold", "description": said, "call": shown(self._board, agent, call)}

    def _call_hangup(self, agent: Agent, parameters: Parameters) -> HungUpAnswer:
        call = self._hangup.hangup(agent, parameters.get("call_id"))
        said = f"{call.id} was hung up"
        return {"status": "success", "description": said, "call": shown(self._board, agent, call)}

    def _call_originate(self, agent: Agent, parameters: Parameters) -> CallAnswer:
        target = self._target(agent, parameters)
        call = self._originate.originate(agent, target, parameters.get("idempotency_key"))
        return {"status": "success", "call": shown(self._board, agent, call)}

    def _call_transfer(self, agent: Agent, parameters: Parameters) -> TransferAnswer:
        source, destination = self._transfer.transfer(agent, parameters["source"])
        return {
            "status": "success",
            "source_call": source.short_document(),
            "destination_call": destination.short_document(),
        }

    def _agent(self, agent: Agent, _: Parameters) -> AgentAnswer:
        with self._board.turn():
            return self._shown(agent)

    def _agent_list(self, agent: Agent, _: Parameters) -> AgentsAnswer:
        colleagues = [
            other for other in self._agents.all() if agent.organizations & other.organizations
        ]
        with self._board.turn():
            shown = [
                self._board.presence.document(self._board.status(other)) for other in colleagues
            ]
        return {"status": "success", "agents": shown}

    def _agent_state(self, agent: Agent, parameters: Parameters) -> AgentAnswer:
        if parameters["state"] == "paused":
            reason = parameters.get("reason")
            changed = self._agents.pause(agent.id, reason, self._tell)
        else:
            changed = self._agents.resume(agent.id, self._tell)
        try:
            now = committed(changed, self._context.options.database_timeout)
        except Refusal:
            if changed.withdraw():
                self._as_on_record(agent)
            raise
        with self._board.turn():
            return self._shown(now)

    def _shown(self, agent: Agent) -> AgentAnswer:
        """In a turn."""
        document = self._board.presence.document(self._board.status(agent))
        return {"status": "success", "agent": document}

    def _as_on_record(self, agent: Agent) -> None:
        """A change of hers was taken back that the board may have been told of."""
        row = self._agents.get(agent.id)
        with self._board.turn():
            if row is not None:
                self._board.status(agent).agent = row

    def _tell(self, database: sqlite_utils.Database, agent: Agent) -> None:
        """The event of her pausing or resuming, in the transaction that changes her row."""
        with self._board.turn():
            event = self._board.presence.changed(agent)
        self._calls.append(database, [event])

    def _target(self, agent: Agent, parameters: Parameters) -> Target:
        if "extension" in parameters:
            return Target(parameters["extension"], self._organization(agent))
        contact = self._directory.contact(agent, parameters["cm_id"])
        return Target(contact.number, contact.organization_id, contact.cm_id)

    def _organization(self, agent: Agent) -> int:
        """For whom an extension is dialled: whose call she put on hold last, else her first."""
        with self._board.turn():
            parked = self._board.parked(agent.id)
        return parked[-1].organization_id if parked else min(agent.organizations)
