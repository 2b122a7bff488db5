"""HTTPS: ``http.tls_certificate`` and ``http.tls_key``.

The law of this file: TLS 1.2 or newer; whatever is wrong with the files is one line that names the
setting; and no hand-shake is waited for. cheroot's own adapter makes it on the thread that accepts
connections, where one client who says nothing would stop everybody: here it is made while her
request is taken in (``intake.py``).
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, NoReturn

from cheroot.errors import FatalSSLAlert
from cheroot.makefile import MakeFile
from cheroot.ssl import Adapter

from fsapp.settings import Http, SettingsError

__all__ = ["LazyTls", "context"]


def context(http: Http) -> ssl.SSLContext | None:
    """What the settings say, or ``None`` without TLS. Raises :class:`SettingsError`."""
    certificate, key = http.tls_certificate, http.tls_key
    if certificate is None or key is None:
        return None
    for name, path in (("certificate", certificate), ("key", key)):
        _check_readable(name, path)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    _load(made, certificate, key)
    return made


def _check_readable(name: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise SettingsError(f"http.tls_{name} {path}: cannot be read: {error.strerror}") from error


def _load(made: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        made.load_cert_chain(certificate, key, _no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"http.tls_key {key} does not belong to http.tls_certificate {certificate}"
            ) from error
        raise SettingsError(
            f"http.tls_certificate {certificate} and http.tls_key {key} must be a certificate and "
            "its key, both PEM"
        ) from error
    except _EncryptedError as error:
        raise SettingsError(f"http.tls_key {key} must not be encrypted") from error


class _EncryptedError(Exception):
    """The key has a password, and nobody is there to type it."""


def _no_password() -> NoReturn:
    raise _EncryptedError


class LazyTls(Adapter):
    """What cheroot needs to know of TLS."""

    def __init__(self, made: ssl.SSLContext) -> None:
        self.context = made

    def bind(self, sock: Any) -> Any:
        return sock

    def wrap(self, sock: Any) -> tuple[Any, dict[str, str]]:
        try:
            wrapped = self.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        except OSError as error:  # she has left already
            raise FatalSSLAlert(*error.args) from error
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        return MakeFile(sock, mode, bufsize)
