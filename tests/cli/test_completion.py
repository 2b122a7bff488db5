"""``fsapp completion``: in a real bash, and in zsh and fish where there are any."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsapp import cli
from fsapp.cli.completion import nodes

from .ran import Run
from .typing_at import AtTerminal

TREE = {node.path: node for node in nodes(cli.parser())}
PROMPT = "ready> "


def needs(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"not installed: {shell}")
    return found


@pytest.fixture
def script(run: Run, tmp_path: Path) -> Path:
    """The completion of bash in a file, and some files to be completed."""
    (tmp_path / "fsapp.bash").write_text(run("completion", "bash").out, encoding="utf-8")
    (tmp_path / "contacts of mine.csv").touch()
    (tmp_path / "copies").mkdir()
    return tmp_path / "fsapp.bash"


def offered(script: Path, *words: str) -> list[str]:
    """What bash would offer for the last word."""
    quoted = " ".join(f'"{word}"' for word in ("fsapp", *words))
    asked = (
        f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _fsapp; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ran = subprocess.run(
        [needs("bash"), "--noprofile", "--norc", "-c", asked],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout.split("\n")[:-1] if ran.stdout != "\n" else []


@pytest.mark.parametrize("path", TREE, ids=lambda path: path or "fsapp")
def test_bash_knows_every_command_and_option(path: str, script: Path) -> None:
    node, words = TREE[path], path.split()
    children = [name for name, _ in node.children]
    if children:
        assert offered(script, *words, "") == children
    assert offered(script, *words, "-") == node.flags.split()
    for option in node.options:
        if option.value and option.value.isalpha():
            assert offered(script, *words, option.names[-1], "") == option.value.split()


def test_bash_completes_what_has_been_begun(script: Path) -> None:
    assert offered(script, "con") == ["contact", "config"]
    assert offered(script, "agent", "add", "ann", "--ro") == ["--role"]
    assert offered(script, "agent", "add", "--role", "su") == ["supervisor"]
    assert offered(script, "agent", "add", "--role", "=", "su") == ["supervisor"]
    assert offered(script, "agent", "add", "--role", "=") == ["agent", "supervisor", "admin"]
    assert offered(script, "history", "--outcome", "a") == ["answered", "abandoned"]
    assert offered(script, "completion", "") == ["bash", "fish", "zsh"]


def test_a_value_is_no_command(script: Path) -> None:
    """``--role agent`` does not lead to ``fsapp agent``."""
    assert "--phone" in offered(script, "agent", "add", "--role", "agent", "--")
    assert offered(script, "agent", "add", "--name", "") == []


def test_bash_completes_files_where_files_are_wanted(script: Path) -> None:
    assert offered(script, "contact", "import", "con") == ["contacts of mine.csv"]
    assert "copies" in offered(script, "backup", "")
    assert "fsapp.bash" in offered(script, "serve", "--config", "")
    assert offered(script, "agent", "remove", "") == []


@pytest.fixture
def bash(script: Path) -> Iterator[AtTerminal]:
    """An interactive bash with the completion, at a terminal."""
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "TERM": "xterm",
        "HOME": str(script.parent),
        "PS1": "starts> ",
    }
    command = [needs("bash"), "--noprofile", "--norc", "-i"]
    with AtTerminal(command, environment) as terminal:
        terminal.shows(lambda shown: any(line.startswith("starts>") for line in shown))
        # Another prompt: the first one would be taken for the one that comes after this line.
        terminal.types(f"cd {script.parent}; source {script}; PS1='{PROMPT}'; clear\n")
        terminal.shows(lambda shown: shown[0] == PROMPT.strip())
        yield terminal


def test_in_a_real_bash_tab_completes_a_whole_command(bash: AtTerminal) -> None:
    bash.types("fsapp ag\tse\t")
    bash.shows(lambda shown: shown[0] == f"{PROMPT}fsapp agent set")
    bash.types("ann --ro\tsup\t")
    bash.shows(lambda shown: shown[0] == f"{PROMPT}fsapp agent set ann --role supervisor")


def test_in_a_real_bash_a_name_with_blanks_is_quoted(bash: AtTerminal) -> None:
    bash.types("fsapp contact import conta\t")
    wanted = f"{PROMPT}fsapp contact import contacts\\ of\\ mine.csv"
    bash.shows(lambda shown: shown[0] == wanted)


def test_in_a_real_bash_two_tabs_show_what_there_is(bash: AtTerminal) -> None:
    bash.types("fsapp organization \t\t")
    bash.shows(lambda shown: shown[1].split() == ["list", "remove", "set"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_the_script_without_a_word(shell: str, run: Run, tmp_path: Path) -> None:
    script = tmp_path / f"fsapp.{shell}"
    script.write_text(run("completion", shell).out, encoding="utf-8")
    ran = subprocess.run(
        [needs(shell), "-n", str(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def fish_offers(script: Path, line: str) -> list[str]:
    asked = f"source {script}; complete -C '{line}'"
    ran = subprocess.run(
        [needs("fish"), "--no-config", "-c", asked],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd=script.parent,
    )
    return [found.split("\t")[0] for found in ran.stdout.splitlines()]


def test_fish_completes(run: Run, tmp_path: Path) -> None:
    needs("fish")
    script = tmp_path / "fsapp.fish"
    script.write_text(run("completion", "fish").out, encoding="utf-8")
    assert sorted(fish_offers(script, "fsapp agent ")) == sorted(
        name for name, _ in TREE["agent"].children
    )
    assert fish_offers(script, "fsapp agent add --role s") == ["supervisor"]
    assert fish_offers(script, "fsapp agent add --ro") == ["--role"]
    assert "fsapp.fish" in fish_offers(script, "fsapp serve --config ")


def test_zsh_completes(run: Run, tmp_path: Path) -> None:
    zsh = needs("zsh")
    (tmp_path / "_fsapp").write_text(run("completion", "zsh").out, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "HOME": str(tmp_path)}
    with AtTerminal([zsh, "-f", "-i"], environment) as terminal:
        terminal.types(
            f"PS1='{PROMPT}'; fpath=({tmp_path} $fpath); autoload -Uz compinit; "
            f"compinit -u -d {tmp_path}/dump; cd {tmp_path}; clear\n"
        )
        terminal.shows(lambda shown: shown[0] == PROMPT.strip())
        terminal.types("fsapp ag\tse\t")
        terminal.shows(lambda shown: shown[0] == f"{PROMPT}fsapp agent set")
        terminal.types("ann --ro\tsup\t")
        terminal.shows(lambda shown: shown[0] == f"{PROMPT}fsapp agent set ann --role supervisor")


def test_every_command_is_in_the_tree() -> None:
    """The tree is read from argparse's own insides: they must still be what they were."""

    def leaves(parser: argparse.ArgumentParser) -> Iterator[str]:
        below = [action for action in parser._actions if isinstance(action.choices, dict)]
        if not below:
            yield parser.prog
        for action in below:
            for child in (action.choices or {}).values():
                yield from leaves(child)

    assert {f"fsapp {path}" for path, node in TREE.items() if not node.children} == set(
        leaves(cli.parser())
    )
