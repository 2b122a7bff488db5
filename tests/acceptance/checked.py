"""Every answer of the app, held to what `GET /openapi.json` says of it, whoever asked.

The suite's own clients and the browser look at what they receive (client.py); command lines and
`curl` do not. So the forked app itself looks, too: an answer that is not as described is an ERROR
in its log, for which the test fails.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from fsapp.web.app import Application

from .client import DESCRIBED

log = logging.getLogger(__name__)

ASKED = ("/agent", "/call/", "/contact", "/organization/", "/healthz", "/readyz")
"""The protocol. What browsers load is no document, and a stream has no end."""


def check_answers() -> None:
    """From now on, in this process."""
    answers = Application.__call__

    def checked(
        app: Application, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        head: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            head[:] = status, headers
            return start_response(status, headers, *more)

        body = answers(app, environ, begin)
        if not environ["PATH_INFO"].startswith(ASKED):
            return body
        whole = list(body)
        _look(environ["REQUEST_METHOD"], environ["PATH_INFO"], head, b"".join(whole))
        return whole

    Application.__call__ = checked


def _look(method: str, path: str, head: list[Any], body: bytes) -> None:
    status, headers = head
    if method == "HEAD":
        return  # the server leaves its body out
    fault = DESCRIBED.fault(method, path, int(status.split()[0]), dict(headers), body)
    if fault is not None:
        log.error("%s %s is not answered as described: %s: %r", method, path, fault, body)
