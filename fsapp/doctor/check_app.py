"""Does fsapp itself run with these settings? It says so at ``/readyz``."""

from __future__ import annotations

import http.client
import json
import ssl

from fsapp.doctor.finding import Finding, good, problem
from fsapp.setting_kinds import WILDCARDS
from fsapp.settings import Settings

__all__ = ["running"]

LIMIT_SECONDS = 5.0
_READY = 200


def running(settings: Settings) -> Finding:
    """Whether it answers at ``http.listen``, and is ready."""
    where = f"fsapp at {settings.http.listen}"
    try:
        status, missing = _readiness(settings)
    except (OSError, http.client.HTTPException, ValueError) as error:
        mend = "start it (fsapp serve, or load mod_python3), or correct http.listen"
        return problem("fsapp", f"{where} does not answer: {error}.", mend)
    if status == _READY:
        return good("fsapp", f"{where} runs and is ready.")
    what = missing or f"it answers {status}"
    return problem("fsapp", f"{where} runs but is not ready: {what}.", "see its log")


def _readiness(settings: Settings) -> tuple[int, str]:
    connection = _connection(settings)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        document = json.loads(answer.read())
    finally:
        connection.close()
    missing = document.get("missing", {}) if isinstance(document, dict) else {}
    return answer.status, "; ".join(map(str, missing.values()))


def _connection(settings: Settings) -> http.client.HTTPConnection:
    host, port = settings.http.listen
    host = "localhost" if host in WILDCARDS else host
    if settings.http.tls_certificate is None:
        return http.client.HTTPConnection(host, port, timeout=LIMIT_SECONDS)
    context = ssl.create_default_context()
    # Whose certificate it is does not matter here: nothing secret is said.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=LIMIT_SECONDS, context=context)
