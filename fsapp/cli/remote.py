"""How a command reaches the running fsapp: over HTTP, as an agent (protocol §2).

The law of this file: a command that asks the running fsapp may see what the agent may whose token
it has, and nothing else. The token is never printed.
"""

from __future__ import annotations

import argparse
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsapp.cli.base import BadUsage, Parser, Refused, config_option
from fsapp.client import Client, Unreachable, trusting
from fsapp.client import Refused as RefusedByServer
from fsapp.setting_kinds import WILDCARDS
from fsapp.settings import Address, Http, load

__all__ = ["HELP", "TIMEOUT_SECONDS", "asking", "connect", "local_url", "remote_options"]

TIMEOUT_SECONDS = 10.0
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}

HELP = """\
Asks the running fsapp over HTTP, as an agent: it shows what that agent may see. The token is
--token, else the environment variable FSAPP_TOKEN (better: other users of this machine can see
command lines). The address is --url, else FSAPP_URL, else http.listen of the settings; there TLS
trusts http.tls_certificate, elsewhere --certificate or what the system trusts. An operator's own
token: fsapp agent add operator --name Operator --phone user/0 --role supervisor --organization 1"""
NO_TOKEN = (
    "no token: set FSAPP_TOKEN or give --token; fsapp agent add prints one, and fsapp agent token "
    "a new one"
)


def remote_options(command: Parser) -> None:
    """The options that say where and as whom it is asked."""
    command.add_argument("--url", metavar="URL", help="https://desk.example:4242")
    command.add_argument("--token", help="an agent's; default: FSAPP_TOKEN")
    command.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE.pem",
        help="trust the server that has this certificate, whatever its name",
    )
    config_option(command)


@contextmanager
def asking(options: argparse.Namespace) -> Iterator[Client]:
    """A client; what the server refuses, and that it cannot be reached, becomes a refusal."""
    with connect(options) as client:
        try:
            yield client
        except RefusedByServer as refusal:
            raise Refused(f"{client.url}: {refusal.description}") from refusal
        except Unreachable as error:
            raise Refused(f"{error}; does fsapp run there?") from error


def connect(options: argparse.Namespace) -> Client:
    """The client that options, environment and settings describe. Raises :class:`BadUsage`,
    ``SettingsError`` or :class:`Refused`."""
    token = options.token or os.environ.get("FSAPP_TOKEN")
    if not token:
        raise BadUsage(NO_TOKEN)
    url = options.url or os.environ.get("FSAPP_URL")
    certificate = options.certificate
    if not url:
        http = load(options.config, os.environ).http
        if http.listen.port == 0:
            raise BadUsage("http.listen leaves the port open: give --url")
        url = local_url(http)
        certificate = certificate or http.tls_certificate
    try:
        return Client(url, token, timeout=TIMEOUT_SECONDS, context=_context(certificate))
    except ValueError as error:
        raise BadUsage(str(error)) from error


def local_url(http: Http) -> str:
    """Where the settings say that fsapp listens, as seen from this machine."""
    host = LOOPBACK[http.listen.host] if http.listen.host in WILDCARDS else http.listen.host
    scheme = "http" if http.tls_certificate is None else "https"
    return f"{scheme}://{Address(host, http.listen.port)}"


def _context(certificate: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    try:
        return trusting(certificate)
    except ssl.SSLError as error:
        raise Refused(f"{certificate}: holds no certificate") from error
    except OSError as error:
        raise Refused(f"{certificate}: cannot be read: {error.strerror}") from error
