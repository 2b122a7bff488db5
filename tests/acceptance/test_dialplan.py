"""What the shipped dialplan does for a caller whom the app does not take (protocol §7).

She never hears silence, is never dropped for the app's sake, and is offered to it again and again.
A bare listener stands in for the app: these promises are the dialplan's.
"""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .app import AppKeeper
from .switches.base import CallerLine, Switch
from .switches.event_socket import parse_headers, split_address
from .wait import wait_for

PAUSE = 2.0
"""Seconds between two attempts."""


@pytest.fixture(autouse=True)
def no_app(switch: Switch, keeper: AppKeeper) -> Iterator[None]:
    """Nobody listens where the dialplan's `socket` action connects to."""
    keeper.discard()
    switch.reset()
    yield
    switch.reset()
    wait_for(switch.channels, [], promise="no channel is left")


@dataclass
class Offer:
    """One attempt of the dialplan to give a call to the app."""

    stream: socket.socket
    channel: dict[str, str]

    def leave(self) -> None:
        """Go away without a word, as a dying app does."""
        self.stream.close()


@pytest.fixture
def listener(switch: Switch) -> Iterator[socket.socket]:
    """Somebody listens in the app's place, and accepts when told to."""
    with socket.create_server(split_address(switch.outbound_address)) as server:
        server.settimeout(20)
        yield server


def accept(listener: socket.socket) -> Offer:
    """The next attempt, and what it says of the call."""
    stream, _ = listener.accept()
    stream.settimeout(5)
    stream.sendall(b"connect\n\n")
    received = b""
    while b"\n\n" not in received:
        received += stream.recv(65536)
    return Offer(stream, parse_headers(received.decode()))


def hears(switch: Switch, caller: CallerLine, sound: str, limit: float = PAUSE) -> None:
    wait_for(lambda: switch.hears(caller.uuid), sound, limit=limit, promise=f"she hears {sound}")


def attempts(switch: Switch, caller: CallerLine) -> str:
    """The dialplan's count of failed attempts: as many x."""
    return switch.api(f"uuid_getvar {caller.uuid} fsapp_attempts")


def has_failed(switch: Switch, caller: CallerLine, count: int) -> None:
    """So many attempts have failed already."""
    switch.api(f"uuid_setvar {caller.uuid} fsapp_attempts {'x' * count}")


def test_she_hears_a_tone_and_stays(switch: Switch):
    caller = switch.place_call()
    hears(switch, caller, "tone")
    assert caller.is_alive()


def test_she_comes_when_the_app_does(switch: Switch, request: pytest.FixtureRequest):
    caller = switch.place_call()
    hears(switch, caller, "tone")
    offer = accept(request.getfixturevalue("listener"))
    assert offer.channel["Unique-ID"] == caller.uuid
    offer.leave()


def test_she_keeps_what_her_call_was_about(switch: Switch, listener: socket.socket):
    """However often she is offered, and although destination and context change on the way."""
    switch.place_call("5042", variables={"organization_id": "7"})
    for _ in range(3):
        offer = accept(listener)
        names = ("fsapp_destination", "fsapp_context", "organization_id", "socket_resume")
        kept = [offer.channel[f"variable_{name}"] for name in names]
        assert kept == ["5042", "public", "7", "true"]
        offer.leave()


def test_an_app_that_goes_at_once_does_not_make_her_spin(switch: Switch, listener: socket.socket):
    caller = switch.place_call()
    # From the second attempt on there is a pause before the next one.
    accept(listener).leave()
    accept(listener).leave()
    hears(switch, caller, "tone")
    listener.settimeout(PAUSE / 2)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_after_five_attempts_she_is_told(switch: Switch, sounds: dict[str, str], tmp_path: Path):
    announcement = shutil.copy(sounds["music"], tmp_path / "announcement.wav")
    caller = switch.place_call(variables={"fsapp_announcement": str(announcement)})
    hears(switch, caller, "tone")
    has_failed(switch, caller, 3)
    hears(switch, caller, "announcement", limit=4 * PAUSE)
    assert attempts(switch, caller) == "xxxxx"
    hears(switch, caller, "tone")
    assert caller.is_alive()


def test_where_the_announcement_is_missing_she_hears_the_tone(switch: Switch):
    caller = switch.place_call(variables={"fsapp_announcement": "/no/such/announcement.wav"})
    hears(switch, caller, "tone")
    # More than the dialplan ever counts: it has been at the announcement when there are five.
    has_failed(switch, caller, 6)
    wait_for(lambda: attempts(switch, caller), "xxxxx", promise="the announcement's turn")
    hears(switch, caller, "tone")
    assert caller.is_alive()


def test_an_app_that_took_her_begins_the_count_anew(switch: Switch, listener: socket.socket):
    """As the app does on every arrival: she is not told of trouble that is long over."""
    caller = switch.place_call()
    for _ in range(3):
        offer = accept(listener)
        switch.api(f"uuid_setvar {caller.uuid} fsapp_attempts")
        offer.leave()
    hears(switch, caller, "tone")
    assert attempts(switch, caller) in ("_undef_", "", "x")
