"""Networks fail: byte by byte, stalled, half-open, reset in mid-frame. Nobody is lost by it.

A proxy stands between the switch and the app, on every connection, and one between client and app.
"""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from fsapp.switch.control import DOUBT_SECONDS
from tests.ports import free_address

from .actors import Agent, Caller, Callers, Desk, Phone
from .app import App, AppKeeper, Settings, merged
from .client import Client
from .hearing import Stream
from .meanwhile import Pending
from .musics import ON_HOLD, QUEUED, two_musics
from .proxy import Link, Proxy
from .switches.base import Switch
from .switches.event_socket import split_address
from .test_crash import speaks_or_is_over
from .wait import wait_for, wait_until

T = TypeVar("T")

COMMAND = 2
"""How long a command waits for FreeSWITCH (`switch.timeout`), in seconds."""

BACK = 10.0
"""How long the dialplan may take to bring a caller back, in seconds."""

STALL = 20.0
"""How long a connection stalls at length, in seconds."""

AT_ONCE = 1.0
"""What a request may take that nothing delays, on a busy machine, in seconds: half as long as one
that waits until what stalls is given up."""

SETTINGS = {"switch": {"timeout": COMMAND}, "phone": {"ring_timeout": 5}}


@dataclass
class Network:
    """Every connection between the switch and the app."""

    outbound: Proxy
    control: Proxy
    listen: str
    """Where the app itself listens for calls."""

    def of(self, caller: Caller) -> Link:
        """Her only connection."""
        return self.outbound.of(caller.id)[0]

    def heal(self) -> None:
        self.outbound.heal()
        self.control.heal()


@pytest.fixture(scope="module")
def proxies(switch: Switch, keeper: AppKeeper) -> Iterator[Network]:
    keeper.discard()
    listen = free_address()
    with (
        Proxy(switch.outbound_address, listen) as outbound,
        Proxy("127.0.0.1:0", switch.control_address) as control,
    ):
        yield Network(outbound, control, listen)
        keeper.discard()


@pytest.fixture(scope="module")
def settings(proxies: Network, sounds: dict[str, str]) -> Settings:
    ways = {
        "outbound": {"listen": proxies.listen, "advertise": proxies.outbound.address},
        "control": {"address": proxies.control.address},
    }
    return merged(SETTINGS, two_musics(sounds), ways)


@pytest.fixture
def network(proxies: Network, desk: Desk) -> Iterator[Network]:
    """The network, healed when the test is over."""
    is_ready(desk.app)
    yield proxies
    proxies.heal()
    is_ready(desk.app)


def is_ready(app: App, limit: float = 10.0) -> None:
    wait_until(lambda: readiness(app) == 200, limit=limit, promise="the app is ready")


def readiness(app: App) -> int:
    client = Client(app.address)
    try:
        return client.get("/readyz").code
    finally:
        client.close()


def is_noticed(app: App) -> None:
    """Wait until the app has seen that FreeSWITCH says nothing, and is not ready."""
    silence, end = "has not answered for", "answers again at"

    def is_silent(log: str) -> bool:
        # On a busy machine FreeSWITCH may have been silent for a moment before.
        return log.rfind(silence) > log.rfind(end)

    wait_until(app.new_log, is_silent, limit=COMMAND + 5.0, promise=silence)
    assert readiness(app) == 503


def a_shift(agent: Agent, caller: Caller) -> float:
    """Everything one agent does with one call; what the slowest request took, in seconds."""
    verbs = ("pickup", "park", "unpark", "hangup")
    return max(agent.does(verb, caller).seconds for verb in verbs)


def a_new_call(agent: Agent, callers: Callers) -> float:
    """Likewise for somebody who calls just now: how long it takes until she waits counts, too."""
    began = time.monotonic()
    caller = callers.waits()
    return max(time.monotonic() - began, a_shift(agent, caller))


# Byte by byte.


