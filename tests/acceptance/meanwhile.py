"""Things that happen at the same time: requests under way, and many actions at once."""

import threading
from collections.abc import Callable
from typing import TypeVar

from .client import Answer

T = TypeVar("T")


class Pending:
    """A request under way, in a thread of its own."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._answers: list[Answer] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(ask,), daemon=True)
        self._thread.start()

    def _run(self, ask: Callable[[], Answer]) -> None:
        try:
            self._answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the answer
            self._errors.append(error)

    def is_under_way(self) -> bool:
        return self._thread.is_alive()

    def answer(self, limit: float = 30.0) -> Answer:
        """The answer, at most ``limit`` seconds from now."""
        self._thread.join(limit)
        assert not self._thread.is_alive(), f"no answer within {limit} s: a hung request"
        if self._errors:
            raise self._errors[0]
        return self._answers[0]


def together(*actions: Callable[[], T]) -> list[T]:
    """Do all ``actions`` at the same moment, a thread each; their results in the same order."""
    gate = threading.Barrier(len(actions))
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(number: int, action: Callable[[], T]) -> None:
        try:
            gate.wait(10)
            results[number] = action()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    assert len(results) == len(actions), "an action did not end within 60 s"
    return [results[number] for number in range(len(actions))]
