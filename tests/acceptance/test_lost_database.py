"""When the app dies and its database file is lost, too, the calls are told from their channels.

The administrator has put back a copy that knows the agents and not one of today's calls.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import App, run_fsapp, variables
from .client import Client
from .wait import wait_for

BACK = 10.0

KEPT = (
    "id", "state", "b_leg", "inbound", "destination", "caller_id", "caller_name", "assigned_to",
    "organization_id", "arrival_time", "priority", "position", "parked_at", "handled_by",
)  # fmt: skip


@pytest.fixture
def lost(app: App, prepared: tuple[Path, dict[str, str]]) -> Callable[[], None]:
    """`lost()`: the app is killed, its file deleted, and it is started on last night's copy."""

    def lose() -> None:
        app.kill()
        deletes(app)
        shutil.copyfile(prepared[0], app.database)
        app.start()

    return lose


def deletes(app: App) -> None:
    """Somebody deletes the file, and what SQLite keeps beside it."""
    for part in ("", "-wal", "-shm"):
        Path(f"{app.database}{part}").unlink(missing_ok=True)


def hires(app: App, agent: str, *more: str) -> Client:
    """An agent is added to the new file; her client."""
    own = variables({"database": {"path": app.database}})
    added = run_fsapp(
        "agent", "add", agent, "--name", agent.title(), *more, directory=app.directory, **own
    )
    assert added.returncode == 0, added.stderr
    return Client(app.address, added.stdout.split()[-1])


def kept(desk: Desk) -> dict[str, dict[str, Any]]:
    return {call["id"]: {key: call[key] for key in KEPT} for call in desk.calls()}


def test_the_queue_is_as_it_was(a_caller: Callers, desk: Desk, lost: Callable[[], None]):
    a_caller.wait_in_turn(2)
    a_caller.waits("5901", number="2045559000", fsapp_priority="5")
    a_caller.waits(organization_id="2")
    before = kept(desk)
    lost()
    wait_for(lambda: kept(desk), before, limit=BACK, promise="the queue is as it was")


def test_whose_calls_they_were_they_are(
    a_caller: Callers,
    agents: Callable[[int], list[Agent]],
    outside: Phone,
    lost: Callable[[], None],
):
    anna, bente, carl = agents(3)
    spoken, parked = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    bente.picks_up(parked)
    bente.parks()
    outside.stays_silent()
    dialled = carl.dials("1142")
    outside.rings()
    before = kept(anna.desk)
    lost()
    wait_for(lambda: kept(anna.desk), before, limit=BACK, promise="all is as it was")
    bente.unparks(parked)
    bente.speaks_with(parked)
    anna.speaks_with(spoken)
    anna.parks()
    assert carl.hangs_up()["id"] == dialled["id"]
    outside.is_quiet()


def test_transferred_calls_are_known_and_end_together(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk, lost: Callable[[], None]
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    anna.transfers(caller)
    before = kept(desk)
    lost()
    wait_for(lambda: kept(desk), before, promise="both are known")
    caller.hangs_up()
    desk.sees(call, "hungup")


def test_when_there_is_no_copy_either_the_calls_are_told_and_whose_they_are(
    a_caller: Callers,
    agents: Callable[[int], list[Agent]],
    app: App,
    lost: Callable[[], None],
):
    """The agents' rows are gone, too; whoever is added again has her calls."""
    anna, bente, _ = agents(3)
    spoken, parked, waiting = a_caller.wait_in_turn(3)
    anna.picks_up(spoken)
    bente.picks_up(parked)
    bente.parks()
    before = kept(anna.desk)
    app.kill()
    deletes(app)
    app.start()
    watcher = hires(app, "watch", "--phone", "user/1190")
    new = hires(app, "anna", "--phone", "user/1101")

    def told() -> dict[str, dict[str, Any]]:
        calls = watcher.get("/call/list").document["calls"]
        return {call["id"]: {key: call[key] for key in KEPT} for call in calls}

    try:
        wait_for(told, before, limit=BACK, promise="all is as it was")
        assert new.get("/agent").document["agent"]["current_call"] == spoken.id
        assert new.post("/call/park").code == 200
        assert new.post("/call/pickup", call_id=waiting.id).code == 200
        assert new.post("/call/hangup", call_id=waiting.id).code == 200
    finally:
        for client in (watcher, new):
            client.close()
        lost()
