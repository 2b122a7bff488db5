"""One phone rings twenty seconds unanswered, and ten other agents notice nothing of it.

The twenty seconds are real: they are the default of `phone.ring_timeout`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

from .actors import Agent, Caller, Callers, Desk, together
from .client import Answer
from .conftest import RING_TIMEOUT
from .expect import phone_unavailable

CALLS_EACH = 3

NOTICEABLE = 0.5
"""No request of the others may take longer, in seconds, or it must take as long on this machine
when no phone rings; the slow one rings forty times as long."""
AT_MOST = 4.0
"""And never longer than this."""


def shift(agent: Agent) -> list[Answer]:
    """Three calls, each picked up, parked, taken back and hung up; every answer."""
    answers = []
    for _ in range(CALLS_EACH):
        picked_up = agent.does("pickup")
        verbs = ("park", "unpark", "hangup")
        answers += [picked_up, *(agent.does(verb, picked_up.call) for verb in verbs)]
    return answers


def shifts(agents: Sequence[Agent], a_caller: Callers) -> tuple[list[Answer], list[Caller]]:
    """A shift of all agents at once: their answers, the slowest last, and whom they served."""
    callers = [a_caller.waits() for _ in range(CALLS_EACH * len(agents))]
    answers = chain(*together(*[partial(shift, agent) for agent in agents]))
    return sorted(answers, key=lambda answer: answer.seconds), callers


def test_ten_agents_do_not_notice_a_phone_that_rings_twenty_seconds(
    agents: Callable[[int], Sequence[Agent]], a_caller: Callers, desk: Desk
):
    slow, *others = agents(11)
    undisturbed, _ = shifts(others, a_caller)
    slow.phone.stays_silent()
    kept_waiting = a_caller.waits(fsapp_priority="1")
    ringing = slow.starts("pickup", kept_waiting)
    slow.phone.rings()
    answers, callers = shifts(others, a_caller)
    assert ringing.is_under_way()
    limit = min(AT_MOST, max(NOTICEABLE, 3 * undisturbed[-1].seconds))
    assert answers[-1].seconds < limit, str(answers[-1])
    assert {desk.sees(caller, "hungup")["hangup_cause"] for caller in callers} == {
        "NORMAL_CLEARING"
    }
    refused = ringing.answer()
    phone_unavailable(slow, "NO_ANSWER", kept_waiting).check(refused)
    assert RING_TIMEOUT - 1 < refused.seconds < RING_TIMEOUT + 3
    assert [call["id"] for call in desk.queue()] == [kept_waiting.id]
