"""Settings that change while the desk works: what begins afterwards goes by the new ones."""

from __future__ import annotations

from dataclasses import replace

from fsapp.calls.table import Limits
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, Rig


def change(rig: Rig, **options: object) -> None:
    with rig.board.turn():
        rig.parts.context.options = replace(OPTIONS, **options)  # type: ignore[arg-type]


def test_the_next_phone_rings_for_the_new_time(rig: Rig) -> None:
    rig.connects(CALLER)
    change(rig, ring_timeout=7.0)
    asked = rig.ask(ANN, "call/pickup")
    leg = rig.rings(rig.lines[CALLER])
    rig.clock.advance(6.9)
    assert not asked.over()
    rig.clock.advance(0.2)
    rig.control.answer(f"uuid_kill {leg}")
    rig.clock.advance(5.0)
    assert asked.refusal().description == "user/1101: NO_ANSWER"
    assert rig.place() == "queue"


def test_a_phone_that_rings_already_keeps_its_time(rig: Rig) -> None:
    rig.connects(CALLER)
    asked = rig.ask(ANN, "call/pickup")
    leg = rig.rings(rig.lines[CALLER])
    change(rig, ring_timeout=1.0)
    rig.clock.advance(OPTIONS.ring_timeout - 0.1)
    assert not asked.over()
    rig.answers(leg)
    rig.lines[CALLER].answer(f"api uuid_bridge {CALLER} {leg}")
    rig.bridged(CALLER, leg)
    asked.answer()


def test_the_next_leg_without_a_call_stays_for_the_new_time(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk()
    change(rig, idle_timeout=5.0)
    rig.park(leg)
    rig.clock.advance(5.1)
    rig.control.answer(f"uuid_kill {leg}")


def test_the_next_number_is_dialled_the_new_way(rig: Rig) -> None:
    change(
        rig,
        external="sofia/gateway/carrier/{extension}",
        external_ring_timeout=11.0,
        ringback="tone_stream://other",
        caller_id_number="2045550199",
    )
    _, leg = rig.dial()
    sent = "\n".join(rig.lines[leg].sent)
    assert "sofia/gateway/carrier/1142" in rig.dialled
    assert "originate_timeout=11" in rig.dialled
    assert "origination_caller_id_number=2045550199" in rig.dialled
    assert "tone_stream://other" in sent


def test_the_next_caller_hears_the_new_music(rig: Rig) -> None:
    change(rig, queue_music="local_stream://other", park_music="local_stream://hold")
    rig.connects(CALLER)
    assert rig.hears() == "local_stream://other"
    rig.park(rig.talk())
    assert rig.hears() == "local_stream://hold"


def test_who_is_queued_from_now_on_is_sent_on_after_the_new_time(rig: Rig) -> None:
    rig.connects("early")
    with rig.board.turn():
        rig.board.limits = Limits(0, 30.0)
    change(rig, overflow_to="8000 XML other")
    rig.connects(CALLER)
    rig.clock.advance(31.0)
    rig.lines[CALLER].expect("transfer:8000 XML other'")
    assert rig.place("early") == "queue"


def test_who_is_put_on_hold_from_now_on_rings_back_after_the_new_time(rig: Rig) -> None:
    rig.connects(CALLER)
    leg = rig.talk(BOB)
    with rig.board.turn():
        rig.board.limits = Limits(60.0, 0)
    line = rig.park(leg, BOB)
    rig.hangs_up(leg)
    rig.clock.advance(61.0)
    rig.rings(line)
