"""The state diagram in the documentation is drawn from the table."""

from pathlib import Path

from fsapp.calls.call import State
from fsapp.calls.table import TABLE

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def diagram() -> str:
    """The table as a Mermaid state diagram; one arrow per row."""
    arrows = [
        f"    {state.value} --> {step.state.value}: {happening.value}"
        for (state, happening), step in TABLE.items()
    ]
    begin, end = f"    [*] --> {State.CREATED.value}", f"    {State.HUNGUP.value} --> [*]"
    return "\n".join(["stateDiagram-v2", begin, *arrows, end])


def events() -> str:
    """The table's events, a row each."""
    return "\n".join(
        f"| {state.value} | {happening.value} | {step.state.value} | {', '.join(step.events)} |"
        for (state, happening), step in TABLE.items()
    )


def test_the_documentation_shows_the_table_as_it_is():
    page = PAGE.read_text(encoding="utf-8")
    assert diagram() in page
    assert events() in page
