"""The one fsapp inside this FreeSWITCH: started, stopped and asked after.

FreeSWITCH tells nobody's module that it is about to end, and ends mod_python3's threads by exiting
(measured on 1.10.12); its event SHUTDOWN comes about two seconds earlier. It is looked for several
times a second: waiting for it would hold Python's lock (measured: ``EventConsumer.pop(1)``).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fsapp.service import Service

__all__ = ["begin", "command", "hand_over", "run"]

log = logging.getLogger(__name__)

STACK_BYTES = 1 << 20
"""FreeSWITCH leaves new threads 240 kB, too little for Python's imports."""

LOOK_SECONDS = 0.2

TURN_SECONDS = 15.0
"""How long a command that starts or stops waits for another one: longer than a stop takes."""

_LEVELS = {"DEBUG": "DEBUG", "INFO": "INFO", "WARNING": "WARNING", "ERROR": "ERR"}

_HANDED_OVER = {
    "socket_resume": "true",
    "hangup_after_bridge": "false",
    "rtp_timer_name": "soft",
    "playback_terminators": "none",
}
"""What dialplan/fsapp_inbound.xml sets, for its reasons; the rest of it: :func:`hand_over`."""


class Session(Protocol):
    """A call in FreeSWITCH's module ``freeswitch``."""

    def execute(self, application: str, argument: str) -> None:
        """Run a dialplan application on it; ``${...}`` in its argument is expanded."""

    def setVariable(self, name: str, value: str) -> None:
        """Set a channel variable, the value as it is."""

    def getVariable(self, name: str) -> str | None:
        """A channel variable, ``None`` when it is unset."""


class Console(logging.Handler):
    """Writes the log to FreeSWITCH's console and log file."""

    def emit(self, record: logging.LogRecord) -> None:
        import freeswitch  # noqa: PLC0415 - exists inside FreeSWITCH only

        text = self.format(record).replace("\0", "?").encode("utf-8", "replace").decode()
        freeswitch.consoleLog(_LEVELS.get(record.levelname, "CRIT"), f"{text}\n")


class Embedded:
    """Holds the running service; every method is safe from any thread and raises nothing.

    Only what starts or stops it waits for another that does; calls and questions never wait.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._service: Service | None = None
        """The one that runs: it has started, and nobody has begun to stop it."""
        self._end_log: Callable[[], None] = lambda: None
        self._read_again: Callable[[], str] = lambda: ""
        self._config = ""
        self._why = "it has not been started"

    def start(self, config: str) -> str:
        """Start with the settings' file ``config`` (``""``: as last time); says what came of it."""
        return self._alone(lambda: self._started(config))

    def stop(self) -> str:
        """Stop it as SIGTERM does beside FreeSWITCH, in as many seconds at most; says what came
        of it."""
        return self._alone(self._stopped)

    def reload(self) -> str:
        """Read the settings again, as SIGHUP does beside FreeSWITCH; says what came of it."""
        return self._alone(self._reloaded)

    def status(self) -> str:
        """Whether it runs, and where it listens."""
        service = self._service
        if service is None:
            return f"fsapp does not run: {self._why}"
        missing = service.desk.readiness().values()
        return "; ".join([f"fsapp runs: {_addresses(service)}", *missing])

    @property
    def context(self) -> str:
        """The dialplan context with the return point, as the settings say; ``""`` without fsapp."""
        service = self._service
        return service.settings.dialplan.context if service is not None else ""

    def _alone(self, act: Callable[[], str]) -> str:
        if not self._changing.acquire(timeout=TURN_SECONDS):
            return f"fsapp: nothing was done, {self._why}"
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - FreeSWITCH must go on
            return self._failed(error)
        finally:
            self._changing.release()

    def _started(self, config: str) -> str:
        if self._service is not None:
            return "fsapp runs already"
        self._config = config or self._config
        self._why = "it is just being started"
        service = self._start(Path(self._config) if self._config else None)
        self._service = service
        return f"fsapp has started: {_addresses(service)}"

    def _stopped(self) -> str:
        service, self._service = self._service, None
        if service is None:
            return f"fsapp does not run: {self._why}"
        self._why = "it is just being stopped"
        late = "" if service.stop() else ", but not all of it has ended in time"
        self._end_log()
        self._why = f"it was stopped{late}"
        return f"fsapp has stopped{late}"

    def _reloaded(self) -> str:
        if self._service is None:
            return f"fsapp does not run: {self._why}"
        try:
            return f"fsapp: {self._read_again()}"
        except Exception:
            log.exception("the settings could not be read again: a mistake of ours")
            return "fsapp: the settings could not be read again; see the log"

    def _start(self, config: Path | None) -> Service:
        from fsapp.logs import start_log  # noqa: PLC0415 - on a thread with a stack for it
        from fsapp.reloading import Reloading, Source  # noqa: PLC0415
        from fsapp.service import Service  # noqa: PLC0415

        source = Source(config, os.environ)
        settings = source.read()
        log_writer = start_log(settings.log.level, Console(), settings.log.format)
        self._end_log = log_writer.stop
        try:
            service = Service(settings)
            service.start()
        except BaseException:
            self._end_log()
            raise
        self._read_again = Reloading(source, service, log_writer).reload
        return service

    def _failed(self, error: Exception) -> str:
        self._why = f"it could not be started: {error}"
        console = Console()
        console.handle(logging.makeLogRecord({"levelname": "ERROR", "msg": f"fsapp: {self._why}"}))
        return f"fsapp does not run: {self._why}"


