"""Ports on loopback for what a test starts.

The law of this file: no port comes from the range that the kernel hands out itself. There any
connection to anywhere may get it between this look and the moment it is bound, and whoever binds it
again after a restart finds it taken. Nor does one from another worker's share: an address stays
free while its app is restarted, and whoever else got it meanwhile would keep it.
"""

import os
import random
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path

__all__ = ["free_address", "free_port", "share_of", "takes_datagrams"]

_ALL = range(10240, 20000)


def share_of(environment: Mapping[str, str]) -> range:
    """The ports of one of pytest's workers; of a process that is none, all of them."""
    workers = int(environment.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(environment.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = len(_ALL) // workers
    return _ALL[worker * size : (worker + 1) * size]


_OURS = share_of(os.environ)
_given: deque[int] = deque(maxlen=500)
"""Ports that this process was given lately: they are bound later than they were asked for."""


def free_port() -> int:
    """A port nobody uses at the moment, for UDP and TCP."""
    while True:
        port = random.choice(_OURS)
        if port in _given:
            continue
        if not any(_is_taken(port, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            _given.append(port)
            return port


def free_address() -> str:
    """An address where nobody listens, `host:port`."""
    return f"127.0.0.1:{free_port()}"


def takes_datagrams(port: int) -> bool:
    """Whether somebody has bound it for UDP. Looked up: whoever tries to bind it may keep the one
    from it whom he waits for."""
    sockets = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") for line in sockets)


def _is_taken(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
