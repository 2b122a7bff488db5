"""Who is there is seen from what she does; a pause is on record."""

from .actors import Agent, Callers, Desk
from .wait import wait_until

SETTINGS = {"agent": {"offline_after": 1}}


def is_seen(desk: Desk, agent: Agent, state: str) -> dict[str, object]:
    """Wait until others see her in ``state``; her object."""

    def look() -> dict[str, object]:
        return next(one for one in desk.agents() if one["id"] == agent.id)

    return wait_until(look, lambda one: one["state"] == state, promise=f"{agent.id} is {state}")


def test_an_agent_who_is_not_heard_of_is_offline_until_she_is(anna: Agent, desk: Desk):
    assert anna.is_now()["state"] == "idle"
    is_seen(desk, anna, "offline")
    assert anna.is_now()["state"] == "idle"
    is_seen(desk, anna, "idle")


def test_who_is_in_a_conversation_is_there(
    a_caller: Callers, anna: Agent, bente: Agent, desk: Desk
):
    bente.is_now()
    anna.picks_up(a_caller.waits())
    is_seen(desk, bente, "offline")
    is_seen(desk, anna, "speaking")


def test_a_pause_outlasts_a_restart(anna: Agent, desk: Desk):
    paused = anna.client.post("/agent/state", state="paused", reason="lunch").document["agent"]
    desk.app.restart()
    anna.comes_to_work(desk, desk.switch)
    assert is_seen(desk, anna, "offline")["pause_reason"] == "lunch"
    assert anna.is_now() == paused
    assert anna.client.post("/agent/state", state="idle").code == 200
