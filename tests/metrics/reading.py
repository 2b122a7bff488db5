"""What a registry has counted, read the way Prometheus would."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from fsapp.metrics.calls import CallTally
from fsapp.metrics.organizations import Organizations
from fsapp.metrics.registry import Registry
from fsapp.metrics.table import Metric
from tests.desk.fakes import Rig


@dataclass(frozen=True)
class Reading:
    registry: CollectorRegistry

    def value(self, row: Metric, **labels: str) -> float | None:
        """A counter's or gauge's value; ``None`` when there is no such series."""
        return self.registry.get_sample_value(row.name, labels)

    def times(self, row: Metric, **labels: str) -> tuple[int, float]:
        """How often a histogram's fact was observed, and the sum of it."""
        count = self.registry.get_sample_value(f"{row.name}_count", labels)
        total = self.registry.get_sample_value(f"{row.name}_sum", labels)
        assert count is not None
        assert total is not None
        return int(count), round(total, 6)

    def within(self, row: Metric, bound: str, **labels: str) -> float | None:
        """How often it was at most ``bound`` (as ``le`` has it)."""
        return self.registry.get_sample_value(f"{row.name}_bucket", {**labels, "le": bound})

    def series(self, row: Metric) -> dict[tuple[str, ...], float]:
        """Every series of a counter or gauge that is not 0, by its labels' values."""
        return {
            tuple(sample.labels[label] for label in row.labels): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == row.name and sample.value
        }


def counting(rig: Rig) -> Reading:
    """From now on this desk's calls are counted; organization 1 is known."""
    registry, organizations = Registry(), Organizations()
    tally = CallTally(registry, organizations, rig.clock.now)
    for label in organizations.learn([1]):
        tally.begin(label)
    rig.board.tally = tally
    return Reading(registry)
