"""A disk that is really full, files that are really read-only: calls flow, agents are refused.

On a small file system of the test's own (disks.py); where that may not be had the tests skip, and
test_database_away.py comes nearest: a process that may write no more is refused in the same place.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.soak.camera import unsound

from .actors import Agent, Callers, Desk
from .app import App, AppKeeper, Settings, environment, free_address, variables
from .client import Client
from .disks import Disk, NotPermitted, a_disk, a_read_only_view, immutable, without_privileges
from .test_database_away import TIMEOUT, claims, in_time, is_not_ready, is_ready, rows
from .wait import wait_until

SUFFIXES = ("", "-wal")
"""Not -shm: SQLite maps it, and whoever writes to the memory of an immutable file is killed by the
kernel (SIGBUS), whatever program it is. A disk that becomes read-only does not do so."""


@pytest.fixture
def disk(tmp_path: Path, keeper: AppKeeper) -> Iterator[Disk]:
    """A disk of the test's own; the app that uses it has ended, in time, when it goes."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(a_disk(tmp_path))
        except NotPermitted as why:
            pytest.skip(f"a disk of one's own needs root: {why}")
        yield made
        keeper.discard()


@pytest.fixture
def settings(disk: Disk, prepared: tuple[Path, dict[str, str]]) -> Settings:
    """The app's database is on that disk."""
    path = disk.path / "desk.db"
    path.write_bytes(prepared[0].read_bytes())
    return {"database": {"path": str(path), "timeout": TIMEOUT}}


def files_of(app: App) -> list[Path]:
    """The database's files."""
    return [app.database.with_name(app.database.name + suffix) for suffix in SUFFIXES]


def states(app: App, *callers: Any) -> list[str]:
    """On record."""
    found = dict(rows(app, "SELECT id, state FROM calls"))
    return [str(found.get(caller.id)) for caller in callers]


def test_on_a_full_disk_callers_come_and_go_and_all_is_on_record_when_there_is_room(
    disk: Disk, a_caller: Callers, agents: Callable[[int], list[Agent]], desk: Desk, app: App
):
    anna, bente = agents(2)
    spoken, waiting, leaving = a_caller.wait_in_turn(3)
    anna.picks_up(spoken)
    disk.fill()
    is_not_ready(app, "has no room left on its disk; make room")
    in_time(bente.asks("pickup", waiting))
    in_time(bente.asks("originate", extension="1142"))
    in_time(anna.asks("park"))
    late = a_caller.waits(number="2045559999")
    late.hears("music")
    leaving.hangs_up()
    desk.sees(leaving, "hungup")
    anna.speaks_with(spoken)
    assert bente.phone.legs() == []
    disk.make_room()
    is_ready(app)
    assert states(app, spoken, waiting, leaving, late) == ["speaking", "queued", "hungup", "queued"]
    assert claims(app, waiting.id) == 0
    bente.picks_up(waiting)
    assert not unsound(app.database), "half written"
    assert "has no room left on its disk" in app.new_log()
    app.test_begins()


def test_files_that_become_read_only_under_the_app(
    a_caller: Callers, agents: Callable[[int], list[Agent]], desk: Desk, app: App
):
    anna, bente = agents(2)
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    with ExitStack() as stack:
        try:
            stack.enter_context(immutable(*files_of(app)))
        except NotPermitted as why:
            pytest.skip(f"files cannot be made immutable: {why}")
        is_not_ready(app, "is read-only; give fsapp's user the right to write")
        in_time(bente.asks("pickup", waiting))
        in_time(anna.asks("hangup"))
        late = a_caller.waits(number="2045559999")
        anna.speaks_with(spoken)
        assert bente.phone.legs() == []
    is_ready(app)
    assert states(app, spoken, waiting, late) == ["speaking", "queued", "queued"]
    assert claims(app, waiting.id) == 0
    bente.picks_up(waiting)
    assert not unsound(app.database), "half written"
    desk.is_consistent()
    app.test_begins()


