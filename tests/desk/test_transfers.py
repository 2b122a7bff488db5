"""Attended transfer: whoever disappears at whichever step, nobody is lost and nobody waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fsapp.calls.guard import CALL_ON_HOLD_GONE, DESTINATION_GONE
from fsapp.desk.endings import SETTLE_SECONDS
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, Asked, Rig


class Transfer:
    """A parked caller and a callee the agent speaks with; the transfer is asked for."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        rig.connects(CALLER)
        leg = rig.talk()
        self.source = rig.park(leg)
        self.callee, self.leg = rig.speak_outbound(leg=leg)
        self.destination = rig.lines[self.callee]

    def ask(self) -> Asked:
        asked = self.rig.ask(ANN, "call/transfer", source=CALLER)
        self.source.expect("socket_resume=false")
        return asked

    def command(self) -> str:
        return f"api uuid_bridge {CALLER} {self.callee}"


@pytest.fixture
def transfer(rig: Rig) -> Transfer:
    return Transfer(rig)


def test_both_customers_speak_and_the_agent_is_free(rig: Rig, transfer: Transfer) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    rig.bridged(CALLER, transfer.callee)
    document = asked.answer()
    shown = [document[f"{which}_call"] for which in ("source", "destination")]
    assert [one["call_id"] for one in shown] == [CALLER, transfer.callee]
    assert {one["status"] for one in shown} == {"bridged"}
    rig.control.answer(f"uuid_kill {transfer.leg}")
    rig.hangs_up(transfer.leg)
    assert rig.place() == rig.place(transfer.callee) == "nobody transferred"
    assert rig.agent_state() == "idle"
    rig.check()


def test_the_bridge_told_twice_transfers_once(rig: Rig, transfer: Transfer) -> None:
    asked = transfer.ask()
    for _ in range(2):
        rig.bridged(CALLER, transfer.callee)
    asked.answer()
    assert rig.events().count("call_transfer") == 2
    rig.hangs_up(transfer.leg)
    rig.check()


def test_nothing_is_burnt_before_the_bridge_is_told(rig: Rig, transfer: Transfer) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    assert transfer.source.heard("hangup_after_bridge=true") == 0
    assert rig.control.heard(f"uuid_kill {transfer.leg}") == 0
    assert transfer.source.heard("park_after_bridge=true") == 1
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    assert transfer.source.heard("hangup_after_bridge=true") == 2
    rig.hangs_up(transfer.leg)


def test_both_end_when_one_of_them_hangs_up(rig: Rig, transfer: Transfer) -> None:
    asked = transfer.ask()
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    rig.hangs_up(transfer.leg)
    rig.hangs_up(CALLER)
    rig.hangs_up(transfer.callee)
    assert rig.place().startswith("ended")
    assert rig.place(transfer.callee).startswith("ended")
    rig.check()


def test_a_source_gone_before_the_bridge_leaves_the_agent_speaking(
    rig: Rig, transfer: Transfer
) -> None:
    asked = transfer.ask()
    rig.hangs_up(CALLER)
    assert asked.refusal().description == CALL_ON_HOLD_GONE
    transfer.source.answer(transfer.command(), "-ERR Invalid uuid")
    assert rig.place(transfer.callee) == "ann speaking"
    rig.clock.advance(OPTIONS.switch_timeout * 2)
    assert rig.board.legs[transfer.leg].stays is False
    rig.check()


def test_a_destination_gone_before_the_bridge_leaves_the_source_parked(
    rig: Rig, transfer: Transfer
) -> None:
    asked = transfer.ask()
    rig.hangs_up(transfer.callee)
    assert asked.refusal().description == DESTINATION_GONE
    transfer.source.answer(transfer.command(), "-ERR Invalid uuid")
    rig.parks(transfer.leg)
    assert (rig.place(), rig.agent_state()) == ("ann parked", "idle")
    rig.check()


def test_a_refused_bridge_with_the_source_there_blames_the_destination(
    rig: Rig, transfer: Transfer
) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command(), "-ERR Invalid uuid")
    transfer.source.answer(f"uuid_exists {CALLER}", "true")
    assert asked.refusal().description == DESTINATION_GONE
    rig.hangs_up(transfer.callee)
    rig.parks(transfer.leg)
    assert rig.place() == "ann parked"
    assert rig.hears() == "local_stream://park"
    rig.check()


def test_a_refused_bridge_with_the_source_gone_waits_for_its_hangup(
    rig: Rig, transfer: Transfer
) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command(), "-ERR Invalid uuid")
    transfer.source.answer(f"uuid_exists {CALLER}", "false")
    rig.hangs_up(CALLER)
    assert asked.refusal().description == CALL_ON_HOLD_GONE
    assert rig.place(transfer.callee) == "ann speaking"
    rig.check()


