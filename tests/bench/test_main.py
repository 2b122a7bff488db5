"""No workload takes another one's figures with it."""

import json
from types import SimpleNamespace

import pytest

from tests.bench import __main__ as bench
from tests.bench.figures import Figure, LeftOutError, Missing

FIGURE = Figure(1, "one", 1.0, "ms")


def yields_and_raises(error):
    def run():
        yield FIGURE
        raise error

    return SimpleNamespace(TITLE="title", run=run)


@pytest.fixture
def modules(monkeypatch):
    """Workloads 1 and 2, as the test says."""
    there = {}
    monkeypatch.setattr(bench, "workloads", lambda: {1: "", 2: ""})
    monkeypatch.setattr(bench, "loaded", there.__getitem__)
    return there


def test_what_a_workload_measured_before_it_went_wrong_is_kept(modules, capsys):
    modules[1] = yields_and_raises(AssertionError("3 channels\nand more"))
    found = list(bench.results(1))
    why = "AssertionError: 3 channels"
    assert found == [FIGURE, Missing(1, "the rest of the workload", why, failed=True)]
    assert f"FAILED: {why}" in capsys.readouterr().out


def test_what_cannot_be_had_here_stands_in_the_table(modules):
    modules[2] = yields_and_raises(LeftOutError("no FreeSWITCH"))
    found = list(bench.results(2))
    assert found[1:] == [Missing(2, "the whole workload", "no FreeSWITCH")]


def told(folder):
    return bench.main(["--output", str(folder)])


def document(folder):
    return json.loads((folder / "bench.json").read_text("utf-8"))


def test_the_next_one_is_measured_all_the_same_and_the_status_tells(modules, tmp_path):
    modules[1] = yields_and_raises(ValueError("broken"))
    modules[2] = SimpleNamespace(TITLE="second", run=lambda: iter([FIGURE]))
    assert told(tmp_path) == 1
    assert len(document(tmp_path)["figures"]) == 2
    assert [one["failed"] for one in document(tmp_path)["missing"]] == [True]


def test_a_module_that_cannot_be_imported_is_one_that_went_wrong(modules, tmp_path):
    modules[2] = SimpleNamespace(TITLE="second", run=lambda: iter([FIGURE]))
    assert told(tmp_path) == 1
    assert document(tmp_path)["missing"][0]["why"] == "KeyError: 1"
    assert len(document(tmp_path)["figures"]) == 1


def test_what_is_left_out_is_no_failure(modules, tmp_path):
    modules[1] = yields_and_raises(LeftOutError("no FreeSWITCH"))
    modules[2] = SimpleNamespace(TITLE="second", run=lambda: iter([FIGURE]))
    assert told(tmp_path) == 0


def test_ctrl_c_keeps_what_was_measured(modules, tmp_path):
    modules[1] = yields_and_raises(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        told(tmp_path)
    assert len(document(tmp_path)["figures"]) == 1
    whys = [(one["workload"], one["why"]) for one in document(tmp_path)["missing"]]
    assert whys == [(1, "interrupted"), (2, "not begun")]
