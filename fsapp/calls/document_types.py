"""Every document an agent's client is sent, by its keys (protocol §3, §4, §6).

The law of this file: a document's keys, their types, what they mean and an example of each stand
here, once. Who makes a document declares one of these as its type, so that mypy refuses a key more
or less; ``GET /openapi.json`` and ``fsapp.client`` are made of the same types.
"""

# Without "from __future__ import annotations": TypedDict would not see which keys may be missing.
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NotRequired, TypedDict

from fsapp.calls.agent import AGENT_ID, ROLES
from fsapp.calls.call import SHORT_STATUS, State
from fsapp.calls.guard import VERBS
from fsapp.calls.outcome import Outcome
from fsapp.calls.presence import AgentState
from fsapp.calls.table import EVENTS
from fsapp.calls.text import CALL_ID

__all__ = [
    "EVENT_DOCUMENTS",
    "AgentAnswer",
    "AgentDocument",
    "AgentEvent",
    "AgentsAnswer",
    "CallAnswer",
    "CallDocument",
    "CallEvent",
    "CallsAnswer",
    "CallsEvent",
    "ChangedKeys",
    "ContactDocument",
    "ContactsAnswer",
    "EndedCallDocument",
    "FiguresDocument",
    "HistoryAnswer",
    "HungUpAnswer",
    "Key",
    "OrganizationDocument",
    "OrganizationFigures",
    "OrganizationsAnswer",
    "ParkedAnswer",
    "RefusalDocument",
    "ResetEvent",
    "ShortCallDocument",
    "ShownCallDocument",
    "StateAnswer",
    "StateCallDocument",
    "StatisticsAnswer",
    "StatisticsDocument",
    "StepFigures",
    "SuccessAnswer",
    "TimelineAnswer",
    "TimelineEntryDocument",
    "TransferAnswer",
]


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """What a key holds: in words, an example (``None``: one of its type), and every value it may
    have (``among``) or the ``pattern`` that all its values match."""

    means: str
    example: object = None
    among: Iterable[str] | None = None
    pattern: str | None = None


_CALL, _OTHER = "86c83e07-f020-4c06-9e80-8e9f296fbfe3", "5ed5fe9b-4b0f-4d57-a26e-d2d1f4b8f1fb"
_ABOUT_CALLS = tuple(name for name in EVENTS if name != "agent_state")

CallId = Annotated[
    str, Key("a call's id: the uuid of the customer's channel", _CALL, pattern=CALL_ID.pattern)
]
OtherId = Annotated[str, Key("another call's id", _OTHER, pattern=CALL_ID.pattern)]
AgentId = Annotated[str, Key("an agent's id", "anna", pattern=AGENT_ID.pattern)]
Moment = Annotated[str, Key("Unix seconds", "1387566878", pattern="[0-9]{1,12}")]
OrganizationId = Annotated[int, Key("an organization's number", 1)]
CallState = Annotated[str, Key("a call's state", "queued", State)]
Verb = Annotated[str, Key("a verb of /call", "pickup", VERBS)]
Success = Annotated[Literal["success"], Key("it was done")]


class CallDocument(TypedDict):
    """A call, whoever looks at it. Times are null as long as it has not happened."""

    id: CallId
    state: CallState
    b_leg: Annotated[str, Key('uuid of the channel it is joined with, or "<null>"', "<null>")]
    inbound: Annotated[bool, Key("whether the customer has called", True)]
    destination: Annotated[str, Key("the number that was dialled", "5900")]
    caller_id: Annotated[str, Key("the caller's number", "2045550100")]
    assigned_to: Annotated[AgentId | None, Key("whose call it is")]
    channel: Annotated[CallId, Key("the same as id")]
    organization_id: OrganizationId
    arrival_time: Moment
    caller_name: Annotated[str, Key("the caller's name, as told by the line", "Mrs. Lund")]
    locked: Annotated[bool, Key("whether it is hearing its greeting", False)]
    priority: Annotated[int, Key("higher ones are served first", 0)]
    position: Annotated[
        int | None, Key("its place in its organization's queue, 1 is next; null elsewhere", 1)
    ]
    answered_at: Moment | None
    bridged_at: Moment | None
    parked_at: Moment | None
    ended_at: Moment | None
    hangup_cause: Annotated[str | None, Key("FreeSWITCH's cause, once it has ended")]
    handled_by: Annotated[
        list[AgentId], Key("who has spoken with the customer, or dialled her", [])
    ]
    recall_at: Annotated[Moment | None, Key("when it rings its agent back from hold")]


