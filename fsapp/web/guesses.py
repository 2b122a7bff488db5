"""Slows down whoever guesses tokens.

The law of this file: only a wrong token is ever counted or held up. Behind a reverse proxy all
agents have one address, and an attacker among them must not lock them out; 256 random bits stay a
secret without a lock-out. What is kept off is the noise: of an address's wrong tokens one in
:data:`SECONDS_EACH` is answered, over however many connections they come. Its answer waits for its
turn, on no thread, and ends its connection; when too many wait already there is none. Memory is
bounded: the address that was heard of longest ago is forgotten.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["NEVER", "RETRY_AFTER", "Guesses"]

log = logging.getLogger(__name__)

FREE = 20
"""Wrong tokens that an address may send at once: somebody mistypes, a page has an old one."""
SECONDS_EACH = 3.0
"""One more after each so many seconds."""
LONGEST_SECONDS = 30.0
"""How late an answer may be. Whoever would wait for longer holds a connection for nothing."""
NEVER = math.inf
"""How late an answer is that is not given."""
RETRY_AFTER = math.ceil(SECONDS_EACH)
"""How many seconds after a late answer the next one is free, if nobody else guesses there."""
MOST_ADDRESSES = 10_000
_IPV6_NETWORK = 64
"""What one subscriber has of IPv6 counts as one address."""


@dataclass(slots=True)
class _Account:
    left: float
    """How many are still free; below 0, how many answers are waiting for their turn."""
    at: float


class Guesses:
    """Wrong tokens by address; ``now`` is a monotonic clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def wrong(self, host: str) -> float:
        """Notes a wrong token from ``host``, and says how many seconds late it is answered: 0
        while some are free, :data:`NEVER` when too many are waiting for their answers."""
        address = _counted(host)
        with self._lock:
            account = self._account(address)
            was_free = account.left >= 1
            late = max(0.0, 1 - account.left) * SECONDS_EACH
            if late > LONGEST_SECONDS:
                return NEVER
            account.left -= 1
            first = was_free and account.left < 1
        if first:
            log.warning(
                "%s has sent %d wrong tokens; more are answered late, or not at all", address, FREE
            )
        return late

    def _account(self, address: str) -> _Account:
        """As it is now; the caller holds the lock."""
        now = self._now()
        account = self._accounts.pop(address, None) or _Account(FREE, now)
        self._accounts[address] = account
        if len(self._accounts) > MOST_ADDRESSES:
            self._accounts.popitem(last=False)
        account.left = min(FREE, account.left + (now - account.at) / SECONDS_EACH)
        account.at = now
        return account


def _counted(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
