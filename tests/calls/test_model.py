"""The state table and the guard, walked at random beside a model that knows neither.

The model below is written from docs/protocol.md §§4 and 5 alone, in words of its own: what a call's
phases are, what leads from one to another, whom a call belongs to, and what an agent is answered.
It must never be written from ``table.py`` or ``guard.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fsapp.calls import guard, table
from fsapp.calls.agent import Agent
from fsapp.calls.call import Call, State, queue_order
from fsapp.calls.refusals import Refusal
from fsapp.calls.table import Facts, Happening, UnknownTransition

AGENTS = {
    "ann": Agent("ann", "Ann", "user/1101"),
    "bob": Agent("bob", "Bob", "user/1102"),
    "olga": Agent("olga", "Olga", "user/1120", organizations=frozenset({2})),
}
PATH = {
    # §5: created -> queued -> transferring (claimed) -> speaking <-> parked -> transferred;
    # outbound created -> ringing -> speaking; any -> hungup; her phone dies: back to the queue.
    "greeting": {"created": "created"},
    # §4, the forgotten caller: sent on, and perhaps led back.
    "queue": {"created": "queued", "transferred": "queued"},
    "overflow": {"queued": "transferred"},
    "dial": {"created": "ringing"},
    "answer": {"ringing": "ringing"},
    "claim": {"queued": "transferring"},
    "release": {"transferring": "queued"},
    "bridge": {"transferring": "speaking", "ringing": "speaking", "parked": "speaking"},
    "park": {"speaking": "parked"},
    "lose agent": {"speaking": "queued", "parked": "queued"},
    "transfer": {"speaking": "transferred", "parked": "transferred"},
    "hangup": dict.fromkeys(
        ("created", "queued", "transferring", "ringing", "speaking", "parked", "transferred"),
        "hungup",
    ),
}
NOBODYS = ("queued", "transferred")
MOST = 5
IN_HAND = ("created", "transferring", "ringing", "speaking")


@dataclass
class Modelled:
    """What protocol §§4 and 5 let one say of a call."""

    organization: int
    inbound: bool
    rank: tuple[object, ...]
    phase: str = "created"
    owner: str | None = None
    greeting: bool = False
    first: bool = False
    handled: list[str] = field(default_factory=list)

    def goes(self, what: str, who: str) -> bool:
        """Takes the step, if there is one."""
        after = PATH[what].get(self.phase)
        if after is None:
            return False
        if what in ("claim", "dial"):
            self.owner = who
        if what in ("bridge", "dial") and self.owner and self.owner not in self.handled:
            self.handled.append(self.owner)
        if after in NOBODYS:
            self.owner = None
        self.greeting = what == "greeting"
        self.first = what == "lose agent" or (self.first and what not in ("bridge", "overflow"))
        self.phase = after
        return True


def answers(model: dict[str, Modelled], who: str, verb: str, call_id: str) -> str:
    """What §2 and §4 say to an agent who asks: ``error`` of the refusal, or ``yes``."""
    call = model[call_id]
    hand = [other for other in model.values() if other.owner == who and other.phase in IN_HAND]
    if call.phase == "hungup" or call.organization not in AGENTS[who].organizations:
        return "call-not-found"
    if call.owner not in (None, who):
        return "call-owned"
    return _OF_VERB[verb](call, hand)


def _pickup(call: Modelled, hand: list[Modelled]) -> str:
    if call.greeting:
        return "call-locked"
    if call in hand:
        return "agent-busy"
    if call.phase not in ("queued", "parked"):
        return "wrong-state"
    return "agent-busy" if hand else "yes"


def _unpark(call: Modelled, hand: list[Modelled]) -> str:
    if call.phase != "parked":
        return "wrong-state"
    return "agent-busy" if hand else "yes"


def _park(call: Modelled, _hand: list[Modelled]) -> str:
    return "yes" if call.phase == "speaking" else "wrong-state"


def _hangup(call: Modelled, _hand: list[Modelled]) -> str:
    return "yes" if call.owner else "wrong-state"


def _transfer(call: Modelled, hand: list[Modelled]) -> str:
    if call in hand or call.phase != "parked":
        return "bridge-failed"
    good = [to for to in hand if not to.inbound and to.phase == "speaking"]
    return "yes" if any(to.organization == call.organization for to in good) else "bridge-failed"


_QUESTIONS = {
    "pickup": guard.may_pick_up,
    "unpark": guard.may_unpark,
    "park": guard.may_park,
    "hangup": guard.may_hang_up,
    "transfer": guard.may_transfer,
}
_OF_VERB: dict[str, Callable[[Modelled, list[Modelled]], str]] = {
    "pickup": _pickup,
    "unpark": _unpark,
    "park": _park,
    "hangup": _hangup,
    "transfer": _transfer,
}


class Walk(RuleBasedStateMachine):
    """Calls of two organizations, three agents, whatever can happen or be asked."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Modelled] = {}
        self.real: dict[str, Call] = {}
        self.clock = 1_700_000_000

    @precondition(lambda self: len(self.real) < MOST)
    @rule(
        target=calls,
        organization=st.sampled_from((1, 1, 2)),
        inbound=st.booleans(),
        priority=st.integers(-1, 1),
        late=st.integers(0, 2),
    )
    def a_call_begins(self, organization: int, inbound: bool, priority: int, late: int) -> str:
        call_id = f"call-{len(self.real)}"
        arrival = 1_700_000_000.5 + late
        self.real[call_id] = Call(
            call_id, State.CREATED, inbound, "5900", "1", organization, arrival, priority=priority
        )
        self.model[call_id] = Modelled(organization, inbound, (-priority, arrival, call_id))
        return call_id

    @rule(call_id=calls, choice=st.integers(0, 5), who=st.sampled_from(sorted(AGENTS)))
    def it_goes_on(self, call_id: str, choice: int, who: str) -> None:
        """What can happen now, what leads away seldom: chance alone never gets far."""
        phase = self.model[call_id].phase
        away = ("hangup", "overflow")
        ahead = [what for what in PATH if phase in PATH[what] and what not in away]
        if ahead:
            self.something_happens(call_id, Happening(ahead[choice % len(ahead)]), who)

    @rule(call_id=calls, happening=st.sampled_from(Happening), who=st.sampled_from(sorted(AGENTS)))
    def something_happens(self, call_id: str, happening: Happening, who: str) -> None:
        """Only what the guard lets through, of what agents cause."""
        if happening is Happening.CLAIM and self.said(who, "pickup", call_id) != "yes":
            return
        if happening is Happening.DIAL and (self.model[call_id].inbound or self.hand(who)):
            return
        if happening is Happening.BRIDGE and self.model[call_id].phase == "parked":
            owner = self.model[call_id].owner or ""
            if self.said(owner, "unpark", call_id) != "yes":
                return
        self.clock += 1
        facts = Facts(self.clock, agent=who, channel="leg", cause="NORMAL_CLEARING")
        before = self.real[call_id]
        possible = self.model[call_id].goes(happening.value, who)
        try:
            self.real[call_id], events = table.happen(before, happening, facts)
        except UnknownTransition:
            assert not possible, f"{happening.value} is refused while {before.state.value}"
            return
        assert possible, f"{happening.value} happens while {before.state.value}"
        self.told_in_order(before, self.real[call_id], events)

    @staticmethod
    def told_in_order(before: Call, after: Call, events: tuple[str, ...]) -> None:
        """§6: queue_leave and call_unpark come before the event that explains them."""
        left = before.state is State.QUEUED and after.state is not State.QUEUED
        assert ("queue_leave" in events[:-1]) == left
        unparked = before.state is State.PARKED and after.state is not State.PARKED
        assert ("call_unpark" in events[:-1]) == unparked
        assert ("call_unlock" in events) == (before.locked and not after.locked)

    @rule(
        call_id=calls, who=st.sampled_from(sorted(AGENTS)), verb=st.sampled_from(sorted(_OF_VERB))
    )
    def an_agent_asks(self, call_id: str, who: str, verb: str) -> None:
        assert self.said(who, verb, call_id) == answers(self.model, who, verb, call_id)

    def said(self, who: str, verb: str, call_id: str) -> str:
        agent, subject = AGENTS[who], guard.Subject(self.real[call_id])
        hand = self.hand(who)
        situation = guard.Situation(guard.Subject(hand) if hand is not None else None)
        allowed = verb in guard.can(agent, subject, situation)
        try:
            guard.visible(agent, subject.call, call_id)
            _QUESTIONS[verb](agent, subject, situation)
        except Refusal as refusal:
            assert not allowed, "can and the verdict disagree"
            return refusal.error
        assert allowed, "can and the verdict disagree"
        return "yes"

    def hand(self, who: str) -> Call | None:
        hand = [call for call in self.real.values() if call.assigned_to == who and call.is_current]
        return hand[0] if hand else None

    @invariant()
    def both_say_the_same(self) -> None:
        for call_id, modelled in self.model.items():
            call = self.real[call_id]
            assert call.state.value == modelled.phase
            assert call.locked == modelled.greeting
            assert list(call.handled_by) == modelled.handled
            # An ended call's record keeps whose it was.
            if call.live:
                assert call.assigned_to == modelled.owner

    @invariant()
    def nobody_has_two(self) -> None:
        for who in AGENTS:
            mine = [call for call in self.real.values() if call.assigned_to == who]
            assert sum(call.is_current for call in mine) <= 1

    @invariant()
    def the_queue_has_one_order(self) -> None:
        waiting = {name: call for name, call in self.model.items() if call.phase == "queued"}
        wanted = sorted(waiting, key=lambda name: (not waiting[name].first, *waiting[name].rank))
        assert [call.id for call in queue_order(self.real.values())] == wanted


EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "60"))
"""`make soak` asks for more."""

Walk.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None, database=None
)
TestWalk = Walk.TestCase


def _no_way_back(patch: pytest.MonkeyPatch) -> None:
    rows = {**table.TABLE}
    del rows[State.PARKED, Happening.LOSE_AGENT]
    patch.setattr(table, "TABLE", rows)


def _claim_without_owner(patch: pytest.MonkeyPatch) -> None:
    changes = {**table._CHANGES, Happening.CLAIM: lambda call, _facts: call}
    patch.setattr(table, "_CHANGES", changes)


def _hidden_unpark(patch: pytest.MonkeyPatch) -> None:
    row = table.Step(State.TRANSFERRED, ("call_transfer", "call_unpark"))
    patch.setattr(table, "TABLE", {**table.TABLE, (State.PARKED, Happening.TRANSFER): row})


def _place_lost(patch: pytest.MonkeyPatch) -> None:
    back = table._lose_agent
    changes = {
        **table._CHANGES,
        Happening.LOSE_AGENT: lambda call, facts: replace(back(call, facts), head=False),
    }
    patch.setattr(table, "_CHANGES", changes)


def _anybodys_call(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard, "_not_anothers", lambda _agent, _call: None)


def _two_calls_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard, "may_dial", lambda _agent, _situation: None)


@pytest.mark.parametrize(
    "breaking",
    [
        _no_way_back,
        _claim_without_owner,
        _hidden_unpark,
        _place_lost,
        _anybodys_call,
        _two_calls_at_once,
    ],
)
def test_a_broken_law_is_noticed(
    monkeypatch: pytest.MonkeyPatch, breaking: Callable[[pytest.MonkeyPatch], None]
) -> None:
    breaking(monkeypatch)
    looking = settings(
        max_examples=300,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Walk, settings=looking)
