"""python-ESL, a thread per call, as in FreeSWITCH's ``libs/esl/python/server.py``.

The shipped example ends after ``playback``; to hang up behind the tone the handler has to hear of
its end, so it asks for the call's events. With the third argument ``blind`` it asks for none and
queues all three applications at once, the least that can be done with this library.
"""

import socketserver
import sys

from ESL import ESLconnection
from esl_threads import serve

PORT, TONE = int(sys.argv[1]), sys.argv[2]
BLIND = sys.argv[3:] == ["blind"]


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        connection = ESLconnection(self.request.detach())
        if not connection.connected():
            return
        uuid = connection.getInfo().getHeader("unique-id")
        if BLIND:
            # Else FreeSWITCH breaks the tone off for the next application.
            connection.setEventLock("1")
        else:
            connection.sendRecv("myevents")
        connection.execute("answer", "", uuid)
        connection.execute("playback", TONE, uuid)
        if BLIND:
            connection.execute("hangup", "", uuid)
        while connection.connected():
            event = connection.recvEvent()
            if event is None or event.getType() == "SERVER_DISCONNECTED":
                break
            if event.getType() != "CHANNEL_EXECUTE_COMPLETE":
                continue
            if event.getHeader("Application") == "playback":
                connection.execute("hangup", "", uuid)


serve(PORT, Handler)
