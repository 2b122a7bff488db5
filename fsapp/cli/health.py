"""``fsapp health``: is the fsapp of these settings alive, or ready? For whoever watches it."""

from __future__ import annotations

import argparse
import os
import ssl

from fsapp.cli.base import BadUsage, Commands, Refused, command, config_option, say
from fsapp.cli.remote import local_url
from fsapp.client import Client, Unreachable
from fsapp.client import Refused as RefusedByServer
from fsapp.settings import Http, load

__all__ = ["add"]

LIMIT_SECONDS = 4.0
"""FreeSWITCH and the database have a second each to answer when fsapp is asked whether it is ready;
conf/Dockerfile gives the whole command five."""


def add(commands: Commands) -> None:
    health = command(
        commands,
        "health",
        "ask the fsapp that runs with these settings whether it is alive",
        _health,
        "For health checks: no token is needed, TLS is spoken if the settings say so. Exit status "
        "1 when it does not answer, or not well, in four seconds.",
    )
    ready = "whether calls can be worked: FreeSWITCH and the database answer, nothing drains"
    health.add_argument("--ready", action="store_true", help=ready)
    config_option(health)


def _health(options: argparse.Namespace) -> int:
    http = load(options.config, os.environ).http
    if http.listen.port == 0:
        raise BadUsage("http.listen leaves the port open: only one that is named can be asked")
    path, word = ("/readyz", "ready") if options.ready else ("/healthz", "alive")
    with Client(local_url(http), timeout=LIMIT_SECONDS, context=_tls(http)) as client:
        try:
            client.ask("GET", path)
        except RefusedByServer as refusal:
            raise Refused(f"{client.url}: not {word}: {refusal.description}") from refusal
        except Unreachable as error:
            raise Refused(f"{error}; does fsapp run there?") from error
        say(f"{client.url}: {word}")
    return 0


def _tls(http: Http) -> ssl.SSLContext | None:
    """Whose certificate it is does not matter: nothing secret is said, and a certificate that has
    run out, or was replaced by one for the next start, makes fsapp no less alive."""
    if http.tls_certificate is None:
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
