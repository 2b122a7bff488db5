"""Commands run in the test's own process, in a directory of their own."""

from pathlib import Path

import pytest

from fsapp.cli import main

from .ran import Ran, Run


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("FSAPP_DATABASE_PATH", "FSAPP_TOKEN", "FSAPP_URL", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Ran:
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else -1
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return run
