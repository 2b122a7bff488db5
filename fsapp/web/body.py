"""Reads a request's body, at most as much as the settings allow.

The law of this file: a body over the limit is refused by its declared length, before a byte of it
is read; the server then closes the connection (``server.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsapp.calls.refusals import Refusal, bad_parameters, too_large

__all__ = ["read_body"]


def read_body(environ: Mapping[str, Any], limit: int) -> bytes | Refusal:
    """The body of a WSGI request, or why it cannot be had."""
    length = int(environ.get("CONTENT_LENGTH") or 0)  # the server let only digits through
    if length > limit:
        return too_large(limit)
    if length == 0:
        return b""
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except OSError:
        return bad_parameters("The body did not arrive in time.")
    if len(body) < length:
        return bad_parameters("The body is shorter than its Content-Length.")
    return body
