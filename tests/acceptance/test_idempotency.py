"""The same Idempotency-Key never dials twice: not again, not at once, not after a restart."""

from functools import partial

from .actors import Agent, Desk, Phone, together
from .app import App
from .expect import is_a_clear_refusal, phone_unavailable


def test_the_same_key_again_answers_with_the_same_call(anna: Agent, outside: Phone, desk: Desk):
    first = anna.dials("1142", key="one-order")
    desk.sees(first, "speaking")
    second = anna.dials("1142", key="one-order")
    assert second["id"] == first["id"]
    assert (len(outside.legs()), desk.ids()) == (1, [first["id"]])


def test_the_same_key_at_the_same_moment_dials_once(anna: Agent, outside: Phone, desk: Desk):
    order = partial(anna.dials, "1142", key="a-double-click")
    calls = together(*[order] * 5)
    (id_,) = {call["id"] for call in calls}
    desk.sees(id_, "speaking")
    assert (len(outside.legs()), desk.ids()) == (1, [id_])


def test_the_same_key_while_her_phone_rings_dials_once(anna: Agent, outside: Phone, desk: Desk):
    anna.phone.answers_after_ringing(0.5)
    orders = [anna.starts("originate", extension="1142", key="impatience") for _ in range(3)]
    answers = [pending.answer() for pending in orders]
    assert [answer.code for answer in answers] == [200, 200, 200]
    assert len({answer.call["id"] for answer in answers}) == 1
    assert len(desk.ids()) == 1


def test_after_the_call_has_ended_the_key_still_dials_nothing(
    anna: Agent, outside: Phone, desk: Desk
):
    first = anna.calls_the_outside(outside, key="an-old-order")
    anna.hangs_up()
    assert anna.dials("1142", key="an-old-order")["id"] == first["id"]
    assert desk.calls() == []


def test_the_same_key_for_another_number_is_refused(anna: Agent, outside: Phone, desk: Desk):
    call = anna.calls_the_outside(outside, key="one-number")
    anna.hangs_up()
    is_a_clear_refusal(anna.asks("originate", extension="1143", key="one-number"), 400)
    assert call["id"] not in desk.ids()
    assert desk.calls() == []


def test_another_key_dials_again(anna: Agent, outside: Phone):
    first = anna.calls_the_outside(outside, key="first-order")
    anna.hangs_up()
    assert anna.dials("1142", key="second-order")["id"] != first["id"]


def test_another_agents_key_is_another_key(
    anna: Agent, bente: Agent, outside: Phone, another_outside: Phone
):
    hers = anna.calls_the_outside(outside, key="a-common-key")
    other = bente.dials("1143", key="a-common-key")
    assert other["id"] != hers["id"]


def test_after_a_refusal_the_key_may_be_used_again(anna: Agent, outside: Phone, desk: Desk):
    anna.phone.is_busy()
    refused = anna.asks("originate", extension="1142", key="try-again")
    phone_unavailable(anna, "USER_BUSY").check(refused)
    anna.phone.answers()
    desk.sees(anna.dials("1142", key="try-again"), "speaking")


def test_after_a_restart_the_key_still_dials_nothing(
    anna: Agent, outside: Phone, desk: Desk, app: App
):
    first = anna.calls_the_outside(outside, key="before-the-restart")
    anna.hangs_up()
    desk.sees_no_channel()
    app.restart()
    again = anna.dials("1142", key="before-the-restart")
    assert again["id"] == first["id"]
    assert (desk.calls(), outside.legs()) == ([], [])
