"""What happens to calls, counted and timed as it happens.

The law of this file: it is told inside a turn of the board, so it neither waits nor looks at
anything but what it is told. What it remembers of a live call (when it was claimed, when a
conversation began) ends with the call; after a restart what is on the call's row serves, to the
second.
"""

from __future__ import annotations

from collections.abc import Callable

from fsapp.calls.call import Call, State
from fsapp.calls.outcome import Outcome
from fsapp.calls.table import Happening
from fsapp.desk.tally import Tally
from fsapp.metrics.organizations import OTHER, Organizations
from fsapp.metrics.registry import Registry, counter, histogram
from fsapp.metrics.table import ENDED, PICKUP, PICKUPS_FAILED, STARTED, TALK, WAITING

__all__ = ["CallTally"]

_WAITS = (Outcome.ANSWERED, Outcome.ABANDONED, Outcome.OVERFLOWED)
_ENDS = {
    "inbound": (*_WAITS, Outcome.TRANSFERRED),
    "outbound": (Outcome.ANSWERED, Outcome.TRANSFERRED, Outcome.FAILED),
}
"""What can come of a call (calls/outcome.py)."""
_WHOLE_SECONDS = 2.0
"""How far a row's time, which has whole seconds, may be from now and mean now."""
NOT_JOINED, CALLER_GONE = "not_joined", "caller_gone"


class CallTally(Tally):
    """``now`` is the board's clock, in Unix seconds with fractions."""

    def __init__(
        self, registry: Registry, organizations: Organizations, now: Callable[[], float]
    ) -> None:
        self._organizations = organizations
        self._now = now
        self._started = counter(STARTED, registry)
        self._ended = counter(ENDED, registry)
        self._waiting = histogram(WAITING, registry)
        self._pickup = histogram(PICKUP, registry)
        self._failed = counter(PICKUPS_FAILED, registry)
        self._talk = histogram(TALK, registry)
        self._claimed: dict[str, float] = {}
        self._joined: dict[str, float] = {}
        self._acts: dict[Happening, Callable[[Call, Call], None]] = {
            Happening.DIAL: lambda _before, after: self.arrived(after),
            Happening.CLAIM: self._claim,
            Happening.RELEASE: lambda before, _: self._not_picked_up(before, NOT_JOINED),
            Happening.BRIDGE: self._bridge,
            Happening.OVERFLOW: lambda before, _: self._waited(before, Outcome.OVERFLOWED),
            Happening.PARK: self._apart,
            Happening.LOSE_AGENT: self._apart,
            Happening.TRANSFER: self._apart,
            Happening.HANGUP: self._hangup,
        }
        for reason in (NOT_JOINED, CALLER_GONE):
            self._failed.labels(reason)
        for direction in _ENDS:
            self._talk.labels(direction)
        self.begin(OTHER)

    def begin(self, organization: str) -> None:
        """Makes an organization's series, at 0: a first call must be seen as a rise."""
        for direction, outcomes in _ENDS.items():
            self._started.labels(organization, direction)
            for outcome in outcomes:
                self._ended.labels(organization, direction, outcome)
        for outcome in _WAITS:
            self._waiting.labels(organization, outcome)

    def arrived(self, call: Call) -> None:
        """A call that was not there before."""
        self._started.labels(self._label(call), _direction(call)).inc()

    def happened(self, happening: Happening, before: Call, after: Call) -> None:
        """A transition of the table, with the call before and after it."""
        act = self._acts.get(happening)
        if act is not None:
            act(before, after)

    def _claim(self, before: Call, _after: Call) -> None:
        self._claimed[before.id] = self._now()

    def _bridge(self, before: Call, after: Call) -> None:
        joined = self._joined[before.id] = self._moment(after.bridged_at)
        claimed = self._claimed.pop(before.id, None)
        if claimed is not None:
            self._pickup.observe(max(0.0, joined - claimed))
        self._waited(before, Outcome.ANSWERED, joined)

    def _moment(self, told: int | None) -> float:
        """When it happened: now, or as FreeSWITCH says of what was found out only after a crash."""
        now = self._now()
        return now if told is None or now - told < _WHOLE_SECONDS else told

    def _waited(self, before: Call, outcome: Outcome, until: float | None = None) -> None:
        """Her first wait ends with this (calls/outcome.py)."""
        if before.inbound and before.waited is None and not before.handled_by:
            seconds = max(0.0, (until or self._now()) - before.arrival)
            self._waiting.labels(self._label(before), outcome).observe(seconds)

    def _apart(self, before: Call, after: Call) -> None:
        """A conversation ends, if it was one: a call on hold can be transferred, too."""
        if before.state is not State.SPEAKING:
            return
        began = self._joined.pop(before.id, before.bridged_at)
        if began is not None:
            seconds = max(0.0, self._moment(_changed_at(after)) - began)
            self._talk.labels(_direction(before)).observe(seconds)

    def _not_picked_up(self, before: Call, reason: str) -> None:
        claimed = self._claimed.pop(before.id, None)
        # A claim that could not be put on record was taken back, and is none (Board.unclaim).
        if claimed is not None and before.state is State.TRANSFERRING:
            self._failed.labels(reason).inc()

    def _hangup(self, before: Call, after: Call) -> None:
        self._apart(before, after)
        self._joined.pop(before.id, None)
        self._not_picked_up(before, CALLER_GONE)
        if after.outcome == Outcome.ABANDONED:
            self._waited(before, Outcome.ABANDONED, self._moment(after.ended_at))
        self._ended.labels(self._label(before), _direction(before), after.outcome).inc()

    def _label(self, call: Call) -> str:
        return self._organizations.label(call.organization_id)


def _changed_at(call: Call) -> int | None:
    """When it came into its state, where the row says so."""
    moments = {
        State.PARKED: call.parked_at,
        State.TRANSFERRED: call.bridged_at,
        State.HUNGUP: call.ended_at,
    }
    return moments.get(call.state)


def _direction(call: Call) -> str:
    return "inbound" if call.inbound else "outbound"
