"""FreeSWITCH hangs, dies and comes back: refused in time, nothing begun for nobody, ready again."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.ports import free_address

from .actors import Agent, Callers, Desk, Phone
from .app import App, Settings
from .client import Answer, Client
from .expect import is_a_clear_refusal
from .switches.base import Switch
from .wait import wait_until

TIMEOUT = 1.0
SETTINGS: Settings = {"switch": {"timeout": TIMEOUT}}
NOTICED = TIMEOUT + 2.0 + 3.0
"""A question every two seconds, a second for the answer; three more for a busy machine."""
BACK = 15.0
"""How long FreeSWITCH and the app may take to find each other again."""


@pytest.fixture
def troubled(switch: Switch) -> Iterator[Switch]:
    """The switch; it runs again when the test is over."""
    switch.needs_its_process()
    yield switch
    switch.thaw()
    switch.come_back()


def readyz(app: App) -> Answer:
    client = Client(app.address)
    try:
        return client.get("/readyz")
    finally:
        client.close()


def is_not_ready(app: App, *words: str, limit: float = NOTICED) -> None:
    """Wait until it says that FreeSWITCH is missing, in these words."""

    def says(answer: Answer) -> bool:
        missing = answer.document.get("missing", {}).get("switch", "")
        return answer.code == 503 and all(word in missing for word in words)

    wait_until(lambda: readyz(app), says, limit=limit, promise=f"not ready: {words}")
    # A question of /readyz's own may be faster than what notices by itself.
    logged = lambda log: all(word in log for word in words)  # noqa: E731
    wait_until(app.new_log, logged, limit=limit, promise=f"in the log: {words}")


def is_ready(app: App) -> None:
    wait_until(
        lambda: readyz(app), lambda answer: answer.code == 200, limit=BACK, promise="ready again"
    )


def in_time(answer: Answer, *codes: int) -> dict[str, Any]:
    """Refused so, and no later than a command may take."""
    is_a_clear_refusal(answer, *codes)
    assert answer.seconds < TIMEOUT + 2.0, str(answer)
    return answer.document


def test_a_frozen_freeswitch_is_not_ready_and_all_goes_on_when_it_thaws(
    a_caller: Callers, anna: Agent, bente: Agent, app: App, troubled: Switch
):
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    troubled.freeze()
    is_not_ready(app, "has not answered for 1 s")
    for verb, call in (("pickup", waiting), ("pickup", None)):
        document = in_time(bente.asks(verb, call), 503)
        assert document["call"]["id"] == waiting.id
    in_time(bente.asks("originate", extension="1142"), 503)
    in_time(anna.asks("park"), 503)
    in_time(anna.asks("hangup"), 503)
    troubled.thaw()
    is_ready(app)
    anna.speaks_with(spoken)
    bente.picks_up(waiting)
    bente.speaks_with(waiting)


def test_readyz_asks_freeswitch_itself(app: App, troubled: Switch):
    assert readyz(app).code == 200
    troubled.freeze()
    answer = readyz(app)
    assert answer.code == 503
    assert "has not answered for 1 s" in answer.document["missing"]["switch"]
    troubled.thaw()
    is_ready(app)


def test_a_pickup_as_freeswitch_freezes_is_504_and_rings_nobody_afterwards(
    a_caller: Callers, anna: Agent, desk: Desk, app: App, troubled: Switch
):
    caller = a_caller.waits()
    anna.phone.stays_silent()
    troubled.freeze()
    document = in_time(anna.asks("pickup", caller), 504)
    assert (document["status"], document["call"]["state"]) == ("timeout", "queued")
    troubled.thaw()
    is_ready(app)
    anna.phone.is_quiet()
    anna.is_free()
    assert caller.is_queued()["position"] == 1
    desk.is_consistent()
    anna.phone.answers()
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_a_hangup_is_not_done_before_freeswitch_has_done_it(
    a_caller: Callers, anna: Agent, desk: Desk, app: App, troubled: Switch
):
    """After a crash the conversation has no connection that could tell."""
    caller = a_caller.waits()
    anna.picks_up(caller)
    desk.is_on_record()
    app.kill()
    app.start()
    anna.speaks_with(desk.sees(caller, "speaking"))
    troubled.freeze()
    in_time(anna.asks("hangup"), 504)
    assert desk.sees(caller, "speaking")["assigned_to"] == "anna"
    troubled.thaw()
    is_ready(app)
    desk.sees(caller, "hungup")
    caller.is_cut_off()
    anna.is_free()


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05])
def test_a_callee_who_answers_as_freeswitch_freezes_is_spoken_with(
    *, delay: float, anna: Agent, outside: Phone, desk: Desk, app: App, troubled: Switch
):
    outside.answers_after_ringing(0.5)
    call = anna.dials("1142")
    wait_until(lambda: desk.call(call), lambda seen: bool(seen and seen["answered_at"]))
    time.sleep(delay)
    troubled.freeze()
    is_not_ready(app, "has not answered for 1 s")
    troubled.thaw()
    is_ready(app)
    anna.speaks_with(desk.sees(call, "speaking"))


def test_an_originate_as_freeswitch_freezes_is_504_and_nobody_is_dialled_afterwards(
    anna: Agent, outside: Phone, desk: Desk, app: App, troubled: Switch
):
    anna.phone.stays_silent()
    troubled.freeze()
    in_time(anna.asks("originate", extension="1142"), 504)
    troubled.thaw()
    is_ready(app)
    anna.phone.is_quiet()
    outside.is_quiet()
    desk.sees_nothing()
    anna.is_free()


@pytest.mark.parametrize("verb", ["park", "hangup"])
def test_a_command_as_freeswitch_freezes_is_504_and_leaves_nobody_in_between(
    a_caller: Callers, anna: Agent, desk: Desk, troubled: Switch, verb: str
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    troubled.freeze()
    in_time(anna.asks(verb), 504)
    troubled.thaw()
    is_ready(desk.app)
    desk.is_consistent()
    if verb == "hangup":
        caller.is_cut_off()
    else:
        anna.speaks_with(caller)
        anna.hangs_up()
    anna.is_free()


def test_a_caller_who_hangs_up_while_it_is_frozen_is_gone_when_it_thaws(
    a_caller: Callers, anna: Agent, desk: Desk, app: App, troubled: Switch
):
    leaving, staying = a_caller.wait_in_turn(2)
    troubled.freeze()
    is_not_ready(app, "has not answered")
    troubled.thaw()
    leaving.hangs_up()
    is_ready(app)
    desk.sees(leaving, "hungup")
    anna.picks_up()
    anna.speaks_with(staying)


def test_a_freeswitch_that_was_killed_and_started_again_finds_everybody_free(
    a_caller: Callers, agents: Callable[[int], Sequence[Agent]], desk: Desk, troubled: Switch
):
    anna, bente, carl = agents(3)
    spoken, held, ringing, waiting = a_caller.wait_in_turn(4)
    anna.picks_up(spoken)
    bente.picks_up(held)
    bente.parks()
    carl.phone.stays_silent()
    pickup = carl.starts("pickup", ringing)
    carl.phone.rings()
    ids = [caller.id for caller in (spoken, held, ringing, waiting)]
    troubled.crash()
    is_not_ready(desk.app, "FreeSWITCH")
    in_time(bente.asks("pickup", ids[-1]), 503)
    # Her phone may have been heard to stop before FreeSWITCH was gone for good.
    is_a_clear_refusal(pickup.answer(limit=TIMEOUT + 2.0), 404, 409, 503, 504)
    troubled.come_back()
    is_ready(desk.app)
    for call_id in ids:
        assert desk.sees(call_id, "hungup", limit=BACK)["hangup_cause"]
    for agent in (anna, bente, carl):
        agent.phone.answers()
        agent.is_free(limit=BACK)
    desk.sees_nothing()
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_a_freeswitch_that_comes_after_the_app_is_found(
    a_caller: Callers, anna: Agent, app: App, troubled: Switch
):
    troubled.crash()
    app.stop()
    app.start(ready=False)
    is_not_ready(app, "does not answer", "start it with mod_event_socket")
    troubled.come_back()
    is_ready(app)
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.speaks_with(caller)


def test_an_app_that_starts_beside_a_frozen_one_is_ready_when_it_thaws(
    a_caller: Callers, anna: Agent, bente: Agent, app: App, troubled: Switch
):
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    app.kill()
    troubled.freeze()
    app.start(ready=False)
    # Its kernel takes the connection, and nobody greets.
    is_not_ready(app, "FreeSWITCH does not answer at", limit=BACK)
    in_time(bente.asks("pickup", waiting), 503)
    troubled.thaw()
    is_ready(app)
    waiting.is_queued(limit=BACK)
    anna.speaks_with(spoken)
    anna.hangs_up(spoken)
    bente.picks_up(waiting)
    bente.speaks_with(waiting)


def test_a_wrong_password_is_named_with_what_to_do(app: App):
    app.stop()
    try:
        app.launch(FSAPP_CONTROL_PASSWORD="wrong")
        wait_until(lambda: alive(app), promise="it runs", limit=20.0)
        is_not_ready(app, "refused the control password: set control.password to the one in its")
        assert "wrong" not in app.new_log()
        began = time.monotonic()
        assert app.stop() == 0
        assert time.monotonic() - began < 10.0
    finally:
        app.stop()
        app.start()


def alive(app: App) -> bool:
    try:
        return readyz(app).code in (200, 503)
    except OSError:
        return False


def test_an_event_socket_somewhere_else_is_named_with_what_to_do(app: App):
    app.stop()
    try:
        app.launch(FSAPP_CONTROL_ADDRESS=free_address())
        wait_until(lambda: alive(app), promise="it runs", limit=20.0)
        is_not_ready(app, "Connection refused", "correct control.address")
    finally:
        app.stop()
        app.start()
