"""A short drill (`make drill`) finds nothing, and counts each harm that is done on purpose."""

from pathlib import Path

import pytest

from tests.drill.run import HARMS, Plan, drill

from .app import AppKeeper
from .switches.base import Switch


@pytest.fixture
def alone(switch: Switch, keeper: AppKeeper) -> Switch:
    """The switch, to which no other app listens."""
    keeper.discard()
    return switch


def test_nobody_is_lost_while_the_app_is_killed_again_and_again(alone: Switch, tmp_path: Path):
    outcome = drill(alone, tmp_path, Plan(callers=6, agents=4, every=2.0, seconds=10))
    assert outcome.clean, outcome.table()
    assert outcome.kills


def test_each_harm_is_counted(alone: Switch, tmp_path: Path):
    plan = Plan(callers=5, agents=4, every=60, seconds=2, harms=tuple(HARMS), patience=2, silence=2)
    outcome = drill(alone, tmp_path, plan)
    assert list(outcome.harmed) == list(HARMS)
    assert not outcome.unnoticed(), f"{outcome.unnoticed()}\n{outcome.table()}"
