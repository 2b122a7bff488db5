"""Who follows the switch's events: which channels lived and ended, who spoke with whom and when."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.acceptance.switches.event_socket import EventSocket

__all__ = ["Conversation", "Life", "Witness"]

EVENTS = "CHANNEL_CREATE CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP_COMPLETE"


@dataclass
class Life:
    """One channel; times in Unix seconds."""

    uuid: str
    began: float
    ended: float | None = None
    cause: str = ""
    agent: str = ""
    """Whose leg it is, by the variable fsapp sets when it dials her phone."""
    call: str = ""
    """The call it was dialled for, by the variable fsapp sets when it dials."""
    taken_in: bool = False
    """Whether fsapp ever had it, by the variable it sets on a customer who arrives."""


@dataclass
class Conversation:
    """Two channels joined."""

    channels: frozenset[str]
    began: float
    ended: float | None = None


@dataclass
class Witness:
    """Follows over a connection of its own; looks at nothing the app says."""

    connection: EventSocket
    lives: dict[str, Life] = field(default_factory=dict)
    conversations: list[Conversation] = field(default_factory=list)
    _open: dict[frozenset[str], Conversation] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> "Witness":
        """Begin to follow."""
        self.connection.command(f"event plain {EVENTS}")
        self._thread = threading.Thread(target=self._follow, name="witness", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop following."""
        self.connection.close()
        self._thread.join(5)

    def ended(self, uuid: str) -> bool:
        """Whether the channel has ended."""
        with self._lock:
            life = self.lives.get(uuid)
            return life is not None and life.ended is not None

    def life(self, uuid: str) -> Life | None:
        """The channel, if there ever was one."""
        with self._lock:
            return self.lives.get(uuid)

    def dialled(self) -> list[Life]:
        """The customers that fsapp has dialled."""
        with self._lock:
            return [life for life in self.lives.values() if life.call == life.uuid]

    def dials(self, call: str) -> int:
        """How many channels lead on from a dialled customer's to her phone (loopback's far end)."""
        with self._lock:
            far = (life for life in self.lives.values() if life.call == call and not life.agent)
            return sum(life.uuid != call for life in far)

    def phone_of(self, call: str) -> str | None:
        """The leg to the phone of a dialled customer, while it is up: behind loopback's far end."""
        with self._lock:
            for pair in self._open:
                far = [self.lives[uuid].call == call != uuid for uuid in sorted(pair)]
                if any(far):
                    return sorted(pair)[far.index(False)]
        return None

    def alive(self) -> list[str]:
        """Every channel that has not ended."""
        with self._lock:
            return [life.uuid for life in self.lives.values() if life.ended is None]

    def speaking(self) -> list[Conversation]:
        """The conversations that go on."""
        with self._lock:
            return list(self._open.values())

    def _follow(self) -> None:
        for event in self.connection.events():
            with self._lock:
                self._take(event.headers)

    def _take(self, headers: Mapping[str, str]) -> None:
        uuid, name = headers["Unique-ID"], headers["Event-Name"]
        now = int(headers["Event-Date-Timestamp"]) / 1_000_000
        # Not Other-Leg-Unique-ID, which in CHANNEL_UNBRIDGE is missing or the next partner's.
        pair = frozenset(headers.get(f"Bridge-{side}-Unique-ID", uuid) for side in "AB")
        life = self.lives.setdefault(uuid, Life(uuid, now))
        life.agent = headers.get("variable_fsapp_agent", life.agent)
        life.call = headers.get("variable_fsapp_call", life.call)
        life.taken_in = life.taken_in or "variable_fsapp_state" in headers
        if name == "CHANNEL_CREATE":
            life.began = now
        elif name == "CHANNEL_BRIDGE":
            self._join(pair, now)
        elif name == "CHANNEL_UNBRIDGE":
            self._part(pair, now)
        else:
            life.ended, life.cause = now, headers.get("Hangup-Cause", "")
            for other in [other for other in self._open if uuid in other]:
                self._part(other, now)

    def _join(self, pair: frozenset[str], now: float) -> None:
        if len(pair) == 2 and pair not in self._open:
            self._open[pair] = Conversation(pair, now)
            self.conversations.append(self._open[pair])

    def _part(self, pair: frozenset[str], now: float) -> None:
        conversation = self._open.pop(pair, None)
        if conversation is not None:
            conversation.ended = now
