"""cheroot, set up for agents who wait: many threads, strict HTTP, a prompt stop.

The law of this file: a thread is occupied only by a request that is being answered. Connections
whose next request is not here whole wait in the selector (``intake.py``), limited in number.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from cheroot.workers.threadpool import ThreadPool, WorkerThread
from cheroot.wsgi import Gateway_10, Server

from fsapp.settings import Address, Http
from fsapp.web.app import CONNECTION
from fsapp.web.handover import Handover
from fsapp.web.intake import Connections
from fsapp.web.strict_http import StrictConnection
from fsapp.web.tls import LazyTls

__all__ = ["WebServer"]

log = logging.getLogger(__name__)

_BACKLOG = 1024
_HEADER_BYTES = 16384
_IDLE_SECONDS = 10
_SELECT_SECONDS = 0.1
"""How soon stop() is noticed by the selector."""
_RETRY_SECONDS = 0.1
_TELL_SECONDS = 60.0
"""How often the log says that there are too many connections."""


class WebServer:
    """Serves ``application``. It listens once it is made, so that its port is known and a taken
    one is an ``OSError`` before anything else starts; it answers between start() and stop()."""

    def __init__(
        self,
        application: object,
        settings: Http,
        tls: ssl.SSLContext | None = None,
        refused: Callable[[int], None] = lambda _status: None,
    ) -> None:
        """``refused`` is told the status of each answer that ``application`` was not asked for,
        because what came was no request; it must not wait."""
        self._cheroot = _Cheroot(
            (settings.listen.host, settings.listen.port), application, settings
        )
        self._cheroot.ssl_adapter = LazyTls(tls) if tls is not None else None
        self._cheroot.refused = refused
        self.threads = settings.threads
        self._cheroot.prepare()
        self.address = Address(*self._cheroot.bind_addr)
        self._thread = threading.Thread(target=self._cheroot.serve, name="web", daemon=True)

    @property
    def busy(self) -> int:
        """How many requests are being answered."""
        return self._cheroot.requests.busy()

    def start(self) -> None:
        self._thread.start()

    def stop(self, limit: float = 2.0) -> None:
        """Accepts nothing more, gives the requests being answered ``limit`` seconds, and returns
        then, whether or not they were done."""
        self._cheroot.shutdown_timeout = limit
        self._cheroot.stop()
        if self._thread.is_alive():
            self._thread.join(limit)


class _Gateway(Gateway_10):
    """As cheroot; the application also learns which connection it answers on."""

    def get_environ(self) -> Any:
        environ: Any = super().get_environ()  # type: ignore[no-untyped-call]
        return {**environ, CONNECTION: self.req.conn}


class _Cheroot(Server):
    ConnectionClass = StrictConnection
    expiration_interval = _SELECT_SECONDS
    max_request_header_size = _HEADER_BYTES
    _connections: Any
    requests: _Pool
    refused: Callable[[int], None]

    def __init__(self, address: tuple[str, int], application: object, settings: Http) -> None:
        super().__init__(
            address,
            application,
            server_name="fsapp",
            request_queue_size=_BACKLOG,
            timeout=_IDLE_SECONDS,
        )
        self.software = "fsapp"
        self.gateway = _Gateway
        self._selecting: threading.Thread | None = None
        self.body_limit = settings.body_limit
        self.keep_alive_conn_limit = settings.connections
        self.requests = _Pool(self, min=settings.threads, max=settings.threads)
        self._turned_away = -_TELL_SECONDS

    def prepare(self) -> None:
        super().prepare()
        # Whoever comes is taken in until nobody is left; cheroot would wait a second for one more.
        self.socket.setblocking(False)
        self._connections._selector.close()
        self._connections = Connections(self, self.timeout)

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """As cheroot, which leaves the socket open when the port is taken."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: Any) -> None:
        """As cheroot, which would hand it to a thread at once."""
        if conn.last_used is not None:
            self._connections.look(conn)
        elif self.can_add_keepalive_connection:
            self._connections.put(conn)
        else:
            self._turn_away(conn)

    def dispatch(self, conn: Any) -> None:
        """To the threads."""
        super().process_conn(conn)

    def see_off(self, conn: Any) -> None:
        """Watches a connection that has been answered for the last time."""
        self._connections.watch(conn)

    def _turn_away(self, conn: Any) -> None:
        conn.close_now()
        now = time.monotonic()
        if now - self._turned_away >= _TELL_SECONDS:
            self._turned_away = now
            log.warning("%d connections are open; more are closed", self.keep_alive_conn_limit)

    def serve(self) -> None:
        self._selecting = threading.current_thread()
        super().serve()

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        log.log(level, "%s", msg, exc_info=traceback)
        if level >= logging.ERROR and threading.current_thread() is self._selecting:
            # What failed is accept(), out of descriptors most likely, and cheroot tries again at
            # once: without a pause it would do nothing else and fill the disk with this line.
            time.sleep(_RETRY_SECONDS)


class _Pool(ThreadPool):
    """cheroot's threads, of which none can hold up the end of the process."""

    _threads: list[WorkerThread]

    def __init__(self, server: _Cheroot, **sizes: int) -> None:
        super().__init__(server, **sizes)
        self._server = server
        # Besides connections cheroot puts in what ends a thread.
        self._queue = Handover(lambda one: not isinstance(one, StrictConnection))
        self.get = self._queue.get

    def start(self) -> None:
        self._queue.start()
        super().start()

    def busy(self) -> int:
        return sum(worker.conn is not None for worker in list(self._threads))

    def _spawn_worker(self) -> WorkerThread:
        worker = WorkerThread(self._server)  # type: ignore[no-untyped-call]
        worker.daemon = True
        worker.start()
        return worker

    def stop(self, timeout: float = 5) -> None:
        """As cheroot, which waits without a limit for a thread that is not done in time."""
        stopping = threading.Thread(target=super().stop, args=(timeout,), daemon=True)
        stopping.start()
        stopping.join(timeout + _SELECT_SECONDS)
        self._queue.stop()
        if stopping.is_alive():
            log.warning("stopped while requests were being answered")
