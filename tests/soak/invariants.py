"""What is true at every quiet point, whatever happened before.

The law of this file: an invariant looks at a :class:`Picture`, which anybody can draw (the soak of
its lab switch, the drill of a real FreeSWITCH), and answers each violation in a sentence. It knows
neither the app's memory nor the switch's; what it says of a call comes from the protocol.

A *quiet point* is a moment in which nothing is under way: no request waits, no event is on a wire,
the app is up, and whoever had to come back through the dialplan had the time to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fsapp.calls.call import Call, State, queue_key
from fsapp.calls.table import LEAVING, TABLE, Step

__all__ = ["CHECKS", "Answered", "Check", "Logged", "Picture", "Seen", "violations"]

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A channel on the switch that has not been hung up.

    ``role``: a customer (she has a call), an agent's leg, or what belongs to neither (the far side
    of a loopback). ``partner`` is the uuid it exchanges sound with. ``held``: it stands in the
    dialplan's ``socket`` action and its connection to the app is up.
    """

    uuid: str
    role: Literal["customer", "leg", "other"]
    agent: str | None = None
    partner: str | None = None
    held: bool = False
    hears: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of the event log."""

    number: int
    name: str
    timestamp: float
    call_id: str | None
    document: Document


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that changed something and was answered with 200, and what it said of a call."""

    verb: str
    call: Document


@dataclass
class Picture:
    """Switch, answers and record at one moment.

    ``answered``: since the last picture. ``lists``, ``queues``, ``agents``: per agent what
    /call/list, /call/queue and /agent answer her. ``dropped``: callers who were hung up without
    anybody's having wished it, in words. ``leaks``: what is left though everybody has hung up, in
    words (empty before that). ``troubles``: exceptions, errors in the log, answers outside the
    refusal table.
    """

    channels: list[Seen] = field(default_factory=list)
    rows: list[Call] = field(default_factory=list)
    events: list[Logged] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    lists: dict[str, list[Document]] = field(default_factory=dict)
    queues: dict[str, list[Document]] = field(default_factory=dict)
    agents: dict[str, Document] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def live(self) -> list[Call]:
        return [row for row in self.rows if row.live]

    def channel(self, uuid: str | None) -> Seen | None:
        return next((seen for seen in self.channels if seen.uuid == uuid), None)

    def row(self, call_id: str | None) -> Call | None:
        return next((row for row in self.rows if row.id == call_id), None)


Check = Callable[[Picture], Iterator[str]]
CHECKS: list[Check] = []


def _check(check: Check) -> Check:
    CHECKS.append(check)
    return check


def violations(picture: Picture, checks: Sequence[Check] = ()) -> list[str]:
    """Every violation, each beginning with its invariant's name."""
    return [f"{check.__name__}: {words}" for check in checks or CHECKS for words in check(picture)]


# -- the switch -----------------------------------------------------------------------


@_check
def every_customer_is_in_exactly_one_place(picture: Picture) -> Iterator[str]:
    """Queue, with one agent, parked by one, in a transferred pair, sent on to where nobody of ours
    has part in it: as the record says."""
    for seen in picture.channels:
        if seen.role == "customer" and not any(row.id == seen.uuid for row in picture.live):
            yield f"{seen.uuid} is on the switch and no live call ({picture.row(seen.uuid)})"
    for row in picture.live:
        customer = picture.channel(row.id)
        if customer is None:
            yield f"{row.id} is {row.state} on record and not on the switch"
        else:
            yield from _misplaced(picture, row, customer)


def _misplaced(picture: Picture, row: Call, seen: Seen) -> Iterator[str]:
    leg = picture.channel(seen.partner)
    if row.state is State.SPEAKING:
        if leg is None or leg.agent != row.assigned_to or row.b_leg != leg.uuid:
            yield f"{row.id} speaks with {row.assigned_to} on record, on the switch {seen}"
    elif row.state is State.TRANSFERRED and row.overflowed_at is not None:
        if seen.held or picture.row(seen.partner) or (leg is not None and leg.agent):
            yield f"{row.id} was sent on, on the switch {seen}"
    elif row.state is State.TRANSFERRED:
        other = picture.row(seen.partner)
        if other is None or other.state is not State.TRANSFERRED or row.b_leg != other.id:
            yield f"{row.id} is transferred on record, on the switch {seen}"
    elif row.state in (State.QUEUED, State.PARKED, State.CREATED):
        if not seen.held or seen.partner is not None:
            yield f"{row.id} waits on record ({row.state}), on the switch {seen}"
        elif seen.hears in ("", "silence"):
            yield f"{row.id} waits ({row.state}) and hears nothing"
    else:
        yield f"{row.id} is {row.state} though nothing is under way"


@_check
def nobody_was_dropped(picture: Picture) -> Iterator[str]:
    """No caller is hung up, no conversation cut, for our sake."""
    yield from picture.dropped


