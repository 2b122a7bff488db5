"""Originating: dial strings, the phones and loopbacks behind them, and what comes back.

Source: freeswitch.md §2 (``+OK <uuid>``, ``-ERR USER_BUSY | NO_ANSWER | …``), the recordings
pickup-agent-*, attended-transfer and originate-with-ringback.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fsapp.lab.channels import Action, Channel, Endpoint, Extension
from fsapp.lab.loopback import open_loopback
from fsapp.lab.profiles import Profile
from fsapp.lab.states import CAUSES, ChannelState, Flag
from fsapp.lab.transfers import transfer
from fsapp.lab.words import parse_braces, split_words

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["Failure", "dial", "originate_command"]

_DEFAULT_TIMEOUT = 60.0
_WORDS = range(2, 8)
_USAGE = (
    "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] "
    "[<cid_name>] [<cid_num>] [<timeout_sec>]\n"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nobody was reached: a hangup cause."""

    cause: str


@dataclass(slots=True)
class Attempt:
    """What is being dialled, for whom, and for how long."""

    exchange: Exchange
    variables: dict[str, str]
    timeout: float
    caller: Channel | None = None
    name: str = ""
    number: str = ""
    leg: Channel | None = field(default=None)


async def originate_command(exchange: Exchange, argument: str) -> str:
    """``originate {variables}destination &application(data)|extension [dialplan [context]]``."""
    words: list[str] = split_words(argument, " ", 10)
    if len(words) not in _WORDS:
        return _USAGE
    words = [word if word.lower() != "undef" else "" for word in words]
    words += [""] * (_WORDS.stop - 1 - len(words))
    target, then, dialplan, context, name, number, seconds = words
    timeout = float(seconds) if seconds.isdigit() else _DEFAULT_TIMEOUT
    outcome = await dial(exchange, target, timeout, name=name, number=number)
    if isinstance(outcome, Failure):
        return f"-ERR {outcome.cause}\n"
    if then.startswith("&") and len(then) > 1:
        application, _, data = then[1:].partition(")")[0].partition("(")
        outcome.follow(Extension(application, deque([Action(application, data)])))
        outcome.set_state(ChannelState.CS_EXECUTE)
    else:
        transfer(outcome, then, dialplan or "XML", context or "default")
    return f"+OK {outcome.uuid}\n"


async def dial(
    exchange: Exchange,
    target: str,
    timeout: float,
    *,
    caller: Channel | None = None,
    name: str = "",
    number: str = "",
) -> Channel | Failure:
    """Dial a dial string until somebody answers; ``|`` separates what is tried in turn."""
    shared, rest = parse_braces(target)
    failure = Failure("DESTINATION_OUT_OF_ORDER")
    if rest.startswith(("{", "[", "<")):
        return failure
    for leg in rest.split("|"):
        own, destination = parse_braces(leg)
        variables = shared | own
        limit = _seconds(variables, timeout)
        attempt = Attempt(exchange, variables, limit, caller, name, number)
        outcome = await _dial_one(attempt, destination)
        if isinstance(outcome, Channel):
            return outcome
        failure = outcome
        if caller is not None and not caller.ready:
            break
    return failure


def _seconds(variables: dict[str, str], timeout: float) -> float:
    for name in ("leg_timeout", "originate_timeout", "call_timeout"):
        value = variables.get(name, "")
        if value.isdigit():
            return float(value)
    return timeout


async def _dial_one(attempt: Attempt, destination: str) -> Channel | Failure:
    kind, _, rest = destination.partition("/")
    match kind:
        case "error":
            cause = rest.upper()
            return Failure(cause if cause in CAUSES else "NORMAL_CLEARING")
        case "user":
            return await _dial_phone(attempt, rest)
        case "sofia":
            return await _dial_phone(attempt, rest.rpartition("/")[2])
        case "loopback":
            return await _dial_loopback(attempt, rest)
        case "null":
            return _dial_nobody(attempt, rest)
        case _:
            return Failure("CHAN_NOT_IMPLEMENTED")


async def _dial_phone(attempt: Attempt, address: str) -> Channel | Failure:
    extension, _, domain = address.partition("@")
    phone = attempt.exchange.phones.find(extension)
    if phone is None:
        return Failure("SUBSCRIBER_ABSENT")
    if phone.unreachable:
        return Failure("USER_NOT_REGISTERED")
    name = f"sofia/internal/{extension}@127.0.0.1:5091"
    leg = _new_leg(attempt, extension, phone, name)
    if leg is None:
        return Failure("DESTINATION_OUT_OF_ORDER")
    leg.presence_id = f"{extension}@{domain or '127.0.0.1'}"
    for variable, value in _phone_variables(extension, domain or "127.0.0.1").items():
        leg.variables.set(variable, value)
    attempt.exchange.launch(leg)
    phone.dialled(leg)
    return await _until_answered(attempt, leg)


def _phone_variables(extension: str, domain: str) -> dict[str, str]:
    return {
        "originate_endpoint": "user",
        "dialed_user": extension,
        "dialed_domain": domain,
        "presence_id": f"{extension}@{domain}",
        "sofia_profile_name": "internal",
        "recovery_profile_name": "internal",
        "sofia_profile_url": "sip:mod_sofia@127.0.0.1:5060",
        "sip_destination_url": f"sip:{extension}@127.0.0.1:5091",
    }


