"""What a drill is to do, and what it has found."""

from dataclasses import dataclass, field

__all__ = ["Outcome", "Plan"]


@dataclass(frozen=True)
class Plan:
    """How large and how long; times in seconds. ``harms`` are done on purpose, once each."""

    callers: int = 30
    agents: int = 10
    every: float = 10.0
    seconds: float = 300.0
    harms: tuple[str, ...] = ()
    patience: float = 20.0
    """How long it may take at the end until all is as it was."""
    silence: float = 8.0
    """How long a customer may hear nothing: fsapp takes five seconds to be sure that nobody is
    about to speak with her, and may be killed meanwhile."""


@dataclass
class Outcome:
    """What was found; each count is a list of sentences."""

    dropped: list[str]
    cut: list[str]
    lost: list[str]
    unaccounted: list[str]
    stuck: list[str]
    left_over: list[str]
    strange: list[str]
    silent: list[str]
    kills: int = 0
    figures: dict[str, object] = field(default_factory=dict)
    harmed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Each harm done on purpose: in which count it belongs, and what names it there."""

    def counts(self) -> dict[str, list[str]]:
        """Each must be empty."""
        return {
            "callers dropped": self.dropped,
            "conversations cut": self.cut,
            "calls lost from the record": self.lost,
            "numbers dialled unaccounted for": self.unaccounted,
            "agents stuck": self.stuck,
            "channels left over": self.left_over,
            "customers in silence": self.silent,
            "answers no table knows": self.strange,
        }

    @property
    def clean(self) -> bool:
        """Whether every count is zero."""
        return not any(self.counts().values())

    def unnoticed(self) -> list[str]:
        """The harms done on purpose that are not counted where they belong."""
        counts = self.counts()
        return [
            harm
            for harm, (count, name) in self.harmed.items()
            if not any(name in sentence for sentence in counts[count])
        ]

    def table(self) -> str:
        """For people."""
        lines = [f"{name:32} {value}" for name, value in self.figures.items()]
        lines += ["-" * 44]
        lines += [f"{name:32} {len(found)}" for name, found in self.counts().items()]
        details = [f"  {name}: {one}" for name, found in self.counts().items() for one in found]
        return "\n".join([*lines, *details[:40]])
