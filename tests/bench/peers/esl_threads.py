"""python-ESL, a thread per call, as in FreeSWITCH's ``libs/esl/python/server.py``."""

import os
import socketserver


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def shutdown_request(self, request: object) -> None:
        """The socket is python-ESL's, which closes it."""


def serve(port: int, handler: type[socketserver.BaseRequestHandler]) -> None:
    """Takes calls until killed; prints the process id when it does."""
    with Server(("127.0.0.1", port), handler) as server:
        print(os.getpid(), flush=True)
        server.serve_forever()
