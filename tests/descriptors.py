"""Descriptors above those that ``select`` takes, as a busy FreeSWITCH has with fsapp inside it."""

import fcntl
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

HIGH = 1500


@contextmanager
def many_allowed() -> Iterator[None]:
    """So many descriptors may be open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[0] <= HIGH:
        resource.setrlimit(resource.RLIMIT_NOFILE, (HIGH + 100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def raised(sock: socket.socket) -> socket.socket:
    """The same socket with a high descriptor; the low one is given back."""
    high = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, HIGH))
    sock.close()
    return high
