"""What the edges do, counted and timed as it happens: commands, commits, events, requests.

The law of this file: each is told by whoever knows the fact, on that one's thread, and does not
wait. The parts of the house that tell do not know this one; they are given a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import Counter, Histogram

from fsapp.metrics.registry import Registry, counter, histogram
from fsapp.metrics.table import (
    COMMAND_DURATION,
    COMMANDS,
    COMMIT_DURATION,
    REQUEST_DURATION,
    REQUESTS,
    STREAM_LAG,
)
from fsapp.switch.channel import Reply
from fsapp.switch.commands import name_of

__all__ = ["CommandMeter", "CommitMeter", "LagMeter", "RequestMeter"]


_RESULTS = ("ok", "refused", "lost")


_Command = tuple[Counter, Counter, Counter, Histogram]
"""The series of one command: one for each result, and how long it takes."""


class CommandMeter:
    """A ``fsapp.switch.connection.Meter``."""

    def __init__(self, registry: Registry) -> None:
        self._commands = counter(COMMANDS, registry)
        self._duration = histogram(COMMAND_DURATION, registry)
        self._known: dict[str, _Command] = {}

    def __call__(self, command: str, reply: Reply, seconds: float) -> None:
        name = name_of(command)
        ok, refused, lost, duration = self._known.get(name) or self._begin(name)
        if reply.lost:
            lost.inc()
            return
        (refused if reply.refused else ok).inc()
        duration.observe(seconds)

    def _begin(self, name: str) -> _Command:
        """All its series at once: a first failure must be seen as a rise."""
        ok, refused, lost = (self._commands.labels(name, result) for result in _RESULTS)
        known = self._known[name] = (ok, refused, lost, self._duration.labels(name))
        return known


class CommitMeter:
    """Told how long each change of a commit took (``fsapp.store.writer.Writer.measured``)."""

    def __init__(self, registry: Registry) -> None:
        self._duration = histogram(COMMIT_DURATION, registry)

    def __call__(self, seconds: Sequence[float]) -> None:
        for each in seconds:
            self._duration.observe(each)


class LagMeter:
    """Told when events have gone out (``fsapp.web.streams.Streams.told``)."""

    def __init__(self, registry: Registry, now: Callable[[], float]) -> None:
        self._now = now
        self._lag = histogram(STREAM_LAG, registry)

    def __call__(self, moments: Sequence[float]) -> None:
        now = self._now()
        for moment in moments:
            self._lag.observe(max(0.0, now - moment))


class RequestMeter:
    """Told of every request that was answered, or refused as none."""

    def __init__(self, registry: Registry) -> None:
        self._requests = counter(REQUESTS, registry)
        self._duration = histogram(REQUEST_DURATION, registry)
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        """The series of what has been answered; finding one by its labels takes longer."""

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """See ``fsapp.web.app.Figures.answered``."""
        key = route, method, status
        known = self._known.get(key)
        if known is None:
            series = self._requests.labels(route, method, str(status))
            known = self._known[key] = series, self._duration.labels(route)
        known[0].inc()
        known[1].observe(seconds)

    def refused(self, status: int) -> None:
        """What came was no request of HTTP (``fsapp.web.server.WebServer``)."""
        self._requests.labels("none", "other", str(status)).inc()
