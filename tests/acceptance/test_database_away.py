"""The database fails under the app: callers come and go, agents are refused in time, all is said.

Staged for real: another process holds the lock, a process may write no more (a full disk refuses
in the same place; really full ones are test_real_disks.py's), the files are deleted, replaced and
damaged.
"""

import contextlib
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from sqlite_utils import Database

from fsapp.store.schema import MIGRATIONS
from tests.ports import free_address

from .actors import Agent, Callers, Desk
from .app import App, Settings, merged, run_fsapp, variables
from .client import Answer, Client
from .expect import is_a_clear_refusal
from .wait import wait_until

TIMEOUT = 0.5
SETTINGS: Settings = {"database": {"timeout": TIMEOUT}}
LONG = 30.0
"""For how long another process may hold the lock, in seconds: a backup, a forgotten shell."""
RECOVERS = 8.0
"""SQLite itself waits two seconds for a lock before it says so."""
HOLD = (
    "import sqlite3, sys; lock = sqlite3.connect(sys.argv[1], isolation_level=None);"
    "lock.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
)


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process holds the file's lock."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        yield
    finally:
        holder.communicate(timeout=10)


@contextlib.contextmanager
def without_room(app: App) -> Iterator[None]:
    """The app's process may not make a file longer than its log is: writing the database fails."""
    soft, hard = resource.prlimit(app.pid, resource.RLIMIT_FSIZE)
    for path in (app.database, app.database.with_name(app.database.name + "-wal")):
        assert path.exists()
    resource.prlimit(app.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(app.pid, resource.RLIMIT_FSIZE, (soft, hard))


def readyz(app: App) -> Answer:
    client = Client(app.address)
    try:
        return client.get("/readyz")
    finally:
        client.close()


def is_not_ready(app: App, words: str) -> None:
    wait_until(
        lambda: readyz(app),
        lambda answer: words in answer.document.get("missing", {}).get("database", ""),
        promise=f"not ready: {words}",
    )


def is_ready(app: App) -> None:
    wait_until(
        lambda: readyz(app), lambda answer: answer.code == 200, limit=RECOVERS, promise="ready"
    )


def in_time(answer: Answer) -> None:
    is_a_clear_refusal(answer, 503)
    assert answer.seconds < TIMEOUT + 4.0, str(answer)


def rows(app: App, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(app.database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def claims(app: App, call: str) -> int:
    query = f"SELECT count(*) FROM events WHERE call_id = '{call}' AND name = 'call_pickup'"
    return int(str(rows(app, query)[0][0]))


def test_while_another_process_holds_the_lock_callers_come_and_agents_are_refused_in_time(
    a_caller: Callers, agents: Callable[[int], Sequence[Agent]], desk: Desk, app: App
):
    anna, bente, carl = agents(3)
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    with locked(app.database):
        in_time(bente.asks("pickup", waiting))
        in_time(bente.asks("originate", extension="1142"))
        in_time(anna.asks("park"))
        in_time(anna.asks("hangup"))
        in_time(carl.client.post("/agent/state", state="paused"))
        is_not_ready(app, "is locked by another process")
        late = a_caller.calls(number="2045559999")
        assert late.is_queued()["position"] == 2
        late.hears("music")
        anna.speaks_with(spoken)
        assert bente.phone.legs() == []
    is_ready(app)
    assert claims(app, waiting.id) == 0
    assert carl.is_now()["state"] == "idle"
    bente.picks_up(waiting)
    carl.picks_up(late)
    assert rows(app, f"SELECT state, assigned_to FROM calls WHERE id = '{late.id}'") == [
        ("speaking", "carl")
    ]
    desk.is_consistent()
    assert "is locked by another process; end that one" in app.new_log()
    app.test_begins()


@pytest.mark.at_length(40)
def test_a_lock_held_for_thirty_seconds_loses_nothing_and_delays_nobody(
    a_caller: Callers, agents: Callable[[int], Sequence[Agent]], desk: Desk, app: App
):
    anna, bente = agents(2)
    spoken, waiting = a_caller.wait_in_turn(2)
    anna.picks_up(spoken)
    came, left, began = [], [], time.monotonic()
    with locked(app.database):
        while time.monotonic() - began < LONG:
            came.append(a_caller.waits(number="2045559999"))
            left.append(a_caller.waits(number="2045558888"))
            left[-1].hangs_up()
            desk.sees(left[-1], "hungup")
            in_time(bente.asks("pickup", waiting))
            in_time(bente.asks("originate", extension="1142", key="asked-while-locked"))
            in_time(anna.asks("park"))
            is_not_ready(app, "is locked by another process")
        anna.speaks_with(spoken)
        # Not through HTTP: what happens on the telephone happens.
        anna.phone.hangs_up()
        spoken.is_cut_off()
        assert bente.phone.legs() == []
    assert time.monotonic() - began >= LONG
    is_ready(app)
    states = dict(rows(app, "SELECT id, state FROM calls"))
    assert {states[caller.id] for caller in left} | {states[spoken.id]} == {"hungup"}
    assert [call["id"] for call in desk.queue()] == [waiting.id, *(caller.id for caller in came)]
    assert {states[caller.id] for caller in (waiting, *came)} == {"queued"}
    assert rows(app, "SELECT count(*) FROM idempotency WHERE key = 'asked-while-locked'") == [(0,)]
    assert rows(app, "SELECT count(*) FROM calls WHERE inbound = 0 AND ended_at IS NULL") == [(0,)]
    assert claims(app, waiting.id) == 0
    told = "the database cannot be written: "
    assert app.new_log().count(told) == 1, "said once, not for every attempt"
    bente.picks_up(waiting)
    desk.is_consistent()
    app.test_begins()


def test_on_a_full_disk_callers_come_and_go_and_all_is_on_record_afterwards(
    a_caller: Callers, anna: Agent, desk: Desk, app: App
):
    waiting, leaving = a_caller.wait_in_turn(2)
    with without_room(app):
        in_time(anna.asks("pickup", waiting))
        is_not_ready(app, "look at its disk")
        late = a_caller.waits(number="2045559999")
        leaving.hangs_up()
        desk.sees(leaving, "hungup")
        assert anna.phone.legs() == []
    is_ready(app)
    states = dict(rows(app, "SELECT id, state FROM calls"))
    assert [states[call.id] for call in (waiting, leaving, late)] == ["queued", "hungup", "queued"]
    assert claims(app, waiting.id) == 0
    anna.picks_up(waiting)
    app.test_begins()


def test_a_database_deleted_under_the_app_is_written_anew(
    a_caller: Callers, anna: Agent, desk: Desk, app: App
):
    caller = a_caller.waits()
    for suffix in ("", "-wal", "-shm"):
        app.database.with_name(app.database.name + suffix).unlink(missing_ok=True)
    anna.picks_up(caller)
    assert rows(app, f"SELECT state FROM calls WHERE id = '{caller.id}'") == [("speaking",)]
    said = f"{app.database} was deleted while fsapp runs; it has been written anew"
    wait_until(app.new_log, lambda log: log.count(said) == 1, promise="the log says it, once")
    app.restart()
    anna.speaks_with(caller)
    assert desk.sees(caller, "speaking")["assigned_to"] == "anna"


def refused_start(app: App, directory: Path, **database: str) -> str:
    """One line, exit status 1."""
    own: Settings = {
        "http": {"listen": free_address()},
        "outbound": {"listen": free_address()},
        "database": {"path": str(app.database), **database},
    }
    settings = merged(app.settings, own)
    ended = run_fsapp("serve", directory=directory, **variables(settings))
    assert ended.returncode == 1, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("fsapp: ")]
    assert len(lines) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert lines[0].startswith("fsapp: cannot start: database.path ")
    return lines[0]


def test_a_second_serve_on_the_same_database_is_refused(app: App, tmp_path: Path):
    line = refused_start(app, tmp_path)
    assert f"is in use by another fsapp (process {app.pid})" in line
    assert readyz(app).code == 200


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"Dear Sir or Madam\n" * 300, "is not a database"), (None, "is damaged")],
    ids=["letter", "cut"],
)
def test_a_damaged_database_is_refused_at_the_start_and_left_alone(
    app: App, tmp_path: Path, content: bytes | None, words: str
):
    file = tmp_path / "damaged.db"
    if content is None:
        backup = sqlite3.connect(file)
        source = sqlite3.connect(app.database)
        source.backup(backup)
        source.close()
        backup.close()
        content = file.read_bytes()[: file.stat().st_size // 2 // 4096 * 4096]
    file.write_bytes(content)
    assert words in refused_start(app, tmp_path, path=str(file))
    assert file.read_bytes() == content


def test_a_database_of_a_newer_fsapp_is_refused_at_the_start_and_left_alone(
    app: App, tmp_path: Path, prepared: tuple[Path, dict[str, str]]
):
    file = tmp_path / "newer.db"
    file.write_bytes(prepared[0].read_bytes())
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "SELECT migration_set, '9999_from_the_future', applied_at "
            "FROM _sqlite_migrations LIMIT 1"
        )
    content = file.read_bytes()
    line = refused_start(app, tmp_path, path=str(file))
    assert "was written by a newer fsapp (9999_from_the_future); install that one" in line
    assert file.read_bytes() == content


