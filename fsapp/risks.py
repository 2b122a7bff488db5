"""What the settings leave open, said once when fsapp starts (docs/threats.md)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from fsapp.settings import Control, Settings

__all__ = ["risks"]


def risks(settings: Settings) -> Iterator[str]:
    """A sentence for each thing an administrator would want to know."""
    http, outbound, control = settings.http, settings.outbound, settings.control
    if not _is_local(http.listen.host) and http.tls_certificate is None:
        yield (
            f"http.listen {http.listen} can be reached from other machines and is not encrypted: "
            "tokens and callers' numbers can be read on the way. Set http.tls_certificate and "
            "http.tls_key, or put a reverse proxy with TLS in front and listen on 127.0.0.1"
        )
    if not _is_local(control.address.host) and control.password == Control().password:
        yield (
            "control.password is FreeSWITCH's default, which everybody knows: whoever reaches "
            f"{control.address} commands FreeSWITCH. Set another one in event_socket.conf.xml and "
            "here"
        )
    if not _is_local(outbound.listen.host) and any(not net.prefixlen for net in outbound.allow):
        yield (
            f"outbound.allow lets everybody in who reaches {outbound.listen}, to speak as "
            "FreeSWITCH. Name its address only"
        )
    if any(not network.prefixlen for network in settings.metrics.allow):
        yield (
            "metrics.allow lets everybody in: whoever reaches http.listen may read how busy every "
            "organization is. Name Prometheus's address only, or set metrics.token_file"
        )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
