"""The headers that every answer carries, and why.

The law of this file: no other file names a security header. Nothing here allows another origin to
read anything (no ``Access-Control-…``), and no answer may be framed, guessed at or kept.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["document", "page", "stream"]

_ALWAYS = {
    # What is sent as text is never taken for a script.
    "X-Content-Type-Options": "nosniff",
    # An address may hold a call's id, or even a token.
    "Referrer-Policy": "no-referrer",
    # Other sites' pages cannot load an answer as their script, picture or sound.
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOT_KEPT = {
    # An answer holds callers' numbers.
    "Cache-Control": "no-store",
}
# Documents and streams are data: opened as a page, they may do nothing.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
# A page may use what this server serves: scripts, styles, sounds, requests and event streams;
# nothing inline, nothing from elsewhere, no plugins, nobody's frame, no other base address.
_PAGE_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def document(content_type: str = "application/json") -> Mapping[str, str]:
    """Of an answer of the agent call protocol."""
    return {
        "Content-Type": content_type,
        "Content-Security-Policy": _DATA_POLICY,
        **_NOT_KEPT,
        **_ALWAYS,
    }


def stream() -> Mapping[str, str]:
    """Of an event stream; proxies are told not to hold it back."""
    return {**document("text/event-stream"), "X-Accel-Buffering": "no"}


def page(content_type: str) -> Mapping[str, str]:
    """Of a page, or of a script, style, picture or sound that belongs to one. They hold nobody's
    data; browsers ask each time whether they are still the same (``no-cache``)."""
    return {
        "Content-Type": content_type,
        "Content-Security-Policy": _PAGE_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-cache",
        **_ALWAYS,
    }
