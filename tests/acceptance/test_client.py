"""`fsapp.client` at a running app: the examples of docs/client.md, and events across a restart."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from fsapp.client import Picture
from tests.shown import blocks

from .actors import Agent, Callers, Desk, Phone
from .app import environment
from .wait import wait_for, wait_until

EXAMPLES = [block.text for block in blocks("docs/client.md") if block.language == "python"]


@contextmanager
def example(number: int, agent: Agent, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """An example of the page, running as this agent."""
    file = directory / "example.py"
    file.write_text(EXAMPLES[number], encoding="utf-8")
    running = subprocess.Popen(
        [sys.executable, file],
        env=environment(
            FSAPP_URL=f"http://{agent.client.address}", FSAPP_TOKEN=agent.client.token or ""
        ),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def test_the_example_works_calls(
    a_caller: Callers, anna: Agent, outside: Phone, tmp_path: Path, desk: Desk
):
    caller = a_caller.waits(name="Mrs. Lund")
    with example(0, anna, tmp_path) as running:
        said, _ = running.communicate(timeout=20)
    assert said.splitlines() == [
        "1 Mrs. Lund 2045550100",
        "speaking with Mrs. Lund",
        "dialling 1142",
    ]
    assert running.returncode == 0
    desk.sees(caller, "parked")


def test_the_example_says_what_is_refused(anna: Agent, tmp_path: Path):
    with example(0, anna, tmp_path) as running:
        said, _ = running.communicate(timeout=20)
    assert said == "queue-empty No call available to pick up\n"


def test_the_example_hears_what_happens(a_caller: Callers, anna: Agent, tmp_path: Path):
    with example(1, anna, tmp_path) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "calls 0 waiting\n"
        a_caller.waits()
        heard = takewhile(lambda line: line != "queue_join 1 waiting\n", running.stdout)
        assert "call_offer 0 waiting\n" in list(heard)


def test_a_picture_outlives_the_app(a_caller: Callers, anna: Agent, desk: Desk):
    """The app is restarted under an open stream; nothing is missed, nobody opens it again."""
    picture = Picture(anna.client)
    with anna.client.events() as events:

        def listen() -> None:
            for event in events:
                picture.hear(event)

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        first = a_caller.waits()
        wait_until(lambda: [call["id"] for call in picture.queue] == [first.id])
        desk.app.restart()
        second = a_caller.waits()
        wait_for(
            lambda: [call["id"] for call in picture.queue],
            [first.id, second.id],
            limit=15.0,
            promise="the picture has both callers",
        )
        wait_for(lambda: list(picture.calls.values()), anna.client.calls(), limit=10.0)
    listening.join(10)
    assert not listening.is_alive()
