"""Faults to order: what can go wrong between FreeSWITCH and the app, on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsapp.lab.events import Event

if TYPE_CHECKING:
    from fsapp.lab.event_socket import Command, Session
    from fsapp.lab.exchange import Exchange

__all__ = ["Faults"]


class Faults:
    """What goes wrong next; nothing unless ordered."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def clear(self) -> None:
        """Nothing goes wrong any more."""

    def write(self, session: Session, data: bytes) -> None:
        """Send bytes to the peer."""
        if session.transport is not None:
            session.transport.write(data)

    def takes(self, session: Session, command: Command) -> bool:
        """Whether a command is carried out and answered."""
        return True

    def event(self, session: Session, event: Event) -> None:
        """Send an event to the peer."""
        self.write(session, event.frame())

    def refusal(self, command: str) -> str | None:
        """The refusal ordered for an API command."""
        return None