OLD_TOKEN = "given-by-an-older-fsapp"
OLD_ROWS = (
    (
        "INSERT INTO agents (id, name, phone, role, organizations, token_hash, state_since) "
        "VALUES ('anna', 'Anna', 'user/1101', 'agent', '[1]', ?, 1)",
        sha256(OLD_TOKEN.encode()).hexdigest(),
    ),
    ("INSERT INTO contacts VALUES (42, ?, '1142', 1)", "Outside"),
    (
        "INSERT INTO calls (id, node, state, inbound, destination, caller_id, caller_name, "
        "organization_id, arrival, locked, priority, head, context, music, answered_at, ended_at, "
        "hangup_cause, handled_by) VALUES ('c-old', 'n', 'hungup', 1, '5900', '204', 'Cal', 1, "
        "?1 - 60, 0, 0, 0, 'public', '', ?1 - 60, ?1, 'NORMAL_CLEARING', '[\"anna\"]')",
        int(time.time()),
    ),
)
"""What an older fsapp has left in its tables; each with its one value."""


def an_older_database(file: Path) -> None:
    """As of the version with four tables, and with something in it."""
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        MIGRATIONS.apply(Database(connection), stop_before="0005_idempotency")
        for statement, value in OLD_ROWS:
            connection.execute(statement, (value,))


