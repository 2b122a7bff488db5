"""``fsapp config``: every setting in effect, and who has set it."""

import json
from pathlib import Path

import pytest

from fsapp.settings import TABLE, load

from .ran import Run, columns, refused

FILE = """
[phone]
ring_timeout = 7
[control]
password = "very secret"
[outbound]
listen = "127.0.0.1:9084"
"""


@pytest.fixture
def file() -> str:
    Path("own.toml").write_text(FILE, encoding="utf-8")
    return "own.toml"


def documents(run: Run, *arguments: str) -> dict[str, tuple[object, str]]:
    ran = run("config", "--json", *arguments)
    assert (ran.status, ran.err) == (0, "")
    found = [json.loads(line) for line in ran.out.splitlines()]
    return {one["setting"]: (one["value"], one["from"]) for one in found}


def test_each_setting_says_where_it_comes_from(
    run: Run, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSAPP_PARK_RECALL_AFTER", "12")
    monkeypatch.setenv("FSAPP_OUTBOUND_ALLOW", "10.0.0.0/8,::1/128")
    monkeypatch.setenv("FSAPP_TOKEN", "is no setting")
    found = documents(run, "--config", file)
    assert list(found) == [row.name for row in TABLE]
    assert found["phone.ring_timeout"] == (7, "own.toml")
    assert found["park.recall_after"] == (12.0, "FSAPP_PARK_RECALL_AFTER")
    assert found["outbound.allow"] == (["10.0.0.0/8", "::1/128"], "FSAPP_OUTBOUND_ALLOW")
    assert found["http.listen"] == ("127.0.0.1:4242", "default")
    assert found["http.tls_key"] == ("", "default")


def test_the_environment_comes_before_the_file(
    run: Run, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSAPP_PHONE_RING_TIMEOUT", "8")
    assert documents(run, "--config", file)["phone.ring_timeout"] == (8, "FSAPP_PHONE_RING_TIMEOUT")


def test_the_usual_file_is_named_too(run: Run) -> None:
    Path("conf").mkdir()
    Path("conf/fsapp.toml").write_text("[phone]\nring_timeout = 9\n", encoding="utf-8")
    assert documents(run)["phone.ring_timeout"] == (9, "conf/fsapp.toml")


def test_what_is_shown_is_what_is_in_effect(run: Run, file: str) -> None:
    """A setting that follows another one has that one's value."""
    found = documents(run, "--config", file)
    assert found["outbound.advertise"] == ("127.0.0.1:9084", "default")
    assert str(load(Path(file), {}).outbound.advertise) == "127.0.0.1:9084"


def test_passwords_are_hidden(run: Run, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in ((), ("--config", file), ("--config", file, "--json")):
        ran = run("config", *arguments)
        assert "very secret" not in ran.out
        assert "ClueCon" not in ran.out
        assert "********" in ran.out


def test_eyes_see_a_table(run: Run, file: str) -> None:
    rows = columns(run("config", "--config", file).out)
    assert rows[0] == ["setting", "value", "from", "takes_effect"]
    assert ["phone.ring_timeout", "7", "own.toml", "reload"] in rows
    assert ["outbound.allow", '["127.0.0.0/8", "::1/128"]', "default", "restart"] in rows


def test_it_says_of_each_setting_when_a_change_takes_effect(run: Run, file: str) -> None:
    lines = run("config", "--json", "--config", file).out.splitlines()
    told = {one["setting"]: one["takes_effect"] for one in map(json.loads, lines)}
    assert told == {row.name: "reload" if row.live else "restart" for row in TABLE}
    assert set(told.values()) == {"reload", "restart"}


def test_what_is_wrong_is_said_as_always(run: Run) -> None:
    Path("bad.toml").write_text("[http]\nport = 1\n", encoding="utf-8")
    line = refused(run("config", "--config", "bad.toml"), 2)
    assert line == "fsapp: bad.toml: unknown setting 'http.port'\n"
