"""A contact method: what a ``cm_id`` stands for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LONGEST_NAME", "Contact"]

LONGEST_NAME = 200
"""Characters that a contact method's name may have."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact method; ``number`` is dialled like an extension."""

    cm_id: int
    name: str
    number: str
    organization_id: int
