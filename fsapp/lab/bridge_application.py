"""The ``bridge`` application: dial, let the caller hear ringing, bridge when answered.

Source: the recording originate-with-ringback, mod_dptools' documentation and, for what follows a
failure, switch_channel.c of 1.10.12.
"""

from __future__ import annotations

from fsapp.lab.applications import application
from fsapp.lab.bridging import bridge
from fsapp.lab.channels import Channel
from fsapp.lab.originate import Failure, dial
from fsapp.lab.states import ChannelState, Flag
from fsapp.lab.variables import truthy

__all__ = ["bridge_application"]

_STATUS = {"USER_BUSY": "BUSY", "NO_ANSWER": "NOANSWER", "ORIGINATOR_CANCEL": "CANCEL"}
_GOES_ON = ("NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL")
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
    """The dialplan goes on when ``continue_on_fail`` says so; without that variable, too, when
    nobody has answered or the dialling was given up (``switch_channel_handle_cause``). A caller who
    was sent elsewhere meanwhile is left alone."""
    channel.variables.set("originate_disposition", cause)
    channel.variables.set("originate_failed_cause", cause)
    channel.variables.set("DIALSTATUS", _STATUS.get(cause, cause))
    wanted = channel.variables.get("continue_on_fail") or ""
    goes_on = truthy(wanted) or cause in (wanted.split(",") if wanted else _GOES_ON)
    elsewhere = Flag.TRANSFER in channel.flags or channel.state is ChannelState.CS_ROUTING
    if not (goes_on or elsewhere):
        channel.hangup(cause)
