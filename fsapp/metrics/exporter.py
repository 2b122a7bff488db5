"""All metrics of one fsapp, and the text that Prometheus reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress

from prometheus_client import ProcessCollector, generate_latest

from fsapp.metrics.calls import CallTally
from fsapp.metrics.meters import CommandMeter, CommitMeter, LagMeter, RequestMeter
from fsapp.metrics.organizations import Organizations
from fsapp.metrics.registry import Registry
from fsapp.metrics.scrape import Application, Scrape

__all__ = ["Exporter"]


class Exporter:
    """Made first, and handed to whoever has something to count; told at the end, by
    :meth:`look_at`, what there is to be looked at. ``now`` is the board's clock, in Unix seconds;
    ``named`` are the numbers of the organizations that have series of their own (it raises
    ``sqlite3.Error``)."""

    def __init__(self, now: Callable[[], float], named: Callable[[], Iterable[int]]) -> None:
        self._registry = Registry()
        self._organizations = Organizations()
        self._named = named
        self.calls = CallTally(self._registry, self._organizations, now)
        self.commands = CommandMeter(self._registry)
        self.commits = CommitMeter(self._registry)
        self.lag = LagMeter(self._registry, now)
        self.requests = RequestMeter(self._registry)
        ProcessCollector(registry=self._registry)

    def look_at(self, application: Application) -> None:
        """What is looked at from now on whenever somebody asks."""
        self._registry.register(Scrape(application, self._organizations))
        self.learn()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """See ``fsapp.web.app.Figures``, which this is."""
        self.requests.answered(route, method, status, seconds)

    def exposition(self) -> bytes:
        """Everything, in Prometheus's text format 0.0.4."""
        self.learn()
        return generate_latest(self._registry)

    def learn(self) -> None:
        """Organizations that were added get series of their own, as they do with every scrape."""
        with suppress(sqlite3.Error):
            for label in self._organizations.learn(self._named()):
                self.calls.begin(label)