async def _dial_loopback(attempt: Attempt, rest: str) -> Channel | Failure:
    extension, context, dialplan = [*rest.split("/"), "", ""][:3]
    open_end = open_loopback()
    leg = _new_leg(attempt, extension, open_end, f"loopback/{extension}-a")
    if leg is None:
        return Failure("DESTINATION_OUT_OF_ORDER")
    leg.variables.set("originate_endpoint", "loopback")
    leg.profile.source = "mod_loopback"
    leg.profile.callee_id_number = rest.rpartition("/")[2]
    leg.profile.context = context or "default"
    leg.profile.dialplan = dialplan or "XML"
    other = open_end.join(leg, attempt.variables)
    attempt.exchange.launch(leg)
    attempt.exchange.launch(other)
    return await _until_answered(attempt, leg)


class _Nobody:
    """The endpoint ``null``: it answers at once, and is silent."""

    def answered(self, channel: Channel) -> None:
        """Nobody is there."""

    def ringing(self, channel: Channel) -> None:
        """Nobody is there."""

    def ended(self, channel: Channel) -> None:
        """Nobody is there."""


def _dial_nobody(attempt: Attempt, rest: str) -> Channel | Failure:
    leg = _new_leg(attempt, rest, _Nobody(), f"null/{rest}")
    if leg is None:
        return Failure("DESTINATION_OUT_OF_ORDER")
    attempt.exchange.launch(leg)
    leg.answer()
    leg.flags.discard(Flag.ORIGINATING)
    return leg


def _new_leg(attempt: Attempt, extension: str, endpoint: Endpoint, name: str) -> Channel | None:
    """The outbound channel, with the dial string's variables; None when its uuid is taken."""
    variables = attempt.variables
    wanted = variables.get("origination_uuid")
    if wanted and wanted in attempt.exchange.channels:
        return None
    number = variables.get("origination_caller_id_number") or attempt.number or "0000000000"
    caller_name = variables.get("origination_caller_id_name") or attempt.name
    source = attempt.caller.profile if attempt.caller is not None else None
    profile = Profile(
        direction="outbound",
        caller_id_name=caller_name,
        caller_id_number=number,
        original_name=source.original_name if source else caller_name,
        original_number=source.original_number if source else number,
        network_addr=source.network_addr if source else "",
        callee_id_name="Outbound Call",
        callee_id_number=extension,
        ani=number,
        destination_number=extension,
        source="src/switch_ivr_originate.c",
    )
    leg = attempt.exchange.create(profile, endpoint, name, wanted)
    leg.flags.add(Flag.ORIGINATING)
    for variable, value in variables.items():
        leg.variables.set(variable, value)
    leg.variables.set("originate_early_media", _early_media(variables))
    return leg


def _early_media(variables: dict[str, str]) -> str:
    return "false" if variables.get("ignore_early_media") == "true" else "true"


async def _until_answered(attempt: Attempt, leg: Channel) -> Channel | Failure:
    """Wait for an answer, the end, the caller's leaving or the time limit."""
    exchange, caller = attempt.exchange, attempt.caller
    until = exchange.clock.now() + attempt.timeout
    attempt.leg = leg
    if caller is not None:
        leg.watchers.add(caller)
    timer = exchange.clock.call_later(attempt.timeout, leg.wake)

    def settled() -> bool:
        late = exchange.clock.now() >= until
        gone = caller is not None and not caller.ready
        return leg.down or leg.is_answered or late or gone or _rings_enough(attempt, leg)

    try:
        await _watch(leg, caller, settled)
    finally:
        timer.cancel()
        if caller is not None:
            leg.watchers.discard(caller)
    return _outcome(attempt, leg, caller)


async def _watch(leg: Channel, caller: Channel | None, settled: object) -> None:
    assert callable(settled)
    while not settled():
        if caller is not None:
            _pass_on_ringing(leg, caller)
            await caller.wait()
        else:
            await leg.changed()


def _pass_on_ringing(leg: Channel, caller: Channel) -> None:
    if leg.has_early_media and leg.variables.get("ignore_early_media") != "true":
        caller.pre_answer()
    elif leg.is_ringing or leg.has_early_media:
        caller.ring()


def _rings_enough(attempt: Attempt, leg: Channel) -> bool:
    """``return_ring_ready``: whoever dials wants to know no more than that it rings."""
    return leg.is_ringing and attempt.variables.get("return_ring_ready") == "true"


def _outcome(attempt: Attempt, leg: Channel, caller: Channel | None) -> Channel | Failure:
    there = leg.is_answered or _rings_enough(attempt, leg)
    if there and not leg.down and (caller is None or caller.ready):
        leg.flags.discard(Flag.ORIGINATING)
        return leg
    if leg.down:
        return Failure(leg.cause or "NORMAL_CLEARING")
    leg.hangup("NO_ANSWER" if caller is None or caller.ready else "ORIGINATOR_CANCEL")
    return Failure(leg.cause or "NO_ANSWER")
