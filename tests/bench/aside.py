"""Something of the bench in a process of its own: what it costs is not the app's.

The law of this file: whoever waits for what it says learns that it has ended, and ending it never
raises. Ctrl-C ends it as well as the bench, and must not look like a workload that went wrong.
"""

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from typing import Any

LIMIT = 10.0


class Aside:
    """``serve(*arguments, pipe)`` runs there; it ends when it is sent ``None``."""

    def __init__(self, serve: Callable[..., None], *arguments: object) -> None:
        spawning: Any = multiprocessing.get_context("spawn")
        self._there, far = spawning.Pipe()
        self._process = spawning.Process(target=serve, args=(*arguments, far), daemon=True)
        self._process.start()
        # Held here, it would hide that the other side is gone.
        far.close()

    def told(self) -> Any:
        """What it says next. Raises RuntimeError when it has ended instead."""
        try:
            return self._there.recv()
        except (EOFError, ConnectionError) as error:
            raise RuntimeError("a process of the bench has ended") from error

    def asked(self, wanted: object) -> Any:
        """Its answer. Raises RuntimeError when it has ended."""
        with suppress(OSError):
            self._there.send(wanted)
        return self.told()

    def stop(self) -> None:
        """Ends it, by force after :data:`LIMIT` seconds."""
        with suppress(OSError):
            self._there.send(None)
        self._process.join(LIMIT)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
