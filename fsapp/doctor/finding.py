"""What one look at one thing has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Finding", "Verdict", "good", "problem", "unknown", "warning"]


class Verdict(Enum):
    """How a thing is; only a problem makes the exit status 1."""

    GOOD = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """``check`` is a stable name for programs, ``what`` a sentence, ``mend`` what to do."""

    check: str
    verdict: Verdict
    what: str
    mend: str = ""

    def document(self) -> dict[str, str]:
        """For ``--json``."""
        return {
            "check": self.check,
            "verdict": self.verdict.value,
            "what": self.what,
            "mend": self.mend,
        }


def good(check: str, what: str) -> Finding:
    """It is as it should be."""
    return Finding(check, Verdict.GOOD, what)


def warning(check: str, what: str, mend: str) -> Finding:
    """Calls can be worked, but somebody should look at it."""
    return Finding(check, Verdict.WARNING, what, mend)


def problem(check: str, what: str, mend: str) -> Finding:
    """Calls cannot be worked as they should until it is mended."""
    return Finding(check, Verdict.PROBLEM, what, mend)


def unknown(check: str, what: str) -> Finding:
    """It could not be looked at, because of something found before."""
    return Finding(check, Verdict.UNKNOWN, what)
