"""The full table verb x state x owner: what each cell answers, and that refusals change nothing.

A stage puts one call into one state. Then somebody asks every verb about it; one test is one
row of the table, and its failure names every cell that is wrong. Cells that succeed are only
looked at where they change nothing; the others have test files of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest

from .actors import Agent, Callers, Desk, Phone
from .expect import (
    SHORT_STATUS,
    Refused,
    bridge_failed,
    busy,
    locked,
    missing,
    owned,
    wrong_state,
)

VERBS = ("pickup", "park", "unpark", "hangup", "transfer")


@dataclass(frozen=True)
class Scene:
    """Who is there while a call is put into its state; anna is the one who may own it."""

    a_caller: Callers
    anna: Agent
    olga: Agent
    outside: Phone
    sounds: Mapping[str, str]
    organization: str = "1"

    @property
    def owner(self) -> Agent:
        """The agent of the organization the call is for."""
        return self.anna if self.organization == "1" else self.olga

    def caller_waits(self) -> str:
        return self.a_caller.waits(organization_id=self.organization).id


def greeting(scene: Scene) -> str:
    sound = scene.sounds["greeting"]
    caller = scene.a_caller.calls(fsapp_greeting=sound, organization_id=scene.organization)
    scene.anna.desk.sees(caller, "created")
    return caller.id


def queued(scene: Scene) -> str:
    return scene.caller_waits()


def transferring(scene: Scene) -> str:
    call = scene.caller_waits()
    scene.owner.phone.stays_silent()
    scene.owner.starts("pickup", call)
    scene.owner.phone.rings()
    return call


def speaking(scene: Scene) -> str:
    return str(scene.owner.picks_up(scene.caller_waits())["id"])


def parked(scene: Scene) -> str:
    speaking(scene)
    return str(scene.owner.parks()["id"])


def taken_back(scene: Scene) -> str:
    """Parked, while the agent's phone rings for it."""
    call = parked(scene)
    scene.owner.phone.dies()
    scene.owner.phone.is_quiet()
    scene.owner.phone.stays_silent()
    scene.owner.starts("unpark", call)
    scene.owner.phone.rings()
    return call


def dialled(scene: Scene) -> str:
    """Originated, while the agent's own phone still rings."""
    scene.owner.phone.stays_silent()
    scene.owner.starts("originate", extension="1142")
    scene.owner.phone.rings()
    return str(scene.owner.desk.sees_one_call("created")["id"])


def ringing(scene: Scene) -> str:
    scene.outside.stays_silent()
    call = scene.owner.dials("1142")
    scene.outside.rings()
    return str(scene.owner.desk.sees(call, "ringing")["id"])


def spoken_to(scene: Scene) -> str:
    """Originated and answered."""
    return str(scene.owner.calls_the_outside(scene.outside)["id"])


def transferred(scene: Scene) -> str:
    source = parked(scene)
    scene.owner.calls_the_outside(scene.outside)
    scene.owner.transfers(source)
    scene.owner.phone.is_quiet()
    return source


def ended_in_queue(scene: Scene) -> str:
    caller = scene.a_caller.waits(organization_id=scene.organization)
    caller.hangs_up()
    scene.anna.desk.sees(caller, "hungup")
    return caller.id


def ended_in_conversation(scene: Scene) -> str:
    caller = scene.a_caller.waits(organization_id=scene.organization)
    scene.owner.picks_up(caller)
    caller.hangs_up()
    scene.anna.desk.sees(caller, "hungup")
    return caller.id


Stage = Callable[[Scene], str]

NOBODYS: dict[Stage, str] = {
    greeting: "created",
    queued: "queued",
    transferred: "transferred",
    ended_in_queue: "hungup",
    ended_in_conversation: "hungup",
}
OWNED: dict[Stage, str] = {
    dialled: "created",
    ringing: "ringing",
    transferring: "transferring",
    speaking: "speaking",
    spoken_to: "speaking",
    parked: "parked",
    taken_back: "parked",
}
EVERY = {**NOBODYS, **OWNED}

Cell = Callable[[Agent, str], Refused]


def is_missing(agent: Agent, call: str) -> Refused:
    return missing(call)


def is_locked(agent: Agent, call: str) -> Refused:
    return locked(call)


def is_busy(agent: Agent, call: str) -> Refused:
    return busy(agent, call)


def is_in(state: str) -> Cell:
    return lambda _, call: wrong_state(call, state)


def cannot_bridge(reason: str) -> Cell:
    return lambda *_: bridge_failed(reason)


not_on_hold = cannot_bridge("Call is not on hold")
bad_destination = cannot_bridge("Bad destination")

