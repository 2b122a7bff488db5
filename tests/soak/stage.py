"""Threads that go on one at a time, when they are told to.

The law of this file: of the threads of a story exactly one runs, and it runs until it waits. What
the app's threads wait for is ``Future.result`` or the next frame of a connection; both come here,
where the wait ends when it can, when its limit is over in the story's time, or by death.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

__all__ = ["Actor", "Killed", "Stage"]

REAL_SECONDS = 60.0
"""How long a thread may run without waiting: past that something is wrong with it."""


class Killed(BaseException):
    """The process this thread belongs to was killed."""


class Actor:
    """A thread of the app. ``owner`` is the process it belongs to."""

    def __init__(self, stage: Stage, name: str, owner: object, run: Callable[[], object]) -> None:
        self.name = name
        self.owner = owner
        self.over = False
        self.error: BaseException | None = None
        self.killed = False
        self._stage = stage
        self._run = run
        self._ready: Callable[[], bool] = lambda: True
        self._until: float | None = None
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def runnable(self) -> bool:
        """Whether what it waits for has come, or its patience is over."""
        late = self._until is not None and self._stage.now() >= self._until
        return not self.over and (self.killed or late or self._ready())

    @property
    def until(self) -> float | None:
        """When its patience is over, if it waits with a limit."""
        return None if self.over else self._until

    def go_on(self) -> None:
        """Lets it run until it waits again or is over; called by the story's own thread."""
        self._go.release()
        if not self._stage.turn.acquire(timeout=REAL_SECONDS):
            raise AssertionError(f"{self.name} neither waits nor ends")

    def wait(self, ready: Callable[[], bool], until: float | None = None) -> bool:
        """Waits, on its own thread; whether it became ready before ``until``."""
        self._ready, self._until = ready, until
        if not (self.killed or self.runnable()):
            self._stage.turn.release()
            self._go.acquire()
        self._ready, self._until = (lambda: True), None
        if self.killed:
            raise Killed
        return ready()

    def _live(self) -> None:
        self._go.acquire()
        self._stage.here.actor = self
        try:
            if not self.killed:
                self._run()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - told to the story
            self.error = error
        self.over = True
        self._stage.turn.release()


class Stage:
    """All threads of a story; ``now`` is its time in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.turn = threading.Semaphore(0)
        self.here = threading.local()
        self.actors: list[Actor] = []
        self.failed: list[Actor] = []

    def add(self, name: str, owner: object, run: Callable[[], object]) -> Actor:
        actor = Actor(self, name, owner, run)
        self.actors.append(actor)
        return actor

    def current(self) -> Actor | None:
        """The actor whose thread this is; none on the story's own."""
        actor: Actor | None = getattr(self.here, "actor", None)
        return actor

    def runnable(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.runnable()]

    def go_on(self, actor: Actor) -> None:
        actor.go_on()
        if actor.over:
            self.actors.remove(actor)
            if actor.error is not None:
                self.failed.append(actor)

    def kill(self, owner: object) -> None:
        """Ends every thread of a process, wherever it stands."""
        for actor in [actor for actor in self.actors if actor.owner is owner]:
            actor.killed = True
            while not actor.over:
                actor.go_on()
            self.actors.remove(actor)

    @contextmanager
    def futures_wait_here(self) -> Iterator[None]:
        """While it lasts, the actors' ``Future.result`` waits in the story's time."""
        original = Future.result

        def result(future: Future[Any], timeout: float | None = None) -> Any:
            actor = self.current()
            if actor is None or future.done():
                return original(future, timeout)
            until = None if timeout is None else self.now() + timeout
            if not actor.wait(future.done, until):
                raise TimeoutError
            return original(future, 0)

        Future.result = result  # type: ignore[assignment, method-assign]
        try:
            yield
        finally:
            Future.result = original  # type: ignore[method-assign]
