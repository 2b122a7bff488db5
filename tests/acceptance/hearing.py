"""One connection of `GET /events`: `fsapp.client`'s, which here does not come back by itself.

Every event is held to what `GET /openapi.json` says of it.
"""

from collections import deque

from fsapp.client import Client, Event, Unreachable

from .client import DESCRIBED

LIMIT = 10.0

__all__ = ["Event", "Stream"]


class Stream:
    """One open stream, which has begun to tell."""

    def __init__(self, address: str, token: str | None, after: int | None = None) -> None:
        self._events = Client(f"http://{address}", token).events(after, silence=LIMIT, patience=0)
        self._heard = deque([self._next()])

    @property
    def last(self) -> int | None:
        """What the next `Last-Event-ID` would be."""
        return self._events.last

    def next(self) -> Event:
        """The next event; EOFError when the stream ends, TimeoutError when there is none."""
        return self._heard.popleft() if self._heard else self._next()

    def _next(self) -> Event:
        try:
            event = next(self._events)
        except Unreachable as error:
            if isinstance(error.__cause__, TimeoutError):
                raise TimeoutError from error
            raise EOFError("the stream has ended") from error
        fault = DESCRIBED.event_fault(event.name, event.data)
        assert fault is None, f"{event}: {fault}"
        return event

    def hears(self, name: str) -> Event:
        """Wait until there is an event of this name."""
        heard = []
        while True:
            try:
                event = self.next()
            except TimeoutError as error:
                raise AssertionError(f"no {name} within {LIMIT} s, but {heard}") from error
            if event.name == name:
                return event
            heard.append(event.name)

    def close(self) -> None:
        self._events.close()
