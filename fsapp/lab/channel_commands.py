"""The API commands about one channel, ``uuid_…``, and the words of their answers.

Source: the recordings, and FreeSWITCH's own answers, measured on 1.10.12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fsapp.lab.channels import Channel
from fsapp.lab.headers import channel_headers
from fsapp.lab.states import Flag, known_cause
from fsapp.lab.transfers import park_session, transfer
from fsapp.lab.uuid_bridge import begin_uuid_bridge
from fsapp.lab.words import split_words

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["CHANNEL_COMMANDS"]

ChannelCommand = Callable[[Channel, list[str]], str]

CHANNEL_COMMANDS: dict[str, Callable[[Exchange, str], str]] = {}
"""The commands by name."""

_OK = "+OK\n"
_NO_CHANNEL = "-ERR No such channel!\n"


def command(
    name: str,
    usage: str,
    *,
    words: range = range(1, 100),
    unknown: str = _NO_CHANNEL,
) -> Callable[[ChannelCommand], ChannelCommand]:
    """Enter a function as the API command ``name``.

    It is given the channel that the first word names, and the other words; ``words`` says how
    many words there may be (more are left together in the last), ``usage`` what is answered when
    there are too few, ``unknown`` when there is no such channel.
    """

    def enter(function: ChannelCommand) -> ChannelCommand:
        def carry_out(exchange: Exchange, argument: str) -> str:
            given = split_words(argument, " ", words.stop - 1)
            if len(given) not in words:
                return f"-USAGE: {usage}\n"
            channel = exchange.locate(given[0] if given else "")
            return unknown if channel is None else function(channel, given[1:])

        CHANNEL_COMMANDS[name] = carry_out
        return function

    return enter


@command("uuid_getvar", "<uuid> <var>", words=range(2, 5))
def uuid_getvar(channel: Channel, words: list[str]) -> str:
    """A variable's value, ``_undef_`` when unset."""
    value = channel.value_of(words[0])
    return "_undef_" if value is None else value


@command("uuid_setvar", "<uuid> <var> [value]", words=range(2, 4))
def uuid_setvar(channel: Channel, words: list[str]) -> str:
    """Set or, without a value, remove a variable."""
    channel.variables.set(words[0], words[1] if words[1:] else None)
    return _OK


@command("uuid_dump", "<uuid> [format]", words=range(1, 3))
def uuid_dump(channel: Channel, _words: list[str]) -> str:
    """Everything about a channel, as headers."""
    return f"{channel.exchange.preamble('CHANNEL_DATA')}{channel_headers(channel)}\n"


@command("uuid_bridge", "<uuid> <other_uuid>", words=range(2, 5), unknown="-ERR Invalid uuid\n")
def uuid_bridge(channel: Channel, words: list[str]) -> str:
    """Begin to bridge two channels; the second word is tried when the first fails."""
    for identifier in words[:2]:
        other = channel.exchange.locate(identifier)
        if other is not None and begin_uuid_bridge(channel, other):
            return f"+OK {identifier}\n"
    return "-ERR Invalid uuid\n"


@command("uuid_kill", "<uuid> [cause]", words=range(1, 3))
def uuid_kill(channel: Channel, words: list[str]) -> str:
    """Hang a channel up, ringing or answered."""
    channel.hangup(known_cause(words[0] if words else "NORMAL_CLEARING"))
    return _OK


@command(
    "uuid_transfer", "<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]", words=range(2, 6)
)
def uuid_transfer(channel: Channel, words: list[str]) -> str:
    """Route a channel anew, in the XML dialplan or an ``inline`` one."""
    legs = _legs(channel, words.pop(0).lower()) if words[0].startswith("-") else [channel]
    extension, dialplan, context = [*words, "", "", ""][:3]
    for leg in legs[1:]:
        leg.flags.add(Flag.REDIRECT)
        legs[0].flags.add(Flag.REDIRECT)
    done = [transfer(leg, extension, dialplan, context) for leg in legs]
    return _OK if done[-1] else "-ERR\n"


def _legs(channel: Channel, which: str) -> list[Channel]:
    partner = channel.exchange.locate(channel.variables.get("bridge_to") or "")
    if partner is None:
        return [channel]
    return [partner] if which == "-bleg" else [partner, channel]


@command("uuid_park", "<uuid>", words=range(2))
def uuid_park(channel: Channel, _words: list[str]) -> str:
    """Take a channel out of what it does and let it wait."""
    park_session(channel)
    return _OK


@command("uuid_break", "<uuid> [all]", words=range(1, 3))
def uuid_break(channel: Channel, words: list[str]) -> str:
    """Stop what a channel plays; with ``all`` also what is queued."""
    if "all" in words:
        channel.private_events.clear()
    if Flag.BROADCAST in channel.flags:
        channel.stop_broadcast()
    else:
        channel.set_flag(Flag.BREAK)
    return _OK


@command("uuid_answer", "<uuid>", unknown="-ERROR\n")
def uuid_answer(channel: Channel, _words: list[str]) -> str:
    """Answer a channel."""
    channel.answer()
    return _OK


@command(
    "uuid_record",
    "<uuid> [start|stop|mask|unmask] <path> [<limit>]",
    words=range(3, 6),
    unknown="-ERR Cannot locate session!\n",
)
def uuid_record(_channel: Channel, _words: list[str]) -> str:
    """Taken, but nothing is recorded: there is no sound on the lab switch."""
    return "+OK Success\n"


@command("uuid_recv_dtmf", "<uuid> <dtmf_data>", words=range(2, 4))
def uuid_recv_dtmf(channel: Channel, words: list[str]) -> str:
    """The channel receives keys, as if its owner pressed them."""
    for digit in words[0].partition("@")[0]:
        channel.press(digit)
    return _OK


@command("uuid_broadcast", "<uuid> <path> [aleg|bleg|holdb|both]", unknown="-ERR invalid uuid\n")
def uuid_broadcast(channel: Channel, words: list[str]) -> str:
    """Play something to a channel, or have it execute an application (``name::data``)."""
    what = words[0] if words else ""
    name, marked, data = what.partition("::")
    if not marked:
        name, data = "playback", what
    sent = {"call-command": "execute", "execute-app-name": name, "execute-app-arg": data}
    channel.queue_private_event(sent)
    return "+OK Message sent\n"


def uuid_exists(exchange: Exchange, argument: str) -> str:
    """``true`` or ``false``, without a line end."""
    return "true" if exchange.locate(argument) is not None else "false"


def uuid_setvar_multi(exchange: Exchange, argument: str) -> str:
    """Several variables at once, ``name=value;name=value``."""
    usage = "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
    identifier, _, pairs = argument.partition(" ")
    if not pairs:
        return "" if identifier else usage
    channel = exchange.locate(identifier)
    if channel is None:
        return _NO_CHANNEL + usage
    for pair in split_words(pairs, ";"):
        name, _, value = pair.partition("=")
        channel.variables.set(name, value)
    return _OK


CHANNEL_COMMANDS["uuid_exists"] = uuid_exists
CHANNEL_COMMANDS["uuid_setvar_multi"] = uuid_setvar_multi
