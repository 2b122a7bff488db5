"""What the switch tells about itself: ``status``, ``show channels``, ``version``.

Source: the recording inbound-control-connection.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING

from fsapp.lab.channels import Channel

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["new_uuid", "show", "status", "version"]

_VERSION = "1.10.12-release"


def new_uuid() -> str:
    """A random uuid."""
    return str(uuid.uuid4())


def version(_exchange: Exchange, _argument: str) -> str:
    """The version whose behaviour is imitated."""
    return f"FreeSWITCH Version {_VERSION} (lab switch)\n"


def status(exchange: Exchange, _argument: str) -> str:
    """Uptime and session counts, in FreeSWITCH's words."""
    up = int(exchange.clock.now() - exchange.started)
    days, hours, minutes = up // 86400, up // 3600 % 24, up // 60 % 60
    return (
        f"UP 0 years, {days} days, {hours} hours, {minutes} minutes, {up % 60} seconds, "
        "0 milliseconds, 0 microseconds\n"
        f"FreeSWITCH (Version {_VERSION} lab switch) is ready\n"
        f"{exchange.calls_taken} session(s) since startup\n"
        f"{len(exchange.channels)} session(s) - peak 0, last 5min 0 \n"
        "0 session(s) per Sec out of max 2000, peak 0, last 5min 0 \n"
        "20000 session(s) max\n"
        "min idle cpu 0.00/99.00\n"
        "Current Stack Size/Max 240K/8192K\n"
    )


def show(exchange: Exchange, argument: str) -> str:
    """``channels``, ``calls`` or ``registrations``; ``as json`` or ``count``."""
    words = argument.split()
    if not words or words[0] not in {"channels", "calls", "registrations"}:
        return "-USAGE: codec|endpoint|application|api|dialplan|channels|calls ...\n"
    rows = list(exchange.channels.values()) if words[0] == "channels" else []
    if words[1:2] == ["count"]:
        return f"\n{len(rows)} total.\n"
    if words[1:] == ["as", "json"]:
        return _as_json([_row(channel) for channel in rows])
    return _as_text([_row(channel) for channel in rows])


def _as_json(rows: list[dict[str, str]]) -> str:
    if not rows:
        return '{"row_count": 0}\n'
    return json.dumps({"row_count": len(rows), "rows": rows}, separators=(",", ":"))


def _as_text(rows: list[dict[str, str]]) -> str:
    if not rows:
        return "\n0 total.\n"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    return "\n".join(lines) + f"\n\n{len(rows)} total.\n"


def _row(channel: Channel) -> dict[str, str]:
    profile, first = channel.profile, channel.first_profile
    created = channel.times.created // 1_000_000
    call = channel.variables.get("call_uuid") or ""
    codec = {"codec": "PCMU", "rate": "8000", "bit_rate": "64000"}
    return {
        "uuid": channel.uuid,
        "direction": channel.direction,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created)),
        "created_epoch": str(created),
        "name": channel.name,
        "state": channel.shown_state.name,
        "cid_name": profile.caller_id_name,
        "cid_num": profile.caller_id_number,
        "ip_addr": profile.network_addr,
        "dest": profile.destination_number,
        "application": channel.application,
        "application_data": channel.application_data,
        "dialplan": profile.dialplan,
        "context": profile.context,
        **{f"read_{name}": value for name, value in codec.items()},
        **{f"write_{name}": value for name, value in codec.items()},
        "secure": "",
        "hostname": "lab",
        "presence_id": channel.presence_id,
        "presence_data": "",
        "accountcode": channel.variables.get("accountcode") or "",
        "callstate": channel.shown_call_state,
        "callee_name": profile.callee_id_name,
        "callee_num": profile.callee_id_number,
        "callee_direction": "",
        "call_uuid": "" if call == channel.uuid else call,
        "sent_callee_name": "",
        "sent_callee_num": "",
        "initial_cid_name": first.caller_id_name,
        "initial_cid_num": first.caller_id_number,
        "initial_ip_addr": first.network_addr,
        "initial_dest": first.destination_number,
        "initial_dialplan": first.dialplan,
        "initial_context": first.context,
    }
