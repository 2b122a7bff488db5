"""The extensions that docs/dialplan.md shows do what it says, in the administrator's dialplan."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fsapp.calls.agent import Agent

from ..shown import Block, blocks
from .client import Client
from .doctor_stage import Stage
from .switches.base import CallerLine
from .wait import wait_until

SHOWN = {
    re.findall(r'extension name="(\w+)"', block.text)[0]: block
    for block in blocks("docs/dialplan.md")
    if block.language == "xml"
}
"""By the name of its first extension."""


@pytest.fixture(scope="module")
def watcher(stage: Stage) -> Iterator[Client]:
    """Somebody who sees the calls of organizations 1 and 2."""
    with stage.agents() as agents:
        token = agents.add(Agent("watch", "Watch", "user/1190", organizations=frozenset({1, 2})))
    client = Client(stage.app.address, token)
    yield client
    client.close()


@contextmanager
def included(stage: Stage, block: Block, change: Callable[[str], str] = str) -> Iterator[None]:
    """The file is dropped where ours are, before them."""
    with stage.restored():
        (stage.files / "dialplan" / "00_guide.xml").write_text(change(block.text), "utf-8")
        stage.reload()
        yield


def call_of(watcher: Client, caller: CallerLine) -> dict[str, object]:
    """Her call as agents see it, once she waits."""

    def look() -> dict[str, object]:
        calls = watcher.get("/call/queue").document["calls"]
        return next((call for call in calls if call["id"] == caller.uuid), {})

    return wait_until(look, promise=f"{caller.number} waits")


def test_each_is_tried_here():
    assert set(SHOWN) == {"dr_holm", "regular_customers", "opening_hours", "desk_mailbox"}


@pytest.mark.parametrize(
    ("number", "organization", "destination"),
    [("4930555200", 2, "5200"), ("4930555142", 1, "5142")],
)
def test_a_number_from_outside_belongs_to_an_organization(
    stage: Stage, watcher: Client, number: str, organization: int, destination: str
):
    with included(stage, SHOWN["dr_holm"]):
        caller = stage.switch.place_call(number)
        call = call_of(watcher, caller)
        assert (call["organization_id"], call["destination"]) == (organization, destination)
        caller.hang_up()
        caller.wait_ended()


def test_regular_customers_are_served_first(stage: Stage, watcher: Client):
    with included(stage, SHOWN["regular_customers"]):
        for number, priority in (("4930555301", 10), ("4930555302", 0)):
            caller = stage.switch.place_call("5100", number=number)
            assert call_of(watcher, caller)["priority"] == priority
            caller.hang_up()
            caller.wait_ended()


@pytest.mark.freeswitch_only("the lab switch's dialplan does not look at the time")
@pytest.mark.parametrize("is_open", [True, False])
def test_at_night_callers_hear_that_it_is_night(stage: Stage, watcher: Client, is_open: bool):
    hour = int(time.strftime("%H"))
    # Also right when the hour ends meanwhile.
    begin = hour if is_open else (hour + 3) % 22
    hours = f"{begin}-{min(begin + 1, 23)}"
    with included(stage, SHOWN["opening_hours"], lambda text: text.replace("8-17", hours)):
        caller = stage.switch.place_call("5100")
        if is_open:
            assert call_of(watcher, caller)["destination"] == "5100"
            caller.hang_up()
            caller.wait_ended()
        else:
            assert caller.wait_ended() == "NORMAL_CLEARING"


def test_a_mailbox_takes_who_has_waited_too_long(stage: Stage):
    overflow = {"FSAPP_QUEUE_OVERFLOW_AFTER": "60", "FSAPP_QUEUE_OVERFLOW_TO": "desk_mailbox"}
    told = [("overflow", "problem")] * 2
    blamed = stage.examined("--no-call", **overflow).blamed
    assert [(one.check, one.verdict) for one in blamed if one.check != "phones"] == told
    with included(stage, SHOWN["desk_mailbox"]):
        blamed = stage.examined("--no-call", **overflow).blamed
        assert [one for one in blamed if one.check != "phones"] == []
