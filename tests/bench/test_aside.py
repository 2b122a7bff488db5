"""A process of the bench that ends is noticed, and can always be stopped."""

import os
from typing import Any

import pytest

from tests.bench.aside import Aside


def doubles(by: int, bench: Any) -> None:
    while (wanted := bench.recv()) is not None:
        bench.send(wanted * by)


def ends(bench: Any) -> None:
    bench.close()
    os._exit(3)


def test_it_answers_what_it_is_asked():
    aside = Aside(doubles, 2)
    assert [aside.asked(number) for number in (1, 4)] == [2, 8]
    aside.stop()
    assert not aside._process.is_alive()


def test_one_that_has_ended_is_not_waited_for():
    aside = Aside(ends)
    with pytest.raises(RuntimeError, match="has ended"):
        aside.told()
    with pytest.raises(RuntimeError, match="has ended"):
        aside.asked(1)
    aside.stop()
    aside.stop()
