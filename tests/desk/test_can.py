"""What a call object says she can do, and what the desk says when she does it, never disagree.

On each stage the switch goes away: whatever the guard lets through then ends with 503 and has
changed nothing, whatever it refuses is refused as ever. So every verb can be asked about every
call on every stage, by the owner and by somebody else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from fsapp.calls.agent import Agent
from fsapp.calls.guard import VERBS
from fsapp.calls.refusals import Refusal
from fsapp.desk.board import Request
from fsapp.desk.park import Park
from tests.desk.fakes import ANN, BOB, CALLER, LIMIT, Asked, Rig

OTHER = "other"
Stage = Callable[[Rig], None]


def greeting(rig: Rig) -> None:
    rig.connects(OTHER, variables={"fsapp_greeting": "hello.wav"})


def queued(rig: Rig) -> None:
    rig.connects(OTHER)


def transferring(rig: Rig) -> None:
    rig.connects(OTHER)
    rig.ask(ANN, "call/pickup", call_id=OTHER)
    rig.rings(rig.lines[OTHER])


def speaking(rig: Rig) -> None:
    rig.connects(OTHER)
    rig.talk(ANN, OTHER)


def parking(rig: Rig) -> None:
    begin_parking(rig)


def begin_parking(rig: Rig) -> tuple[str, Asked]:
    rig.connects(OTHER)
    leg = rig.talk(ANN, OTHER)
    first = rig.ask(ANN, "call/park")
    rig.lines[OTHER].expect(f"uuid_transfer {OTHER} fsapp_return")
    return leg, first


def parked(rig: Rig) -> str:
    rig.connects(OTHER)
    leg = rig.talk(ANN, OTHER)
    rig.park(leg, ANN, OTHER)
    return leg


def holding_one_speaking_to_another(rig: Rig) -> None:
    leg = parked(rig)
    rig.connects("third")
    asked = rig.ask(ANN, "call/pickup", call_id="third")
    rig.lines["third"].answer("uuid_bridge")
    rig.bridged("third", leg)
    asked.answer()


def taking_back(rig: Rig) -> None:
    """Her phone rings for it: she has no current call, and is engaged."""
    leg = parked(rig)
    rig.hangs_up(leg)
    rig.ask(ANN, "call/unpark", call_id=OTHER)
    rig.rings(rig.lines[OTHER])


def dialling(rig: Rig) -> None:
    """Her own phone rings, nobody is dialled yet."""
    rig.ask(ANN, "call/originate", extension="1142")
    rig.rings(rig.control)


def dialling_with_a_call_on_hold(rig: Rig) -> None:
    leg = parked(rig)
    rig.dial(leg=leg)


def dialled(rig: Rig) -> None:
    rig.dial()


def ready_to_transfer(rig: Rig) -> None:
    rig.speak_outbound(leg=parked(rig))


def destination_gone(rig: Rig) -> None:
    callee, _ = rig.speak_outbound(leg=parked(rig))
    rig.hangs_up(callee)


def transferring_two(rig: Rig) -> None:
    ready_to_transfer(rig)
    rig.ask(ANN, "call/transfer", source=OTHER)
    rig.lines[OTHER].expect("socket_resume=false")


def ending(rig: Rig) -> None:
    ready_to_transfer(rig)
    rig.ask(ANN, "call/hangup", call_id=OTHER)
    rig.lines[OTHER].expect("uuid_kill")


def transferred(rig: Rig) -> None:
    callee, _ = rig.speak_outbound(leg=parked(rig))
    asked = rig.ask(ANN, "call/transfer", source=OTHER)
    rig.lines[OTHER].answer("uuid_bridge")
    rig.bridged(OTHER, callee)
    asked.answer()


STAGES = (
    greeting,
    queued,
    transferring,
    speaking,
    parking,
    parked,
    holding_one_speaking_to_another,
    taking_back,
    dialling,
    dialling_with_a_call_on_hold,
    dialled,
    ready_to_transfer,
    destination_gone,
    transferring_two,
    ending,
    transferred,
)


def verdict(rig: Rig, agent: Agent, verb: str, call: str) -> Refusal | None:
    """What the desk says to it; ``None`` when only FreeSWITCH is missing."""
    name = "source" if verb == "transfer" else "call_id"
    asked = rig.ask(agent, f"call/{verb}", **{name: call})
    try:
        refusal = asked.refusal()
    except TimeoutError:
        return None
    return None if refusal.error == "unavailable" else refusal


def shown(rig: Rig, agent: Agent) -> dict[str, list[str]]:
    calls = rig.desk.perform(agent, "call/list", {})["calls"]
    assert isinstance(calls, list)
    return {call["id"]: call["can"] for call in calls}


@pytest.mark.parametrize("agent", [ANN, BOB], ids=lambda agent: agent.id)
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_what_she_can_do_is_what_the_desk_lets_her_do(
    stage: Stage, agent: Agent, stages: Rig
) -> None:
    rig = stages
    rig.connects("waiting")
    stage(rig)
    rig.switch.connection, rig.switch.failure = None, "FreeSWITCH is away"
    before = shown(rig, agent)
    for call, can in before.items():
        verbs = [verb for verb in VERBS if (call, verb) not in JOINS.get(stage, ())]
        said = {verb: verdict(rig, agent, verb, call) for verb in verbs}
        allowed = [verb for verb in verbs if said[verb] is None]
        assert [verb for verb in can if verb in verbs] == allowed, (call, said)
        for refusal in filter(None, said.values()):
            if refusal.call is not None:
                assert refusal.call["can"] == before[str(refusal.call["id"])]
    assert shown(rig, agent) == before


JOINS = {parking: {(OTHER, "park")}}
"""Let through without FreeSWITCH, because it waits for what is under way."""


@pytest.fixture
def stages(rig: Rig) -> Iterator[Rig]:
    """A desk that may be left with requests under way: the switch is gone for good."""
    yield rig
    rig.requests.clear()


def test_a_second_click_on_park_is_shown_as_allowed_and_is(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    leg, first = begin_parking(rig)
    assert "park" in shown(rig, ANN)[OTHER]
    waits, wait = threading.Event(), Park._wait

    def noted(park: Park, request: Request, limit: float) -> None:
        waits.set()
        wait(park, request, limit)

    monkeypatch.setattr(Park, "_wait", noted)
    second = rig.ask(ANN, "call/park", call_id=OTHER)
    assert waits.wait(LIMIT)
    rig.returns(OTHER)
    rig.parks(leg)
    assert first.answer()["status"] == second.answer()["status"] == "on hold"


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("call/pickup", ["park", "hangup"]),
        ("call/park", ["pickup", "unpark", "hangup"]),
        ("call/state", ["pickup"]),
    ],
)
def test_the_call_of_an_answer_says_what_she_can_do_with_it(
    rig: Rig, verb: str, expected: list[str]
) -> None:
    rig.connects(OTHER)
    if verb == "call/state":
        document = rig.desk.perform(ANN, verb, {"call_id": OTHER})
    elif verb == "call/pickup":
        rig.talk(ANN, OTHER)
        document = rig.desk.perform(ANN, "call/state", {"call_id": OTHER})
    else:
        rig.park(rig.talk(ANN, OTHER), ANN, OTHER)
        document = rig.requests[-1].answer()
    call = document["call"]
    assert isinstance(call, Mapping)
    assert call["can"] == expected


def test_nothing_can_be_done_with_a_call_that_has_ended(rig: Rig) -> None:
    rig.connects(CALLER)
    rig.hangs_up(CALLER)
    call = rig.desk.perform(ANN, "call/state", {"call_id": CALLER})["call"]
    assert isinstance(call, Mapping)
    assert call["can"] == []
