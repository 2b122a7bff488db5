"""What a query of Prometheus asks for, read by a parser of its language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as promql

from fsapp.calls.call import State
from fsapp.calls.outcome import Outcome
from fsapp.calls.presence import AgentState
from fsapp.desk.audit import NO_CHANNEL, NO_ROW
from fsapp.desk.desk import CHECKS
from fsapp.metrics.calls import CALLER_GONE, NOT_JOINED
from fsapp.metrics.table import TABLE
from fsapp.switch.listener import REFUSALS

TARGET = frozenset({"job", "instance"})
"""What Prometheus adds to every series."""
SERIES = {name: labels for row in TABLE for name, labels in row.series.items()}
SERIES["up"] = frozenset()
BOUNDS = {
    f"{row.name}_bucket": {*(repr(float(bound)) for bound in row.buckets), "+Inf"} for row in TABLE
}
WORDS = {
    "check": set(CHECKS),
    "direction": {"inbound", "outbound"},
    "outcome": {str(word) for word in Outcome},
    "reason": {*REFUSALS, NOT_JOINED, CALLER_GONE, NO_CHANNEL, NO_ROW},
    "result": {"ok", "refused", "lost"},
    "state": {str(word) for word in (*State, *AgentState)},
}
"""Labels of which all values are known."""


@dataclass(frozen=True)
class Query:
    """One query, as Prometheus gets it: variables of Grafana's are filled in."""

    text: str

    @property
    def _tree(self) -> promql.Expr:
        filled = re.sub(r"\$__(rate_interval|interval|range)", "5m", self.text)
        return promql.parse(re.sub(r"\$\w+", ".*", filled))

    def _parts(self, kind: type[promql.Expr]) -> list[promql.Expr]:
        found: list[promql.Expr] = []

        def note(part: promql.Expr) -> None:
            if isinstance(part, kind):
                found.append(part)

        promql.walk(self._tree, note)
        return found

    def _selectors(self) -> list[promql.VectorSelector]:
        return self._parts(promql.VectorSelector)

    def faults(self) -> Iterator[str]:
        """Sentences about names, labels and values that are not exported."""
        for selector in self._selectors():
            known = SERIES.get(selector.name)
            if known is None:
                yield f"{selector.name} is not exported"
                continue
            for matcher in selector.matchers.matchers:
                if matcher.name not in known | TARGET:
                    yield f"{selector.name} has no label {matcher.name}"
                words = BOUNDS.get(selector.name) if matcher.name == "le" else None
                words = words or WORDS.get(matcher.name)
                if words and not set(matcher.value.split("|")) <= words:
                    yield f"{selector.name}: {matcher.name} is never {matcher.value}"
        for labels in self._grouped():
            for label in labels - self._labels() - TARGET:
                yield f"nothing asked for has a label {label}"

    def metrics(self) -> set[str]:
        return {str(selector.name) for selector in self._selectors()}

    def is_of_job(self, job: str) -> bool:
        """Whether each series is asked of this job alone."""
        return all(
            ("job", job) in {(one.name, one.value) for one in selector.matchers.matchers}
            for selector in self._selectors()
        )

    def quantiles_keep_buckets(self) -> bool:
        """Whether ``le`` survives in whatever a quantile is made of."""
        calls = (one for one in self._parts(promql.Call) if one.func.name == "histogram_quantile")
        return all(
            not isinstance(call.args[1], promql.AggregateExpr)
            or "le" in call.args[1].modifier.labels
            for call in calls
        )

    def result_labels(self) -> set[str]:
        """The labels its answer has."""
        grouped = self._grouped()
        if not grouped:
            return set(self._labels()) | TARGET
        return set.intersection(*(set(labels) for labels in grouped)) - {"le"}

    def _labels(self) -> set[str]:
        return {label for one in self._selectors() for label in SERIES.get(one.name, ())}

    def _grouped(self) -> list[set[str]]:
        aggregates = self._parts(promql.AggregateExpr)
        return [set(one.modifier.labels) if one.modifier else set() for one in aggregates]