@_check
def no_agent_is_in_two_places(picture: Picture) -> Iterator[str]:
    """One current call, one leg."""
    for agent in picture.agents:
        mine = [row.id for row in picture.live if row.assigned_to == agent and row.is_current]
        if len(mine) > 1:
            yield f"{agent} has {len(mine)} current calls: {mine}"
        legs = [seen.uuid for seen in picture.channels if seen.agent == agent]
        if len(legs) > 1:
            yield f"{agent} has {len(legs)} legs on the switch: {legs}"


@_check
def each_owner_is_one_agent(picture: Picture) -> Iterator[str]:
    """The record, the calls' answers and the agents' answers name the same owner, or none."""
    owned: dict[str, list[str]] = {}
    for agent, document in picture.agents.items():
        for call_id in [document["current_call"], *document["parked_calls"]]:
            if call_id is not None:
                owned.setdefault(call_id, []).append(agent)
    for row in picture.live:
        owner = [row.assigned_to] if row.assigned_to else []
        if owned.pop(row.id, []) != owner:
            yield f"{row.id} is {owner} on record, and otherwise in the agents' answers"
        nobodys = row.state in (State.QUEUED, State.TRANSFERRED)
        if nobodys == bool(owner) and row.state is not State.CREATED:
            yield f"{row.id} is {row.state} and belongs to {owner or 'nobody'}"
    for call_id, agents in owned.items():
        yield f"{agents} have {call_id}, which is no live call"


@_check
def no_agent_is_stuck(picture: Picture) -> Iterator[str]:
    """Whoever is in no call is not ringing or speaking, and the other way round."""
    for agent, document in picture.agents.items():
        current = picture.row(document["current_call"])
        if (document["state"] == "speaking") != (current is not None):
            yield f"{agent} is {document['state']}, current call {document['current_call']}"
        elif document["state"] == "ringing":
            yield f"{agent} is ringing though nothing is under way"


# -- the answers ----------------------------------------------------------------------


@_check
def the_queue_has_one_order(picture: Picture) -> Iterator[str]:
    """Head, priority, arrival, id: total, and the same in every answer."""
    queued = sorted((row for row in picture.live if row.state is State.QUEUED), key=queue_key)
    keys = [(not row.head, -row.priority, row.arrival, row.id) for row in queued]
    if keys != sorted(set(keys)):
        yield f"the order is not total: {keys}"
    order = [row.id for row in queued]
    places: dict[str, set[int | None]] = {}
    for agent, answer in picture.queues.items():
        ids = [call["id"] for call in answer]
        wanted = [call_id for call_id in order if call_id in ids]
        if ids != wanted:
            yield f"{agent} is told {ids}, the record says {wanted}"
        for call in [*answer, *picture.lists[agent]]:
            places.setdefault(call["id"], set()).add(call["position"])
    for organization in {row.organization_id for row in queued}:
        line = [row.id for row in queued if row.organization_id == organization]
        for place, call_id in enumerate(line, 1):
            told = places.get(call_id, {place})
            if told != {place}:
                yield f"{call_id} is number {place}, and told to be {told}"


@_check
def every_live_call_is_listed(picture: Picture) -> Iterator[str]:
    """What is live on record is what the lists show, once."""
    for agent, answer in picture.lists.items():
        organizations = picture.agents[agent]["organizations"]
        ids = sorted(call["id"] for call in answer)
        wanted = sorted(row.id for row in picture.live if row.organization_id in organizations)
        if ids != wanted:
            yield f"{agent} is shown {ids}, live on record are {wanted}"
        waiting = sorted(call["id"] for call in picture.queues[agent])
        queued = sorted(
            row.id
            for row in picture.live
            if row.state is State.QUEUED and row.organization_id in organizations
        )
        if waiting != queued:
            yield f"{agent} is shown {waiting} as queued, queued on record are {queued}"


# -- the record -----------------------------------------------------------------------

_PLACE = "position"
"""Changes without an event: the caller ahead is picked up."""


def _without_place(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != _PLACE}


@_check
def each_row_is_its_event_log_replayed(picture: Picture) -> Iterator[str]:
    """The last event's whole object is the row's document."""
    last = {event.call_id: event.document for event in picture.events if event.call_id}
    for row in picture.rows:
        document = _without_place(row.document())
        if row.id not in last:
            yield f"{row.id} is on record and no event tells of it"
        elif _without_place(last[row.id]) != document:
            differing = {
                key: (last[row.id].get(key), value)
                for key, value in document.items()
                if last[row.id].get(key) != value
            }
            yield f"{row.id}: the log says otherwise than the row: {differing}"
    for call_id in last.keys() - {row.id for row in picture.rows}:
        if not _was_only_planned([one for one in picture.events if one.call_id == call_id]):
            yield f"{call_id} has events and no row"


def _was_only_planned(story: list[Logged]) -> bool:
    """Her own phone failed, or everything ended, before the number was dialled."""
    return story[0].document["state"] == State.CREATED and {
        one.document["state"] for one in story
    } <= {State.CREATED, State.HUNGUP}


