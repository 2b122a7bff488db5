"""While the app is away nobody is dropped and nobody hears silence; afterwards all is as before.

Nobody's call hangs on the app: callers run on in the dialplan's loop, conversations on the switch.
What the dialplan alone does for them, the announcement too, is shown in test_dialplan.py.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from .actors import Agent, Callers, Desk
from .app import App, Settings
from .musics import ON_HOLD, QUEUED, two_musics
from .switches.base import Switch
from .wait import wait_until

BACK = 10.0
"""How long the dialplan may take to bring a caller back, in seconds."""

KEPT = ("id", "arrival_time", "caller_id", "caller_name", "destination", "priority", "position")


@pytest.fixture(scope="module")
def settings(sounds: dict[str, str]) -> Settings:
    return two_musics(sounds)


@pytest.fixture
def away(app: App) -> Iterator[App]:
    """The app; it runs again when the test is over."""
    yield app
    if not app.is_running:
        app.start()


def test_who_calls_meanwhile_hears_a_tone_and_is_queued_when_it_is_back(
    a_caller: Callers, anna: Agent, away: App
):
    away.stop()
    caller = a_caller.calls("5901")
    caller.hears("tone")
    away.start()
    call = caller.is_queued(limit=BACK)
    assert (call["destination"], call["caller_id"]) == ("5901", "2045550100")
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_who_waits_hears_a_tone_and_keeps_her_place(a_caller: Callers, away: App, desk: Desk):
    callers = a_caller.wait_in_turn(3)
    before = [{key: call[key] for key in KEPT} for call in desk.queue()]
    away.stop()
    for caller in callers:
        caller.hears("tone")
    away.start()
    for caller in callers:
        caller.is_queued(limit=BACK)
        caller.hears(QUEUED, limit=BACK)
    assert [{key: call[key] for key in KEPT} for call in desk.queue()] == before


def test_a_conversation_goes_on_and_is_still_hers(
    a_caller: Callers, anna: Agent, away: App, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    away.stop()
    anna.speaks_with(caller)
    away.start()
    anna.speaks_with(caller)
    call = desk.sees(caller, "speaking")
    assert (call["assigned_to"], call["inbound"]) == ("anna", True)
    anna.hangs_up()
    caller.is_cut_off()


def test_a_parked_call_is_still_parked_and_hers(
    a_caller: Callers, anna: Agent, away: App, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    away.stop()
    caller.hears("tone")
    away.start()
    caller.hears(ON_HOLD, limit=BACK)
    assert desk.sees(caller, "parked", limit=BACK)["assigned_to"] == "anna"
    anna.unparks(caller)
    anna.speaks_with(caller)


def test_who_hangs_up_meanwhile_is_gone_when_it_is_back(
    a_caller: Callers, anna: Agent, away: App, desk: Desk
):
    waiting, spoken = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    away.stop()
    waiting.hangs_up()
    spoken.hangs_up()
    away.start()
    desk.sees_nothing()
    assert [desk.sees(caller, "hungup")["state"] for caller in (waiting, spoken)]
    anna.is_free()


@contextmanager
def nobody_answers_at(address: str) -> Iterator[None]:
    """The address neither takes connections nor refuses them, like a machine that is gone: the
    kernel drops what comes for a listener whose queue is full."""
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port)), backlog=0):
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect((host, int(port)))
        try:
            yield
        finally:
            for one in waiting:
                one.close()


def has_heard_it_ring(switch: Switch, caller: str) -> bool:
    """Whether the caller's phone was told that it rings, and she is still there."""
    dump = switch.api(f"uuid_dump {caller}")
    rang = dump.partition("Caller-Channel-Progress-Time: ")[2].split("\n")[0]
    return rang not in ("", "0")


def test_an_address_that_does_not_answer_lets_the_caller_hear_it_ring(
    a_caller: Callers, anna: Agent, away: App, switch: Switch
):
    away.stop()
    with nobody_answers_at(switch.outbound_address):
        caller = a_caller.calls()
        wait_until(lambda: has_heard_it_ring(switch, caller.id), promise="it rings")
        # The way to fsapp is being tried, and nothing is played meanwhile.
        assert caller.line.is_alive()
        caller.hears("silence")
    away.start()
    caller.is_queued(limit=BACK + 5.0)
    anna.picks_up(caller)
    anna.speaks_with(caller)