def test_a_whole_call_arrives_byte_by_byte(
    network: Network, a_caller: Callers, anna: Agent, outside: Phone
):
    network.control.dribble()
    network.outbound.dribble()
    caller = a_caller.waits()
    a_shift(anna, caller)
    caller.is_cut_off()
    anna.calls_the_outside(outside)
    anna.hangs_up()


def test_an_app_that_starts_on_such_a_network_is_ready(network: Network, app: App):
    network.control.dribble()
    app.restart()
    is_ready(app)


# Stalled. Each time until `switch.timeout` is over; for twenty seconds, at length, below.


def test_a_stalled_connection_delays_no_other_call(
    network: Network, a_caller: Callers, anna: Agent, bente: Agent
):
    stalled, other = a_caller.wait_in_turn(2)
    network.of(stalled).stall()
    pickup = anna.starts("pickup", stalled)
    assert a_shift(bente, other) < AT_ONCE
    answer = pickup.answer(limit=COMMAND + 5)
    assert answer.code in (409, 504), str(answer)
    network.heal()
    stalled.is_queued()
    anna.phone.is_quiet()
    anna.picks_up(stalled)
    anna.speaks_with(stalled)


def test_a_command_in_a_stalled_conversation_is_given_up_and_the_two_speak_on(
    network: Network, a_caller: Callers, anna: Agent, bente: Agent
):
    stalled, other = a_caller.wait_in_turn(2)
    anna.picks_up(stalled)
    network.of(stalled).stall()
    park = anna.starts("park")
    assert a_shift(bente, other) < AT_ONCE
    assert park.answer(limit=COMMAND + 5).code == 504
    anna.speaks_with(stalled)
    network.heal()
    # The late command takes them apart and the app joins them again, or it parks her call.
    wait_until(
        lambda: anna.desk.call(stalled),
        lambda call: call is not None and call["state"] in ("speaking", "parked"),
        promise="hers",
    )
    assert stalled.is_on_the_line()
    anna.does("hangup", stalled)


def test_every_call_stalled_at_once_and_then_not(
    network: Network, a_caller: Callers, agents: Callable[[int], list[Agent]], desk: Desk
):
    callers = a_caller.wait_in_turn(4)
    network.outbound.stall()
    requests = [agent.starts("pickup", to) for agent, to in zip(agents(4), callers, strict=True)]
    for request in requests:
        assert request.answer(limit=COMMAND + 5).code in (409, 504)
    assert sorted(caller.id for caller in callers) == desk.ids()
    network.heal()
    for agent, caller in zip(agents(4), callers, strict=True):
        agent.phone.is_quiet()
        agent.picks_up(caller)
        agent.speaks_with(caller)


def test_a_stalled_control_connection_is_said_and_over_by_itself(
    network: Network, a_caller: Callers, anna: Agent, app: App
):
    caller = a_caller.waits()
    network.control.stall()
    is_noticed(app)
    began = time.monotonic()
    assert anna.asks("pickup", caller).code in (503, 504)
    assert time.monotonic() - began < COMMAND + 2
    network.heal()
    is_ready(app)
    a_shift(anna, caller)


def test_a_control_connection_that_leads_nowhere_any_more_is_left_for_another(
    network: Network, a_caller: Callers, anna: Agent, app: App
):
    """Both its ends stand for ever, and FreeSWITCH is well."""
    caller = a_caller.waits()
    network.control.link().stall()
    is_noticed(app)
    is_ready(app, limit=DOUBT_SECONDS + COMMAND + 5.0)
    a_shift(anna, caller)


