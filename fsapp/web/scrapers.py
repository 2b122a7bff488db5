"""Who may read ``GET /metrics`` (docs/threats.md).

The law of this file: it must work when the database does not, for that is when somebody looks. So
a scraper is known by its address or by a token that stands in a file, and only who is neither is
looked up among the agents: an administrator may read it, other agents may not, since it tells of
every organization.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from hashlib import sha256
from pathlib import Path

from fsapp.calls.agent import Agent
from fsapp.settings import Metrics, SettingsError

__all__ = ["Scrapers", "may_read"]

log = logging.getLogger(__name__)

SHORTEST = 16
"""Characters a token must have. Fewer could be guessed."""


class Scrapers:
    """Whom ``metrics.allow`` and ``metrics.token_file`` let in. Raises ``SettingsError`` when the
    file is of no use."""

    def __init__(self, settings: Metrics) -> None:
        self._failure: str | None = None
        self.change(settings)

    def change(self, settings: Metrics) -> None:
        """From now on these are let in. Raises ``SettingsError`` when the file is of no use; then
        nothing has changed."""
        file = settings.token_file
        if file is not None:
            try:
                _token_in(file)
            except ValueError as error:
                raise SettingsError(f"metrics.token_file {file} {error}") from error
        self._settings = settings

    def admits(self, host: str, tokens: frozenset[str]) -> bool:
        """Whether a request from ``host`` with these tokens may read the metrics."""
        return self._is_allowed(host) or self._has_token(tokens)

    def _is_allowed(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._settings.allow)

    def _has_token(self, tokens: frozenset[str]) -> bool:
        file = self._settings.token_file
        if file is None or not any(tokens):
            return False
        try:
            wanted = _hash(_token_in(file))
        except ValueError as error:
            self._complain(f"metrics.token_file {file} {error}; it lets nobody in")
            return False
        self._failure = None
        return any(hmac.compare_digest(_hash(token), wanted) for token in tokens)

    def _complain(self, failure: str) -> None:
        """Once: who asks every few seconds must not fill the log."""
        if failure != self._failure:
            log.warning("%s", failure)
        self._failure = failure


def may_read(agent: Agent) -> bool:
    """Whether an agent's own token lets her read the metrics."""
    return agent.role == "admin"


def _token_in(file: Path) -> str:
    """Raises ``ValueError``, whose words complete "<file> …"."""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError("is not text") from error
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(token) < SHORTEST or len(token.split()) != 1:
        raise ValueError(f"must hold one token of at least {SHORTEST} characters")
    return token


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