def _addresses(service: Service) -> str:
    return f"calls at {service.settings.outbound.listen}, agents at {service.url}"


_embedded = Embedded()


def begin(config: str) -> None:
    """Start fsapp, and stop it when FreeSWITCH ends; returns at once."""
    threading.stack_size(STACK_BYTES)
    threading.Thread(target=run, args=(config.strip(),), name="fsapp-embedded").start()


def run(config: str) -> None:
    """Until FreeSWITCH ends; see :func:`begin`."""
    try:
        import freeswitch  # noqa: PLC0415 - exists inside FreeSWITCH only
    except ImportError:
        # Without it nothing can be written to FreeSWITCH's log either.
        sys.stderr.write("fsapp: PYTHONPATH lacks the folder of mod_python3's freeswitch.py\n")
        return
    ending = freeswitch.EventConsumer("SHUTDOWN")
    _embedded.start(config)
    while ending.pop(0) is None:
        threading.Event().wait(LOOK_SECONDS)
    _embedded.stop()


def command(text: str) -> str:
    """An administrator's ``status``, ``stop``, ``reload``, ``start [FILE]`` or
    ``restart [FILE]``."""
    word, _, config = text.strip().partition(" ")
    if word == "restart":
        return _at_length(lambda: f"{_embedded.stop()}; {_embedded.start(config)}")
    if word == "start":
        return _at_length(lambda: _embedded.start(config))
    acts = {
        "stop": _embedded.stop,
        "reload": _embedded.reload,
        "status": _embedded.status,
        "": _embedded.status,
    }
    if word not in acts:
        return "usage: python fsapp.embedded status | stop | reload | start [FILE] | restart [FILE]"
    return _at_length(acts[word])


def _at_length(act: Callable[[], str]) -> str:
    """What ``act`` answers, on a thread with the stack it needs."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(act()), name="fsapp-command")
    threading.stack_size(STACK_BYTES)
    thread.start()
    thread.join()
    return answers[0] if answers else "fsapp: it failed; see the log"


def hand_over(session: Session) -> None:
    """The call goes to the return point, which offers it to fsapp; without fsapp the dialplan
    goes on with its next action."""
    context = _embedded.context
    if not context:
        log.error("a call for fsapp, which does not run: the dialplan goes on")
        return
    session.execute("ring_ready", "")
    session.execute("set", "fsapp_arrival=${strmicroepoch()}")
    # Not the application "set": that one expands ${...}, and the caller chose the destination.
    destination = session.getVariable("destination_number") or ""
    own = {"fsapp_destination": destination, "fsapp_context": context}
    for name, value in {**_HANDED_OVER, **own}.items():
        session.setVariable(name, value)
    session.execute("transfer", f"fsapp_return XML {context}")
