"""What an agent is: a plain value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["AGENT_ID", "ROLES", "Agent"]

AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
"""An agent's id: it stands in channel variables and in ``Call|<call_id> belongs to <agent_id>``."""

ROLES = ("agent", "supervisor", "admin")


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as configured (protocol §1): ``phone`` is a FreeSWITCH dial string.

    ``paused_since`` is in Unix seconds. Of two readings the one with the higher ``revision`` is
    the newer; neither says who she is.
    """

    id: str
    name: str
    phone: str
    role: str = "agent"
    organizations: frozenset[int] = frozenset({1})
    paused: bool = False
    pause_reason: str | None = None
    paused_since: int | None = field(default=None, compare=False)
    revision: int = field(default=0, compare=False)

    def serves(self, organization_id: int) -> bool:
        """Whether calls of this organization exist for her (protocol §2)."""
        return organization_id in self.organizations
