"""Pickup: the named call or a refusal, the next one in the right order, and both can talk."""

import time
from itertools import pairwise

from .actors import Agent, Caller, Callers, Desk, together
from .expect import as_anybody_sees, busy, nothing_to_pick_up, wrong_state
from .record import offered
from .switches.base import Switch


def served_in_turn(agent: Agent, count: int) -> list[str]:
    """Ids of the calls she gets when she takes the next one ``count`` times."""
    ids = []
    for _ in range(count):
        ids.append(agent.picks_up()["id"])
        agent.hangs_up()
    return ids


def ids_of(*callers: Caller) -> list[str]:
    return [caller.id for caller in callers]


def test_agent_and_caller_are_joined(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_the_answer_shows_the_call_in_conversation(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    answer = anna.does("pickup", caller)
    assert answer.document["status"] == "success"
    call = answer.call
    assert (call["id"], call["state"], call["assigned_to"]) == (caller.id, "speaking", "anna")
    assert (call["b_leg"], call["handled_by"]) == (anna.phone.is_up(), ["anna"])
    assert (call["position"], call["hangup_cause"]) == (None, None)
    assert abs(int(call["bridged_at"]) - time.time()) < 5
    assert list(map(as_anybody_sees, desk.calls())) == [as_anybody_sees(call)]


def test_pickup_keeps_what_the_call_is(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits(number="1001", name="Ada", fsapp_priority="3")
    before = as_anybody_sees(desk.calls()[0])
    after = as_anybody_sees(anna.picks_up(caller))
    changing = {"state", "b_leg", "assigned_to", "position", "bridged_at", "handled_by"}
    assert {key for key in after if after[key] != before[key]} <= changing


def test_two_channels_carry_a_conversation(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.picks_up(caller)
    assert desk.channels() == sorted([caller.id, anna.phone.is_up()])


def test_it_leaves_the_queue(a_caller: Callers, anna: Agent, desk: Desk):
    first, second = a_caller.wait_in_turn(2)
    anna.picks_up(first)
    assert [(call["id"], call["position"]) for call in desk.queue()] == [(second.id, 1)]


def test_the_agent_is_speaking_and_then_idle(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    now = anna.is_now()
    assert (now["state"], now["current_call"], now["parked_calls"]) == ("speaking", caller.id, [])
    anna.hangs_up()
    anna.is_free()


def test_the_agent_is_ringing_while_her_phone_rings(a_caller: Callers, anna: Agent, desk: Desk):
    caller = a_caller.waits()
    anna.phone.stays_silent()
    anna.starts("pickup", caller)
    anna.phone.rings()
    assert anna.is_now()["state"] == "ringing"
    call = desk.call(caller)
    assert call is not None
    assert (call["state"], call["assigned_to"]) == ("transferring", "anna")


def test_the_caller_hears_music_while_the_phone_rings(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.phone.stays_silent()
    anna.starts("pickup", caller)
    anna.phone.rings()
    caller.hears("music")


def test_a_named_call_is_that_call_though_others_wait_longer(a_caller: Callers, anna: Agent):
    _, second, _ = a_caller.wait_in_turn(3)
    assert anna.picks_up(second)["id"] == second.id
    anna.speaks_with(second)


def test_without_a_name_it_is_the_one_who_waited_longest(a_caller: Callers, anna: Agent):
    callers = a_caller.wait_in_turn(3)
    assert served_in_turn(anna, 3) == ids_of(*callers)


def test_the_higher_priority_is_served_first(a_caller: Callers, anna: Agent, desk: Desk):
    plain = a_caller.waits()
    urgent = a_caller.waits(fsapp_priority="10")
    low = a_caller.waits(fsapp_priority="-5")
    important = a_caller.waits(fsapp_priority="9")
    order = ids_of(urgent, important, plain, low)
    assert [call["id"] for call in desk.queue()] == order
    assert [call["priority"] for call in desk.queue()] == [10, 9, 0, -5]
    assert served_in_turn(anna, 4) == order


def test_positions_count_from_one_in_the_order_of_service(a_caller: Callers, desk: Desk):
    for priority in ("0", "5", "0", "5"):
        a_caller.waits(fsapp_priority=priority)
    queue = desk.queue()
    assert [call["position"] for call in queue] == [1, 2, 3, 4]
    listed = {call["id"]: call["position"] for call in desk.calls()}
    assert listed == {call["id"]: call["position"] for call in queue}


def test_within_a_second_it_is_still_first_come_first_served(a_caller: Callers, desk: Desk):
    callers = a_caller.wait_in_turn(6)
    assert [call["id"] for call in desk.queue()] == ids_of(*callers)


def arrival(desk: Desk, call: str) -> int:
    """When she arrived, in microseconds, as her channel tells."""
    return int(desk.switch.api(f"uuid_getvar {call} fsapp_arrival"))


def test_who_arrive_together_stand_by_their_arrival(a_caller: Callers, desk: Desk):
    for caller in together(*[a_caller.calls] * 6):
        caller.is_queued()
    desk.is_on_record()
    places = [(arrival(desk, call["id"]), call["id"]) for call in desk.queue()]
    assert places == sorted(places)
    connected = offered(desk.app, [call for _, call in places])
    for (earlier, one), (later, other) in pairwise(places):
        # FreeSWITCH's clock ticks every 20 ms: who arrive within a tick differ by the microsecond
        # that the app has put between them as they connected.
        together_at = later == earlier + 1
        assert later > earlier
        assert not together_at or connected.index(one) < connected.index(other)


def test_the_queue_is_what_is_served(a_caller: Callers, anna: Agent, desk: Desk):
    for caller in together(*[a_caller.calls] * 4):
        caller.is_queued()
    order = [call["id"] for call in desk.queue()]
    assert served_in_turn(anna, 4) == order


def test_an_empty_queue_has_nothing_to_pick_up(anna: Agent):
    anna.is_refused(nothing_to_pick_up(), "pickup")


def test_next_never_hands_out_a_parked_call(a_caller: Callers, anna: Agent, bente: Agent):
    anna.picks_up(a_caller.waits())
    anna.parks()
    bente.is_refused(nothing_to_pick_up(), "pickup")


def test_an_agent_with_a_call_gets_no_other(a_caller: Callers, anna: Agent):
    current, other = a_caller.wait_in_turn(2)
    anna.picks_up(current)
    anna.is_refused(busy(anna, current), "pickup", other)
    anna.is_refused(busy(anna, current), "pickup")
    anna.speaks_with(current)


def test_an_agent_whose_phone_rings_gets_no_other(a_caller: Callers, anna: Agent):
    first, other = a_caller.wait_in_turn(2)
    anna.phone.stays_silent()
    anna.starts("pickup", first)
    anna.phone.rings()
    anna.is_refused(busy(anna, first), "pickup", other)


def test_her_own_current_call_is_not_picked_up_twice(a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.is_refused(busy(anna, caller), "pickup", caller)


def test_her_leg_is_used_again_when_it_is_up(a_caller: Callers, anna: Agent, switch: Switch):
    first, second = a_caller.wait_in_turn(2)
    anna.picks_up(first)
    leg = anna.phone.is_up()
    anna.parks()
    anna.picks_up(second)
    anna.speaks_with(second)
    assert anna.phone.legs() == [leg]


def test_a_transferred_call_cannot_be_picked_up(
    a_caller: Callers, anna: Agent, bente: Agent, outside, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    anna.calls_the_outside(outside)
    anna.transfers(caller)
    bente.is_refused(wrong_state(caller, "transferred"), "pickup", caller)
