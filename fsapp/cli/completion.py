"""``fsapp completion``: what a shell needs to complete commands, options and values.

The law of this file: nothing is listed here; what can be typed is read from the parser, and
``completion_scripts.py`` only puts it into a shell's words.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from fsapp.cli.base import Commands, Parser, command
from fsapp.cli.completion_scripts import FILES, SHELLS, Node, Option

__all__ = ["add", "nodes"]

HELP = (
    "Bash: source <(fsapp completion bash) in ~/.bashrc, or write it to "
    "/etc/bash_completion.d/fsapp. Zsh: write it to a file _fsapp in a directory of $fpath. Fish: "
    "write it to ~/.config/fish/completions/fsapp.fish."
)


def add(commands: Commands, whole: Callable[[], Parser]) -> None:
    """``whole`` answers the parser of the whole command line."""

    def complete(options: argparse.Namespace) -> int:
        sys.stdout.write(SHELLS[options.shell](list(nodes(whole()))))
        return 0

    made = command(commands, "completion", "print what a shell needs to complete", complete, HELP)
    made.add_argument("shell", choices=sorted(SHELLS))


def nodes(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Node]:
    """The parser and all its commands, outer ones first."""
    options = tuple(_option(action) for action in parser._actions if action.option_strings)
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not groups:
        yield Node(path, options, _positional(parser))
        return
    (below,) = groups
    children = tuple((one.dest, one.help or "") for one in below._choices_actions)
    yield Node(path, options, "", children)
    for name, child in below.choices.items():
        yield from nodes(child, f"{path} {name}".strip())


def _positional(parser: argparse.ArgumentParser) -> str:
    standing = (_values(action) for action in parser._actions if not action.option_strings)
    return next(standing, "")


def _option(action: argparse.Action) -> Option:
    value = None if action.nargs == 0 else _values(action)
    return Option(tuple(action.option_strings), action.help or "", value)


def _values(action: argparse.Action) -> str:
    if action.type is Path:
        return FILES
    return " ".join(map(str, action.choices or ()))
