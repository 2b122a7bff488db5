"""The command line in the words of bash, zsh and fish."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["FILES", "SHELLS", "Node", "Option"]

FILES = "<files>"
"""In the place of words: names of files."""


@dataclass(frozen=True)
class Option:
    """One option; ``value`` is what may follow it: words, :data:`FILES`, "" for anything,
    ``None`` for nothing."""

    names: tuple[str, ...]
    help: str
    value: str | None


@dataclass(frozen=True)
class Node:
    """One command as typed, ``agent add``; "" is fsapp itself. ``words`` may stand behind it (as
    an option's ``value``), ``children`` are its commands with their help."""

    path: str
    options: tuple[Option, ...]
    words: str = ""
    children: tuple[tuple[str, str], ...] = ()

    def below(self, child: str) -> str:
        return f"{self.path} {child}".strip()

    @property
    def flags(self) -> str:
        return " ".join(name for option in self.options for name in option.names)


_BASH = """\
# Completion of fsapp for bash: source <(fsapp completion bash)
_fsapp() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local at= words= flags= word
    # Bash takes the = of --option=value for a word of its own.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case "$at/$word" in
@steps
        esac
    done
    case "$at" in
@nodes
    esac
    if [[ $current == -* ]]; then words=$flags; fi
    case "$at $previous" in
@values
    esac
    if [[ $words == '<files>' ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}
complete -F _fsapp fsapp
"""


def bash(tree: Sequence[Node]) -> str:
    """A function for ``complete -F``; it needs nothing but bash 4."""
    nodes, values = [], []
    for node in tree:
        words = " ".join(name for name, _ in node.children) or node.words
        nodes.append(f"    '{node.path}') words='{words}' flags='{node.flags}' ;;")
        values += [
            f"    '{node.path} {name}') words='{option.value}' ;;"
            for option in node.options
            if option.value is not None
            for name in option.names
        ]
    return _filled(_BASH, steps=_steps(tree), nodes=nodes, values=values)


_ZSH = """\
#compdef fsapp
# Completion of fsapp for zsh: fsapp completion zsh > a directory of $fpath/_fsapp
_fsapp() {
    local at= word
    local -a found
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$at/$word" in
@steps
        esac
    done
    case "$at ${words[CURRENT-1]}" in
@values
    esac
    if [[ ${words[CURRENT]} == -* ]]; then
        case "$at" in
@options
        esac
        _describe -o option found
        return
    fi
    case "$at" in
@nodes
    esac
    _describe command found
}
if [[ $funcstack[1] == _fsapp ]]; then _fsapp; else compdef _fsapp fsapp; fi
"""


def zsh(tree: Sequence[Node]) -> str:
    """A completion function; it may be autoloaded or sourced."""
    values, options, nodes = [], [], []
    for node in tree:
        values += [
            f"    '{node.path} {name}') {_zsh_words(option.value)}; return ;;"
            for option in node.options
            if option.value is not None
            for name in option.names
        ]
        helped = [(name, option.help) for option in node.options for name in option.names]
        options.append(f"        '{node.path}') found=({_described(helped)}) ;;")
        if node.children:
            nodes.append(f"    '{node.path}') found=({_described(node.children)}) ;;")
        else:
            nodes.append(f"    '{node.path}') {_zsh_words(node.words)}; return ;;")
    return _filled(_ZSH, steps=_steps(tree), values=values, options=options, nodes=nodes)


def _zsh_words(words: str) -> str:
    return "_files" if words == FILES else f"compadd -- {words}"


def _described(helped: Sequence[tuple[str, str]]) -> str:
    """``'name:help' …``"""
    return " ".join(_quoted(f"{name}:{help_}") for name, help_ in helped)


_FISH = """\
# Completion of fsapp for fish: fsapp completion fish > ~/.config/fish/completions/fsapp.fish
function __fsapp_at --description 'whether this is the command that is typed'
    set -l at ''
    for word in (commandline -opc)[2..-1]
        switch "$at/$word"
@steps
        end
    end
    test "$at" = "$argv[1]"
end
complete -c fsapp -f
@lines
"""


def fish(tree: Sequence[Node]) -> str:
    """``complete`` lines, each for the command it belongs to."""
    steps = [
        f"            case '{node.path}/{name}'; set at '{node.below(name)}'"
        for node in tree
        for name, _ in node.children
    ]
    lines = []
    for node in tree:
        where = f"complete -c fsapp -n \"__fsapp_at '{node.path}'\""
        lines += [f"{where} -a {name} -d {_fish(help_)}" for name, help_ in node.children]
        if node.words == FILES:
            lines.append(f"{where} -F")
        elif node.words:
            lines.append(f"{where} -a '{node.words}'")
        for option in node.options:
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            lines.append(f"{where} {names}{_fish_value(option.value)} -d {_fish(option.help)}")
    return _filled(_FISH, steps=steps, lines=lines)


def _fish_value(value: str | None) -> str:
    if value is None:
        return ""
    return " -r -F" if value == FILES else f" -x -a '{value}'" if value else " -x"


def _fish(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _steps(tree: Sequence[Node]) -> list[str]:
    """From a command to the ones below it."""
    return [
        f"        '{node.path}/{name}') at='{node.below(name)}' ;;"
        for node in tree
        for name, _ in node.children
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _filled(template: str, **parts: Sequence[str]) -> str:
    for name, lines in parts.items():
        template = template.replace(f"@{name}", "\n".join(lines))
    return template


SHELLS: Mapping[str, Callable[[Sequence[Node]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
