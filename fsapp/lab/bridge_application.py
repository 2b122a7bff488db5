"""The ``bridge`` application: dial, let the caller hear ringing, bridge when answered.

Source: the recording originate-with-ringback and mod_dptools' documentation.
"""

from __future__ import annotations

from fsapp.lab.applications import application
from fsapp.lab.bridging import bridge
from fsapp.lab.channels import Channel
from fsapp.lab.originate import Failure, dial
from fsapp.lab.variables import truthy

__all__ = ["bridge_application"]

_STATUS = {"USER_BUSY": "BUSY", "NO_ANSWER": "NOANSWER", "ORIGINATOR_CANCEL": "CANCEL"}
_DEFAULT_TIMEOUT = 60.0


@application("bridge")
async def bridge_application(channel: Channel, data: str) -> None:
    """Dial ``data`` and bridge the channel with who answers."""
    timeout = channel.variables.get("call_timeout") or ""
    seconds = float(timeout) if timeout.isdigit() else _DEFAULT_TIMEOUT
    profile = channel.profile
    before, channel.hearing = channel.hearing, channel.variables.get("ringback") or "silence"
    outcome = await dial(
        channel.exchange,
        data,
        seconds,
        caller=channel,
        name=profile.caller_id_name,
        number=profile.caller_id_number,
    )
    channel.hearing = before
    if isinstance(outcome, Failure):
        _failed(channel, outcome.cause)
        return
    _reached(channel, outcome)
    await bridge(channel, outcome)


def _reached(channel: Channel, leg: Channel) -> None:
    channel.profile.callee_id_name = leg.profile.callee_id_name
    channel.profile.callee_id_number = leg.profile.callee_id_number
    channel.variables.set("signal_bond", leg.uuid)
    leg.variables.set("signal_bond", channel.uuid)
    leg.remember_other_leg("originator", channel)
    channel.remember_other_leg("originatee", leg)
    channel.variables.set("originate_disposition", "SUCCESS")
    channel.variables.set("DIALSTATUS", "SUCCESS")
    channel.variables.set("originated_legs", f"{leg.uuid};{leg.profile.callee_id_name}")


def _failed(channel: Channel, cause: str) -> None:
    """The dialplan goes on only when ``continue_on_fail`` says so."""
    channel.variables.set("originate_disposition", cause)
    channel.variables.set("originate_failed_cause", cause)
    channel.variables.set("DIALSTATUS", _STATUS.get(cause, cause))
    wanted = channel.variables.get("continue_on_fail") or ""
    if not truthy(wanted) and cause not in wanted.split(","):
        channel.hangup(cause)