@pytest.mark.at_length(30)
def test_connections_stalled_for_twenty_seconds_delay_no_other_call(
    network: Network, a_caller: Callers, agents: Callable[[int], list[Agent]], desk: Desk
):
    """One who waits, one in conversation with her agent's leg, and one on hold, all at once."""
    anna, bente, carl, dora = agents(4)
    waiting, spoken, held = a_caller.wait_in_turn(3)
    anna.picks_up(spoken)
    bente.picks_up(held)
    bente.parks()
    shown = {call["id"]: call for call in desk.calls()}
    stalled = [network.of(caller) for caller in (waiting, spoken, held)]
    stalled += network.outbound.of(anna.phone.is_up())
    for link in stalled:
        link.stall()
    asked = [dora.starts("pickup", waiting), anna.starts("park"), bente.starts("unpark", held)]
    shifts = work_for(STALL, lambda: a_new_call(carl, a_caller))
    assert max(shifts) < AT_ONCE, shifts
    assert {request.answer().code for request in asked} <= {409, 504}
    for caller in (waiting, spoken, held):
        assert caller.is_on_the_line()
    anna.speaks_with(spoken)
    network.heal()
    waiting.hears(QUEUED, limit=BACK)
    assert waiting.is_queued()["arrival_time"] == shown[waiting.id]["arrival_time"]
    for agent, caller in ((anna, spoken), (bente, held)):
        assert desk.call(caller)["assigned_to"] == agent.id  # type: ignore[index]
        assert caller.is_on_the_line()
        agent.does("hangup", caller)
    dora.picks_up(waiting)
    dora.speaks_with(waiting)
    desk.is_consistent()


@pytest.mark.at_length(30)
def test_a_control_connection_stalled_for_twenty_seconds_loses_nobody(
    network: Network, a_caller: Callers, agents: Callable[[int], list[Agent]], desk: Desk
):
    anna, bente = agents(2)
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    network.control.stall(to_come=True)
    is_noticed(desk.app)

    def asks() -> None:
        answer = bente.asks("pickup", waiting)
        assert (answer.code, answer.seconds < COMMAND + 1) == (503, True), str(answer)
        a_caller.waits().hangs_up()
        time.sleep(0.5)

    work_for(STALL, asks)
    anna.speaks_with(spoken)
    network.heal()
    is_ready(desk.app)
    bente.picks_up(waiting)
    desk.is_consistent()


@pytest.mark.at_length(30)
def test_clients_stalled_for_twenty_seconds_delay_nobody_else(
    web: Proxy, a_caller: Callers, anna: Agent, bente: Agent, desk: Desk
):
    """In mid-request, over an answer they do not read, and over a stream of events."""
    caller = a_caller.waits()
    half = [socket.create_connection(split_address(web.address)) for _ in range(40)]
    for client in half:
        client.sendall(f"POST /call/pickup?call_id={caller.id} HTTP/1.1\r\nHost: ".encode())
    listening = Stream(web.address, anna.client.token)
    web.stall()
    shifts = work_for(STALL, lambda: a_new_call(bente, a_caller))
    assert max(shifts) < AT_ONCE, shifts
    web.heal()
    assert desk.sees(caller, "queued")["assigned_to"] is None
    listening.hears("call_hangup")
    listening.close()
    for client in half:
        client.close()
    a_shift(anna, caller)


def work_for(seconds: float, work: Callable[[], T]) -> list[T]:
    """Work again and again; what came of it each time."""
    began, results = time.monotonic(), []
    while time.monotonic() - began < seconds:
        results.append(work())
    return results


# Half-open: silent for good, and never closed.


def test_who_hangs_up_on_a_silent_connection_is_gone(
    network: Network, a_caller: Callers, desk: Desk
):
    caller = a_caller.waits()
    network.of(caller).stall()
    caller.line.hang_up()
    assert desk.sees(caller, "hungup")["hangup_cause"]
    desk.sees_nothing()


def test_who_hangs_up_in_conversation_on_silent_connections_frees_the_agent(
    network: Network, a_caller: Callers, anna: Agent, desk: Desk
):
    caller, other = a_caller.wait_in_turn(2)
    anna.picks_up(caller)
    network.of(caller).stall()
    network.outbound.of(anna.phone.is_up())[0].stall()
    caller.line.hang_up()
    desk.sees(caller, "hungup")
    anna.is_free()
    a_shift(anna, other)


# Reset in mid-frame.


