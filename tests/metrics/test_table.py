"""The names are an interface: they follow Prometheus's conventions and hold nothing unbounded."""

import re

import pytest

from fsapp.metrics.table import LABELS, PROCESS, TABLE, Metric

OWN = [row for row in TABLE if row not in PROCESS]
UNITS = {"seconds", "bytes"}
NO_BASE_UNITS = re.compile(r"(milli|micro|kilo|mega)|_(ms|minutes|percent|kb|mb)(_|$)")
UNBOUNDED = {"id", "call", "call_id", "uuid", "agent", "agent_id", "caller", "number", "name", "ip"}

each = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def test_no_name_is_given_twice() -> None:
    names = [name for row in TABLE for name in row.series]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", OWN, ids=lambda row: row.name)
def test_our_names_begin_with_ours(row: Metric) -> None:
    assert re.fullmatch(r"fsapp(_[a-z]+)+", row.name)


@each
def test_what_only_rises_ends_in_total_and_nothing_else_does(row: Metric) -> None:
    assert row.name.endswith("_total") == (row.kind == "counter")


@each
def test_units_are_base_units_and_stand_at_the_end(row: Metric) -> None:
    assert not NO_BASE_UNITS.search(row.name)
    words = row.name.removesuffix("_total").split("_")
    assert not UNITS & set(words[:-1])
    assert row.kind != "histogram" or words[-1] in UNITS


@each
def test_labels_are_known_and_bounded(row: Metric) -> None:
    assert set(row.labels) <= LABELS.keys() - UNBOUNDED
    assert not {"le", "quantile", "job", "instance"} & set(row.labels)


def test_no_label_is_described_that_no_metric_has() -> None:
    assert LABELS.keys() == {label for row in TABLE for label in row.labels}


@each
def test_buckets_rise_and_belong_to_histograms(row: Metric) -> None:
    assert list(row.buckets) == sorted(set(row.buckets))
    assert bool(row.buckets) == (row.kind == "histogram")


@each
def test_what_it_means_is_a_sentence(row: Metric) -> None:
    assert not row.help[0].islower()
    assert row.help.endswith(".")
