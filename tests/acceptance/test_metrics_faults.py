"""What goes wrong between fsapp and FreeSWITCH shows in `/metrics`, and only while it lasts."""

from collections.abc import Iterator

import pytest

from .actors import Callers, Desk
from .app import App, AppKeeper, Settings, free_address, merged
from .figures import OPEN, Figures, read, shows
from .proxy import Proxy
from .switches.base import Switch
from .test_network_faults import Network, network

__all__ = ["network"]

COMMAND = 1
"""How long a command waits for FreeSWITCH (`switch.timeout`), in seconds."""
SETTINGS: Settings = merged(OPEN, {"switch": {"timeout": COMMAND}})


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
def settings(proxies: Network) -> Settings:
    ways = {
        "outbound": {"listen": proxies.listen, "advertise": proxies.outbound.address},
        "control": {"address": proxies.control.address},
    }
    return merged(SETTINGS, ways)


def test_a_call_that_freeswitch_no_longer_has_is_stuck_until_that_is_known(
    network: Network,
    a_caller: Callers,
    app: App,
    desk: Desk,
):
    """Her end is told on two connections: one is silent, the other one was lost just then."""
    caller = a_caller.waits()
    network.of(caller).stall()
    control = network.control.links()[0]
    control.stall()
    caller.line.hang_up()
    # FreeSWITCH keeps the ended channel for the linger time, five seconds.
    desk.sees_no_channel(limit=15.0)
    control.reset()
    now = shows(app, lambda now: stuck(now, "no_channel") == 1, "she is seen as stuck", limit=15.0)
    assert stuck(now, "no_row") == 0
    assert now("fsapp_calls", state="queued") == 1
    network.heal()
    desk.sees_nothing()
    shows(app, lambda now: not stuck(now, "no_channel"), "nobody is stuck any more")


def test_a_lost_control_connection_is_counted_as_made_again(network: Network, app: App):
    before = read(app)
    assert before("fsapp_event_socket_connected") == 1
    network.control.links()[0].reset()
    name = "fsapp_event_socket_reconnects_total"
    now = shows(app, lambda now: now(name) == before(name) + 1, "it was made again")
    assert now("fsapp_event_socket_connected") == 1


def test_while_freeswitch_does_not_answer_that_is_what_is_said(network: Network, app: App):
    network.control.stall()
    now = shows(
        app, lambda now: not now("fsapp_event_socket_connected"), "it is not there", limit=10.0
    )
    assert now("fsapp_ready", check="switch") == 0
    assert now("fsapp_ready", check="database") == 1
    assert not now.has("fsapp_stuck_calls"), "nobody can know"
    network.heal()
    now = shows(app, lambda now: now("fsapp_event_socket_connected"), "it is back", limit=10.0)
    assert now("fsapp_ready", check="switch") == 1


def test_a_command_that_is_lost_with_its_connection_is_counted(network: Network, app: App):
    before = read(app)
    network.control.stall()
    # The question whether it is there is under way, then.
    shows(app, lambda now: not now("fsapp_event_socket_connected"), "it is asked", limit=10.0)
    network.control.links()[0].reset()
    total, asked = "fsapp_event_socket_commands_total", {"command": "hostname", "result": "lost"}
    shows(app, lambda now: now(total, **asked) > before(total, **asked), "it is lost")


def stuck(now: Figures, reason: str) -> float:
    return now("fsapp_stuck_calls", reason=reason)
