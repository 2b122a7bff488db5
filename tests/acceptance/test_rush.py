"""Rush: forty callers twenty milliseconds apart, six agents, and afterwards nothing is left."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from .actors import Agent, Caller, Callers, Desk, together
from .app import App
from .expect import from_the_table, nothing_to_pick_up
from .wait import wait_until

CALLERS = 40
APART = 0.02
LATEST = 2 * CALLERS * APART
AGENTS = 6

Staff = Callable[[int], Sequence[Agent]]


def everybody_calls(a_caller: Callers, came: list[Caller]) -> None:
    """The callers, one every ``APART`` seconds: the promise is this pace."""
    began = time.monotonic()
    for number in range(CALLERS):
        time.sleep(max(0.0, began + number * APART - time.monotonic()))
        came.append(a_caller.calls(number=f"20455510{number:02}"))
    took = time.monotonic() - began
    assert took < LATEST, f"{CALLERS} callers took {took:.1f} s to call: no rush"


def takes_calls(agent: Agent, taken: list[str], done: Callable[[], bool]) -> None:
    """Take the next call and hang up, until all calls are taken."""
    while not done():
        answer = agent.asks("pickup")
        if answer.code == 200:
            taken.append(answer.call["id"])
            agent.hangs_up(answer.call)
        else:
            nothing_to_pick_up().check(answer)
            wait_until(lambda: done() or calls_wait(agent), limit=30.0, promise="a call waits")


def calls_wait(agent: Agent) -> bool:
    return bool(agent.does("queue").document["calls"])


def rush(a_caller: Callers, agents: Sequence[Agent], desk: Desk) -> tuple[list[str], list[str]]:
    """Ids of the calls that came, and of those that were taken."""
    came: list[Caller] = []
    taken: list[str] = []
    shifts = [partial(takes_calls, a, taken, lambda: len(taken) >= CALLERS) for a in agents]
    together(partial(everybody_calls, a_caller, came), *shifts)
    desk.sees_nothing(limit=10.0)
    desk.sees_no_channel(limit=10.0)
    return [caller.id for caller in came], taken


def warm_up(a_caller: Callers, agents: Sequence[Agent], desk: Desk) -> None:
    """One call each, so that what is opened once and kept is there before we count."""
    for agent in agents:
        agent.picks_up(a_caller.waits())
        agent.hangs_up()
    desk.sees_no_channel()


def test_each_call_is_handled_exactly_once(agents: Staff, a_caller: Callers, desk: Desk):
    came, taken = rush(a_caller, agents(AGENTS), desk)
    assert len(came) == CALLERS
    assert Counter(taken) == Counter(came)
    ended = [desk.call(call) for call in came]
    assert {call["state"] for call in ended if call} == {"hungup"}
    assert {len(call["handled_by"]) for call in ended if call} == {1}


def parks_and_dies(agent: Agent, caller: Caller) -> None:
    """Twice on hold, then her phone dies: one call, four connections."""
    agent.picks_up(caller)
    for _ in range(2):
        agent.parks()
        agent.unparks(caller)
    agent.speaks_with(caller)
    agent.phone.dies()
    caller.is_queued()
    agent.phone.is_quiet()
    agent.picks_up(caller)
    agent.hangs_up()


def test_nothing_is_left_on_the_switch_or_in_the_app(
    agents: Staff, a_caller: Callers, desk: Desk, app: App
):
    six = agents(AGENTS)
    warm_up(a_caller, six, desk)
    threads, descriptors = app.threads(), app.descriptors()
    rush(a_caller, six, desk)
    for agent in six[:3]:
        parks_and_dies(agent, a_caller.waits())
    desk.sees_no_channel()
    nothing_is_left(app, threads, descriptors)


def nothing_is_left(app: App, threads: int, descriptors: list[str]) -> None:
    """No more threads and descriptors than before, once the connections have lingered."""
    wait_until(app.threads, lambda now: now <= threads, limit=15.0, promise=f"{threads} threads")
    wait_until(
        app.descriptors,
        lambda now: len(now) <= len(descriptors),
        limit=15.0,
        promise=f"no more than {descriptors}",
    )


def test_the_desk_is_usable_while_everybody_calls(agents: Staff, a_caller: Callers, desk: Desk):
    came: list[Caller] = []
    (agent,) = agents(1)

    def looks() -> list[float]:
        answers = []
        while len(came) < CALLERS:
            answers.append(agent.asks("list"))
        assert [from_the_table(answer) for answer in answers if answer.code != 200] == []
        return [answer.seconds for answer in answers]

    _, took = together(partial(everybody_calls, a_caller, came), looks)
    assert max(took or [0.0]) < 1.0
    for caller in came:
        caller.is_queued(limit=10.0)
