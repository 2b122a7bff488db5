"""Slows down whoever guesses tokens.

The law of this file: only a wrong token is ever counted or held up. Behind a reverse proxy all
agents have one address, and an attacker among them must not lock them out; 256 random bits stay a
secret without a lock-out. What is kept off is the noise: a wrong token too many gets its answer
late, on no thread, and loses its connection. Memory is bounded: the address that was heard of
longest ago is forgotten.
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

__all__ = ["Guesses"]

log = logging.getLogger(__name__)

FREE = 20
"""Wrong tokens that an address may send at once: somebody mistypes, a page has an old one."""
SECONDS_EACH = 3.0
"""One more after each so many seconds."""
MOST_ADDRESSES = 10_000
_IPV6_NETWORK = 64
"""What one subscriber has of IPv6 counts as one address."""


@dataclass(slots=True)
class _Account:
    left: float
    at: float


class Guesses:
    """Wrong tokens by address; ``now`` is a monotonic clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def wrong(self, host: str) -> int:
        """Notes a wrong token from ``host``: 0, or in how many seconds the next one is free again
        when this was one too many."""
        address = _counted(host)
        now = self._now()
        with self._lock:
            account = self._accounts.pop(address, None) or _Account(FREE, now)
            self._accounts[address] = account
            if len(self._accounts) > MOST_ADDRESSES:
                self._accounts.popitem(last=False)
            account.left = min(FREE, account.left + (now - account.at) / SECONDS_EACH)
            account.at = now
            was_free = account.left >= 1
            account.left = max(0.0, account.left - 1)
            missing, first = 1 - account.left, was_free and account.left < 1
        if first:
            log.warning(
                "%s has sent %d wrong tokens; it is answered late from now on", address, FREE
            )
        return 0 if was_free else math.ceil(missing * SECONDS_EACH)


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
