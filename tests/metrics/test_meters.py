"""What the edges do is counted as it happens."""

import pytest

from fsapp.metrics.meters import CommandMeter, CommitMeter, LagMeter, RequestMeter
from fsapp.metrics.registry import Registry
from fsapp.metrics.table import (
    COMMAND_DURATION,
    COMMANDS,
    COMMIT_DURATION,
    REQUEST_DURATION,
    REQUESTS,
    STREAM_LAG,
)
from fsapp.switch import commands
from fsapp.switch.channel import Reply

from .reading import Reading


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def figures(registry: Registry) -> Reading:
    return Reading(registry)


def test_a_command_is_counted_by_its_name_and_what_came_of_it(
    registry: Registry, figures: Reading
) -> None:
    told = CommandMeter(registry)
    told(commands.api_bridge("a", "b"), Reply("+OK b"), 0.004)
    told(commands.api_bridge("a", "c"), Reply("-ERR Invalid uuid"), 0.003)
    told(commands.api_kill("a"), Reply("", lost=True), 7.0)
    assert figures.series(COMMANDS) == {
        ("uuid_bridge", "ok"): 1,
        ("uuid_bridge", "refused"): 1,
        ("uuid_kill", "lost"): 1,
    }
    assert figures.times(COMMAND_DURATION, command="uuid_bridge") == (2, 0.007)
    assert figures.within(COMMAND_DURATION, "0.0025", command="uuid_bridge") == 0
    assert figures.within(COMMAND_DURATION, "0.005", command="uuid_bridge") == 2


def test_a_command_that_was_never_answered_took_no_time(
    registry: Registry, figures: Reading
) -> None:
    CommandMeter(registry)(commands.exit_(), Reply("", lost=True), 7.0)
    assert figures.times(COMMAND_DURATION, command="exit") == (0, 0)


def test_what_may_come_of_a_command_is_there_from_the_first_one_on(
    registry: Registry, figures: Reading
) -> None:
    CommandMeter(registry)(commands.api_hostname(), Reply("host"), 0.001)
    assert figures.value(COMMANDS, command="hostname", result="lost") == 0
    assert figures.value(COMMANDS, command="hostname", result="refused") == 0


def test_each_change_of_a_commit_counts(registry: Registry, figures: Reading) -> None:
    CommitMeter(registry)([0.002, 0.02])
    assert figures.times(COMMIT_DURATION) == (2, 0.022)


def test_lag_is_from_the_change_to_now_and_never_negative(
    registry: Registry, figures: Reading
) -> None:
    LagMeter(registry, lambda: 100.0)([99.5, 100.2])
    assert figures.times(STREAM_LAG) == (2, 0.5)


def test_requests_are_counted_by_route_method_and_status(
    registry: Registry, figures: Reading
) -> None:
    told = RequestMeter(registry)
    told.answered("/call/pickup", "POST", 200, 1.5)
    told.answered("/call/pickup", "POST", 409, 20.0)
    for _ in range(2):
        told.answered("/call/state", "POST", 200, 0.5)
    told.answered("/call/state", "GET", 200, 0.25)
    assert figures.series(REQUESTS) == {
        ("/call/pickup", "POST", "200"): 1,
        ("/call/pickup", "POST", "409"): 1,
        ("/call/state", "POST", "200"): 2,
        ("/call/state", "GET", "200"): 1,
    }
    assert figures.times(REQUEST_DURATION, route="/call/pickup") == (2, 21.5)
    assert figures.times(REQUEST_DURATION, route="/call/state") == (3, 1.25)


def test_what_was_no_request_is_counted_and_not_timed(registry: Registry, figures: Reading) -> None:
    RequestMeter(registry).refused(431)
    assert figures.series(REQUESTS) == {("none", "other", "431"): 1}
    assert figures.within(REQUEST_DURATION, "+Inf", route="none") is None
