"""The command line: what it prints, its exit statuses, and one line for everything wrong."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fsapp.calls.agent import Agent
from fsapp.calls.contact import Contact
from fsapp.reloading import Source
from fsapp.store.agents import Agents
from fsapp.store.contacts import Contacts
from fsapp.store.database import Database

from .ran import Ran, Run, columns, refused


def stored(path: str = "fsapp.db") -> list[Agent]:
    database = Database(Path(path))
    database.open()
    try:
        return Agents(database).all()
    finally:
        database.close()


def test_who_asks_for_a_command_does_not_wait_for_what_only_others_need() -> None:
    """Half a second: the database's, the web server's and FreeSWITCH's packages."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import fsapp.cli, sys; print(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
    )
    needless = {"sqlite_utils", "bottle", "cheroot", "prometheus_client", "ESL"}
    assert needless.isdisjoint(loaded.stdout.splitlines())
    assert "fsapp.settings" in loaded.stdout.splitlines()


def test_agent_add_prints_only_the_token_and_keeps_only_its_hash(run: Run) -> None:
    ran = run("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101")
    assert (ran.status, ran.err) == (0, "")
    token = ran.out.removesuffix("\n")
    assert stored() == [Agent("ann", "Ann", "user/1101")]
    database = Path("fsapp.db").read_bytes()
    assert token.encode() not in database
    assert sha256(token.encode()).hexdigest().encode() in database


def test_agent_add_takes_role_and_several_organizations(run: Run) -> None:
    arguments = ("--organization", "2", "--organization", "7", "--role", "supervisor")
    assert run("agent", "add", "ann", "--name", "A", "--phone", "user/1", *arguments).status == 0
    assert stored() == [Agent("ann", "A", "user/1", "supervisor", frozenset({2, 7}))]


def test_agent_list_shows_one_line_an_agent(run: Run) -> None:
    run("agent", "add", "bob", "--name", "Bob B", "--phone", "user/1102", "--organization", "7")
    run("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101", "--role", "admin")
    assert columns(run("agent", "list").out) == [
        ["id", "name", "phone", "role", "organizations", "pause"],
        ["ann", "Ann", "user/1101", "admin", "1"],
        ["bob", "Bob B", "user/1102", "agent", "7"],
    ]


def test_agent_list_as_json_is_a_document_a_line(run: Run) -> None:
    run("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101", "--organization", "7")
    assert json.loads(run("agent", "list", "--json").out) == {
        "id": "ann",
        "name": "Ann",
        "phone": "user/1101",
        "role": "agent",
        "organizations": [7],
        "paused": False,
        "pause_reason": None,
    }


def test_agent_set_changes_what_is_given_and_nothing_else(run: Run) -> None:
    arguments = ("--name", "Ann", "--phone", "user/1101", "--organization", "7")
    token = run("agent", "add", "ann", *arguments).out
    assert run("agent", "set", "ann", "--phone", "user/1109") == Ran(0, "", "")
    assert stored() == [Agent("ann", "Ann", "user/1109", "agent", frozenset({7}))]
    run("agent", "set", "ann", "--organization", "1", "--organization", "2", "--role", "admin")
    run("agent", "set", "ann", "--name", "Anna")
    assert stored() == [Agent("ann", "Anna", "user/1109", "admin", frozenset({1, 2}))]
    assert sha256(token.strip().encode()).hexdigest().encode() in Path("fsapp.db").read_bytes()


def test_agent_set_of_nothing_or_nobody_is_refused(run: Run) -> None:
    run("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101")
    assert "nothing to change" in refused(run("agent", "set", "ann"), 2)
    assert refused(run("agent", "set", "eve", "--name", "Eve"), 1) == (
        "fsapp: agent eve does not exist\n"
    )


def test_agent_token_prints_a_new_token(run: Run) -> None:
    old = run("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101").out
    ran = run("agent", "token", "ann")
    assert ran.status == 0
    assert ran.out not in {old, "", "\n"}


def test_agent_remove_removes(run: Run) -> None:
    run("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101")
    assert run("agent", "remove", "ann") == Ran(0, "", "")
    assert stored() == []


def test_refusals_change_nothing_and_exit_with_1(run: Run) -> None:
    add = ("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101")
    run(*add)
    before = stored()
    assert refused(run(*add), 1) == "fsapp: agent ann exists already\n"
    for command in ("token", "remove"):
        assert refused(run("agent", command, "eve"), 1) == "fsapp: agent eve does not exist\n"
    assert stored() == before