def test_a_disk_that_fails_and_becomes_read_only_under_the_app(
    disk: Disk, a_caller: Callers, agents: Callable[[int], list[Agent]], desk: Desk, app: App
):
    """For good: nothing can be written any more, and everybody can still be spoken with."""
    anna, bente = agents(2)
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    disk.becomes_read_only()
    is_not_ready(app, "look at its disk")
    in_time(bente.asks("pickup", waiting))
    late = a_caller.waits(number="2045559999")
    anna.speaks_with(spoken)
    anna.phone.hangs_up()
    spoken.is_cut_off()
    anna.is_free()
    assert desk.ids() == sorted([waiting.id, late.id])
    app.test_begins()


def test_a_log_on_the_full_disk_ends_nothing_either(
    disk: Disk, prepared: tuple[Path, dict[str, str]]
):
    alone: Settings = {
        "http": {"listen": free_address()},
        "outbound": {"listen": free_address()},
        "control": {"address": free_address()},
        "database": {"path": str(disk.path / "desk.db"), "timeout": TIMEOUT},
        "log": {"level": "debug"},
    }
    (disk.path / "desk.db").write_bytes(prepared[0].read_bytes())
    app = App(disk.path, {section: dict(keys) for section, keys in alone.items()})
    client = Client(app.address, prepared[1]["anna"])
    app.start(ready=False)
    try:
        disk.fill()
        is_not_ready(app, "has no room left on its disk")
        for _ in range(3):
            in_time(client.post("/agent/state", state="paused"))
        disk.make_room()
        wait_until(
            lambda: client.post("/agent/state", state="paused").code,
            lambda code: code == 200,
            promise="it takes changes again",
        )
        again = "the database can be written again"
        wait_until(app.log, lambda log: again in log, promise="so does the log")
    finally:
        client.close()
        assert app.stop() == 0


# At the start.


@pytest.fixture
def folder(tmp_path: Path, prepared: tuple[Path, dict[str, str]]) -> Path:
    """A folder with a database in it, and a log of changes beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "desk.db").write_bytes(prepared[0].read_bytes())
    return folder


def refused_start(database: Path, directory: Path, *, privileged: bool) -> str:
    """One line, exit status 1."""
    alone: Settings = {
        "http": {"listen": free_address()},
        "outbound": {"listen": free_address()},
        "control": {"address": free_address()},
        "database": {"path": str(database)},
    }
    command = [sys.executable, "-m", "fsapp", "serve"]
    ended = subprocess.run(
        command if privileged else without_privileges(command),
        cwd=directory,
        env=environment(**variables(alone)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    (line,) = (line for line in ended.stderr.splitlines() if line.startswith("fsapp: "))
    assert "Traceback" not in ended.stderr
    assert line.startswith("fsapp: cannot start: database.path ")
    return line


def test_a_read_only_mount_is_refused_at_the_start(folder: Path, tmp_path: Path):
    before = (folder / "desk.db").read_bytes()
    with ExitStack() as stack:
        try:
            view = stack.enter_context(a_read_only_view(folder, tmp_path))
        except NotPermitted as why:
            pytest.skip(f"a read-only mount needs root: {why}")
        line = refused_start(view / "desk.db", tmp_path, privileged=True)
    assert "Read-only file system" in line
    assert (folder / "desk.db").read_bytes() == before
    assert [file.name for file in folder.iterdir()] == ["desk.db"]


@pytest.mark.parametrize("what", ["the file", "the folder", "both"])
def test_what_may_not_be_written_is_refused_at_the_start(what: str, folder: Path, tmp_path: Path):
    database = folder / "desk.db"
    before = database.read_bytes()
    if what != "the folder":
        database.chmod(0o444)
    if what != "the file":
        folder.chmod(0o555)
    try:
        line = refused_start(database, tmp_path, privileged=False)
    except NotPermitted as why:
        pytest.skip(f"rights do not bind here: {why}")
    finally:
        folder.chmod(0o755)
    assert str(folder) in line
    assert "is read-only; give fsapp's user the right" in line or "Permission denied" in line
    assert database.read_bytes() == before
