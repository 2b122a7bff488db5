"""The Event Socket side in a process of its own, to be hurt by ``test_frame_fuzz.py``.

    python -m tests.switch.victim CONTROL_PORT

Real listener, real control connection, real python-ESL; prints the listener's port, then one word
for each thing it is told. Ends when its standard input does. A crash of python-ESL is the end of
this process and nobody else's.
"""

from __future__ import annotations

import ipaddress
import sys

from fsapp.desk.clock import SystemClock
from fsapp.switch import control as control_module
from fsapp.switch.channel import Channel, Event
from fsapp.switch.connection import Connection
from fsapp.switch.control import Control
from fsapp.switch.listener import Listener

PASSWORD = "ClueCon"


class Handler:
    """Looks at all it is told, as the desk would."""

    def connected(self, channel: Channel, connection: Connection) -> None:
        repr(channel)
        connection.post("api status\n\n", on_reply=repr)

    def knows(self, uuid: str) -> bool:
        """Everything is decoded."""
        return uuid is not None

    def missed(self, uuid: str, cause: str) -> None:
        repr((uuid, cause))

    def happened(self, event: Event, connection: Connection) -> None:  # noqa: ARG002
        repr(event)

    def disconnected(self, connection: Connection) -> None:
        repr(connection)


def main() -> None:
    control_module.FIRST_PAUSE = control_module.LONGEST_PAUSE = 0.001
    handler = Handler()
    listener = Listener("127.0.0.1", 0, [ipaddress.ip_network("127.0.0.0/8")], handler)
    clock = SystemClock()
    control = Control(("127.0.0.1", int(sys.argv[1])), PASSWORD, clock.later, 5.0)
    clock.start()
    listener.start()
    control.start(handler, lambda: None)
    sys.stdout.write(f"{listener.address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    control.stop()
    listener.stop()
    clock.stop()


if __name__ == "__main__":
    main()
