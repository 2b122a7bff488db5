"""Every request of the agent call protocol (§4) as a method.

The law of this file: each method sends one request and answers what is in its document, or raises
``Refused`` or ``Unreachable``. :meth:`Client.send` is the only one that reaches the network.
"""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, TypedDict, Unpack, cast
from urllib.parse import quote, urlencode

from fsapp.calls.document_types import (
    AgentDocument,
    ContactDocument,
    EndedCallDocument,
    HistoryAnswer,
    OrganizationDocument,
    ShownCallDocument,
    StateCallDocument,
    StatisticsDocument,
    TimelineAnswer,
    TransferAnswer,
)
from fsapp.client.connections import Connections, Refused, Request, Response, Unreachable
from fsapp.client.events import Events

__all__ = ["Client", "HistoryFilters"]

TIMEOUT_SECONDS = 60.0
"""Longer than a phone rings by default (``phone.ring_timeout``), and FreeSWITCH takes to say so."""
_JSON = "application/json"
_OK = 200
_FIRST_REFUSAL = 400


class HistoryFilters(TypedDict, total=False):
    """Which ended calls; ``since`` (included) and ``until`` are Unix seconds of the arrival."""

    since: float
    until: float
    agent: str
    organization: int
    direction: Literal["inbound", "outbound"]
    outcome: str
    number: str
    limit: int