@pytest.mark.parametrize("first", ["leg", "source"])
def test_a_source_gone_after_the_callee_was_pulled_away_rejoins_agent_and_callee(
    rig: Rig, transfer: Transfer, first: str
) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    if first == "leg":
        rig.parks(transfer.leg)
        rig.hangs_up(CALLER)
    else:
        rig.hangs_up(CALLER)
        rig.parks(transfer.leg)
    assert asked.refusal().description == CALL_ON_HOLD_GONE
    rejoin = f"api uuid_bridge {transfer.callee} {transfer.leg}"
    transfer.destination.answer(rejoin)
    rig.bridged(transfer.callee, transfer.leg)
    assert rig.place(transfer.callee) == "ann speaking"
    rig.check()


@pytest.mark.parametrize("order", ["leg callee source", "callee leg source", "source callee leg"])
def test_a_callee_who_comes_back_through_the_dialplan_is_rejoined(
    rig: Rig, transfer: Transfer, order: str
) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    steps: dict[str, Callable[[], object]] = {
        "leg": lambda: rig.parks(transfer.leg),
        "callee": lambda: rig.returns(transfer.callee),
        "source": lambda: rig.hangs_up(CALLER),
    }
    for step in order.split():
        steps[step]()
    assert asked.refusal().description == CALL_ON_HOLD_GONE
    assert rig.lines[transfer.callee].heard(f"uuid_bridge {transfer.callee} {transfer.leg}") == 1
    rig.bridged(transfer.callee, transfer.leg)
    rig.clock.advance(SETTLE_SECONDS * 3)
    assert rig.place(transfer.callee) == "ann speaking"
    rig.check()


@pytest.mark.parametrize("cause", ["NORMAL_CLEARING", "MEDIA_TIMEOUT"])
def test_an_agent_gone_while_being_rejoined_frees_her_and_settles_the_callee(
    rig: Rig, transfer: Transfer, cause: str
) -> None:
    asked = transfer.ask()
    rig.parks(transfer.leg)
    rig.hangs_up(CALLER)
    asked.refusal()
    transfer.destination.answer(f"api uuid_bridge {transfer.callee} {transfer.leg}", "-ERR x")
    transfer.destination.answer(f"uuid_exists {transfer.callee}", "true")
    rig.hangs_up(transfer.leg, cause)
    rig.returns(transfer.callee)
    rig.clock.advance(SETTLE_SECONDS * 3)
    if rig.lines[transfer.callee].heard("uuid_kill"):
        rig.hangs_up(transfer.callee)
    assert rig.agent_state() == "idle"
    assert rig.place(transfer.callee).startswith(("queue", "ended"))
    rig.check()


def test_a_leg_gone_during_the_transfer_does_not_stop_it(rig: Rig, transfer: Transfer) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    rig.hangs_up(transfer.leg, "MEDIA_TIMEOUT")
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    assert rig.place() == rig.place(transfer.callee) == "nobody transferred"
    rig.check()


@pytest.mark.parametrize("cause", ["NORMAL_CLEARING", "MEDIA_TIMEOUT"])
def test_leg_and_source_gone_leave_the_callee_in_one_place(
    rig: Rig, transfer: Transfer, cause: str
) -> None:
    asked = transfer.ask()
    rig.hangs_up(transfer.leg, cause)
    rig.hangs_up(CALLER)
    assert asked.refusal().description == CALL_ON_HOLD_GONE
    line = rig.lines[transfer.callee]
    rig.returns(transfer.callee)
    rig.clock.advance(SETTLE_SECONDS * 3)
    if line.heard("uuid_kill") + rig.lines[transfer.callee].heard("uuid_kill"):
        rig.hangs_up(transfer.callee)
    assert rig.agent_state() == "idle"
    assert rig.place(transfer.callee).startswith(("queue", "ended"))
    rig.check()


def test_a_bridge_that_never_comes_is_given_up_and_nothing_has_changed(
    rig: Rig, transfer: Transfer
) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    rig.clock.advance(OPTIONS.switch_timeout)
    assert asked.refusal().http == 504
    assert (rig.place(), rig.place(transfer.callee)) == ("ann parked", "ann speaking")
    rig.clock.advance(OPTIONS.switch_timeout)
    rig.check()


