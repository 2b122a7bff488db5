"""Settings that cannot be right: one clear line on stderr, exit status 2, nothing started."""

import socket
from pathlib import Path

import pytest

from tests.ports import free_address

from .app import run_fsapp, run_module

WRONG_FILES = {
    "unknown section": "[nonsense]\nkey = 1\n",
    "unknown key": "[http]\nlissten = '127.0.0.1:4242'\n",
    "no toml": "[http\nlisten",
    "no utf-8": "\udcff",
    "port out of range": "[http]\nlisten = '127.0.0.1:99999'\n",
    "network is none": "[outbound]\nallow = ['nonsense']\n",
    "time is text": "[phone]\nring_timeout = 'soon'\n",
    "time is negative": "[phone]\nring_timeout = -1\n",
    "log level unknown": "[log]\nlevel = 'loud'\n",
    "line break in a dial string": '[dial]\nexternal = "loopback/{extension}\\napi hupall"\n',
    "same address twice": "[http]\nlisten = '127.0.0.1:8084'\n"
    "[outbound]\nlisten = '127.0.0.1:8084'\n",
}


def is_one_clear_line(stderr: str, *named: str) -> None:
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert "Traceback" not in stderr
    for word in named:
        assert word in stderr


@pytest.mark.parametrize("text", WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_file(text: str, tmp_path: Path):
    file = tmp_path / "fsapp.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    ended = run_fsapp("serve", "--config", str(file), directory=tmp_path)
    assert ended.returncode == 2, ended.stderr
    is_one_clear_line(ended.stderr)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FSAPP_PHONE_RING_TIMEOUT", "soon"),
        ("FSAPP_PHONE_RINGTIMEOUT", "3"),
        ("FSAPP_NONSENSE_KEY", "1"),
        ("FSAPP_OUTBOUND_ALLOW", "127.0.0.0/8,nonsense"),
    ],
)
def test_a_wrong_environment(name: str, value: str, tmp_path: Path):
    ended = run_fsapp("serve", directory=tmp_path, **{name: value})
    assert ended.returncode == 2, ended.stderr
    is_one_clear_line(ended.stderr)


def test_the_line_names_the_key(tmp_path: Path):
    (tmp_path / "wrong.toml").write_text("[phone]\nring_timeout = 'soon'\n")
    ended = run_fsapp("serve", "--config", "wrong.toml", directory=tmp_path)
    is_one_clear_line(ended.stderr, "ring_timeout")


def test_a_file_that_is_not_there(tmp_path: Path):
    ended = run_fsapp("serve", "--config", "missing.toml", directory=tmp_path)
    assert ended.returncode == 2, ended.stderr
    is_one_clear_line(ended.stderr, "missing.toml")


def test_the_default_file_is_read_where_it_exists(tmp_path: Path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fsapp.toml").write_text("[nonsense]\nkey = 1\n")
    ended = run_fsapp("serve", directory=tmp_path)
    assert ended.returncode == 2
    is_one_clear_line(ended.stderr, "nonsense")


def test_nothing_is_started(tmp_path: Path):
    address = free_address()
    text = f"[http]\nlisten = '{address}'\n[database]\npath = 'x.db'\n[phone]\nring_timeout = -1\n"
    (tmp_path / "wrong.toml").write_text(text)
    run_fsapp("serve", "--config", "wrong.toml", directory=tmp_path)
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    assert not (tmp_path / "x.db").exists()


def test_a_secret_is_not_printed(tmp_path: Path):
    (tmp_path / "wrong.toml").write_text('[control]\npassword = "hush\\n"\n')
    ended = run_fsapp("serve", "--config", "wrong.toml", directory=tmp_path)
    assert ended.returncode == 2
    assert "hush" not in ended.stderr


@pytest.mark.parametrize("arguments", [(), ("serve", "--nonsense")])
def test_a_wrong_command_line(arguments: tuple[str, ...], tmp_path: Path):
    ended = run_module(*arguments, directory=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip() or ended.stdout.strip()