def test_a_queued_caller_comes_back_to_her_place(
    network: Network, a_caller: Callers, anna: Agent, desk: Desk
):
    callers = a_caller.wait_in_turn(2)
    before = desk.queue()
    link = network.of(callers[0])
    link.cut_next_from_near()
    pickup = anna.starts("pickup", callers[0])
    link.join()
    answer = pickup.answer()
    if answer.code == 200:
        anna.speaks_with(callers[0])
        return
    assert answer.code in (409, 504), str(answer)
    callers[0].hears(QUEUED, limit=BACK)
    assert [call["id"] for call in desk.queue()] == [call["id"] for call in before]
    assert desk.queue()[0]["arrival_time"] == before[0]["arrival_time"]
    anna.phone.is_quiet()
    anna.picks_up(callers[0])
    anna.speaks_with(callers[0])


BRIDGED = b"Event-Name: CHANNEL_BRIDGE"


def test_a_pickup_is_done_though_the_word_of_it_is_cut(
    network: Network, a_caller: Callers, anna: Agent
):
    """FreeSWITCH tells of a bridge on the caller's own connection, and nowhere else."""
    caller = a_caller.waits()
    network.of(caller).cut_next_from_near(BRIDGED)
    answer = anna.asks("pickup", caller)
    assert answer.code == 200, str(answer)
    assert network.outbound.of(caller.id, 0) == []
    assert answer.seconds < COMMAND, "found out at once, not when it was overdue"
    anna.speaks_with(caller)
    anna.parks(caller)
    caller.hears(ON_HOLD, limit=BACK)
    anna.unparks(caller)
    anna.hangs_up()
    caller.is_cut_off()


