"""Accepts the connections that FreeSWITCH's ``socket`` application opens.

The law of this file: a peer that is not in ``outbound.allow`` is closed before a byte is read;
hand-shakes are limited in time and number, connections in number; every accepted descriptor has
one thread that owns and closes it.
"""

from __future__ import annotations

import ipaddress
import logging
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fsapp.switch import commands
from fsapp.switch.channel import Channel
from fsapp.switch.connection import Connection, Handler, Meter, prepare, unmeasured
from fsapp.switch.wire import BadFrame, Wire

__all__ = ["REFUSALS", "Listener", "PeerLimits"]

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REFUSALS = ("not_allowed", "too_many", "no_handshake")
"""Why a connection is not taken."""

PAUSE_SECONDS = 0.2
LINGER_SECONDS = 5
BACKLOG = 512
TELL_SECONDS = 60.0
MOST_TOLD = 20
"""How many refused or failed peers the log names in so many seconds."""


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """What peers may cost. ``handshake_seconds``: from accepting a peer to the last byte of its
    channel's data; ``handshakes``: how many may be unfinished, the next ones wait to be accepted;
    ``connections``: how many there may be altogether, the next ones are closed."""

    handshake_seconds: float = 5.0
    handshakes: int = 200
    connections: int = 10_000


class Listener:
    """Listens at ``host``:``port``; tells ``handler`` of each channel that connects."""

    def __init__(
        self,
        host: str,
        port: int,
        allow: Sequence[Network],
        handler: Handler,
        limits: PeerLimits | None = None,
        *,
        meter: Meter = unmeasured,
    ) -> None:
        self._allow = allow
        self._handler = handler
        self._meter = meter
        self.accepted = 0
        """How many connections were taken."""
        self.refused: Counter[str] = Counter()
        """How many were not, by why: one of :data:`REFUSALS`."""
        self._limits = limits or PeerLimits()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._stopping = threading.Event()
        self._closing = threading.Event()
        """Whether connections are ended, not only refused."""
        self._lock = threading.Lock()
        self._unfinished: set[Wire] = set()
        self._places = threading.Semaphore(self._limits.handshakes)
        """As many as hand-shakes may begin now."""
        self._minute, self._told = -TELL_SECONDS, 0
        """Since when warnings are counted, and how many there were."""
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

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._connections)

    def start(self) -> None:
        self._acceptor.start()

    def abandon(self) -> None:
        """Gives the address back without ever having been started."""
        self._socket.close()

    def close(self, limit: float = 5.0) -> None:
        """Stops accepting; connections go on."""
        self._stopping.set()
        self._acceptor.join(limit)
        self._socket.close()

    def stop(self, limit: float = 5.0) -> None:
        """Stops accepting, ends every connection and waits for their threads."""
        if not self._stopping.is_set():
            self.close(limit)
        self._closing.set()
        with self._lock:
            unfinished, connections = list(self._unfinished), list(self._connections)
            threads = list(self._threads)
        for wire in unfinished:
            wire.close()
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + limit
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._stopping.is_set():
            if not self._places.acquire(timeout=PAUSE_SECONDS):
                continue
            if not self._knocked() or not self._taken():
                self._places.release()

    def _knocked(self) -> bool:
        """Whether somebody wants to be taken, after a moment at most. (``select`` would refuse
        descriptors from 1,024 on, which this one may have inside a busy FreeSWITCH.)"""
        knocks = select.poll()
        knocks.register(self._socket, select.POLLIN)
        return bool(knocks.poll(PAUSE_SECONDS * 1000))

    def _taken(self) -> bool:
        """Whether a peer has begun its hand-shake, which then gives the place back."""
        try:
            return self._admitted(*self._socket.accept())
        except (OSError, RuntimeError) as error:
            # No descriptor or no thread left: later there may be, and nothing is gained by haste.
            log.error("a connection cannot be taken: %s", error)
            self._stopping.wait(PAUSE_SECONDS)
            return False

    def _admitted(self, peer: socket.socket, address: tuple[str, int]) -> bool:
        name = f"{address[0]}:{address[1]}"
        refusal = self._why_not(address[0])
        if refusal is not None:
            reason, why = refusal
            self.refused[reason] += 1
            peer.close()
            self._tell(name, "outbound connection from %s refused: %s", address[0], why)
            return False
        prepare(peer)
        thread = threading.Thread(target=self._serve, args=(peer, name), name="call", daemon=True)
        with self._lock:
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._threads.discard(thread)
            peer.close()
            raise
        return True

    def _tell(self, name: str, text: str, *arguments: object) -> None:
        """Warns of the connection of this name, but not more often than anybody reads: whoever
        knocks must not fill the disk."""
        now = time.monotonic()
        with self._lock:
            if now - self._minute >= TELL_SECONDS:
                untold, self._minute, self._told = self._told - MOST_TOLD, now, 0
            else:
                untold = 0
            self._told += 1
            wanted = self._told <= MOST_TOLD
        if untold > 0:
            log.warning("%d more such connections were not logged", untold)
        if wanted:
            log.warning(text, *arguments, extra={"connection": name})

    def _why_not(self, host: str) -> tuple[str, str] | None:
        if not self._allowed(host):
            return "not_allowed", "not in outbound.allow"
        most = self._limits.connections
        if len(self._threads) >= most:
            return "too_many", f"there are {most} already (outbound.connections)"
        return None

    def _allowed(self, host: str) -> bool:
        peer = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._allow)

    def _serve(self, peer: socket.socket, name: str) -> None:
        try:
            wire = Wire(peer)
            try:
                shaken = self._shake_hands(wire, name)
            finally:
                self._places.release()
            if shaken:
                self._run(Connection(wire, name, self._meter))
        except Exception:
            known = {"connection": name}
            log.exception("connection %s ended by a mistake of ours", name, extra=known)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _shake_hands(self, wire: Wire, name: str) -> bool:
        with self._lock:
            self._unfinished.add(wire)
        if self._closing.is_set():
            wire.close()
        shaken = False
        try:
            wire.send(commands.connect())
            wire.begin(wire.greeted(time.monotonic() + self._limits.handshake_seconds))
            shaken = True
        except (OSError, BadFrame) as error:
            self._tell(name, "%s: no hand-shake: %s", name, error)
        finally:
            with self._lock:
                self._unfinished.discard(wire)
                self.refused["no_handshake"] += not shaken
            if not shaken:
                wire.release()
        return shaken

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
            self.accepted += 1
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
            log.exception("%r could not be taken; closing it", connection, extra=connection.about())
            connection.close()
