"""Settings: defaults, precedence, and one clear line for everything that is wrong."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fsapp.settings import (
    OTHER_VARIABLES,
    TABLE,
    Address,
    Row,
    Settings,
    SettingsError,
    load,
)

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "conf" / "fsapp.toml"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fsapp.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str = "", **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, text), environ)
    line = str(caught.value)
    assert line.isprintable(), "a refusal is one line"
    return line


def toml_of(value: str) -> str:
    return value if value in {"0", "1"} or value[:2] in {"[]", '["', "[7"} else f'"{value}"'


def test_without_a_file_and_environment_the_built_in_defaults_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, {})
    assert settings == Settings()
    assert settings.http.listen == Address("127.0.0.1", 4242)
    assert settings.outbound.listen == ("127.0.0.1", 8084)
    assert settings.outbound.allow == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert settings.outbound.advertise == settings.outbound.listen
    assert settings.control.address == ("127.0.0.1", 8021)
    assert settings.control.password == "ClueCon"
    assert settings.database.path == Path("fsapp.db")
    assert settings.phone.ring_timeout == 20
    assert settings.queue.music == settings.park.music == "local_stream://moh"
    assert settings.dial.external == "loopback/{extension}/default"


def test_the_file_in_conf_is_read_when_no_other_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fsapp.toml").write_text("[phone]\nring_timeout = 7\n")
    assert load(None, {}).phone.ring_timeout == 7


def test_the_shipped_file_says_the_defaults() -> None:
    assert load(SHIPPED, {}) == Settings()


def test_the_shipped_file_with_every_setting_uncommented_still_says_the_defaults(
    tmp_path: Path,
) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    uncommented = "\n".join(
        line[1:] if line[:1] == "#" and line[1:2].isalpha() else line for line in lines
    )
    assert load(written(tmp_path, uncommented), {}) == Settings()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_setting_stands_in_the_shipped_file_under_its_section(row: Row) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    section = text.split(f"\n[{row.section}]\n")[1].split("\n[")[0]
    assert f"\n#{row.key} = " in f"\n{section}"


def test_the_file_overrides_the_defaults(tmp_path: Path) -> None:
    text = '[outbound]\nlisten = "[::1]:9000"\nallow = ["10.0.0.0/8"]\n[log]\nlevel = "DEBUG"\n'
    settings = load(written(tmp_path, text), {})
    assert settings.outbound.listen == Address("::1", 9000)
    assert str(settings.outbound.advertise) == "[::1]:9000"
    assert settings.outbound.allow == (ip_network("10.0.0.0/8"),)
    assert settings.log.level == "debug"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[phone]\nring_timeout = 7\n[database]\npath = "a.db"\n')
    environ = {
        "FSAPP_PHONE_RING_TIMEOUT": "9",
        "FSAPP_PHONE_IDLE_TIMEOUT": "0.5",
        "FSAPP_OUTBOUND_ALLOW": "10.0.0.0/8, ::1/128",
    }
    settings = load(path, environ)
    assert settings.phone.ring_timeout == 9
    assert settings.phone.idle_timeout == 0.5
    assert settings.outbound.allow == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert settings.database.path == Path("a.db")


def test_variables_that_are_not_settings_are_left_alone(tmp_path: Path) -> None:
    environ = {"HTTP_LISTEN": "x", "FSAPPX": "", **dict.fromkeys(OTHER_VARIABLES, "x")}
    assert load(written(tmp_path, ""), environ) == Settings()


@pytest.mark.parametrize(
    "variable",
    [
        "FSAPP_HTTP_LISTN",
        "FSAPP_HTTPLISTEN",
        "FSAPP_PHONE",
        "FSAPP_FREESWITCHX_Y",
        "FSAPP_TOKENS",
        "FSAPP_http_listen",
        "FSAPP_",
    ],
)
def test_a_variable_of_ours_that_is_no_setting_is_refused_by_name(
    tmp_path: Path, variable: str
) -> None:
    assert refusal(tmp_path, **{variable: "127.0.0.1:1"}) == f"{variable}: unknown setting"


@pytest.mark.parametrize(
    "variable", ["FSAPP_A\nB", "FSAPP_\udcff", "FSAPP_'", "FSAPP_" + "A" * 5000]
)
def test_whatever_it_is_called_it_is_refused_in_one_short_line(
    tmp_path: Path, variable: str
) -> None:
    line = refusal(tmp_path, **{variable: "1"})
    assert line.startswith("FSAPP_")
    assert line.endswith(": unknown setting")
    assert len(line) < 120


def variables_named() -> set[str]:
    """Every variable of ours that is documented or shipped, and those that the tests read."""
    texts = [ROOT / "README.md", ROOT / "Makefile", ROOT / ".ci" / "run"]
    for folder, kind in (("conf", "*"), ("docs", "*.md"), ("fsapp", "*.py")):
        texts += (ROOT / folder).rglob(kind)
    found = {name for path in texts for name in re.findall(r"FSAPP_[A-Z_]+", text_of(path))}
    read = re.compile(r"environ(?:\.get\(|\[)\"(FSAPP_[A-Z_]+)\"")
    tests = [text_of(path) for path in (ROOT / "tests").rglob("*.py")]
    return found | {name for text in tests for name in read.findall(text)}


def text_of(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def test_the_other_variables_are_exactly_those_that_somebody_reads() -> None:
    assert variables_named() - {"FSAPP_"} - {row.variable for row in TABLE} == OTHER_VARIABLES


def test_unknown_keys_and_sections_are_refused_by_name(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[http]\nport = 1\n").endswith("unknown setting 'http.port'")
    assert refusal(tmp_path, "[web]\nlisten = 1\n").endswith("unknown section 'web'")
    assert refusal(tmp_path, "http = 1\n").endswith("http is a section, not a value")
    assert "unknown setting" in refusal(tmp_path, '[http]\n"a\\nb" = 1\n')


BAD_VALUES = [
    ("http.listen", "127.0.0.1"),
    ("http.listen", "127.0.0.1:65536"),
    ("http.listen", "127.0.0.1:-1"),
    ("http.listen", ":4242"),
    ("http.listen", "a b:4242"),
    ("http.listen", "[zz]:4242"),
    ("http.listen", "127.0.0.1:٤٢"),
    ("http.threads", "0"),
    ("http.threads", "many"),
    ("http.body_limit", "1"),
    ("control.address", "127.0.0.1:0"),
    ("outbound.allow", "[]"),
    ("outbound.allow", '["127.0.0.1/8"]'),
    ("outbound.allow", '["anyone"]'),
    ("outbound.allow", "[7]"),
    ("phone.ring_timeout", "0"),
    ("phone.idle_timeout", "soon"),
    ("dial.external", "loopback/1142/default"),
    ("dial.external", "loopback/{extension}/default,user/1"),
    ("dial.caller_id_number", "Bob"),
    ("dialplan.context", "two words"),
    ("dialplan.context", ""),
    ("queue.music", " "),
    ("log.level", "loud"),
    ("database.path", ""),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_with_the_setting_and_the_value(
    tmp_path: Path, name: str, value: str
) -> None:
    section, key = name.split(".")
    line = refusal(tmp_path, f"[{section}]\n{key} = {toml_of(value)}\n")
    assert f"{name} must be " in line
    assert ", not " in line


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_a_bad_value_in_the_environment_is_refused(tmp_path: Path, name: str, value: str) -> None:
    text = value if value.startswith("[zz") else value.strip('[]"')
    variable = f"FSAPP_{name.replace('.', '_', 1).upper()}"
    assert refusal(tmp_path, **{variable: text}).startswith(f"{variable}: {name} must be ")


@pytest.mark.parametrize("value", ["-1", "true", '"5"', "nan", "inf", "[5]", "1979-05-27"])
@pytest.mark.parametrize("name", ["phone.ring_timeout", "phone.idle_timeout", "switch.timeout"])
def test_times_are_numbers_that_are_not_negative(tmp_path: Path, name: str, value: str) -> None:
    section, key = name.split(".")
    assert f"{name} must be " in refusal(tmp_path, f"[{section}]\n{key} = {value}\n")


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row.name != "outbound.allow"], ids=lambda row: row.name
)
def test_no_string_setting_takes_a_newline_or_control_character(tmp_path: Path, row: Row) -> None:
    for control in (r"\n", r"\r", r"\u0000", r"\u007f", r"\u0085", r"\u2028"):
        text = f'[{row.section}]\n{row.key} = "x{control}api system touch y {{extension}}:1"\n'
        assert row.name in refusal(tmp_path, text)


def test_the_password_is_never_shown(tmp_path: Path) -> None:
    assert "hunter" not in refusal(tmp_path, '[control]\npassword = "hunter\\n2"\n')


def test_what_is_not_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    assert "is not TOML" in refusal(tmp_path, "[http\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name, words in (("binary.toml", "is not TOML"), ("none.toml", "No such file")):
        with pytest.raises(SettingsError, match=words):
            load(tmp_path / name, {})
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[http]\nlisten = "127.0.0.1:8084"\n',
            "http.listen and outbound.listen cannot both be 127.0.0.1:8084",
        ),
        ('[http]\nlisten = "0.0.0.0:8084"\n', "http.listen and outbound.listen"),
        ('[control]\naddress = "127.0.0.1:8084"\n', "this app's own outbound.listen"),
        ('[control]\naddress = "127.0.0.1:4242"\n', "this app's own http.listen"),
        ('[outbound]\nlisten = "0.0.0.0:8084"\n', "outbound.advertise must name a host"),
        ('[outbound]\nadvertise = "127.0.0.1:4242"\n', "outbound.advertise 127.0.0.1:4242 is http"),
        ("[console]\nwaiting_red = 29\n", "console.waiting_red must not be less than"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in refusal(tmp_path, text)


def test_two_free_ports_are_no_contradiction(tmp_path: Path) -> None:
    text = '[http]\nlisten = "127.0.0.1:0"\n[outbound]\nlisten = "127.0.0.1:0"\n'
    assert load(written(tmp_path, text), {}).http.listen.port == 0


@given(content=st.binary(max_size=200))
@hypothesis_settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_file_is_settings_or_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    line = ""
    try:
        load(path, {})
    except SettingsError as error:
        line = str(error)
    assert line.isprintable()
