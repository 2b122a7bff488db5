"""What stands on the board: live calls, agents' legs, and the requests that wait for them.

The law of this file: records only. They belong to the board (``board.py``): they are looked at and
changed in a turn of it, but for :meth:`LiveCall.json`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State
from fsapp.calls.documents import CallJson
from fsapp.calls.guard import Subject
from fsapp.desk.clock import Timer
from fsapp.store.writer import Written
from fsapp.switch.connection import Connection

if TYPE_CHECKING:
    from fsapp.desk.board import Turn

__all__ = ["Leg", "LegPhase", "LiveCall", "Pending", "Request"]


class LegPhase(Enum):
    """Where an agent's leg is."""

    RINGING = auto()
    IDLE = auto()
    BRIDGED = auto()
    GONE = auto()


@dataclass(eq=False)
class Request:
    """An agent's request that waits for what FreeSWITCH says.

    ``outcome`` is answered once: with ``None`` when it is done, with a refusal when it is not.
    """

    verb: str
    agent: Agent
    call_id: str
    outcome: Future[None] = field(default_factory=Future)
    answered: bool = False
    joined: tuple[Call, ...] = ()
    """Of a transfer: source and destination as they were when FreeSWITCH had joined them."""


@dataclass(eq=False)
class Leg:
    """An agent's leg: the channel to her phone."""

    uuid: str
    agent: Agent
    job: str
    way: Connection | None = None
    """The connection that will be told what came of ringing the phone."""
    phase: LegPhase = LegPhase.RINGING
    connection: Connection | None = None
    live: LiveCall | None = None
    """The call it is in, or is being put into."""
    request: Request | None = None
    """Who waits for the phone to be answered."""
    reused: bool = False
    """Whether the request under way found it up, and would ring the phone if it were not."""
    parking: Request | None = None
    """The park that waits until FreeSWITCH has taken this leg out of the conversation."""
    stays: bool = False
    """Whether it survives the end of its bridge (``park_after_bridge``)."""
    unwanted: bool = False
    heard: bool = False
    """Whether FreeSWITCH has answered the latest command about it."""
    fetched: bool = False
    """Whether it was asked to connect again, and has not yet."""
    timer: Timer | None = None
    then: Callable[[Turn], None] | None = None
    """What waits for this leg to be gone (her phone can be rung again only then)."""
    alone_since: float | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A claim, or a number to be dialled, that is being put on record and may yet be taken back.

    ``before`` is the call before it, ``on_record`` the state its row has then (``None``: no row).
    """

    written: Written[Any]
    before: Call
    on_record: State | None


@dataclass(eq=False)
class LiveCall:
    """A live call with its connection and what is being done to it."""

    call: Call
    connection: Connection | None = None
    leg: Leg | None = None
    bridging: Leg | None = None
    """The leg that ``uuid_bridge`` was asked to join it with, until FreeSWITCH says so."""
    told: bool = False
    """Whether FreeSWITCH was told so; not while it is on its way back to a connection."""
    request: Request | None = None
    playing: str = ""
    """Identity of the playback it hears, empty when it hears none of ours."""
    source: str = ""
    started: float = 0.0
    job: str = ""
    """The background job that dials it (outbound)."""
    answered: bool = False
    """Whether FreeSWITCH has answered it. Joined before that, the two legs change sides."""
    joined: float = 0.0
    """When FreeSWITCH said that it is in its conversation (Unix seconds)."""
    attempt: int = 0
    """Which bridge of this call is the latest; a timer of an earlier one means nothing."""
    away: bool = False
    """Whether it is on its way through the dialplan back to a new connection."""
    returned: bool = False
    """Whether it came back from a conversation that nobody has declared over yet."""
    lost_leg: bool = False
    """Whether its agent's leg died under the conversation."""
    ending: bool = False
    enders: list[Request] = field(default_factory=list)
    """Who waits for it to end."""
    superseded: list[Connection] = field(default_factory=list)
    """Its former connections; closing one is safe only in a conversation (freeswitch.md §3)."""
    partner: LiveCall | None = None
    """The call it is being transferred to, or from."""
    written: Written[None] | None = None
    pending: Pending | None = None
    due: int | None = None
    """When it will have waited too long (forgotten.py), with the timer for it."""
    timer: Timer | None = None
    recalled: bool = False
    """Whether the agent who holds it was reminded, and did not take it back."""
    alone_since: float | None = None
    apart_since: float | None = None
    """Since when FreeSWITCH has it joined with nobody, though on record it speaks."""
    fetched: float = 0.0
    """When it was last told to come back (Unix seconds)."""
    mark: str = ""
    """What its channel carries once it has come for that (fetches.py); empty: it has."""
    restored: bool = False
    """Whether all that is known of its channel is what an earlier process left behind."""
    _subject: Subject | None = None
    _json: CallJson | None = None

    @property
    def subject(self) -> Subject:
        """The call as the guard sees it."""
        verb = self.request.verb if self.request is not None else None
        known = self._subject
        if (
            known is None
            or known.call is not self.call
            or known.verb != verb
            or known.ending != self.ending
        ):
            known = self._subject = Subject(self.call, verb, self.ending)
        return known

    def json(self, call: Call) -> CallJson:
        """``call``, which it is or just was, as JSON. Not in a turn."""
        known = self._json
        if known is None or known.call is not call:
            known = self._json = CallJson(call)
        return known
