"""Any number of agents may reach for a call: exactly one gets it, the others learn who."""

from collections.abc import Callable, Sequence
from functools import partial

from .actors import Agent, Callers, Desk, together
from .client import Answer
from .expect import nothing_to_pick_up, owned
from .wait import wait_until

ROUNDS = 50

Staff = Callable[[int], Sequence[Agent]]


def race(agents: Sequence[Agent], call: object = None) -> list[tuple[Agent, Answer]]:
    """Everybody picks up at the same moment; who got which answer."""
    answers = together(*[partial(agent.asks, "pickup", call) for agent in agents])
    return list(zip(agents, answers, strict=True))


def winners(outcome: Sequence[tuple[Agent, Answer]]) -> list[tuple[Agent, Answer]]:
    return [(agent, answer) for agent, answer in outcome if answer.code == 200]


def one_round(agents: Sequence[Agent], a_caller: Callers, desk: Desk) -> None:
    caller = a_caller.waits()
    outcome = race(agents, caller)
    won = winners(outcome)
    assert len(won) == 1, [str(answer) for _, answer in outcome]
    winner, answer = won[0]
    assert (answer.call["id"], answer.call["assigned_to"]) == (caller.id, winner.id)
    for agent, lost in outcome:
        if agent is not winner:
            owned(caller, by=winner).check(lost)
    assert desk.channels() == sorted([caller.id, *winner.phone.legs()])
    assert len(desk.channels()) == 2
    winner.hangs_up()
    desk.sees_no_channel()


def test_eight_agents_race_for_one_call_fifty_rounds(agents: Staff, a_caller: Callers, desk: Desk):
    eight = agents(8)
    for agent in eight:
        agent.phone.answers()
    for number in range(ROUNDS):
        try:
            one_round(eight, a_caller, desk)
        except AssertionError as error:
            raise AssertionError(f"round {number + 1}: {error}") from error


def test_the_losers_are_free_to_take_another_call(agents: Staff, a_caller: Callers, desk: Desk):
    three = agents(3)
    outcome = race(three, a_caller.waits())
    (winner, _), *others = winners(outcome)
    assert others == []
    for agent in three:
        if agent is not winner:
            agent.picks_up(a_caller.waits())
    assert len(desk.channels()) == 6


def test_losers_do_not_wait_for_the_winners_phone(agents: Staff, a_caller: Callers):
    four = agents(4)
    caller = a_caller.waits()
    for agent in four:
        agent.phone.stays_silent()
    under_way = [agent.starts("pickup", caller) for agent in four]
    (winner,) = wait_until(
        lambda: [agent for agent in four if agent.is_now()["state"] == "ringing"],
        promise="one of them has won and her phone rings",
    )
    for agent, pending in zip(four, under_way, strict=True):
        if agent is not winner:
            owned(caller, by=winner).check(pending.answer(limit=2.0))


def test_agents_racing_for_next_serve_four_calls_in_order(
    agents: Staff, a_caller: Callers, desk: Desk
):
    callers = [caller.id for caller in a_caller.wait_in_turn(4)]
    four = agents(4)
    served: list[str] = []
    for pair in (four[:2], four[2:]):
        served += sorted((answer.call["id"] for _, answer in race(pair)), key=callers.index)
    assert served == callers


def test_each_call_goes_to_exactly_one_of_eight_racing_for_next(
    agents: Staff, a_caller: Callers, desk: Desk
):
    callers = a_caller.wait_in_turn(4)
    outcome = race(agents(8))
    got = [answer.call["id"] for _, answer in winners(outcome)]
    assert sorted(got) == sorted(caller.id for caller in callers)
    for _, answer in outcome:
        if answer.code != 200:
            nothing_to_pick_up().check(answer)
    assert {call["id"]: call["assigned_to"] for call in desk.calls()} == {
        answer.call["id"]: agent.id for agent, answer in winners(outcome)
    }


def test_each_of_them_speaks_with_her_own_caller(agents: Staff, a_caller: Callers):
    a_caller.wait_in_turn(4)
    for agent, answer in race(agents(4)):
        agent.speaks_with(answer.call["id"])