def test_a_transfer_is_done_though_the_word_of_it_is_cut(
    network: Network, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    network.of(caller).cut_next_from_near(BRIDGED)
    answer = anna.asks("transfer", caller)
    assert answer.code == 200, str(answer)
    caller.hears(call["id"])
    anna.is_free()
    anna.phone.is_quiet()
    caller.hangs_up()
    desk.sees(call, "hungup")


@pytest.mark.parametrize("lost", ["leg", "callee"])
@pytest.mark.parametrize("delay", [0.01, 0.02])
def test_a_transfer_whose_source_leaves_just_then_leaves_nobody_in_silence(
    *,
    lost: str,
    delay: float,
    network: Network,
    a_caller: Callers,
    anna: Agent,
    outside: Phone,
    desk: Desk,
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    anna.parks()
    call = anna.calls_the_outside(outside)
    which = anna.phone.is_up() if lost == "leg" else call["id"]
    network.outbound.of(which)[0].reset()
    network.outbound.of(which, 0)
    asked = Pending(lambda: anna.asks("transfer", caller))
    time.sleep(delay)
    desk.switch.api(f"uuid_kill {caller.id}")
    asked.answer()
    speaks_or_is_over(anna, call["id"])


def test_a_park_whose_reply_is_cut_has_a_defined_end(
    network: Network, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    link = network.of(caller)
    link.cut_next_from_near()
    answer = anna.asks("park")
    assert answer.code in (200, 404, 504), str(answer)
    link.join()
    wait_until(
        lambda: desk.call(caller),
        lambda call: call is not None and call["state"] in ("speaking", "parked", "queued"),
        limit=BACK,
        promise="she is somewhere",
    )
    assert caller.is_on_the_line()
    desk.is_consistent()


@pytest.mark.parametrize("ends", ["hangs_up", "dies"])
def test_a_leg_whose_end_is_cut_in_mid_frame_has_ended(
    ends: str, network: Network, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    anna.picks_up(caller)
    link = network.outbound.of(anna.phone.is_up())[0]
    link.cut_next_from_near()
    getattr(anna.phone, ends)()
    link.join()
    anna.is_free()
    if ends == "hangs_up":
        desk.sees(caller, "hungup")
        caller.is_cut_off()
    else:
        caller.is_queued(limit=BACK)
        caller.hears(QUEUED, limit=BACK)


def test_a_conversation_goes_on_and_can_be_ended(network: Network, a_caller: Callers, anna: Agent):
    caller = a_caller.waits()
    anna.picks_up(caller)
    leg = anna.phone.is_up()
    network.outbound.of(leg)[0].reset()
    network.of(caller).reset()
    anna.speaks_with(caller)
    anna.hangs_up(caller)
    caller.is_cut_off()
    anna.is_free()


def test_a_control_connection_cut_in_mid_frame_is_made_anew(
    network: Network, a_caller: Callers, anna: Agent, app: App
):
    caller = a_caller.waits()
    old = network.control.links()[0]
    old.cut_next_from_far()
    # What it says next is the answer to the app's question whether it is there.
    old.join()
    wait_until(network.control.links, bool, promise="it connects again")
    is_ready(app)
    a_shift(anna, caller)


# Two connections for one call.


@pytest.mark.parametrize("first", ["the old one", "the new one"])
def test_two_connections_of_one_call_that_close_in_either_order_lose_nobody(
    first: str, network: Network, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    arrived = caller.call["arrival_time"]
    network.of(caller)
    desk.switch.api(f"uuid_transfer {caller.id} fsapp_return XML public")
    links = network.outbound.of(caller.id, 2)
    for link in links if first == "the old one" else reversed(links):
        link.reset()
        # Long enough for the switch to have left what the first end interrupted: the worst case.
        time.sleep(0.5)
        wait_for(desk.ids, [caller.id], promise="she is listed once")
    caller.hears(QUEUED, limit=BACK)
    assert caller.call["arrival_time"] == arrived
    anna.picks_up(caller)
    anna.speaks_with(caller)


# The agents' side.


@pytest.fixture
def web(app: App) -> Iterator[Proxy]:
    """A network between an agent's client and the app."""
    with Proxy("127.0.0.1:0", app.address) as proxy:
        yield proxy


@pytest.fixture
def afar(web: Proxy, anna: Agent) -> Iterator[Client]:
    """Anna's client behind that network."""
    client = Client(web.address, anna.client.token)
    yield client
    client.close()


def test_a_request_and_its_answer_may_come_byte_by_byte(
    web: Proxy, afar: Client, a_caller: Callers, anna: Agent
):
    web.dribble()
    caller = a_caller.waits()
    assert afar.request("POST", "/call/pickup", query={"call_id": caller.id}).code == 200
    anna.speaks_with(caller)


def test_stalled_clients_delay_nobody_else(
    web: Proxy, a_caller: Callers, anna: Agent, bente: Agent, desk: Desk
):
    caller, other = a_caller.wait_in_turn(2)
    half = [socket.create_connection(split_address(web.address)) for _ in range(20)]
    for client in half:
        client.sendall(f"POST /call/pickup?call_id={caller.id} HTTP/1.1\r\nHost: ".encode())
    assert a_shift(bente, other) < AT_ONCE
    a_shift(anna, caller)
    for client in half:
        client.close()


def test_an_answer_cut_in_the_middle_was_carried_out_once(
    web: Proxy, afar: Client, a_caller: Callers, anna: Agent, desk: Desk
):
    caller = a_caller.waits()
    assert afar.get("/call/list").code == 200
    web.link().cut_next_from_far()
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on where it was cut
        afar.request("POST", "/call/pickup", query={"call_id": caller.id})
    anna.speaks_with(caller)
    assert anna.is_now()["current_call"] == caller.id
    desk.is_consistent()


def test_a_client_that_leaves_while_her_phone_rings_gets_the_call_all_the_same(
    web: Proxy, afar: Client, a_caller: Callers, anna: Agent, desk: Desk
):
    anna.phone.answers_after_ringing(0.5)
    caller = a_caller.waits()
    assert afar.get("/call/list").code == 200
    link = web.link()
    asking = Pending(lambda: afar.request("POST", "/call/pickup", query={"call_id": caller.id}))
    anna.phone.rings()
    link.reset()
    with pytest.raises(OSError):  # noqa: PT011 - which one is the network's affair
        asking.answer()
    anna.speaks_with(caller)