BAD_ARGUMENTS = [
    (),
    ("telephone",),
    ("agent",),
    ("agent", "add", "ann"),
    ("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101", "--role", "queen"),
    ("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101", "--organization", "-1"),
    ("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101", "--organization", "9" * 5000),
    ("agent", "add", "ann", "--name", " ", "--phone", "user/1101"),
    ("agent", "add", "ann", "--name", "An\nn", "--phone", "user/1101"),
    ("agent", "add", "ann", "--name", "A" * 101, "--phone", "user/1101"),
    ("agent", "add", "ann", "--name", "\udcff", "--phone", "user/1101"),
    ("agent", "add", "", "--name", "Ann", "--phone", "user/1101"),
    ("agent", "add", "-ann", "--name", "Ann", "--phone", "user/1101"),
    ("agent", "add", "a n", "--name", "Ann", "--phone", "user/1101"),
    ("agent", "add", "an\nn", "--name", "Ann", "--phone", "user/1101"),
    ("agent", "remove", "x\x1b[31m"),
    ("agent", "list", "--conf", "x"),
    ("contact", "import"),
    ("contact", "set", "x", "--name", "X", "--number", "1"),
    ("contact", "set", "1" * 19, "--name", "X", "--number", "1"),
    ("contact", "set", "1", "--name", "X", "--number", "abc"),
    ("contact", "set", "1", "--name", "X\n", "--number", "1"),
    ("contact", "remove", "-1"),
    ("agent", "set", "ann", "--phone", "1101"),
    ("agent", "set", "ann", "--role", "queen"),
    ("completion",),
    ("completion", "csh"),
    ("backup",),
    ("organization", "set", "x", "--name", "X"),
    ("organization", "set", "2"),
    ("organization", "set", "2", "--name", "X", "--greeting", "a\nb"),
    ("organization", "set", "2", "--name", "X", "--greeting", "a" * 201),
    ("demo", "--duration", "0"),
    ("demo", "--duration", "nan"),
    ("demo", "--calls-per-minute", "-1"),
    ("demo", "--calls-per-minute", "inf"),
]


@pytest.mark.parametrize("arguments", BAD_ARGUMENTS, ids=lambda arguments: " ".join(arguments)[:40])
def test_a_wrong_command_line_is_one_line_and_exits_with_2(
    run: Run, arguments: tuple[str, ...]
) -> None:
    refused(run(*arguments), 2)
    assert not Path("fsapp.db").exists()


@pytest.mark.parametrize(
    ("arguments", "help_"),
    [
        (("top", "--yaml"), "fsapp top"),
        (("agent", "list", "more"), "fsapp agent list"),
        (("--json",), "fsapp"),
        (("contact", "set", "x"), "fsapp contact set"),
    ],
    ids=str,
)
def test_a_wrong_command_line_leads_to_the_help_of_its_command(
    run: Run, arguments: tuple[str, ...], help_: str
) -> None:
    assert refused(run(*arguments), 2).endswith(f"(see {help_} --help)\n")


BAD_PHONES = [
    "1101", "user/", "/1101", "user/11 01", "user/1101\napi system x", "user/1101\x00",
    "{a=b}user/1101", "[a=b]user/1101", "user/1101,user/1102", "user/1101|user/1102",
    "user/1101&park()", "user/'1101'", 'user/"1101"', "user/${x}", "user/1101:_:user/1\\2",
    "user/" + "1" * 201, "user/\udcff", "usér/1101",
]  # fmt: skip


@pytest.mark.parametrize("phone", BAD_PHONES)
def test_a_phone_that_is_no_dial_string_is_refused(run: Run, phone: str) -> None:
    refused(run("agent", "add", "ann", "--name", "Ann", "--phone", phone), 2)


@pytest.mark.parametrize(
    "phone", ["user/1101", "user/1101@host.example", "sofia/gateway/gw/1%a:5060;transport=tcp"]
)
def test_usual_dial_strings_are_taken(run: Run, phone: str) -> None:
    assert run("agent", "add", "ann", "--name", "Ann", "--phone", phone).status == 0


def test_config_names_the_file_and_its_database_is_used(run: Run) -> None:
    Path("other.toml").write_text('[database]\npath = "other.db"\n')
    add = ("agent", "add", "ann", "--name", "Ann", "--phone", "user/1101")
    assert run(*add, "--config", "other.toml").status == 0
    assert len(stored("other.db")) == 1
    assert not Path("fsapp.db").exists()


@pytest.mark.parametrize("command", [("serve",), ("agent", "list"), ("contact", "import", "x")])
def test_wrong_settings_are_one_line_and_exit_with_2(run: Run, command: tuple[str, ...]) -> None:
    Path("bad.toml").write_text("[http]\nport = 1\n")
    line = refused(run(*command, "--config", "bad.toml"), 2)
    assert line == "fsapp: bad.toml: unknown setting 'http.port'\n"
    assert not Path("fsapp.db").exists()