class ShownCallDocument(CallDocument):
    """A call as the asking agent sees it."""

    can: Annotated[list[Verb], Key("what she may do with it now")]


class ShortCallDocument(TypedDict):
    """A short call."""

    call_id: CallId
    status: Annotated[str, Key("its state, in other words", "queued", SHORT_STATUS.values())]
    type: Annotated[str, Key("how it was dialled", "extension", ("extension", "cm_id"))]
    callee: Annotated[str | int, Key("what was dialled, a number when by cm_id", "5900")]


class StateCallDocument(ShortCallDocument, ShownCallDocument):
    """The short call and the call in one."""


class EndedCallDocument(ShownCallDocument):
    """An ended call."""

    outcome: Annotated[str | None, Key("what came of it", "abandoned", Outcome)]
    waited: Annotated[int | None, Key("seconds the caller waited; null for outbound calls", 42)]
    duration: Annotated[int, Key("seconds from arrival to end", 42)]


class TimelineEntryDocument(TypedDict):
    """One thing that happened to a call."""

    timestamp: Annotated[
        str, Key("Unix seconds", "1387566878.250", pattern=r"[0-9]{1,12}\.[0-9]{3}")
    ]
    event: Annotated[str, Key("the event's name", "queue_join", _ABOUT_CALLS)]
    agent: Annotated[AgentId | None, Key("whose call it was")]
    state: CallState
    description: Annotated[str, Key("the same in words", "waits in the queue")]


class AgentDocument(TypedDict):
    """An agent. Her state follows from what is true."""

    id: AgentId
    name: Annotated[str, Key("her name", "Anna")]
    phone: Annotated[str, Key("her phone, a FreeSWITCH dial string", "user/1101")]
    role: Annotated[str, Key("what she is", "agent", ROLES)]
    organizations: Annotated[list[OrganizationId], Key("for whom she answers")]
    state: Annotated[str, Key("what she is doing", "idle", AgentState)]
    pause_reason: Annotated[str | None, Key("why she is paused, if she has said so")]
    current_call: Annotated[CallId | None, Key("the call she is in or is being put into")]
    parked_calls: Annotated[list[CallId], Key("her calls on hold, the oldest first", [])]
    state_since: Moment
    paused: Annotated[bool, Key("whether she has paused, also while she is in a call", False)]


class ContactDocument(TypedDict):
    """A contact method: a number that can be dialled by its cm_id."""

    cm_id: Annotated[int, Key("what to dial it by", 42)]
    name: Annotated[str, Key("whose number it is", "Dr. Vest")]
    number: Annotated[str, Key("the number", "1142")]
    organization_id: OrganizationId


class OrganizationDocument(TypedDict):
    """An organization that she answers for."""

    id: OrganizationId
    name: Annotated[str | None, Key("its name; null until it has one", "Bakery Jensen")]
    greeting: Annotated[str, Key("what an agent says first, or empty", "Bakery Jensen, hello")]
    waiting_amber: Annotated[int, Key("seconds after which a caller waits long", 30)]
    waiting_red: Annotated[int, Key("seconds after which she waits too long", 60)]


class FiguresDocument(TypedDict):
    """What became of inbound calls: offered is the sum of the four after it."""

    offered: Annotated[int, Key("how many came", 12)]
    answered: Annotated[int, Key("spoke with an agent", 9)]
    abandoned: Annotated[int, Key("were gone before", 2)]
    overflowed: Annotated[int, Key("were sent on from the queue", 0)]
    waiting: Annotated[int, Key("still wait", 1)]
    waited_average: Annotated[float | None, Key("seconds; null where no wait is over", 12.5)]
    waited_longest: Annotated[int | None, Key("seconds; null where no wait is over", 42)]


class OrganizationFigures(FiguresDocument):
    """One organization's."""

    organization_id: OrganizationId


_From = TypedDict("_From", {"from": Moment})


class StepFigures(_From, FiguresDocument):
    """Of the calls that came in one step of the day."""


