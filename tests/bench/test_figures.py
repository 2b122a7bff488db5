"""What the bench concludes from what it measured."""

import pytest

from tests.bench.figures import Figure, centile, over_rounds


@pytest.mark.parametrize(
    ("value", "beside", "reached"),
    [(1.0, 1.0, True), (1.01, 1.0, False), (0.5, 1.0, True), (50.0, 100.0, True)],
)
def test_with_something_beside_it_the_ratio_is_judged(value, beside, reached):
    figure = Figure(1, "what", value, "ms", "other", beside, at_most=1.0)
    assert figure.ratio == value / beside
    assert figure.reached is reached


@pytest.mark.parametrize(("value", "reached"), [(0.6, True), (0.59, False), (7.0, True)])
def test_a_goal_can_be_a_least(value, reached):
    figure = Figure(4, "what", value, "/s", "bare", 1.0, at_least=0.6)
    assert figure.goal == "≥ 0.6"
    assert figure.reached is reached


@pytest.mark.parametrize(("value", "reached"), [(3.0, True), (3.1, False)])
def test_with_nothing_beside_it_the_figure_is_judged(value, reached):
    assert Figure(7, "ready", value, "s", at_most=3).reached is reached


def test_what_has_no_goal_is_neither_reached_nor_missed():
    figure = Figure(8, "median", 9.0, "ms", "empty", 1.0)
    assert figure.goal == ""
    assert figure.reached is None


def test_nothing_measured_beside_it_is_not_a_goal_that_is_reached():
    assert Figure(1, "what", 1.0, "ms", "other", 0.0, at_most=1.0).reached is None


def test_a_centile_is_the_value_that_so_many_do_not_exceed():
    hundred = [float(number) for number in range(100, 0, -1)]
    assert centile(hundred) == 99
    assert centile(hundred, 50) == 50
    assert centile([*hundred, 101.0]) == 100
    assert centile([3.0]) == 3


def test_sides_take_turns_and_each_round_begins_with_another():
    order = []
    values = iter([1.0, 10.0, 20.0, 3.0, 2.0, 30.0])

    def side(name):
        def measured():
            order.append(name)
            return next(values)

        return measured

    assert over_rounds([side("a"), side("b")], 3) == [2.0, 20.0]
    assert "".join(order) == "abbaab"
