"""The drill's own people: one who stops working would find nothing, and nobody would know."""

from types import SimpleNamespace
from typing import Any

from tests.acceptance.wait import wait_until

from .ledger import Ledger
from .people import Worker


def test_an_answer_that_an_agent_cannot_read_is_counted_and_she_works_on():
    ledger, asked = Ledger(), []

    def get(path: str) -> Any:
        asked.append(path)
        return SimpleNamespace(code=503, document={"error": "database"})

    client: Any = SimpleNamespace(get=get)
    crowd: Any = None
    worker = Worker("anna", client, ledger, crowd, seed=1)
    worker.start()
    wait_until(lambda: len(asked) > 1, promise="she works on")
    worker.stop()
    assert worker.join()
    assert ledger.strange[0].startswith("anna: ")
