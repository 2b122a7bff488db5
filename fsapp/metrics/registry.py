"""From rows of the table to what prometheus-client exports.

The law of this file: nothing is registered with the library's own, process-wide registry. Two
fsapps in one process (tests, FreeSWITCH's Python) count for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from fsapp.metrics.table import Metric

__all__ = ["Registry", "Value", "counter", "family", "histogram"]

Value = tuple[tuple[str, ...], float]
"""A value and the labels it has, in the order of its row."""


class Registry(CollectorRegistry):
    """As the library's, without the ``_created`` series that it would add to each of ours: they
    double what is stored, and Prometheus's text format knows them as metrics of their own."""

    def collect(self) -> Iterable[Family]:
        for found in super().collect():
            found.samples = [one for one in found.samples if not one.name.endswith("_created")]
            yield found


def counter(row: Metric, registry: Registry) -> Counter:
    """What is counted as it happens."""
    return Counter(row.name, row.help, row.labels, registry=registry)


def histogram(row: Metric, registry: Registry) -> Histogram:
    """What is measured as it happens."""
    return Histogram(row.name, row.help, row.labels, registry=registry, buckets=row.buckets)


def family(row: Metric, *values: Value) -> Family:
    """What was looked at when it was asked for."""
    kind = GaugeMetricFamily if row.kind == "gauge" else CounterMetricFamily
    made = kind(row.name, row.help, labels=row.labels)
    for labels, value in values:
        made.add_metric(labels, value)
    return made
