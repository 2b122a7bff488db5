"""Faults to order: what can go wrong between FreeSWITCH and the app, on demand.

The law of this file: nothing goes wrong that was not ordered; an order holds for the next
``count`` occasions, then it is used up. Orders may be given from any thread.

    lab.faults.drop_next("CHANNEL_BRIDGE")
    lab.faults.refuse_next("uuid_bridge", "-ERR Invalid uuid")
    lab.faults.ignore_next("originate")
"""

from __future__ import annotations

import enum
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fsapp.lab.events import Event

if TYPE_CHECKING:
    from fsapp.lab.event_socket import Command, Session
    from fsapp.lab.exchange import Exchange

__all__ = ["Faults"]


class Kind(enum.Enum):
    """What goes wrong."""

    LOST = "the event never arrives"
    LATE = "the event arrives later, after others"
    DOUBLED = "the event arrives twice"
    CUT = "the connection breaks in the middle of the event"
    REFUSED = "the command is refused"
    IGNORED = "the command is neither carried out nor answered"
    UNANSWERED = "the command is carried out, but not answered"


@dataclass(slots=True)
class Order:
    """One fault, ordered for the next ``left`` occasions."""

    kind: Kind
    name: str
    left: int
    uuid: str | None = None
    seconds: float = 0.0
    answer: str = ""

    def __str__(self) -> str:
        about = f" of {self.uuid}" if self.uuid else ""
        return f"{self.name}{about}: {self.kind.value} ({self.left} times)"


_OF_EVENTS = {Kind.LOST, Kind.LATE, Kind.DOUBLED, Kind.CUT}
_OF_COMMANDS = {Kind.IGNORED, Kind.UNANSWERED}