@_check
def what_was_answered_is_in_the_log(picture: Picture) -> Iterator[str]:
    """After an answer 200 an event tells of the call as the answer does, whether or not the
    process lived on."""
    told: dict[str | None, list[Document]] = {}
    for event in picture.events:
        told.setdefault(event.call_id, []).append(event.document)
    for verb, call in ((one.verb, one.call) for one in picture.answered):
        wanted = _evented(call)
        documents = told.get(call["id"], [])
        if not any(wanted.items() <= _evented(document).items() for document in documents):
            yield f"{verb} was answered with {call}, and no event tells of it"


def _evented(document: Document) -> Document:
    """What events tell of: neither what depends on who asks, nor a dialled number's answering."""
    untold = {_PLACE, "can", *(["answered_at"] if document["state"] == State.RINGING else [])}
    lists = {key: tuple(value) for key, value in document.items() if isinstance(value, list)}
    return {key: value for key, value in {**document, **lists}.items() if key not in untold}


@_check
def each_log_is_a_path_of_the_table(picture: Picture) -> Iterator[str]:
    """Every call's events, in order, are steps of the state table, each told in full."""
    for call_id in dict.fromkeys(event.call_id for event in picture.events):
        story = [event for event in picture.events if event.call_id == call_id]
        if call_id is not None and (trouble := _off_the_path(story)):
            yield f"{call_id}: {trouble}: {[event.name for event in story]}"


def _off_the_path(story: list[Logged]) -> str | None:
    state, place, locked = State.CREATED, 0, False
    # A number to be dialled is told of while her own phone rings (docs/http.md).
    is_planned = story[0].name == "call_state" and story[0].document["state"] == State.CREATED
    if story[0].name == "call_offer" or is_planned:
        place = 1
    while place < len(story):
        if locked and story[place].name == "call_unlock":
            place, locked = place + 1, False
        step = _step(state, story[place:]) or _correction(state, story[place:])
        if step is None:
            return f"nothing leads from {state} by {story[place].name} (event {place})"
        locked = step.events == ("call_lock",) or locked
        state, place = step.state, place + len(step.events)
    return None


def _step(state: State, ahead: list[Logged]) -> Step | None:
    """The row of the table that the next events tell of."""
    fitting = [
        step
        for (before, _), step in TABLE.items()
        if before is state
        and step.events
        and tuple(event.name for event in ahead[: len(step.events)]) == step.events
        and all(event.document["state"] == step.state for event in ahead[: len(step.events)])
    ]
    return fitting[0] if fitting else None


def _correction(state: State, ahead: list[Logged]) -> Step | None:
    """After a crash FreeSWITCH is believed: two are joined of whom the rows say something else."""
    names = (*LEAVING.get(state, ()), "call_state")
    told = ahead[: len(names)]
    joined = {event.document["state"] for event in told} & {State.SPEAKING, State.TRANSFERRED}
    if tuple(event.name for event in told) != names or len(joined) != 1 or state in joined:
        return None
    return Step(State(joined.pop()), names)


EXPLAINED = {
    "queue_leave": {"call_pickup", "call_hangup", "call_transfer", "call_state"},
    "call_unpark": {"call_pickup", "call_hangup", "call_transfer", "queue_join", "call_state"},
}
"""What comes after an event that is told before the one that explains it (protocol §6)."""


@_check
def every_leaving_is_explained_after_it(picture: Picture) -> Iterator[str]:
    """queue_leave and call_unpark come first, the event that explains them comes next."""
    logs: dict[str, list[str]] = {}
    for event in picture.events:
        if event.call_id is not None:
            logs.setdefault(event.call_id, []).append(event.name)
    for call_id, names in logs.items():
        for name, then in zip(names, [*names[1:], "nothing"], strict=True):
            if name in EXPLAINED and then not in EXPLAINED[name]:
                yield f"{call_id}: {name} is followed by {then}"
        if names.count("queue_join") - names.count("queue_leave") not in (0, 1):
            yield f"{call_id}: joins and leaves do not match: {names}"


@_check
def the_log_only_grows(picture: Picture) -> Iterator[str]:
    """Numbers grow strictly; of one call's events none is told before an earlier one."""
    numbers = [event.number for event in picture.events]
    if numbers != sorted(set(numbers)):
        yield "the events' numbers do not grow"
    latest: dict[str, float] = {}
    for event in picture.events:
        if event.call_id is not None and event.timestamp < latest.get(event.call_id, 0.0):
            yield f"{event.call_id}: {event.name} was told after one that happened later"
        latest[event.call_id or ""] = event.timestamp


# -- what must not be -----------------------------------------------------------------


@_check
def nothing_is_left(picture: Picture) -> Iterator[str]:
    """After everybody has hung up: no channel, call, leg, job, thread or connection."""
    yield from picture.leaks


@_check
def nothing_failed(picture: Picture) -> Iterator[str]:
    """No exception, no error in the log, no answer outside the refusal table."""
    yield from picture.troubles
