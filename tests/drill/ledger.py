"""What the drill's people did and were told, against which the switch's events are held."""

import threading
import time
from dataclasses import dataclass, field

__all__ = ["Asked", "Ledger"]


@dataclass(frozen=True)
class Asked:
    """An agent asked for something that ends a conversation or a call."""

    verb: str
    began: float


@dataclass
class Ledger:
    """Everything done on purpose. Times are Unix seconds, as in the switch's events."""

    placed: dict[str, float] = field(default_factory=dict)
    """Each caller's channel, and when it was there."""
    left: dict[str, float] = field(default_factory=dict)
    """Who was told to hang up herself."""
    asked: dict[str, list[Asked]] = field(default_factory=dict)
    taken: list[tuple[str, str]] = field(default_factory=list)
    """(call, agent): pickups answered with 200."""
    dialled: set[str] = field(default_factory=set)
    """Ids of the calls whose originate was answered with 200."""
    ended: set[str] = field(default_factory=set)
    """Calls whose hangup was answered with 200."""
    arrivals: dict[str, set[str]] = field(default_factory=dict)
    """Every arrival time that was ever shown of a call."""
    done: dict[str, int] = field(default_factory=dict)
    """How often each verb was answered with 200."""
    strange: list[str] = field(default_factory=list)
    """Answers that no table knows."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asks(self, verb: str, *calls: str) -> None:
        """Somebody is about to ask this of these calls."""
        with self._lock:
            for call in calls:
                self.asked.setdefault(call, []).append(Asked(verb, time.time()))

    def leaves(self, call: str) -> None:
        """A caller is about to hang up."""
        with self._lock:
            self.left.setdefault(call, time.time())

    def arrives(self, call: str) -> None:
        """A caller is on the line."""
        with self._lock:
            self.placed[call] = time.time()

    def carried_out(self, verb: str, agent: str, call: str) -> None:
        """The answer was 200."""
        with self._lock:
            self.done[verb] = self.done.get(verb, 0) + 1
            if verb in ("pickup", "unpark"):
                self.taken.append((call, agent))
            elif verb == "originate":
                self.dialled.add(call)
            elif verb == "hangup":
                self.ended.add(call)

    def shows(self, call: str, arrival: str) -> None:
        """The call was seen with this arrival time."""
        with self._lock:
            self.arrivals.setdefault(call, set()).add(arrival)

    def wonders(self, sentence: str) -> None:
        """Something happened that should not."""
        with self._lock:
            self.strange.append(sentence)

    def purposely(self, call: str, since: float, until: float, verbs: tuple[str, ...]) -> bool:
        """Whether somebody asked one of ``verbs`` of the call in this time, or its caller left."""
        with self._lock:
            left = self.left.get(call)
            asked = list(self.asked.get(call, ()))
        if left is not None and left <= until:
            return True
        return any(one.verb in verbs and since <= one.began <= until for one in asked)