@pytest.fixture
def upgraded(app: App, tmp_path: Path) -> Iterator[App]:
    """An app, ready, on the file of an older one."""
    file = tmp_path / "older.db"
    an_older_database(file)
    own: Settings = {
        "http": {"listen": free_address()},
        "outbound": {"listen": free_address()},
        "database": {"path": str(file)},
    }
    other = App(tmp_path, merged(app.settings, own))
    yield other.start()
    assert other.stop() == 0


def test_a_database_of_an_older_fsapp_is_brought_up_to_date_and_keeps_its_rows(upgraded: App):
    client = Client(upgraded.address, OLD_TOKEN)
    try:
        assert client.get("/agent").document["agent"]["id"] == "anna"
        assert client.get("/call/state", call_id="c-old").document["call"]["handled_by"] == ["anna"]
    finally:
        client.close()
    assert rows(upgraded, "SELECT id, hangup_cause FROM calls") == [("c-old", "NORMAL_CLEARING")]
    assert rows(upgraded, "SELECT cm_id, name, number FROM contacts") == [(42, "Outside", "1142")]
    assert rows(upgraded, "SELECT max(name) FROM _sqlite_migrations") != [("0004_contacts",)]


def test_a_database_that_cannot_be_opened_is_named_with_its_setting(app: App, tmp_path: Path):
    where = tmp_path / "nowhere" / "desk.db"
    line = refused_start(app, tmp_path, path=str(where))
    assert str(where.parent) in line


def test_an_address_in_use_is_named_with_its_setting(app: App, tmp_path: Path):
    for section in ("http", "outbound"):
        own: Settings = {
            "http": {"listen": free_address()},
            "outbound": {"listen": free_address()},
            "database": {"path": str(tmp_path / "other.db")},
        }
        taken = app.settings[section]["listen"]
        settings = merged(app.settings, own, {section: {"listen": taken}})
        ended = run_fsapp("serve", directory=tmp_path, **variables(settings))
        assert ended.returncode == 1
        why = f"fsapp: cannot start: {section}.listen {taken} cannot be listened at: "
        assert why in ended.stderr
        assert "Address already in use" in ended.stderr
