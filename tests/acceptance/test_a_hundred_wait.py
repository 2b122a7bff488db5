"""A hundred agents wait for a phone that nobody answers; the others are served meanwhile."""

from collections.abc import Iterator, Sequence

import pytest

from fsapp.calls.agent import Agent as Employee
from fsapp.store.agents import Agents
from fsapp.store.database import Database

from .actors import Agent, Caller, Callers, Desk, Phone
from .client import Answer
from .switches.base import Switch
from .wait import wait_until

CROWD = 100
EXTENSION = "1112"

FAST = 1.0
"""No request of the others may take longer, in seconds; the phones ring sixty times as long."""

SETTINGS = {"phone": {"ring_timeout": 60}}


@pytest.fixture
def crowd(desk: Desk, switch: Switch) -> Iterator[Sequence[Agent]]:
    """A hundred agents at one telephone; added while the app serves, as an administrator does."""
    database = Database(desk.app.database)
    database.open()
    store = Agents(database)
    names = [f"crowd-{number}" for number in range(CROWD)]
    people = [
        Agent(name, EXTENSION, store.add(Employee(name, name, f"user/{EXTENSION}")))
        for name in names
    ]
    yield [person.comes_to_work(desk, switch) for person in people]
    for person in people:
        person.client.close()
        store.remove(person.id)
    database.close()


def a_shift(agent: Agent, caller: Caller) -> list[Answer]:
    """All that one agent does and sees with one call; every answer."""
    lists = [agent.does("list"), agent.does("queue")]
    verbs = ("pickup", "park", "unpark", "state", "hangup")
    return [*lists, *(agent.does(verb, caller) for verb in verbs), agent.does("list")]


def test_a_hundred_pickups_that_wait_keep_nobody_else_waiting(
    crowd: Sequence[Agent], a_caller: Callers, anna: Agent, desk: Desk, switch: Switch
):
    Phone(switch, EXTENSION).stays_silent()
    callers = [a_caller.calls() for _ in crowd]
    wait_until(desk.queue, lambda queue: len(queue) == CROWD, promise="everybody waits", limit=30)
    waiting = [person.starts("pickup") for person in crowd]
    wait_until(desk.queue, lambda queue: queue == [], promise="everybody is claimed", limit=30)
    answers = [answer for _ in range(3) for answer in a_shift(anna, a_caller.waits())]
    slow = [f"{answer.seconds:.2f} s: {answer}" for answer in answers if answer.seconds > FAST]
    assert slow == []
    assert all(pickup.is_under_way() for pickup in waiting)
    for caller in callers:
        caller.line.hang_up()
    assert {pickup.answer().code for pickup in waiting} == {404}