def test_a_leg_that_did_not_leave_ends_with_its_conversation_again(
    rig: Rig, transfer: Transfer
) -> None:
    """It was to outlive it for the transfer; its own connection is gone by then."""
    asked = transfer.ask()
    transfer.source.expect(f"uuid_setvar_multi {transfer.leg} park_after_bridge=true")
    rig.lost(rig.lines[transfer.leg])
    rig.clock.advance(OPTIONS.switch_timeout)
    asked.refusal()
    rig.clock.advance(OPTIONS.switch_timeout)
    rig.control.expect(f"uuid_setvar_multi {transfer.leg} park_after_bridge=")


def test_a_transfer_told_too_late_leaves_each_call_in_one_place(
    rig: Rig, transfer: Transfer
) -> None:
    """The two speak after the 504; the agent's leg leaves the conversation and takes it back."""
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    rig.clock.advance(OPTIONS.switch_timeout)
    asked.refusal()
    rig.bridged(CALLER, transfer.callee)
    rig.parks(transfer.leg)
    transfer.destination.answer(f"api uuid_bridge {transfer.callee} {transfer.leg}")
    rig.bridged(transfer.callee, transfer.leg)
    rig.returns(CALLER)
    assert (rig.place(), rig.place(transfer.callee)) == ("ann parked", "ann speaking")
    rig.check()


def test_a_source_on_a_new_connection_during_the_transfer_is_not_lost(
    rig: Rig, transfer: Transfer
) -> None:
    asked = transfer.ask()
    transfer.source.answer(transfer.command())
    rig.returns(CALLER)
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    assert rig.place() == "nobody transferred"
    rig.hangs_up(transfer.leg)
    rig.check()


def test_a_source_that_lost_its_connection_is_transferred_when_it_is_back(
    rig: Rig, transfer: Transfer
) -> None:
    """Nobody could tell of the bridge before: it is not asked for."""
    rig.lost(transfer.source)
    refusal = rig.ask(ANN, "call/transfer", source=CALLER).refusal()
    assert (refusal.http, refusal.error) == (503, "unavailable")
    assert rig.control.heard(transfer.command()) == 0
    assert (rig.place(), rig.place(transfer.callee)) == ("ann parked", "ann speaking")
    back = rig.returns(CALLER)
    asked = rig.ask(ANN, "call/transfer", source=CALLER)
    back.answer(transfer.command())
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    rig.hangs_up(transfer.leg)
    rig.check()


def test_a_second_transfer_of_the_same_call_is_refused(rig: Rig, transfer: Transfer) -> None:
    asked = transfer.ask()
    assert rig.ask(ANN, "call/transfer", source=CALLER).refusal().http == 409
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    rig.hangs_up(transfer.leg)
    rig.check()


@pytest.mark.parametrize("verb", ["call/unpark", "call/park"])
def test_another_verb_during_the_transfer_is_refused(
    rig: Rig, transfer: Transfer, verb: str
) -> None:
    asked = transfer.ask()
    wanted = {"call_id": CALLER} if verb == "call/unpark" else {}
    assert rig.ask(ANN, verb, **wanted).refusal().http == 409
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    rig.hangs_up(transfer.leg)
    rig.check()


@pytest.mark.parametrize("which", ["source", "destination"])
def test_hangup_of_one_side_during_the_transfer_is_carried_out(
    rig: Rig, transfer: Transfer, which: str
) -> None:
    asked = transfer.ask()
    uuid = CALLER if which == "source" else transfer.callee
    ending = rig.ask(ANN, "call/hangup", call_id=uuid)
    rig.lines[uuid].answer(f"uuid_kill {uuid}")
    rig.hangs_up(uuid)
    ending.answer()
    assert asked.refusal().http == 400
    if which == "destination":
        rig.parks(transfer.leg)
    rig.clock.advance(SETTLE_SECONDS * 3)
    assert rig.place(uuid).startswith("ended")
    rig.check()


def test_an_agent_free_after_the_transfer_takes_the_next_caller(
    rig: Rig, transfer: Transfer
) -> None:
    asked = transfer.ask()
    rig.bridged(CALLER, transfer.callee)
    asked.answer()
    line = rig.connects("next")
    picking = rig.ask(ANN, "call/pickup", call_id="next")
    rig.control.answer(f"uuid_kill {transfer.leg}")
    rig.hangs_up(transfer.leg)
    leg = rig.rings(line)
    rig.answers(leg)
    rig.bridged("next", leg)
    picking.answer()
    assert rig.place("next") == "ann speaking"
    rig.check()


def test_another_agents_parked_call_is_not_transferred(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk(BOB)
    rig.park(leg, BOB)
    rig.speak_outbound()
    refusal = rig.ask(ANN, "call/transfer", source=CALLER).refusal()
    assert refusal.description == f"Call|{CALLER} belongs to bob"
    rig.check()
