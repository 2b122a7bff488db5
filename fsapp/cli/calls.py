"""``fsapp calls`` and ``fsapp queue``: what the running fsapp has at this moment."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence

from fsapp.calls.document_types import OrganizationDocument, ShownCallDocument
from fsapp.cli.base import Commands, command
from fsapp.cli.remote import HELP, asking, remote_options
from fsapp.cli.table import json_option, print_list

__all__ = ["add", "age", "customer", "doing_since", "named"]

_SINCE = {"speaking": "bridged_at", "parked": "parked_at", "transferred": "bridged_at"}
"""Which time a call is in its state since; in the others, since its arrival."""
_HOUR = 3600
_MINUTE = 60


def add(commands: Commands) -> None:
    for name, help_, run in (
        ("calls", "show the live calls", _calls),
        ("queue", "show who waits, next first", _queue),
    ):
        shown = command(commands, name, help_, run, HELP)
        json_option(shown)
        remote_options(shown)


def _calls(options: argparse.Namespace) -> int:
    with asking(options) as client:
        calls, organizations = client.calls(), client.organizations()
    now = time.time()
    print_list(
        options, calls, [_call(call, organizations, now) for call in calls], "No live calls."
    )
    return 0


def _queue(options: argparse.Namespace) -> int:
    with asking(options) as client:
        calls, organizations = client.queue(), client.organizations()
    now = time.time()
    print_list(
        options, calls, [_waiting(call, organizations, now) for call in calls], "Nobody waits."
    )
    return 0


def _call(
    call: ShownCallDocument, organizations: Sequence[OrganizationDocument], now: float
) -> Mapping[str, object]:
    return {
        "state": "greeting" if call["locked"] else call["state"],
        "for": age(doing_since(call), now),
        "customer": customer(call),
        "direction": "inbound" if call["inbound"] else "outbound",
        "dialled": call["destination"],
        "agent": call["assigned_to"],
        "organization": named(call["organization_id"], organizations),
        "id": call["id"],
    }


def _waiting(
    call: ShownCallDocument, organizations: Sequence[OrganizationDocument], now: float
) -> Mapping[str, object]:
    return {
        "place": call["position"],
        "waits": age(int(call["arrival_time"]), now),
        "customer": customer(call),
        "dialled": call["destination"],
        "organization": named(call["organization_id"], organizations),
        "priority": call["priority"] or None,
        "id": call["id"],
    }


def doing_since(call: ShownCallDocument) -> int:
    """Since when the call is in its state, in Unix seconds."""
    known: Mapping[str, object] = call
    moment = known.get(_SINCE.get(call["state"], ""))
    return int(str(moment or call["arrival_time"]))


def customer(call: ShownCallDocument) -> str:
    """Who is on the line: of a dialled call the number, of a caller her name, too."""
    if not call["inbound"]:
        return call["destination"]
    known = (call["caller_id"], call["caller_name"])
    return " ".join(dict.fromkeys(text for text in known if text)) or "unknown"


def named(number: int, organizations: Sequence[OrganizationDocument]) -> str:
    """What an organization is called; its number while it has no name."""
    names = {one["id"]: one["name"] for one in organizations}
    return names.get(number) or str(number)


def age(since: float, now: float) -> str:
    """How long ago, as ``0:42`` or ``1:02:03``."""
    seconds = max(0, int(now - since))
    hours, rest = divmod(seconds, _HOUR)
    minutes, seconds = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
