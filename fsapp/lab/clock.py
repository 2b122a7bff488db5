"""The lab switch's time: one source for everything that waits, real or moved by hand.

The law of this file: nothing in the lab switch reads the machine's clock or sleeps on its
own; whoever waits asks a :class:`Clock`. With a :class:`ManualClock` the same script gives
the same order of events, however fast or slow the machine is.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = [
    "FREESWITCH",
    "PROMPT",
    "Clock",
    "Latency",
    "ManualClock",
    "RealClock",
    "Timer",
    "settle",
]

_SETTLING_TURNS = 40


@dataclass(frozen=True, slots=True)
class Latency:
    """How long FreeSWITCH takes for what is not instant, in seconds.

    ``tick``: until a channel notices what was sent to it (a media frame: 20 ms on FreeSWITCH).
    ``poll``: the steps in which two legs wait for each other before they are bridged.
    ``ring``: from dialling a phone to its ringing.
    ``notice``: until a connection notices that its channel was hung up; on FreeSWITCH that is
    about as often before CHANNEL_HANGUP_COMPLETE as after it.
    """

    tick: float = 0.002
    poll: float = 0.004
    ring: float = 0.002
    notice: float = 0.006


PROMPT = Latency()
"""The default: everything in order, but quick."""

FREESWITCH = Latency(tick=0.020, poll=0.020, ring=0.020, notice=0.030)
"""What was measured on FreeSWITCH 1.10.12 (CHANNEL_BRIDGE 20-60 ms after ``+OK``)."""


class Timer(Protocol):
    """Something due later that can be called off."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What the lab switch needs of time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def call_later(self, delay: float, action: Callable[[], None]) -> Timer:
        """Run ``action`` on the switch's thread in ``delay`` seconds."""
        ...

    async def sleep(self, delay: float) -> None:
        """Wait ``delay`` seconds of this clock; nothing at all for 0."""
        ...


def settle(future: asyncio.Future[None]) -> None:
    """Let whoever awaits the future go on; once is enough."""
    if not future.done():
        future.set_result(None)


class _Sleeping:
    """``sleep`` in terms of ``call_later``, for both clocks."""

    def call_later(self, delay: float, action: Callable[[], None]) -> Timer:
        raise NotImplementedError

    async def sleep(self, delay: float) -> None:
        if delay <= 0:
            return
        woken = asyncio.get_running_loop().create_future()
        timer = self.call_later(delay, lambda: settle(woken))
        try:
            await woken
        finally:
            timer.cancel()


class RealClock(_Sleeping):
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def call_later(self, delay: float, action: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(delay, action)


class _Entry:
    __slots__ = ("action", "due")

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class ManualClock(_Sleeping):
    """A clock that stands still until it is told to :meth:`advance`.

    ``start`` is the time it shows at first, in seconds since the epoch.
    """

    def __init__(self, start: float = 1_795_374_000.0) -> None:
        self._now = start
        self._entries: list[tuple[float, int, _Entry]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    def call_later(self, delay: float, action: Callable[[], None]) -> Timer:
        entry = _Entry(self._now + max(delay, 0.0), action)
        heapq.heappush(self._entries, (entry.due, next(self._numbers), entry))
        return entry

    def next_due(self) -> float | None:
        """Seconds until the next thing happens by itself, None when nothing will."""
        while self._entries and self._entries[0][2].action is None:
            heapq.heappop(self._entries)
        return max(self._entries[0][0] - self._now, 0.0) if self._entries else None

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, everything that falls due happening in its order.

        To be awaited on the switch's thread (``LabSwitch.advance`` does that).
        """
        until = self._now + seconds
        await _settle()
        while (ahead := self.next_due()) is not None and self._now + ahead <= until:
            due, _, entry = heapq.heappop(self._entries)
            self._now = max(self._now, due)
            if entry.action is not None:
                entry.action()
            await _settle()
        self._now = until


async def _settle() -> None:
    """Let everything that can run without time passing run."""
    for _ in range(_SETTLING_TURNS):
        await asyncio.sleep(0)
