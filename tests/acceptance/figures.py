"""What `/metrics` says, read as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from .app import App, Settings
from .client import Client
from .wait import wait_until

OPEN: Settings = {"metrics": {"allow": ["127.0.0.0/8"]}}
"""Settings with which anybody on this machine may read them."""

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Figures:
    """One scrape."""

    samples: Mapping[tuple[str, Labels], float]

    def __repr__(self) -> str:
        """What is not 0, without the buckets: the rest would fill pages."""
        told = [
            f"{name}{dict(labels) or ''} {value:g}"
            for (name, labels), value in sorted(self.samples.items(), key=str)
            if value and not name.endswith("_bucket")
        ]
        return "\n".join(["", *told])

    def __call__(self, name: str, **labels: str) -> float:
        """One series; 0 when there is none (a counter's labels that were never counted)."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self.samples)

    def since(self, before: Figures, *names: str) -> dict[str, float]:
        """What of these has changed, by `name{label="value"}`."""
        changed = {}
        for (name, labels), value in self.samples.items():
            rise = value - before.samples.get((name, labels), 0.0)
            if name in names and rise:
                words = ",".join(f'{label}="{word}"' for label, word in sorted(labels))
                changed[f"{name}{{{words}}}"] = rise
        return changed


def read(app: App) -> Figures:
    """One scrape, by somebody without a token."""
    client = Client(app.address)
    try:
        answer = client.get("/metrics")
    finally:
        client.close()
    assert answer.code == 200, str(answer)
    return Figures(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
        }
    )


def shows(app: App, true: Callable[[Figures], object], promise: str, limit: float = 8.0) -> Figures:
    """Wait until a scrape shows it."""
    return wait_until(lambda: read(app), true, limit=limit, promise=promise)
