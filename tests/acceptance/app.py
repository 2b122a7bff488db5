"""The app as an administrator runs it: `python -m fsapp serve`, a process of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_address

from .client import Client
from .forked import Process, executed, finished
from .wait import wait_until

Settings = Mapping[str, Mapping[str, object]]
"""Sections of keys, as in the TOML file."""

SHIPPED = Path(__file__).parents[2] / "conf" / "fsapp.toml"
"""The app runs on the shipped file, unchanged; what a test needs otherwise is its environment."""

TROUBLE = re.compile(
    r"Traceback \(most recent call last\)|\b(ERROR|CRITICAL)\b|Exception in thread"
)


def variables(settings: Settings) -> dict[str, str]:
    """``settings`` as the environment variables that override the file (protocol §1)."""
    return {
        f"FSAPP_{section}_{key}".upper(): ",".join(map(str, value))
        if isinstance(value, (list, tuple))
        else str(value)
        for section, keys in settings.items()
        for key, value in keys.items()
    }


def merged(*parts: Settings) -> dict[str, dict[str, object]]:
    """The sections of all parts; a later part's keys win."""
    whole: dict[str, dict[str, object]] = {}
    for part in parts:
        for section, keys in part.items():
            whole.setdefault(section, {}).update(keys)
    return whole


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without any of the app's own settings, plus ``extra``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FSAPP_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


def run_fsapp(
    *arguments: str, directory: Path, limit: float = 30.0, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run one `fsapp` command to its end in ``directory``; ``extra`` goes into its environment."""
    return finished(arguments, directory, environment(**extra), limit)


def run_module(
    *arguments: str, directory: Path, limit: float = 30.0, **extra: str
) -> subprocess.CompletedProcess[str]:
    """The same by `python -m fsapp`, from the interpreter's start."""
    return subprocess.run(
        [sys.executable, "-m", "fsapp", *arguments],
        cwd=directory,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


@dataclass
class App:
    """One app process with its configuration, database and log in ``directory``."""

    directory: Path
    settings: dict[str, dict[str, object]]
    begin: Callable[..., Process] = executed
    process: Process | None = None
    _read: int = field(default=0)

    @property
    def address(self) -> str:
        """Where agents' HTTP is served."""
        return str(self.settings["http"]["listen"])

    @property
    def database(self) -> Path:
        return Path(str(self.settings["database"]["path"]))

    @property
    def log_file(self) -> Path:
        return self.directory / "app.log"

    @property
    def pid(self) -> int:
        assert self.process is not None, "the app is not running"
        return self.process.pid

    @property
    def host(self) -> int:
        """The process it runs in, whether or not it is one of its own."""
        return self.pid

    def start(self, *, ready: bool = True) -> "App":
        """Start it and wait until it is ready (or, with ``ready=False``, only alive)."""
        self.launch()
        return self.wait_ready("/readyz" if ready else "/healthz")

    def wait_ready(self, path: str = "/readyz") -> "App":
        """Wait until it says so."""
        wait_until(
            lambda: self._status(path),
            lambda status: status == 200,
            limit=20.0,
            promise=f"{path} answers 200\n{self.log()[-2000:]}",
        )
        return self

    def launch(self, **extra: str) -> None:
        """Start the process and wait for nothing; ``extra`` goes into its environment."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = self.begin(
            ["serve", "--config", str(SHIPPED)],
            self.directory,
            environment(**{**variables(self.settings), **extra}),
            self.log_file,
        )

    def terminate(self) -> None:
        """SIGTERM, as an administrator stops it; returns at once."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self, limit: float = 10.0) -> int:
        """SIGTERM, and wait for its end; the exit status (protocol §8: within 10 s)."""
        self.terminate()
        return self.wait_exit(limit)

    def kill(self) -> None:
        """SIGKILL, at whatever moment this is."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def wait_exit(self, limit: float = 10.0) -> int:
        """The exit status, at most ``limit`` seconds from now; kills it when it is too late."""
        assert self.process is not None
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running after {limit} s\n{self.log()[-2000:]}") from error

    def restart(self) -> None:
        """Stop it and start it again on the same database."""
        assert self.stop() == 0, self.log()[-2000:]
        self.start()

    def log(self) -> str:
        """Everything it has written so far."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def test_begins(self) -> None:
        """What is in the log so far belongs to earlier tests."""
        self._read = len(self.log())

    def new_log(self) -> str:
        """What it has written during this test."""
        return self.log()[self._read :]

    def trouble(self) -> list[str]:
        """Tracebacks and errors written during this test, each with what follows it."""
        text = self.new_log()
        return [text[found.start() : found.start() + 1500] for found in TROUBLE.finditer(text)]

    def threads(self) -> int:
        """How many threads the process has."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def descriptors(self) -> list[str]:
        """What its open descriptors lead to, without the database's own files.

        Each thread that reads keeps a database connection for good: that is no leak.
        """
        targets = []
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                targets.append(str(link.readlink()))
            except FileNotFoundError:  # closed while we looked
                continue
        return sorted(target for target in targets if not target.startswith(str(self.database)))

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def _status(self, path: str) -> int | str:
        assert self.is_running, f"it has ended\n{self.log()[-4000:]}"
        client = Client(self.address)
        try:
            return client.get(path).code
        except OSError as error:
            return str(error)
        finally:
            client.close()


@dataclass
class AppKeeper:
    """Keeps one app running and starts another when a test module wants other settings.

    Every app gets a copy of the same prepared database, so that the agents' tokens hold.
    """

    directory: Path
    prepared: Path
    basis: Settings
    kind: Callable[[Path, dict[str, dict[str, object]]], App] = App
    app: App | None = None
    _wanted: Settings | None = None
    _count: int = 0

    def with_settings(self, settings: Settings) -> App:
        """A ready app with ``settings`` over the basis: the running one, if it has them."""
        if self.app is None or self._wanted != settings:
            self.discard()
            self.app = self._new(settings).start()
            self._wanted = settings
        return self.app

    def discard(self) -> None:
        """Stop the app, so that the next test gets a fresh one."""
        app, self.app = self.app, None
        if app is not None:
            status = app.stop()
            assert status == 0, f"SIGTERM: exit status {status}\n{app.log()[-4000:]}"

    def _new(self, settings: Settings) -> App:
        self._count += 1
        directory = self.directory / f"app{self._count}"
        directory.mkdir()
        database = directory / "desk.db"
        shutil.copyfile(self.prepared, database)
        own = {"http": {"listen": free_address()}, "database": {"path": str(database)}}
        return self.kind(directory, merged(self.basis, own, settings))
