"""The administrator's commands, also while the app serves, and what an operator sees of it."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.typing_at import AtTerminal

from .actors import Agent, Callers, Desk, Phone
from .app import environment, run_fsapp, run_module
from .client import Client
from .switches.base import Switch

TOKEN = re.compile(r"[A-Za-z0-9_-]{32,}")

Ended = subprocess.CompletedProcess[str]


def fsapp(directory: Path, *arguments: str) -> Ended:
    """Run a command on the database of ``directory``."""
    database = directory / "desk.db"
    return run_fsapp(*arguments, directory=directory, FSAPP_DATABASE_PATH=str(database))


def token_in(ended: Ended) -> str:
    assert ended.returncode == 0, ended.stderr
    (token,) = TOKEN.findall(ended.stdout)
    return str(token)


def add(directory: Path, agent: str, *more: str) -> Ended:
    return fsapp(directory, "agent", "add", agent, "--name", "New", "--phone", "user/1150", *more)


def is_refused(ended: Ended, *named: str) -> None:
    """A sentence on stderr and a status that is not 0."""
    assert ended.returncode != 0
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr
    for word in named:
        assert word in ended.stderr


def test_the_console_script_is_the_module(tmp_path: Path):
    script = Path(sys.executable).parent / "fsapp"
    by_script = subprocess.run(
        [script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    by_module = run_module("--help", directory=tmp_path)
    assert by_script.returncode == by_module.returncode == 0
    for command in ("serve", "agent", "contact", "demo"):
        assert command in by_script.stdout
        assert command in by_module.stdout


def test_an_added_agent_gets_her_token_once(tmp_path: Path):
    token = token_in(add(tmp_path, "nora"))
    assert token not in fsapp(tmp_path, "agent", "list").stdout


def test_the_list_shows_every_agent(tmp_path: Path):
    add(tmp_path, "nora")
    add(tmp_path, "ole", "--organization", "1", "--organization", "2", "--role", "supervisor")
    listed = fsapp(tmp_path, "agent", "list")
    assert listed.returncode == 0
    for word in ("nora", "ole", "user/1150", "supervisor"):
        assert word in listed.stdout


def test_the_same_agent_twice_is_refused(tmp_path: Path):
    add(tmp_path, "nora")
    is_refused(add(tmp_path, "nora"), "nora")


@pytest.mark.parametrize("agent", ["", "a|b", "a\nb"], ids=ascii)
def test_a_bad_agent_id_is_refused(agent: str, tmp_path: Path):
    is_refused(add(tmp_path, agent))


@pytest.mark.parametrize(
    "more", [("--role", "king"), ("--organization", "one"), ("--nonsense",)], ids=lambda m: m[0]
)
def test_a_bad_option_is_refused(more: tuple[str, ...], tmp_path: Path):
    is_refused(add(tmp_path, "nora", *more))


@pytest.mark.parametrize("phone", ["", "user/1101\napi hupall"], ids=ascii)
def test_a_bad_phone_is_refused(phone: str, tmp_path: Path):
    is_refused(fsapp(tmp_path, "agent", "add", "nora", "--name", "N", "--phone", phone))


@pytest.mark.parametrize("command", ["token", "remove"])
def test_an_unknown_agent_is_named(command: str, tmp_path: Path):
    is_refused(fsapp(tmp_path, "agent", command, "nobody"), "nobody")


def code(desk: Desk, token: str) -> int:
    client = Client(desk.app.address, token)
    try:
        return client.get("/agent").code
    finally:
        client.close()


def test_what_the_administrator_does_holds_while_the_app_serves(desk: Desk):
    directory = desk.app.directory
    first = token_in(add(directory, "nora"))
    assert code(desk, first) == 200
    second = token_in(fsapp(directory, "agent", "token", "nora"))
    assert (code(desk, first), code(desk, second)) == (401, 200)
    assert fsapp(directory, "agent", "remove", "nora").returncode == 0
    assert code(desk, second) == 401


def write(directory: Path, text: str) -> str:
    file = directory / "contacts.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_imported_contacts_can_be_dialled_at_once(anna: Agent, outside: object, desk: Desk):
    directory = desk.app.directory
    file = write(directory, "cm_id,name,number,organization_id\n4200,Berit,1142,1\n")
    assert fsapp(directory, "contact", "import", file).returncode == 0
    assert anna.does("originate", cm_id="4200").call["destination"] == "1142"


@pytest.mark.parametrize("row", ["x,Berit,1142,1", "43,Berit,not a number,1"])
def test_a_bad_row_is_named_and_nothing_is_imported(row: str, anna: Agent, desk: Desk):
    directory = desk.app.directory
    head = "cm_id,name,number,organization_id"
    file = write(directory, f"{head}\n4300,Good,1142,1\n{row}\n")
    is_refused(fsapp(directory, "contact", "import", file), "3")
    assert anna.asks("originate", cm_id="4300").code in (400, 404)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"], ids=ascii)
def test_a_file_that_is_no_contact_list_is_refused(text: str, tmp_path: Path):
    is_refused(fsapp(tmp_path, "contact", "import", write(tmp_path, text)))


def test_a_contact_file_that_is_not_there_is_named(tmp_path: Path):
    is_refused(fsapp(tmp_path, "contact", "import", "missing.csv"), "missing.csv")


def test_a_phone_that_is_changed_rings_from_then_on(
    a_caller: Callers, anna: Agent, desk: Desk, switch: Switch
):
    directory = desk.app.directory
    try:
        assert fsapp(directory, "agent", "set", "anna", "--phone", "user/1102").returncode == 0
        other = Phone(switch, "1102")
        other.answers()
        caller = a_caller.waits()
        anna.picks_up(caller)
        other.is_up()
        assert anna.phone.legs() == []
    finally:
        fsapp(directory, "agent", "set", "anna", "--phone", "user/1101")


def test_a_contact_that_is_removed_cannot_be_dialled(anna: Agent, desk: Desk):
    directory = desk.app.directory
    fsapp(directory, "contact", "set", "4400", "--name", "Kirsten", "--number", "1142")
    assert '"cm_id": 4400' in fsapp(directory, "contact", "list", "--json").stdout
    assert [one["name"] for one in anna.client.contacts("kir")] == ["Kirsten"]
    assert fsapp(directory, "contact", "remove", "4400").returncode == 0
    assert anna.client.contacts("kir") == []
    assert anna.asks("originate", cm_id="4400").code == 404


# What an operator sees.


def look(agent: Agent, *arguments: str) -> Ended:
    """A command that asks the running app, as this agent."""
    return run_fsapp(*arguments, directory=Path.cwd(), **whose(agent))


def whose(agent: Agent) -> dict[str, str]:
    return {"FSAPP_URL": agent.client.url, "FSAPP_TOKEN": agent.client.token or ""}


def test_calls_and_queue_show_what_is(a_caller: Callers, anna: Agent, desk: Desk):
    spoken, waiting = a_caller.waits(name="Clara"), a_caller.waits(name="Max")
    anna.picks_up(spoken)
    queue, calls = look(anna, "queue"), look(anna, "calls")
    (row,) = queue.stdout.splitlines()[1:]
    assert row.startswith("1      0:0")
    assert row.endswith(waiting.id)
    assert re.search(
        rf"^speaking +0:0\d .*Clara .* anna .*{spoken.id}$", calls.stdout, re.MULTILINE
    )
    listed = [json.loads(line) for line in look(anna, "calls", "--json").stdout.splitlines()]
    assert listed == anna.client.calls()


def test_an_operator_sees_her_own_organizations_only(a_caller: Callers, anna: Agent, olga: Agent):
    caller = a_caller.waits(organization_id="2")
    assert look(anna, "queue").stdout == ""
    assert caller.id in look(olga, "queue").stdout


def test_top_shows_who_comes_and_outlives_a_restart(a_caller: Callers, anna: Agent, desk: Desk):
    command = [sys.executable, "-m", "fsapp", "top"]
    variables = environment(TERM="xterm", **whose(anna))
    with AtTerminal(command, variables) as terminal:
        terminal.shows(lambda shown: "connected" in shown[0] and shown[1] == "QUEUE 0")
        a_caller.waits(name="Clara")
        terminal.shows(lambda shown: "QUEUE 1" in shown[1] and "Clara" in shown[2])
        desk.app.restart()
        a_caller.waits(name="Max")
        terminal.shows(lambda shown: "connected" in shown[0] and "QUEUE 2" in shown[1])
        anna.picks_up()
        terminal.shows(lambda shown: any("speaking" in line and "anna" in line for line in shown))
        terminal.types("q")
        assert terminal.ends() == 0


def test_a_backup_is_made_while_calls_are_worked(
    a_caller: Callers, anna: Agent, desk: Desk, tmp_path: Path
):
    spoken, waiting = a_caller.waits(), a_caller.waits()
    anna.picks_up(spoken)
    copy = tmp_path / "copy.db"
    ended = fsapp(desk.app.directory, "backup", str(copy))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.fullmatch(rf"{copy}: \d+\.\d MB, checked: \d+ calls, \d+ agents\n", ended.stdout)
    with closing(sqlite3.connect(copy)) as opened:
        live = "SELECT id, state, assigned_to FROM calls WHERE state <> 'hungup'"
        assert sorted(opened.execute(live)) == sorted(
            [(spoken.id, "speaking", "anna"), (waiting.id, "queued", None)]
        )
    is_refused(fsapp(desk.app.directory, "backup", str(copy)), "is there already", "--force")
    assert fsapp(desk.app.directory, "backup", "--force", str(copy)).returncode == 0
    anna.hangs_up()


def test_the_settings_of_the_running_app_are_explained(desk: Desk):
    directory = desk.app.directory
    ended = fsapp(directory, "config", "--json")
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    (path,) = (one for one in found if one["setting"] == "database.path")
    assert path["from"] == "FSAPP_DATABASE_PATH"
    assert path["value"] == str(desk.app.database)
