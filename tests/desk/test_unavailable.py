"""503 and 504: after every other check (protocol §2), with the call it is about, nothing changed.

Each verb that touches a call, beside each thing that may be away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from fsapp.calls.agent import Agent
from fsapp.calls.refusals import Refusal, call_not_found
from tests.desk.fakes import ANN, BOB, CALLER, OPTIONS, Asked, Rig, wait_until

SECONDS = 0.05


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.database.let_go()
    rig.close()


def queued(rig: Rig) -> dict[str, str]:
    rig.connects(CALLER)
    return {"call_id": CALLER}


def next_one(rig: Rig) -> dict[str, str]:
    rig.connects(CALLER)
    return {}


def on_hold(rig: Rig) -> dict[str, str]:
    rig.connects(CALLER)
    rig.park(rig.talk())
    return {"call_id": CALLER}


def spoken(rig: Rig) -> dict[str, str]:
    rig.connects(CALLER)
    rig.talk()
    return {}


def consulted(rig: Rig) -> dict[str, str]:
    rig.connects(CALLER)
    leg = rig.talk()
    rig.park(leg)
    rig.speak_outbound(leg=leg)
    return {"source": CALLER}


VERBS: dict[str, tuple[str, Callable[[Rig], dict[str, str]]]] = {
    "pickup": ("call/pickup", queued),
    "pickup of the next": ("call/pickup", next_one),
    "pickup from hold": ("call/pickup", on_hold),
    "unpark": ("call/unpark", on_hold),
    "park": ("call/park", spoken),
    "hangup": ("call/hangup", spoken),
    "transfer": ("call/transfer", consulted),
}
EVERY = ("call/pickup", "call/unpark", "call/park", "call/hangup", "call/transfer")
each_verb = pytest.mark.parametrize("name", VERBS)


def hurries(rig: Rig) -> None:
    """From now on nobody waits for long; before, while the scene is set, a machine may be slow."""
    short = replace(OPTIONS, database_timeout=SECONDS, switch_timeout=SECONDS)
    object.__setattr__(rig.parts.context, "options", short)


def away(rig: Rig) -> None:
    hurries(rig)
    rig.switch.connection, rig.switch.failure = None, "FreeSWITCH is away"


def locked(rig: Rig) -> None:
    hurries(rig)
    rig.database.hold()


def drains(rig: Rig) -> None:
    rig.parts.context.drain.begin()


def unreadable(rig: Rig) -> None:
    def fails(*_: object) -> list[dict[str, object]]:
        raise sqlite3.OperationalError("disk I/O error")

    rig.database.query = fails  # type: ignore[method-assign]


def silent(rig: Rig) -> None:
    """FreeSWITCH answers nothing: nobody here does it for it."""
    hurries(rig)


each_trouble = pytest.mark.parametrize(
    ("trouble", "code"),
    [(away, 503), (locked, 503), (silent, 504)],
    ids=["FreeSWITCH away", "database locked", "FreeSWITCH silent"],
)


def refusal_of(rig: Rig, name: str, trouble: Callable[[Rig], None]) -> Refusal:
    verb, stage = VERBS[name]
    parameters = stage(rig)
    trouble(rig)
    asked = rig.ask(ANN, verb, **parameters)
    if trouble is silent:
        wait_until(lambda: time_passes(rig, asked), "it waits for ever", limit=10.0)
    return asked.refusal()


def time_passes(rig: Rig, asked: Asked) -> bool:
    rig.clock.advance(SECONDS)
    return asked.over()


@each_verb
@each_trouble
def test_it_is_refused_and_shows_the_call_as_it_is(
    rig: Rig, name: str, trouble: Callable[[Rig], None], code: int
) -> None:
    refusal = refusal_of(rig, name, trouble)
    assert refusal.http == code, refusal
    assert refusal.call is not None
    assert (refusal.call["id"], refusal.call["state"]) == (
        CALLER,
        rig.board.calls[CALLER].call.state,
    )
    assert "can" in refusal.call


@each_verb
def test_what_the_database_did_not_take_in_time_is_never_written(rig: Rig, name: str) -> None:
    verb, stage = VERBS[name]
    parameters = stage(rig)
    before = on_record(rig)
    locked(rig)
    assert rig.ask(ANN, verb, **parameters).refusal().http == 503
    rig.database.let_go()
    assert on_record(rig) == before
    rig.check()


def on_record(rig: Rig) -> tuple[list[object], ...]:
    """Every row of a call, and every event of one."""
    reader = rig.database.reader()
    rows = reader.execute("SELECT * FROM calls ORDER BY id").fetchall()
    told = reader.execute("SELECT * FROM events WHERE call_id IS NOT NULL").fetchall()
    return rows, told


def named(verb: str, call_id: str) -> dict[str, str]:
    return {"source" if verb == "call/transfer" else "call_id": call_id}


every_verb = pytest.mark.parametrize("verb", EVERY)
before_it = pytest.mark.parametrize("trouble", [away, locked, drains, unreadable])


@every_verb
@pytest.mark.parametrize("trouble", [away, locked, drains])
def test_a_call_that_does_not_exist_is_404_all_the_same(
    rig: Rig, verb: str, trouble: Callable[[Rig], None]
) -> None:
    trouble(rig)
    refusal = rig.ask(ANN, verb, **named(verb, "nobody")).refusal()
    assert (refusal.http, refusal.call) == (404, None)


@every_verb
@before_it
def test_anothers_call_is_403_all_the_same(
    rig: Rig, verb: str, trouble: Callable[[Rig], None]
) -> None:
    spoken(rig)
    trouble(rig)
    refusal = rig.ask(BOB, verb, **named(verb, CALLER)).refusal()
    assert (refusal.http, refusal.description) == (403, f"Call|{CALLER} belongs to ann")


@pytest.mark.parametrize("verb", ["call/unpark", "call/park", "call/hangup"])
@before_it
def test_a_call_in_another_state_is_409_all_the_same(
    rig: Rig, verb: str, trouble: Callable[[Rig], None]
) -> None:
    queued(rig)
    trouble(rig)
    assert rig.ask(ANN, verb, call_id=CALLER).refusal().error == "wrong-state"


@before_it
def test_an_agent_in_a_call_is_409_all_the_same(rig: Rig, trouble: Callable[[Rig], None]) -> None:
    spoken(rig)
    rig.connects("other")
    trouble(rig)
    for verb, parameters in (
        ("call/pickup", {"call_id": "other"}),
        ("call/pickup", {}),
        ("call/originate", {"extension": "1142"}),
    ):
        assert rig.ask(ANN, verb, **parameters).refusal().error == "agent-busy"


def test_another_organizations_call_is_not_shown_by_a_refusal(rig: Rig) -> None:
    rig.connects(CALLER, variables={"organization_id": "2"})
    away(rig)
    refusal = rig.ask(ANN, "call/pickup", call_id=CALLER).refusal()
    assert (refusal.http, refusal.call) == (404, None)


def test_a_call_that_comes_while_it_is_said_not_to_exist_is_not_shown(rig: Rig) -> None:
    def comes(_agent: Agent, parameters: Mapping[str, str]) -> dict[str, object]:
        queued(rig)
        raise call_not_found(parameters["call_id"])

    rig.desk._verbs["call/state"] = comes
    refusal = rig.ask(ANN, "call/state", call_id=CALLER).refusal()
    assert (refusal.http, refusal.call) == (404, None)
