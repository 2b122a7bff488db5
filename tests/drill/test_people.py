"""The drill's own people: who stops working, or forgets what she ordered, would find nothing."""

from collections.abc import Callable
from http.client import RemoteDisconnected
from types import SimpleNamespace
from typing import Any

import pytest

from tests.acceptance.client import Answer
from tests.acceptance.wait import wait_until

from .gate import Gate
from .ledger import Ledger
from .people import Worker

DIALLED = b'{"status": "success", "call": {"id": "d", "arrival_time": "7"}}'
BUSY = b'{"status": "busy", "description": "Agent|anna already has call d", "error": "agent-busy"}'


def worker_of(client: Any, ledger: Ledger) -> Worker:
    crowd: Any = SimpleNamespace(gate=Gate())
    return Worker("anna", client, ledger, crowd, seed=1)


def answering(*answers: bytes | Exception, codes: tuple[int, ...] = ()) -> tuple[Any, list[Any]]:
    """A client that gets these answers, one after the other, and what was asked of it."""
    left, code, asked = list(answers), list(codes), []

    def request(_method: str, path: str, **details: Any) -> Answer:
        asked.append((path, details["query"], details["headers"]))
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        headers: Any = {}
        return Answer(code.pop(0) if code else 200, headers, answer, 0.0)

    return SimpleNamespace(request=request, close=lambda: None), asked


def test_an_answer_that_an_agent_cannot_read_is_counted_and_she_works_on():
    ledger, asked = Ledger(), []

    def get(path: str) -> Any:
        asked.append(path)
        return SimpleNamespace(code=503, document={"error": "database"})

    worker = worker_of(SimpleNamespace(get=get), ledger)
    worker.start()
    wait_until(lambda: len(asked) > 1, promise="she works on")
    worker.stop()
    assert worker.join()
    assert ledger.strange[0].startswith("anna: ")


def test_a_number_cut_off_by_the_kill_is_counted_and_asked_for_again_with_its_key():
    ledger = Ledger()
    client, asked = answering(RemoteDisconnected(), ConnectionRefusedError(), DIALLED)
    worker = worker_of(client, ledger)
    order = worker.dials("1141")
    assert [headers for _, _, headers in asked] == [{"Idempotency-Key": "anna-1"}] * 3
    assert (order.codes, order.named, order.settled) == ([None, 200], {"d"}, True)
    assert order.cut_off
    assert ledger.cut_off["originate"] == 1, "who refused the connection was asked for nothing"
    assert ledger.dialled == {"d"}
    assert [one.code for one in ledger.asked["d"]] == [200]


def test_a_number_that_is_refused_is_not_asked_for_again():
    ledger = Ledger()
    client, asked = answering(ConnectionResetError(), BUSY, codes=(409,))
    worker = worker_of(client, ledger)
    order = worker.dials("1141")
    assert (len(asked), order.codes, order.named) == (2, [None, 409], set())


@pytest.mark.parametrize(
    ("error", "kept"),
    [(ConnectionResetError, [None]), (RemoteDisconnected, [None]), (ConnectionRefusedError, [])],
)
def test_what_was_cut_off_was_asked_for_and_what_nobody_heard_was_not(
    error: Callable[[], Exception], kept: list[None]
):
    ledger = Ledger()
    worker = worker_of(answering(error())[0], ledger)
    with pytest.raises(OSError):  # noqa: PT011 - whichever it was
        worker.does("hangup", "c")
    assert [one.code for one in ledger.asked.get("c", [])] == kept


def test_a_request_that_is_never_answered_is_counted():
    ledger = Ledger()
    with pytest.raises(TimeoutError):
        worker_of(answering(TimeoutError())[0], ledger).does("hangup", "c")
    assert ledger.strange == ["anna: hangup was never answered"]
