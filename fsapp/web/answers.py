"""Every answer is a JSON document, CSV made of one, or a page: how it becomes headers and bytes.

The law of this file: nobody else writes JSON, CSV or headers to a client, and no answer tells
anything of the server's software or of an exception.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from fsapp.calls.documents import Shown, ShownList, compact
from fsapp.calls.refusals import Refusal, method_not_allowed, unhandled
from fsapp.calls.spreadsheet import spreadsheet
from fsapp.web.headers import document as document_headers
from fsapp.web.headers import page as page_headers
from fsapp.web.headers import stream as stream_headers

__all__ = [
    "OWN",
    "Answer",
    "exposed",
    "incident",
    "page",
    "refused",
    "streaming",
    "succeeded",
    "tabulated",
    "unparsable",
]

log = logging.getLogger(__name__)

OWN = {
    HTTPStatus.BAD_REQUEST: ("bad parameters", "bad-request"),
    HTTPStatus.REQUEST_TIMEOUT: ("request timeout", "request-timeout"),
    HTTPStatus.LENGTH_REQUIRED: ("length required", "length-required"),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("address too long", "address-too-long"),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("headers too large", "headers-too-large"),
    HTTPStatus.NOT_IMPLEMENTED: ("not implemented", "not-implemented"),
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: ("version not supported", "version-not-supported"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("unavailable", "unavailable"),
}
"""Refusals of HTTP as such; those of the protocol are all in ``calls/refusals.py``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    http: HTTPStatus
    body: bytes
    headers: Mapping[str, str]

    @property
    def status_line(self) -> str:
        return f"{self.http.value} {self.http.phrase}"


def succeeded(document: Mapping[str, object]) -> Answer:
    """200 with the desk's document."""
    return _answer(HTTPStatus.OK, document, {})


def tabulated(document: Mapping[str, object], key: str, columns: Sequence[str]) -> Answer:
    """200 with one list of the desk's document as CSV; where the next page begins, if there is
    one, stands in the header ``X-Next-Cursor``."""
    rows = cast(Iterable[Mapping[str, object]], document[key])
    headers = {
        "Content-Type": "text/csv; charset=utf-8; header=present",
        "Content-Disposition": f'attachment; filename="{key}.csv"',
    }
    if document.get("next") is not None:
        headers["X-Next-Cursor"] = str(document["next"])
    return _encoded(HTTPStatus.OK, spreadsheet(columns, rows), headers)


def exposed(figures: bytes) -> Answer:
    """200 with figures in Prometheus's text format."""
    headers = document_headers("text/plain; version=0.0.4; charset=utf-8")
    return Answer(HTTPStatus.OK, figures, {**headers, "Content-Length": str(len(figures))})


def streaming(first: bytes) -> Answer:
    """200 and the first words of an event stream, which ends with its connection."""
    return Answer(HTTPStatus.OK, first, {**stream_headers(), "Connection": "close"})


def page(content: bytes, type_: str) -> Answer:
    """200 with a file of the console."""
    headers = {**page_headers(type_), "Content-Length": str(len(content))}
    return Answer(HTTPStatus.OK, content, headers)


def refused(refusal: Refusal) -> Answer:
    """The refusal's own status, headers and document."""
    return _answer(refusal.http, refusal.document(), refusal.headers)


def incident(where: str, agent: str | None = None, call: str | None = None) -> Answer:
    """500 for the exception being handled: an id here, the rest in the log (protocol §2), which
    names the agent who asked and the call she asked about."""
    number = uuid.uuid4().hex
    log.exception("incident %s in %s", number, where, extra={"agent": agent, "call": call})
    return refused(unhandled(number))


def unparsable(http: HTTPStatus, why: str) -> Answer:
    """What the server refuses by itself, before there is a request to look at."""
    if http is HTTPStatus.METHOD_NOT_ALLOWED:  # cheroot refuses only this method by itself
        return refused(method_not_allowed("CONNECT", "GET, POST"))
    status, error = OWN.get(http, OWN[HTTPStatus.BAD_REQUEST])
    return refused(Refusal(http, status, error, why or f"The request has no answer: {status}."))


def _answer(http: HTTPStatus, document: Mapping[str, object], headers: Mapping[str, str]) -> Answer:
    return _encoded(http, _written(document), headers)


def _written(document: Mapping[str, object]) -> str:
    """JSON; the call objects that a document is mostly made of write themselves."""
    if not any(isinstance(value, (Shown, ShownList)) for value in document.values()):
        return compact(document)
    parts = (f"{compact(key)}:{_part(value)}" for key, value in document.items())
    return f"{{{','.join(parts)}}}"


def _part(value: object) -> str:
    if isinstance(value, Shown):
        return value.json()
    if isinstance(value, ShownList):
        return value.json
    return compact(value)


def _encoded(http: HTTPStatus, text: str, headers: Mapping[str, str]) -> Answer:
    # "replace": half a surrogate pair in a caller's name must not cost the whole answer.
    body = text.encode("utf-8", "replace")
    return Answer(http, body, {**document_headers(), **headers, "Content-Length": str(len(body))})
