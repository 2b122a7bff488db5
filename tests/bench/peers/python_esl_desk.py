"""python-ESL, a thread per call, doing a whole desk call and nothing else.

Each caller is answered and hears a tone; a phone is rung at once, the two are bridged, and after
the third argument's seconds the caller is hung up, which ends both. Nothing is asked for over
HTTP, nothing is on record, nobody is told, no failure is looked for: the least that a desk call
costs whoever makes it with python-ESL. The fourth and further arguments are the phones.
"""

import itertools
import socketserver
import sys
import time

from ESL import ESLconnection
from esl_threads import serve

PORT, TONE, TALK, PHONES = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]
NEXT_PHONE = itertools.cycle(PHONES)


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        connection = ESLconnection(self.request.detach())
        if not connection.connected():
            return
        channel = connection.getInfo()
        uuid, caller = channel.getHeader("unique-id"), channel.getHeader("variable_bench_caller")
        connection.sendRecv("myevents")
        if caller:
            self.speak(connection, caller, uuid)
        else:
            self.wait(connection, uuid)
        while connection.connected():
            event = connection.recvEvent()
            if event is None or event.getType() == "SERVER_DISCONNECTED":
                break

    def wait(self, connection: ESLconnection, uuid: str) -> None:
        connection.execute("answer", "", uuid)
        connection.execute("playback", TONE, uuid)
        phone = next(NEXT_PHONE)
        socket = f"'&socket(127.0.0.1:{PORT} async full)'"
        connection.bgapi("originate", f"{{bench_caller={uuid}}}user/{phone} {socket}")

    def speak(self, connection: ESLconnection, caller: str, leg: str) -> None:
        connection.api("uuid_bridge", f"{caller} {leg}")
        time.sleep(TALK)
        connection.api("uuid_kill", caller)


serve(PORT, Handler)