def test_a_database_that_cannot_be_opened_is_one_line_and_exits_with_1(run: Run) -> None:
    Path("fsapp.db").mkdir()
    line = refused(run("agent", "list"), 1)
    assert line.startswith("fsapp: database.path fsapp.db cannot be opened; see that its directory")


def test_organizations_are_named_listed_and_forgotten(run: Run) -> None:
    greeting = ("--greeting", "Dr. Holm's practice, good morning")
    assert run("organization", "set", "2", "--name", "Holm", *greeting) == Ran(0, "", "")
    assert run("organization", "set", "7", "--name", "Bakery") == Ran(0, "", "")
    assert run("organization", "set", "2", "--name", "Dr. Holm", *greeting).status == 0
    assert columns(run("organization", "list").out) == [
        ["id", "name", "greeting"],
        ["2", "Dr. Holm", "Dr. Holm's practice, good morning"],
        ["7", "Bakery"],
    ]
    assert [
        json.loads(line) for line in run("organization", "list", "--json").out.splitlines()
    ] == [
        {"id": 2, "name": "Dr. Holm", "greeting": "Dr. Holm's practice, good morning"},
        {"id": 7, "name": "Bakery", "greeting": ""},
    ]
    assert run("organization", "remove", "2").status == 0
    assert columns(run("organization", "list").out)[1:] == [["7", "Bakery"]]
    refusal = refused(run("organization", "remove", "2"), 1)
    assert refusal == "fsapp: organization 2 has no name\n"


def test_contact_import_imports(run: Run) -> None:
    Path("c.csv").write_text("cm_id,name,number,organization_id\n42,Bob,1142,1\n")
    assert run("contact", "import", "c.csv") == Ran(0, "1 contact method imported\n", "")
    database = Database(Path("fsapp.db"))
    database.open()
    assert Contacts(database).get(42) == Contact(42, "Bob", "1142", 1)
    database.close()


def test_contacts_are_set_listed_and_removed(run: Run) -> None:
    vest = ("--name", "Dr. Vest", "--number", "1142", "--organization", "2")
    assert run("contact", "set", "42", *vest) == Ran(0, "", "")
    assert run("contact", "set", "7", "--name", "Baker", "--number", "+4512").status == 0
    assert columns(run("contact", "list").out) == [
        ["cm_id", "name", "number", "organization_id"],
        ["7", "Baker", "+4512", "1"],
        ["42", "Dr. Vest", "1142", "2"],
    ]
    (line,) = run("contact", "list", "--organization", "2", "--json").out.splitlines()
    listed = {"cm_id": 42, "name": "Dr. Vest", "number": "1142", "organization_id": 2}
    assert json.loads(line) == listed
    assert run("contact", "remove", "42") == Ran(0, "", "")
    assert refused(run("contact", "remove", "42"), 1) == "fsapp: contact 42 does not exist\n"
    assert len(columns(run("contact", "list").out)) == 2


def test_a_bad_contact_file_is_refused_with_its_line(run: Run) -> None:
    Path("c.csv").write_text("cm_id,name,number,organization_id\n42,Bob,Bob,1\n")
    assert "c.csv: line 2: number must be" in refused(run("contact", "import", "c.csv"), 1)


def calls_to(monkeypatch: pytest.MonkeyPatch, module: str, function: str) -> list[Any]:
    """Puts a module in place whose ``function`` notes its arguments and answers 7."""
    calls: list[Any] = []

    def noted(*arguments: object, **named: object) -> int:
        calls.append(named or arguments)
        return 7

    stand_in = ModuleType(module)
    setattr(stand_in, function, noted)
    monkeypatch.setitem(sys.modules, module, stand_in)
    return calls


def test_serve_runs_the_service_with_the_settings_and_answers_its_status(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = calls_to(monkeypatch, "fsapp.service", "serve")
    monkeypatch.setenv("FSAPP_PHONE_RING_TIMEOUT", "3")
    assert run("serve").status == 7
    ((source,),) = calls
    assert isinstance(source, Source)
    settings = source.read()
    assert settings.phone.ring_timeout == 3


def test_demo_runs_with_its_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = calls_to(monkeypatch, "fsapp.demo", "run")
    assert run("demo").status == 7
    run("demo", "--duration", "5", "--calls-per-minute", "30")
    assert calls == [
        {"duration": None, "calls_per_minute": 6.0},
        {"duration": 5.0, "calls_per_minute": 30.0},
    ]


def test_help_names_every_command(run: Run) -> None:
    ran = run("--help")
    assert ran.status == 0
    for command in ("serve", "demo", "calls", "queue", "top", "agent", "organization", "contact"):
        assert command in ran.out


def test_python_m_fsapp_is_the_same() -> None:
    command = [sys.executable, "-m", "fsapp", "agent", "remove", "eve"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "fsapp: agent eve does not exist\n"
