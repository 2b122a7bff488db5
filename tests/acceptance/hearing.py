"""A client of `GET /events`: the standard library, nothing of the app's own code."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from .client import DESCRIBED

LIMIT = 10.0


@dataclass(frozen=True)
class Event:
    """One event as it was sent: its name, its number if it has one, its data."""

    name: str
    number: int | None
    data: dict[str, Any]


class Stream:
    """One open stream; ``last`` is what the next `Last-Event-ID` would be."""

    def __init__(self, address: str, token: str | None, after: int | None = None) -> None:
        self.connection = http.client.HTTPConnection(address, timeout=LIMIT)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        self.connection.request("GET", "/events", headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self.last: int | None = after

    def next(self) -> Event:
        """The next event; EOFError when the stream ends, TimeoutError when there is none."""
        fields: dict[str, str] = {}
        while True:
            line = self.response.readline()
            if not line:
                raise EOFError("the stream has ended")
            name, _, value = line.decode("utf-8").rstrip("\n").partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif line == b"\n":
                if "id" in fields:
                    self.last = int(fields["id"])
                if "data" in fields:
                    return self._event(fields)
                fields = {}

    def _event(self, fields: dict[str, str]) -> Event:
        number = int(fields["id"]) if "id" in fields else None
        event = Event(fields["event"], number, json.loads(fields["data"]))
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
        self.response.close()
        self.connection.close()
