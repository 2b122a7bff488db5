"""What the documentation shows in fences: commands, files, pictures."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DOCUMENTS", "ROOT", "Block", "blocks"]

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fence. ``language`` is what stands behind its opening, "" for pictures and output."""

    document: str
    line: int
    language: str
    text: str

    @property
    def first(self) -> str:
        """Its first line without a comment, by which it is known."""
        return self.text.splitlines()[0].partition("  #")[0].strip()


def blocks(document: str) -> Iterator[Block]:
    """The fences of a document, in order, their indentation taken off."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        indentation, language, inside = found.groups()
        lines = [line.removeprefix(indentation) for line in inside.splitlines()]
        line = text.count("\n", 0, found.start()) + 1
        yield Block(document, line, language, "\n".join(lines) + "\n")
