"""What was answered with 200 is on record: no verb answers before FreeSWITCH's deed is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.desk.fakes import ANN, CALLER, Asked, Rig, wait_until


@dataclass(frozen=True)
class Step:
    """A request that waits for FreeSWITCH alone; what FreeSWITCH then does; what becomes of it."""

    asked: Asked
    acts: Callable[[], object]
    place: str
    uuids: tuple[str, ...] = (CALLER,)
    then: Callable[[], object] = lambda: None
    """What FreeSWITCH does once that is on record."""


def pickup(rig: Rig) -> Step:
    line = rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup", call_id=CALLER)
    leg = rig.rings(line)
    rig.answers(leg)
    line.expect("api uuid_bridge")
    return Step(asked, lambda: rig.bridged(CALLER, leg), "ann speaking")


def taken_from_hold(rig: Rig, verb: str) -> Step:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    asked = rig.ask(ANN, verb, call_id=CALLER)
    line.expect("api uuid_bridge")
    return Step(asked, lambda: rig.bridged(CALLER, leg), "ann speaking")


def pickup_from_hold(rig: Rig) -> Step:
    return taken_from_hold(rig, "call/pickup")


def unpark(rig: Rig) -> Step:
    return taken_from_hold(rig, "call/unpark")


def park(rig: Rig) -> Step:
    line = rig.connects(CALLER)
    leg = rig.talk()
    asked = rig.ask(ANN, "call/park")
    line.expect(f"uuid_transfer {CALLER}")

    def acts() -> None:
        rig.returns()
        rig.parks(leg)

    return Step(asked, acts, "ann parked")


def hangup(rig: Rig) -> Step:
    line = rig.connects(CALLER)
    rig.talk()
    asked = rig.ask(ANN, "call/hangup")
    line.expect(f"uuid_kill {CALLER}")
    return Step(asked, lambda: rig.hangs_up(CALLER), "ended NORMAL_CLEARING")


def transfer(rig: Rig) -> Step:
    rig.connects(CALLER)
    leg = rig.talk()
    line = rig.park(leg)
    callee, _ = rig.speak_outbound(leg=leg)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    line.expect("api uuid_bridge")
    both = CALLER, callee
    return Step(asked, lambda: rig.bridged(*both), "nobody transferred", both)


def originate(rig: Rig) -> Step:
    asked = rig.ask(ANN, "call/originate", extension="1142")
    leg = rig.rings(rig.control)
    (uuid,) = rig.board.calls
    dialled = lambda: rig.lines[leg].answer("bgapi originate")  # noqa: E731
    return Step(asked, lambda: rig.answers(leg), "ann ringing", (uuid,), dialled)


@pytest.mark.parametrize(
    "begins", [pickup, pickup_from_hold, unpark, park, hangup, transfer, originate]
)
def test_what_was_answered_with_200_is_on_record(rig: Rig, begins: Callable[[Rig], Step]) -> None:
    step = begins(rig)
    rig.database.hold()
    step.acts()
    done = lambda: rig.database.awaited() or step.asked.over()  # noqa: E731
    wait_until(done, "nobody waits for the record")
    assert not step.asked.over(), "answered before it is on record"
    rig.database.let_go()
    step.then()
    step.asked.answer()
    assert [rig.place(uuid) for uuid in step.uuids] == [step.place] * len(step.uuids)
