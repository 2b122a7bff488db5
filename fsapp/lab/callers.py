"""Callers: people who call in from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fsapp.lab.channels import Channel
from fsapp.lab.profiles import Profile

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["CallerSet", "call_in"]


class CallerSet:
    """A caller's own phone; she does nothing by herself."""

    def answered(self, channel: Channel) -> None:
        """The switch answered her."""

    def ringing(self, channel: Channel) -> None:
        """She hears ringing."""

    def ended(self, channel: Channel) -> None:
        """Her call is over."""


def call_in(
    exchange: Exchange,
    destination: str,
    number: str,
    name: str,
    *,
    context: str,
    variables: Mapping[str, str],
) -> Channel:
    """A call from outside arrives in ``context`` for ``destination``."""
    profile = Profile(
        username=number,
        dialplan="XML",
        caller_id_name=name,
        caller_id_number=number,
        original_name=name,
        original_number=number,
        network_addr="127.0.0.1",
        ani=number,
        destination_number=destination,
        context=context,
    )
    address = f"{number}@127.0.0.1:6100"
    channel = exchange.create(profile, CallerSet(), f"sofia/internal/{address}")
    for variable, value in (_sip_variables(number, name, destination) | dict(variables)).items():
        channel.variables.set(variable, value)
    exchange.launch(channel)
    return channel


def hang_up(channel: Channel) -> None:
    """The caller hangs up: a cancelled attempt while unanswered, else the end of the call."""
    channel.hangup("NORMAL_CLEARING" if channel.is_answered else "ORIGINATOR_CANCEL")


def _sip_variables(number: str, name: str, destination: str) -> dict[str, str]:
    """The variables a SIP call has, as far as anyone may want to read them."""
    return {
        "sip_from_user": number,
        "sip_from_uri": f"{number}@127.0.0.1:6100",
        "sip_from_host": "127.0.0.1",
        "video_media_flow": "disabled",
        "text_media_flow": "disabled",
        "sip_network_ip": "127.0.0.1",
        "sip_network_port": "6100",
        "sip_received_ip": "127.0.0.1",
        "sip_via_protocol": "udp",
        "sofia_profile_name": "internal",
        "sofia_profile_url": "sip:mod_sofia@127.0.0.1:5060",
        "recovery_profile_name": "internal",
        "sip_from_display": name,
        "sip_req_user": destination,
        "sip_req_uri": f"{destination}@127.0.0.1:5060",
        "sip_req_host": "127.0.0.1",
        "sip_to_user": destination,
        "sip_to_uri": f"{destination}@127.0.0.1:5060",
        "sip_to_host": "127.0.0.1",
        "sip_contact_user": number,
        "sip_contact_uri": f"{number}@127.0.0.1:6100",
        "max_forwards": "70",
        "ep_codec_string": "CORE_PCM_MODULE.PCMU@8000h@20i@64000b",
        "rtp_use_codec_name": "PCMU",
        "rtp_use_codec_rate": "8000",
        "read_codec": "PCMU",
        "read_rate": "8000",
        "write_codec": "PCMU",
        "write_rate": "8000",
        "dtmf_type": "info",
        "endpoint_disposition": "RECEIVED",
    }
