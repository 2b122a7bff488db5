"""What FreeSWITCH's channels are doing, kept up to date from its events.

The suite waits for things to happen instead of asking again and again; and `show channels` still
names an application after it has ended, where the events tell that it has.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from .base import WaitTooLong
from .event_socket import EventSocket, Frame

T = TypeVar("T")

EVENTS = (
    "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE"
    " CHANNEL_DESTROY CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE"
)

CAUGHT_UP = "suite::caught_up"
"""An event of our own: when it comes back, so have all that FreeSWITCH fired before it."""

LEG = re.compile(r"sofia/suite/(.*)@(.*)")


@dataclass
class Channel:
    """One channel, also after it has ended."""

    uuid: str
    extension: str = ""
    """The phone it leads to; "" unless FreeSWITCH called it by SIP."""
    address: str = ""
    """Where that phone is."""
    call_id: str = ""
    """SIP's Call-ID, once there is one."""
    ringing: bool = False
    up: bool = False
    ended: bool = False
    gone: bool = False
    """Also the app's connection has stopped lingering: nothing is left of it."""
    cause: str = ""
    running: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Applications begun and not ended, outermost first: their id -> name and argument."""

    def innermost(self) -> list[tuple[str, str]]:
        """The running applications, innermost first."""
        return list(reversed(self.running.values()))


class ChannelWatch:
    """A thread that follows the channels over an Event Socket connection of its own."""

    def __init__(self, connection: EventSocket) -> None:
        self._connection = connection
        self._channels: dict[str, Channel] = {}
        self._changed = threading.Condition()
        self._sent = self._returned = 0
        self._thread = threading.Thread(target=self._follow, name="channel-watch", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._connection.command(f"event plain {EVENTS} CUSTOM {CAUGHT_UP}")
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection."""
        self._connection.close()
        self._thread.join(5)

    def wait(
        self, promise: str, happened: Callable[[list[Channel]], T | None], limit: float = 5.0
    ) -> T:
        """The first true answer `happened` gives about all channels, asked after every event."""
        deadline = time.monotonic() + limit
        with self._changed:
            while True:
                answer = happened(list(self._channels.values()))
                if answer:
                    return answer
                if not self._changed.wait(deadline - time.monotonic()):
                    raise WaitTooLong(f"not within {limit} s: {promise}")

    def catch_up(self, control: EventSocket) -> None:
        """Wait until everything that has happened on the switch by now is known here."""
        with self._changed:
            self._sent += 1
            mark = self._sent
        control.command(f"sendevent CUSTOM\nEvent-Subclass: {CAUGHT_UP}\nMark: {mark}")
        self.wait("the events have caught up", lambda _: self._returned >= mark)

    def all(self) -> list[Channel]:
        """Every channel so far."""
        with self._changed:
            return list(self._channels.values())

    def get(self, uuid: str) -> Channel | None:
        """One channel."""
        with self._changed:
            return self._channels.get(uuid)

    def _follow(self) -> None:
        for event in self._connection.events():
            with self._changed:
                if event.headers["Event-Name"] == "CUSTOM":
                    self._returned = int(event.headers["Mark"])
                else:
                    self._take(event)
                self._changed.notify_all()

    def _take(self, event: Frame) -> None:
        headers = event.headers
        uuid = headers["Unique-ID"]
        channel = self._channels.setdefault(uuid, new_channel(headers))
        channel.call_id = headers.get("variable_sip_call_id", channel.call_id)
        application = headers.get("Application-UUID", "")
        match headers["Event-Name"]:
            case "CHANNEL_PROGRESS" | "CHANNEL_PROGRESS_MEDIA":
                channel.ringing = not channel.up
            case "CHANNEL_ANSWER":
                channel.ringing, channel.up = False, True
            case "CHANNEL_EXECUTE":
                argument = headers.get("Application-Data", "")
                channel.running[application] = (headers["Application"], argument)
            case "CHANNEL_EXECUTE_COMPLETE":
                channel.running.pop(application, None)
            case "CHANNEL_HANGUP_COMPLETE":
                channel.ringing = channel.up = False
                channel.ended, channel.cause = True, headers["Hangup-Cause"]
            case "CHANNEL_DESTROY":
                channel.ended = channel.gone = True


def new_channel(headers: Mapping[str, str]) -> Channel:
    """A channel as its first event shows it; legs are named `sofia/suite/<extension>@<address>`."""
    leg = LEG.fullmatch(headers["Channel-Name"])
    if leg is None or headers["Call-Direction"] != "outbound":
        return Channel(headers["Unique-ID"])
    return Channel(headers["Unique-ID"], extension=leg[1], address=leg[2])
