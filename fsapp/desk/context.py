"""What every part of the desk works with: the board, the way to FreeSWITCH, the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fsapp.calls.refusals import dependency_unavailable, draining
from fsapp.desk.board import Board, LiveCall, Turn
from fsapp.desk.drain import Drain
from fsapp.switch import commands
from fsapp.switch.channel import Reply
from fsapp.switch.connection import Connection

__all__ = ["RETURN_POINT", "Context", "Control", "Options"]

RETURN_POINT = "fsapp_return"
"""The extension of the shipped dialplan where a call stands that nobody speaks with."""

KILL_AGAIN_SECONDS = 0.05
KILL_TRIES = 20
NO_SUCH_CHANNEL = "No such channel"
"""FreeSWITCH's one reason to refuse ``uuid_kill`` (mod_commands)."""
LINGER_SECONDS = 8.0
"""How long FreeSWITCH may take to close the connection of a channel that has ended, which it
keeps for the linger time (fsapp/switch/listener.py), or one that was told ``exit``."""

NO_WAY_SECONDS = 1.0
"""Pause before a channel is hung up that nothing leads to just now."""


class Control(Protocol):
    """The control connection (``fsapp.switch.control.Control``)."""

    @property
    def failure(self) -> str | None: ...

    @property
    def connection(self) -> Connection | None: ...


@dataclass(frozen=True)
class Options:
    """The settings the desk reads (``conf/fsapp.toml`` says what each means); times in seconds."""

    advertise: str
    ring_timeout: float
    idle_timeout: float
    queue_music: str
    park_music: str
    external: str
    external_ring_timeout: float
    ringback: str
    caller_id_number: str
    context: str
    overflow_to: str
    switch_timeout: float
    database_timeout: float


@dataclass
class Context:
    """Shared by the parts of the desk."""

    board: Board
    control: Control
    options: Options
    """May be others at the next look, as a whole: the settings are read again while it runs."""
    drain: Drain = field(default_factory=Drain)

    def require_switch(self, live: LiveCall | None = None) -> Connection:
        """The control connection; raises 503, showing ``live``, when FreeSWITCH is not connected.

        The last of the checks (protocol §2): whoever asks has found nothing else against it.
        """
        connection = self.control.connection
        if connection is None:
            why = self.control.failure or "FreeSWITCH is not connected"
            raise dependency_unavailable(why, live.call.document() if live is not None else None)
        return connection

    def require_new_work(self, live: LiveCall | None = None) -> Connection:
        """As :meth:`require_switch`, for what would begin a conversation: 503 in a drain, too."""
        if self.drain.begun:
            raise draining(live.call.document() if live is not None else None)
        return self.require_switch(live)

    def way_to(self, live: LiveCall) -> Connection | None:
        """The call's own connection; without one, the control connection."""
        return live.connection or self.control.connection

    def dismiss(self, turn: Turn, connection: Connection) -> None:
        """Ends a connection that is of no more use."""
        turn.post(connection, commands.exit_())
        self.make_sure_closed(connection)

    def make_sure_closed(self, connection: Connection | None) -> None:
        """FreeSWITCH is about to close it; should it have vanished, this side does."""
        if connection is not None:
            self.board.clock.later(LINGER_SECONDS, connection.close)

    def kill(
        self,
        turn: Turn,
        uuid: str,
        way: Connection | None,
        cause: str = "NORMAL_CLEARING",
        *,
        doomed: bool = False,
        tries: int = KILL_TRIES,
        heard: Callable[[], None] = lambda: None,
        still: Callable[[], bool] = lambda: True,
    ) -> None:
        """Hangs a channel up. One that is just being dialled may not be there yet: tries again,
        a ``doomed`` one also when nobody here knows it any more. A command that was lost with its
        connection, or refused while the channel may be there, is given again if it is ``still``
        wanted. ``heard`` is called when FreeSWITCH has answered."""
        connection = way if way is not None and not way.closed else self.control.connection

        def again(*, perhaps_up: bool) -> None:
            with self.board.turn() as later:
                if tries > 1 and still() and (doomed or perhaps_up or self._known(uuid)):
                    left = tries - 1
                    self.kill(later, uuid, way, cause, doomed=doomed, tries=left, still=still)

        def replied(reply: Reply) -> None:
            if not reply.lost:
                heard()
            if reply.refused:
                perhaps_up = reply.lost or NO_SUCH_CHANNEL not in reply.text
                again_later = lambda: again(perhaps_up=perhaps_up)  # noqa: E731
                self.board.clock.later(KILL_AGAIN_SECONDS, again_later)

        if connection is None:
            # Nothing has been said yet; FreeSWITCH may be back with the channel still up.
            self.board.clock.later(NO_WAY_SECONDS, lambda: again(perhaps_up=True))
        else:
            turn.post(connection, commands.api_kill(uuid, cause), on_reply=replied)

    def _known(self, uuid: str) -> bool:
        return uuid in self.board.legs or uuid in self.board.calls