class Client:
    """One agent's client. Keeps its connections; may be used by several threads.

    ``url`` is ``http://host:port`` or ``https://host:port``; ``timeout`` how many seconds a request
    may take; ``context`` what TLS trusts, by default what the system does. Raises ``ValueError``
    for a URL or a token that can be none.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ValueError("a token is printable ASCII")
        self.token = token
        self._connections = Connections(url, timeout, context)

    @property
    def url(self) -> str:
        return self._connections.url

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the kept connections; the next request opens another."""
        self._connections.close()

    # Calls.

    def calls(self) -> list[ShownCallDocument]:
        """All live calls of her organizations."""
        return cast("list[ShownCallDocument]", self._get("/call/list")["calls"])

    def queue(self) -> list[ShownCallDocument]:
        """The queued ones, next first."""
        return cast("list[ShownCallDocument]", self._get("/call/queue")["calls"])

    def call(self, call_id: str) -> StateCallDocument:
        """One call, ended or not."""
        return cast(StateCallDocument, self._get("/call/state", call_id=call_id)["call"])

    def pickup(self, call_id: str | None = None) -> ShownCallDocument:
        """Takes this call, or the next one; returns once she speaks with the caller."""
        return self._changed("pickup", call_id=call_id)

    def park(self, call_id: str | None = None) -> ShownCallDocument:
        """Puts her current call, or this one of hers, on hold."""
        return self._changed("park", call_id=call_id)

    def unpark(self, call_id: str) -> ShownCallDocument:
        """Takes a call of hers back from hold."""
        return self._changed("unpark", call_id=call_id)

    def hangup(self, call_id: str | None = None) -> ShownCallDocument:
        """Ends her current call, or this one of hers; returns once it has ended."""
        return self._changed("hangup", call_id=call_id)

    def originate(
        self, extension: str | None = None, *, cm_id: int | None = None, key: str | None = None
    ) -> ShownCallDocument:
        """Dials an extension or a contact method; returns once dialling has begun.

        ``key`` is the Idempotency-Key: who asks again with the same one, after an
        ``Unreachable`` too, dials nobody twice. Without one a new one is made.
        """
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        answer = self.ask(
            "POST",
            "/call/originate",
            {"extension": extension, "cm_id": cm_id},
            headers=headers,
            repeatable=True,
        )
        return cast(ShownCallDocument, answer["call"])

    def transfer(self, source: str) -> TransferAnswer:
        """Connects a call of hers on hold with her current one; both go on without her."""
        return cast(TransferAnswer, self.ask("POST", "/call/transfer", {"source": source}))

    def _changed(self, verb: str, **parameters: object) -> ShownCallDocument:
        return cast(ShownCallDocument, self.ask("POST", f"/call/{verb}", parameters)["call"])

    # What was.

    def history(
        self, cursor: str | None = None, **filters: Unpack[HistoryFilters]
    ) -> HistoryAnswer:
        """A page of ended calls, newest arrival first; its ``next`` is the following one's
        ``cursor``."""
        given = {name: _moment(value) for name, value in filters.items()}
        return cast(HistoryAnswer, self.ask("GET", "/call/history", {**given, "cursor": cursor}))

    def every_ended_call(self, **filters: Unpack[HistoryFilters]) -> Iterator[EndedCallDocument]:
        """Page after page of the history; ``limit`` is how many are read at a time."""
        cursor = None
        while True:
            page = self.history(cursor, **filters)
            yield from page["calls"]
            cursor = page["next"]
            if cursor is None:
                return

    def timeline(self, call_id: str) -> TimelineAnswer:
        """Who did what with a call, and when."""
        return cast(TimelineAnswer, self._get(f"/call/{quote(call_id, safe='')}/timeline"))

    def statistics(self) -> StatisticsDocument:
        """Today's inbound calls."""
        return cast(StatisticsDocument, self._get("/call/statistics")["statistics"])

    # Agents, contact methods, organizations.

    def agent(self) -> AgentDocument:
        """Herself."""
        return cast(AgentDocument, self._get("/agent")["agent"])

    def agents(self) -> list[AgentDocument]:
        """The agents of her organizations."""
        return cast("list[AgentDocument]", self._get("/agent/list")["agents"])

    def pause(self, reason: str | None = None) -> AgentDocument:
        """From now on she is not given the next call."""
        parameters = {"state": "paused", "reason": reason}
        return cast(AgentDocument, self.ask("POST", "/agent/state", parameters)["agent"])

    def resume(self) -> AgentDocument:
        """Ends her pause."""
        return cast(AgentDocument, self.ask("POST", "/agent/state", {"state": "idle"})["agent"])

    def contacts(
        self, text: str, *, limit: int | None = None, organization_id: int | None = None
    ) -> list[ContactDocument]:
        """Contact methods in which each word of ``text`` begins a word."""
        found = self._get("/contact", q=text, limit=limit, organization_id=organization_id)
        return cast("list[ContactDocument]", found["contacts"])

    def organizations(self) -> list[OrganizationDocument]:
        """For whom she answers."""
        return cast("list[OrganizationDocument]", self._get("/organization/list")["organizations"])

    # Live.

    def events(
        self, after: int | None = None, *, silence: float = 40.0, patience: float = 60.0
    ) -> Events:
        """What happens from now on, or since the event of this number (:class:`Events`)."""
        return Events(self._connections, self._headers(), after, silence, patience)

    def missing(self) -> dict[str, str]:
        """What keeps fsapp from working calls, a sentence by name; empty when it is ready."""
        try:
            self._get("/readyz")
        except Refused as refusal:
            if not refusal.missing:
                raise
            return refusal.missing
        return {}

    # Any request.

    def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> dict[str, Any]:
        """The document of any request, or :class:`Refused`. Parameters that are ``None`` are left
        out; the others go into the query string of a GET and the JSON body of a POST."""
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        body, sent = None, dict(headers or {})
        if method == "GET" and given:
            path = f"{path}?{urlencode(given)}"
        elif given:
            sent["Content-Type"] = _JSON
            texts = {name: str(value) for name, value in given.items()}
            body = json.dumps(texts).encode()
        response = self.send(method, path, body, sent, repeatable=repeatable)
        return self._document(response, f"{method} {path.partition('?')[0]}")

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        repeatable: bool = False,
    ) -> Response:
        """Whatever is answered to any request, refusals too. Her token goes along unless
        ``headers`` have an Authorization."""
        sent = {**self._headers(), **(headers or {})}
        return self._connections.ask(Request(method, path, body, sent), repeatable=repeatable)

    def _get(self, path: str, **parameters: object) -> dict[str, Any]:
        return self.ask("GET", path, parameters)

    def _headers(self) -> dict[str, str]:
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def _document(self, response: Response, asked: str) -> dict[str, Any]:
        try:
            document = response.document
            if response.status >= _FIRST_REFUSAL:
                raise Refused(response)
            if "status" not in document:
                raise ValueError("no document of the protocol")
        except (ValueError, KeyError) as error:
            why = f"{self.url}: {asked} was answered with {response.status}, but not by fsapp"
            raise Unreachable(why, sent=True) from error
        return document


def _moment(value: object) -> object:
    return f"{value:.6f}" if isinstance(value, float) else value
