"""Accepts the connections that FreeSWITCH's ``socket`` application opens.

The law of this file: nothing of a peer's bytes reaches python-ESL before the peer is accepted
(``outbound.allow``), a hand-shake has a time limit, and every accepted descriptor has one
thread that owns and closes it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import select
import socket
import threading
import time
from collections.abc import Sequence

import ESL

from fsapp.switch import commands
from fsapp.switch.channel import Channel
from fsapp.switch.connection import Connection, Handler, prepare

__all__ = ["Listener"]

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HANDSHAKE_SECONDS = 5.0
PAUSE_SECONDS = 0.2
LINGER_SECONDS = 5
BACKLOG = 512


class Listener:
    """Listens at ``host``:``port``; tells ``handler`` of each channel that connects."""

    def __init__(self, host: str, port: int, allow: Sequence[Network], handler: Handler) -> None:
        self._allow = allow
        self._handler = handler
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._stopping = threading.Event()
        self._closing = threading.Event()
        """Whether connections are ended, not only refused."""
        self._lock = threading.Lock()
        self._unfinished: dict[socket.socket, float] = {}
        self._connections: set[Connection] = set()
        self._threads: set[threading.Thread] = set()
        self._acceptor = threading.Thread(target=self._accept, name="call-listener", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Where it is bound."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    @property
    def bound(self) -> bool:
        return self._acceptor.is_alive()

    def start(self) -> None:
        self._acceptor.start()

    def abandon(self) -> None:
        """Gives the address back without ever having been started."""
        self._socket.close()

    def close(self) -> None:
        """Stops accepting; connections go on."""
        self._stopping.set()
        self._acceptor.join()
        self._socket.close()

    def stop(self, limit: float = 5.0) -> None:
        """Stops accepting, ends every connection and waits for their threads."""
        if not self._stopping.is_set():
            self.close()
        self._closing.set()
        with self._lock:
            unfinished, connections = list(self._unfinished), list(self._connections)
            threads = list(self._threads)
        for tap in unfinished:
            _shut_down(tap)
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + limit
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._stopping.is_set():
            ready, _, _ = select.select([self._socket], [], [], 0.2)
            if ready:
                self._take()
            self._end_unfinished()

    def _take(self) -> None:
        try:
            self._admit(*self._socket.accept())
        except (OSError, RuntimeError) as error:
            # No descriptor or no thread left: later there may be, and nothing is gained by haste.
            log.error("a connection cannot be taken: %s", error)
            self._stopping.wait(PAUSE_SECONDS)

    def _admit(self, peer: socket.socket, address: tuple[str, int]) -> None:
        if not self._allowed(address[0]):
            log.warning("outbound connection from %s refused: not in outbound.allow", address[0])
            peer.close()
            return
        prepare(peer)
        thread = threading.Thread(
            target=self._serve, args=(peer, f"{address[0]}:{address[1]}"), name="call", daemon=True
        )
        with self._lock:
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._threads.discard(thread)
            peer.close()
            raise

    def _allowed(self, host: str) -> bool:
        peer = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._allow)

    def _end_unfinished(self) -> None:
        limit = time.monotonic() - HANDSHAKE_SECONDS
        with self._lock:
            late = [tap for tap, since in self._unfinished.items() if since < limit]
        for tap in late:
            log.warning("a peer did not finish its hand-shake in %s s; closing", HANDSHAKE_SECONDS)
            _shut_down(tap)

    def _serve(self, peer: socket.socket, name: str) -> None:
        try:
            connection = self._shake_hands(peer, name)
            if connection is not None:
                self._run(connection)
        except Exception:
            log.exception("connection %s ended by a mistake of ours", name)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _shake_hands(self, peer: socket.socket, name: str) -> Connection | None:
        tap = peer.dup()
        with self._lock:
            self._unfinished[tap] = time.monotonic()
        if self._closing.is_set():
            _shut_down(tap)
        # The descriptor is python-ESL's from here on: it closes it (freeswitch.md §1).
        esl = ESL.ESLconnection(peer.detach())
        with self._lock:
            del self._unfinished[tap]
        if not esl.connected():
            log.warning("%s: no hand-shake", name)
            tap.close()
            return None
        return Connection(esl, tap, name)

    def _run(self, connection: Connection) -> None:
        channel = Channel.read(connection.info())
        connection.uuid = channel.uuid
        connection.post(
            commands.linger(LINGER_SECONDS),
            commands.myevents(),
            commands.nixevent(),
            commands.event_background_job(),
        )
        with self._lock:
            self._connections.add(connection)
        if self._closing.is_set():
            connection.close()
        try:
            self._begin(channel, connection)
            connection.receive(self._handler)
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _begin(self, channel: Channel, connection: Connection) -> None:
        """Whatever goes wrong here ends the connection, whose end is then noticed as any other."""
        try:
            self._handler.connected(channel, connection)
            connection.flush()
        except Exception:
            log.exception("%r could not be taken; closing it", connection)
            connection.close()


def _shut_down(tap: socket.socket) -> None:
    with contextlib.suppress(OSError):
        tap.shutdown(socket.SHUT_RDWR)