# Each row: pickup, park, unpark, hangup, transfer. None: carried out, shown elsewhere.
NOBODYS_ROWS: dict[Stage, tuple[Cell | None, ...]] = {
    greeting: (is_locked, is_in("created"), is_in("created"), is_in("created"), not_on_hold),
    queued: (None, is_in("queued"), is_in("queued"), is_in("queued"), not_on_hold),
    transferred: (is_in("transferred"),) * 4 + (not_on_hold,),
    ended_in_queue: (is_missing,) * 5,
    ended_in_conversation: (is_missing,) * 5,
}
MY_ROWS: dict[Stage, tuple[Cell | None, ...]] = {
    dialled: (is_busy, is_in("created"), is_in("created"), None, bad_destination),
    ringing: (is_busy, is_in("ringing"), is_in("ringing"), None, bad_destination),
    transferring: (is_busy, is_in("transferring"), is_in("transferring"), None, bad_destination),
    speaking: (is_busy, None, is_in("speaking"), None, bad_destination),
    spoken_to: (is_busy, None, is_in("speaking"), None, bad_destination),
    parked: (None, is_in("parked"), None, None, bad_destination),
    taken_back: (is_busy, is_in("parked"), is_busy, None, bad_destination),
    ended_in_conversation: (is_missing,) * 4 + (cannot_bridge("Call on hold hung up"),),
}


def wrong_cells(agent: Agent, call: str, row: tuple[Cell | None, ...]) -> list[str]:
    """Every verb asked by ``agent``: which cells of ``row`` are not answered as they should."""
    agent.desk.switch.settle()
    before = agent.desk.settled_picture()
    allowed = [verb for verb, cell in zip(VERBS, row, strict=True) if cell is None]
    wrong = wrong_can(agent, call, allowed)
    for verb, cell in zip(VERBS, row, strict=True):
        if cell is None:
            continue
        answer = agent.asks(verb, call)
        fault = cell(agent, call).fault(answer)
        if fault is not None:
            wrong.append(f"{verb}: {fault}")
        if agent.desk.picture() != before:
            wrong.append(f"{verb}: something changed")
    return wrong


def wrong_can(agent: Agent, call: str, allowed: list[str]) -> list[str]:
    """The call object says beforehand which cells will be carried out."""
    lists = [agent.does("list").document["calls"], agent.does("queue").document["calls"]]
    shown = [one for calls in lists for one in calls if one["id"] == call]
    answer = agent.asks("state", call)
    shown += [answer.call] if answer.code == 200 else []
    return [f"can: {one}, not {allowed}" for one in shown if one["can"] != allowed]


def wrong_state_answer(agent: Agent, call: str, state: str) -> list[str]:
    """Reading is allowed: `/call/state` answers whoever may see the call."""
    answer = agent.asks("state", call)
    shown = answer.document.get("call") or {}
    right = (200, state, SHORT_STATUS[state])
    seen = (answer.code, shown.get("state"), shown.get("status"))
    return [] if seen == right else [f"state: expected {right}, got {answer}"]


@pytest.fixture
def scene(
    a_caller: Callers, anna: Agent, olga: Agent, outside: Phone, sounds: dict[str, str]
) -> Scene:
    return Scene(a_caller, anna, olga, outside, sounds)


@pytest.fixture
def scene_elsewhere(
    a_caller: Callers, anna: Agent, olga: Agent, outside: Phone, sounds: dict[str, str]
) -> Scene:
    return Scene(a_caller, anna, olga, outside, sounds, organization="2")


def name(stage: object) -> str:
    return getattr(stage, "__name__", "")


@pytest.mark.parametrize("stage", MY_ROWS, ids=name)
def test_my_call(stage: Stage, scene: Scene, anna: Agent):
    call = stage(scene)
    wrong = wrong_state_answer(anna, call, EVERY[stage]) + wrong_cells(anna, call, MY_ROWS[stage])
    assert wrong == []


@pytest.mark.parametrize("stage", OWNED, ids=name)
def test_anothers_call(stage: Stage, scene: Scene, anna: Agent, bente: Agent):
    call = stage(scene)
    hers: Cell = lambda _, asked: owned(asked, by=anna)  # noqa: E731 - a cell like the others
    wrong = wrong_state_answer(bente, call, EVERY[stage]) + wrong_cells(bente, call, (hers,) * 5)
    assert wrong == []


@pytest.mark.parametrize("stage", NOBODYS_ROWS, ids=name)
def test_nobodys_call(stage: Stage, scene: Scene, bente: Agent, another_outside: Phone, desk: Desk):
    call = stage(scene)
    wrong = wrong_state_answer(bente, call, EVERY[stage])
    assert wrong + wrong_cells(bente, call, NOBODYS_ROWS[stage]) == []


@pytest.mark.parametrize("stage", EVERY, ids=name)
def test_another_organizations_call_does_not_exist(
    stage: Stage, scene_elsewhere: Scene, anna: Agent
):
    call = stage(scene_elsewhere)
    wrong = wrong_cells(anna, call, (is_missing,) * 5)
    unseen = missing(call).fault(anna.asks("state", call))
    assert (wrong, unseen) == ([], None)
    assert anna.does("list").document["calls"] == []


def test_an_unknown_call(anna: Agent):
    call = str(uuid4())
    wrong = wrong_cells(anna, call, (is_missing,) * 5)
    unknown = missing(call).fault(anna.asks("state", call))
    assert (wrong, unknown) == ([], None)


@pytest.mark.parametrize("stage", [queued, ringing, speaking, parked], ids=name)
def test_a_refusal_shows_the_call_as_it_is(stage: Stage, scene: Scene, bente: Agent):
    call = stage(scene)
    answer = bente.asks("hangup", call)
    (listed,) = bente.does("list").document["calls"]
    assert answer.call == listed
