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
        pair = frozenset({uuid, headers.get("Other-Leg-Unique-ID", uuid)})
        if name == "CHANNEL_CREATE":
            self.lives[uuid] = Life(uuid, now)
        elif name == "CHANNEL_BRIDGE":
            self._join(pair, now)
        elif name == "CHANNEL_UNBRIDGE":
            self._part(pair, now)
        else:
            life = self.lives.setdefault(uuid, Life(uuid, now))
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
