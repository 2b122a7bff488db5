"""``GET /events`` as an iterator that comes back by itself (docs/http.md, Events).

The law of this file: no event is told twice, and none is missed without a ``reset`` that says so.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from fsapp.client.connections import Connections, Refused, Request, Response, Stream, Unreachable

__all__ = ["Event", "Events"]

RETRY_SECONDS = 1.0
"""How soon to come back, unless the server says so; longer each time it is in vain."""
LONGEST_RETRY_SECONDS = 15.0
_OK, _SERVICE_UNAVAILABLE = 200, 503


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, its number if it has one, and its data (``EVENT_DOCUMENTS``)."""

    name: str
    number: int | None
    data: Mapping[str, Any]


class Events:
    """What happens, event by event; ``close()``, from any thread, ends the iteration.

    A connection that breaks, or says nothing for ``silence`` seconds (the server does every
    ``events.heartbeat``), is made anew, and what was missed is told: ``last`` is the number of the
    event heard last. At a ``reset`` the lists must be read again. Raises ``Refused`` when she may
    not listen, ``Unreachable`` once there was no connection for ``patience`` seconds; with 0 it
    does not come back.

    ``connected`` and ``trouble`` say how it is at this moment.
    """

    def __init__(
        self,
        connections: Connections,
        headers: Mapping[str, str],
        after: int | None,
        silence: float,
        patience: float,
    ) -> None:
        self.last = after
        self.connected = False
        self._connections = connections
        self._headers = dict(headers)
        self._silence, self._patience = silence, patience
        self._closed = threading.Event()
        self._lost: Unreachable | None = None
        self._stream: Stream | None = None
        self._retry = RETRY_SECONDS
        self._heard = self._told()

    @property
    def trouble(self) -> str | None:
        """Why there is no connection now, or was none before the next event is asked for."""
        return None if self._lost is None else str(self._lost)

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        return next(self._heard)

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the stream; whoever waits for its next event gets ``StopIteration``."""
        self._closed.set()
        stream = self._stream
        if stream is not None:
            stream.interrupt()

    def _told(self) -> Iterator[Event]:
        deaf_since, tries, before = time.monotonic(), 0, False
        while not self._closed.is_set():
            try:
                response = self._open()
                if before and self.last is None:
                    # Nothing says from where on to be told again.
                    yield _reset()
                yield from self._read(response)
            except Unreachable as error:
                self._lost = error
            finally:
                if self.connected:
                    deaf_since, tries, before = time.monotonic(), 0, True
                self._hang_up()
            self._pause(tries, deaf_since)
            tries += 1

    def _pause(self, tries: int, deaf_since: float) -> None:
        """Waits before the next try; raises when there were enough of them."""
        impatient = time.monotonic() - deaf_since >= self._patience
        if self._lost is not None and impatient and not self._closed.is_set():
            raise self._lost
        self._closed.wait(min(self._retry * 2.0 ** min(tries, 10), LONGEST_RETRY_SECONDS))

    def _open(self) -> http.client.HTTPResponse:
        headers = dict(self._headers)
        if self.last is not None:
            headers["Last-Event-ID"] = str(self.last)
        request = Request("GET", "/events", headers=headers)
        self._stream = self._connections.stream(request, self._silence)
        response = self._stream.response
        if response.status != _OK:
            self._refused(response)
        self.connected, self._lost = True, None
        return response

    def _refused(self, response: http.client.HTTPResponse) -> None:
        """Raises the refusal, or ``Unreachable`` for one that may pass."""
        try:
            refusal = Refused(Response(response.status, response.headers, response.read()))
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            why = f"{self._connections.url}: answered with {response.status}, but not by fsapp"
            raise Unreachable(why, sent=False) from error
        if refusal.http != _SERVICE_UNAVAILABLE:
            raise refusal
        raise Unreachable(str(refusal), sent=False)

    def _read(self, response: http.client.HTTPResponse) -> Iterator[Event]:
        """The events of one connection, until it ends."""
        fields: dict[str, str] = {}
        try:
            while line := response.readline():
                name, _, value = line.decode("utf-8").rstrip("\r\n").partition(":")
                value = value.removeprefix(" ")
                if name == "data" and name in fields:
                    fields[name] += f"\n{value}"
                elif name:
                    fields[name] = value
                elif not line.strip():
                    event, fields = self._event(fields), {}
                    if event is not None:
                        yield event
        except (OSError, ValueError, http.client.HTTPException) as error:
            silent = isinstance(error, TimeoutError)
            why = "nothing was heard for too long" if silent else "the event stream broke"
            raise Unreachable(f"{self._connections.url}: {why}", sent=True) from error
        why = f"{self._connections.url}: the event stream has ended"
        raise Unreachable(why, sent=True)

    def _event(self, fields: Mapping[str, str]) -> Event | None:
        number = int(fields["id"]) if "id" in fields else None
        if number is not None:
            self.last = number
        if "retry" in fields:
            self._retry = int(fields["retry"]) / 1000
        if "data" not in fields:
            return None
        return Event(fields.get("event", "message"), number, json.loads(fields["data"]))

    def _hang_up(self) -> None:
        self.connected = False
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


def _reset() -> Event:
    return Event("reset", None, {"event": "reset", "timestamp": str(int(time.time()))})