class StatisticsDocument(TypedDict):
    """The day's figures until now."""

    since: Annotated[Moment, Key("the server's midnight, in Unix seconds")]
    until: Annotated[Moment, Key("now, in Unix seconds")]
    step: Annotated[int, Key("seconds of one step", 900)]
    total: FiguresDocument
    organizations: Annotated[list[OrganizationFigures], Key("those with calls today")]
    steps: Annotated[list[StepFigures], Key("every step until now, by arrival")]


class SuccessAnswer(TypedDict):
    """It is so."""

    status: Success


class CallsAnswer(SuccessAnswer):
    """Live calls."""

    calls: list[ShownCallDocument]


class CallAnswer(SuccessAnswer):
    """A call as it is now."""

    call: ShownCallDocument


class StateAnswer(SuccessAnswer):
    """One call."""

    call: StateCallDocument


class HistoryAnswer(SuccessAnswer):
    """A page of ended calls, the newest arrival first."""

    calls: list[EndedCallDocument]
    next: Annotated[str | None, Key("the cursor of the following page; null at the end")]


class TimelineAnswer(SuccessAnswer):
    """What has happened to a call."""

    call: ShownCallDocument
    timeline: Annotated[list[TimelineEntryDocument], Key("the oldest first")]


class StatisticsAnswer(SuccessAnswer):
    """The figures of the day."""

    statistics: StatisticsDocument


class HungUpAnswer(CallAnswer):
    """It has ended."""

    description: Annotated[str, Key("the same in words", f"{_CALL} was hung up")]


class ParkedAnswer(TypedDict):
    """It is on hold."""

    status: Annotated[Literal["on hold"], Key("it is on hold")]
    description: Annotated[str, Key("the same in words", f"{_CALL} was put on hold")]
    call: ShownCallDocument


class TransferAnswer(SuccessAnswer):
    """Both are connected, and belong to nobody."""

    source_call: ShortCallDocument
    destination_call: ShortCallDocument


class AgentAnswer(SuccessAnswer):
    """An agent as she is now."""

    agent: AgentDocument


class AgentsAnswer(SuccessAnswer):
    """The agents of her organizations."""

    agents: list[AgentDocument]


class ContactsAnswer(SuccessAnswer):
    """Contact methods of her organizations."""

    contacts: list[ContactDocument]


class OrganizationsAnswer(SuccessAnswer):
    """For whom she answers."""

    organizations: list[OrganizationDocument]


class RefusalDocument(TypedDict):
    """Why a request was not carried out. Whatever is refused has changed nothing."""

    status: Annotated[str, Key("what is wrong, in the protocol's words", "not found")]
    description: Annotated[str, Key("the same for people", f"{_CALL} does not exist.")]
    error: Annotated[str, Key("the same for programs; it stays", "call-not-found")]
    call: Annotated[NotRequired[ShownCallDocument], Key("the call, if there is one she may see")]
    missing: Annotated[
        NotRequired[dict[str, str]],
        Key("what is missing, a sentence by name", {"switch": "FreeSWITCH is not connected"}),
    ]


class ChangedKeys(TypedDict):
    """Keys that have changed of a call."""

    position: Annotated[NotRequired[int | None], Key("its place in the queue", 1)]
    can: Annotated[NotRequired[list[Verb]], Key("what she may do with it now")]


class CallEvent(TypedDict):
    """Something has happened to a call, which is shown as it is after it."""

    event: Annotated[str, Key("the event's name", "queue_join", _ABOUT_CALLS)]
    timestamp: Moment
    call: ShownCallDocument


class AgentEvent(TypedDict):
    """An agent's state, current call, calls on hold or pause has changed."""

    event: Literal["agent_state"]
    timestamp: Moment
    agent: AgentDocument


class CallsEvent(TypedDict):
    """Keys have changed of calls that no event was about."""

    event: Literal["calls"]
    timestamp: Moment
    calls: Annotated[
        dict[str, ChangedKeys],
        Key("what is new, by the call's id", {_CALL: {"position": 1, "can": ["pickup"]}}),
    ]


class ResetEvent(TypedDict):
    """Too much was missed: the lists are to be read again."""

    event: Literal["reset"]
    timestamp: Moment


EVENT_DOCUMENTS: Mapping[str, type] = {
    **dict.fromkeys(_ABOUT_CALLS, CallEvent),
    "agent_state": AgentEvent,
    "calls": CallsEvent,
    "reset": ResetEvent,
}
"""Every event of ``GET /events`` by its name, and what its ``data`` holds (protocol §6)."""
