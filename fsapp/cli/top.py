"""``fsapp top``: queue, calls and agents, live in the terminal.

The law of this file: what is shown is the event stream's picture; while that may be out of date,
the first line says so. One thread listens, the main thread draws.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

from fsapp.calls.document_types import AgentDocument, OrganizationDocument
from fsapp.cli.base import Commands, command
from fsapp.cli.remote import HELP, asking, remote_options
from fsapp.cli.table import json_lines
from fsapp.cli.terminal import CTRL_C, Terminal, is_usable
from fsapp.cli.view import View, lines
from fsapp.client import Client, Event, Picture, Unreachable
from fsapp.client import Refused as RefusedByServer

__all__ = ["add"]

TICK_SECONDS = 1.0
AGAIN_SECONDS = 1.0
"""How soon the lists are asked for again that could not be read."""
STOP_SECONDS = 2.0
_UNAVAILABLE = 503
_QUIT = ("q", "Q", "\x1b", CTRL_C)


def add(commands: Commands) -> None:
    top = command(
        commands,
        "top",
        "show queue, calls and agents, live",
        _top,
        f"q ends it. With --once, or where there is no terminal, it prints one picture. {HELP}",
    )
    top.add_argument("--once", action="store_true", help="print one picture and end")
    top.add_argument("--json", action="store_true", help="one picture as one JSON document")
    remote_options(top)


def _top(options: argparse.Namespace) -> int:
    with asking(options) as client:
        live = Live(client)
        if options.json:
            sys.stdout.write(json_lines([_document(live.view())]))
        elif options.once or not is_usable():
            _print(live.view())
        else:
            live.run()
    return 0


def _document(view: View) -> dict[str, object]:
    """Who looks, who waits (next first), and every call and agent that she may see."""
    return {
        "agent": view.agent,
        "queue": list(view.queue),
        "calls": list(view.calls.values()),
        "agents": list(view.agents.values()),
    }


def _print(view: View) -> None:
    columns = int(os.environ.get("COLUMNS", "")) if _is_number("COLUMNS") else 80
    sys.stdout.write("".join(f"{line}\n" for line in lines(view, columns, None, colours=False)))


def _is_number(variable: str) -> bool:
    return os.environ.get(variable, "").isdecimal()


class Live:
    """The picture as one agent sees it. Making one reads it; raises ``Refused`` or
    ``Unreachable`` of ``fsapp.client``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._me: AgentDocument = client.agent()
        self._organizations: list[OrganizationDocument] = client.organizations()
        self._picture = Picture(client)
        self._picture.read()
        self._lock = threading.Lock()
        self._ahead = 0.0
        """How many seconds the server's clock is ahead of this one."""
        self._trouble: str | None = None
        self._live = False
        self._refused: RefusedByServer | None = None
        self._events = client.events(patience=float("inf"))
        self._over = threading.Event()

    def view(self) -> View:
        """What there is to see now."""
        with self._lock:
            return View(
                url=self._client.url,
                agent=self._me,
                queue=self._picture.queue,
                calls=dict(self._picture.calls),
                agents=dict(self._picture.agents),
                organizations=self._organizations,
                now=time.time() + self._ahead,
                trouble=self._why_not_live(),
            )

    def _why_not_live(self) -> str | None:
        if self._trouble is not None or not self._live:
            return self._trouble
        return None if self._events.connected else self._events.trouble or "connecting"

    def run(self) -> None:
        """Until q is pressed. Raises ``Refused`` when the token becomes void."""
        listening = threading.Thread(target=self._listen, name="events", daemon=True)
        try:
            with Terminal() as terminal:
                self._wake, self._live = terminal.wake, True
                listening.start()
                self._draw_until_quit(terminal)
        except KeyboardInterrupt:
            pass
        finally:
            self._over.set()
            self._events.close()
            if listening.ident is not None:
                listening.join(STOP_SECONDS)
        if self._refused is not None:
            raise self._refused

    def _draw_until_quit(self, terminal: Terminal) -> None:
        colours = not os.environ.get("NO_COLOR")
        key = ""
        while key not in _QUIT and self._refused is None:
            size = terminal.size()
            terminal.draw(lines(self.view(), size.columns, size.lines, colours=colours))
            key = terminal.key(TICK_SECONDS)

    def _listen(self) -> None:
        try:
            for event in self._events:
                self._hear(event)
                self._wake()
        except RefusedByServer as refusal:
            self._refused = refusal
        self._wake()

    def _hear(self, event: Event) -> None:
        """Until the picture has it, however often its lists cannot be read."""
        while not self._over.is_set():
            try:
                self._apply(event)
            except (Unreachable, RefusedByServer) as error:
                if isinstance(error, RefusedByServer) and error.http != _UNAVAILABLE:
                    raise
                self._trouble = str(error)
                self._wake()
                self._over.wait(AGAIN_SECONDS)
            else:
                self._trouble = None
                return

    def _apply(self, event: Event) -> None:
        if event.name == "reset":
            # Agents may have been given other organizations.
            self._organizations = self._client.organizations()
        with self._lock:
            self._picture.hear(event)
            self._ahead = int(event.data["timestamp"]) - time.time()