class Faults:
    """What goes wrong next."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._stalled = False
        self._dribbles = False
        self._backlog: defaultdict[Session, list[bytes]] = defaultdict(list)
        self._vanished: set[Session] = set()
        self._muted: set[Session] = set()
        self._judged: tuple[Event | None, Order | None] = (None, None)

    # -- ordering ----------------------------------------------------------------------

    def drop_next(self, event: str, *, count: int = 1, uuid: str | None = None) -> None:
        """The next events of that name (about that channel) are lost."""
        self._order(Order(Kind.LOST, event, count, uuid))

    def delay_next(
        self, event: str, seconds: float, *, count: int = 1, uuid: str | None = None
    ) -> None:
        """The next events of that name arrive so much later, after what came meanwhile."""
        self._order(Order(Kind.LATE, event, count, uuid, seconds))

    def double_next(self, event: str, *, count: int = 1, uuid: str | None = None) -> None:
        """The next events of that name arrive twice."""
        self._order(Order(Kind.DOUBLED, event, count, uuid))

    def cut_in_next(self, event: str, *, uuid: str | None = None) -> None:
        """The connection breaks in the middle of the next event of that name."""
        self._order(Order(Kind.CUT, event, 1, uuid))

    def refuse_next(self, command: str, answer: str = "-ERR refused", *, count: int = 1) -> None:
        """The next API commands of that name are not carried out, but answered so."""
        self._order(Order(Kind.REFUSED, command, count, answer=answer.rstrip("\n") + "\n"))

    def ignore_next(self, command: str, *, count: int = 1) -> None:
        """The next commands (API command, or first word: ``sendmsg``) never get a reply."""
        self._order(Order(Kind.IGNORED, command, count))

    def leave_unanswered(self, command: str, *, count: int = 1) -> None:
        """The next commands are carried out, but the reply is lost."""
        self._order(Order(Kind.UNANSWERED, command, count))

    def stall(self) -> None:
        """From now on nothing is sent to the app; it comes all at once after :meth:`go_on`."""
        self._stalled = True

    def go_on(self) -> None:
        """End a :meth:`stall`."""
        self._stalled = False
        self._soon(self._send_backlog)

    def dribble(self, dribbles: bool = True) -> None:
        """From now on every byte is sent by itself."""
        self._dribbles = dribbles

    def vanish(self, uuid: str | None = None) -> None:
        """A channel's connections (None: all there are) fall silent, and stay open."""
        self._soon(lambda: self._vanished.update(self._connections(uuid)))

    def break_connections(self, uuid: str | None = None) -> None:
        """Reset a channel's connections (None: all there are, the control one included)."""
        self._soon(lambda: self._break(uuid))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._orders.clear()
        self._dribbles = False
        self._soon(self._vanished.clear)
        self.go_on()

    def pending(self) -> list[str]:
        """The orders not used up, in words."""
        with self._lock:
            return [str(order) for order in self._orders]

    # -- carrying out; on the switch's thread -----------------------------------------------

    def write(self, session: Session, data: bytes) -> None:
        """Send bytes to the peer, or not."""
        if session in self._vanished or session in self._muted or session.transport is None:
            return
        if self._stalled:
            self._backlog[session].append(data)
        elif self._dribbles:
            for place in range(len(data)):
                session.transport.write(data[place : place + 1])
        else:
            session.transport.write(data)

    def takes(self, session: Session, command: Command) -> bool:
        """Whether a command is carried out; from here to :meth:`answered` it may be mute."""
        if session in self._vanished:
            return False
        order = self._use({command.verb, command.api_name}, _OF_COMMANDS)
        if order is not None and order.kind is Kind.UNANSWERED:
            self._muted.add(session)
        return order is None or order.kind is not Kind.IGNORED

    def answered(self, session: Session) -> None:
        """The command has been answered."""
        self._muted.discard(session)

    def event(self, session: Session, event: Event) -> None:
        """Send an event to the peer, as ordered."""
        frame, order = event.frame(), self._order_for(event)
        if order is None:
            self.write(session, frame)
            return
        match order.kind:
            case Kind.LATE:
                self._exchange.clock.call_later(order.seconds, lambda: self.write(session, frame))
            case Kind.DOUBLED:
                self.write(session, frame)
                self.write(session, frame)
            case Kind.CUT:
                self.write(session, frame[: len(frame) // 2])
                if session.transport is not None:
                    session.transport.close()

    def _order_for(self, event: Event) -> Order | None:
        """The order for an event, the same for every connection that gets it."""
        if self._judged[0] is not event:
            self._judged = (event, self._use({event.name}, _OF_EVENTS, event.unique_id))
        return self._judged[1]

    def holds_open(self, session: Session) -> bool:
        """Whether the connection may not be closed, its peer having vanished."""
        return session in self._vanished

    def refusal(self, command: str) -> str | None:
        """The refusal ordered for an API command."""
        order = self._use({command}, {Kind.REFUSED})
        return None if order is None else order.answer

    # -- within ------------------------------------------------------------------------

    def _order(self, order: Order) -> None:
        with self._lock:
            self._orders.append(order)

    def _use(self, names: set[str], kinds: set[Kind], uuid: str | None = None) -> Order | None:
        with self._lock:
            for order in self._orders:
                about = order.uuid is None or order.uuid == uuid
                if order.name in names and order.kind in kinds and about:
                    order.left -= 1
                    if not order.left:
                        self._orders.remove(order)
                    return order
        return None

    def _soon(self, action: Callable[[], object]) -> None:
        self._exchange.loop.call_soon_threadsafe(action)

    def _send_backlog(self) -> None:
        backlog, self._backlog = self._backlog, defaultdict(list)
        for session, pieces in backlog.items():
            for piece in pieces:
                self.write(session, piece)

    def _connections(self, uuid: str | None) -> list[Session]:
        sessions = list(self._exchange.sessions)
        if uuid is None:
            return sessions
        return [s for s in sessions if s.channel is not None and s.channel.uuid == uuid]

    def _break(self, uuid: str | None) -> None:
        for session in self._connections(uuid):
            if session.transport is not None:
                session.transport.abort()
