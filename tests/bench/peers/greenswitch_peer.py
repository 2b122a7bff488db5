# /// script
# dependencies = ["greenswitch==0.0.19"]
# ///
"""greenswitch, as in its README."""

import logging
import os
import sys

import gevent.monkey

gevent.monkey.patch_all()

import greenswitch  # noqa: E402

PORT, TONE = int(sys.argv[1]), sys.argv[2]


class Application:
    def __init__(self, session: "greenswitch.OutboundSession") -> None:
        self.session = session

    def run(self) -> None:
        try:
            self.handle_call()
        except Exception:
            logging.exception("Exception raised when handling call")
            self.session.stop()

    def handle_call(self) -> None:
        self.session.myevents()
        self.session.linger()
        self.session.answer()
        self.session.playback(TONE)
        self.session.hangup()
        self.session.stop()


server = greenswitch.OutboundESLServer(
    bind_address="127.0.0.1", bind_port=PORT, application=Application, max_connections=1000
)
print(os.getpid(), flush=True)
server.listen()
