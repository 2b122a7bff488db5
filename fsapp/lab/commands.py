"""The API commands of the lab switch, and the words of their answers.

Source: the recordings (refused-commands, inbound-control-connection) and FreeSWITCH's own
answers, measured on 1.10.12.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fsapp.lab import showing
from fsapp.lab.bridging import begin_uuid_bridge
from fsapp.lab.channels import Channel
from fsapp.lab.originate import originate_command
from fsapp.lab.states import Flag, known_cause
from fsapp.lab.transfers import park_session, transfer
from fsapp.lab.words import split_words

if TYPE_CHECKING:
    from fsapp.lab.exchange import Exchange

__all__ = ["COMMANDS", "run_command"]

Command = Callable[["Exchange", str], str | Awaitable[str]]

COMMANDS: dict[str, Command] = {}
"""Every API command by name."""

_NO_CHANNEL = "-ERR No such channel!\n"
_OK = "+OK\n"


def command(name: str) -> Callable[[Command], Command]:
    """Enter a function as the API command called ``name``."""

    def enter(function: Command) -> Command:
        COMMANDS[name] = function
        return function

    return enter


def run_command(exchange: Exchange, text: str) -> str | Awaitable[str]:
    """Carry out one command line and answer what FreeSWITCH would, at once or later."""
    name, _, argument = text.partition(" ")
    function = COMMANDS.get(name)
    if function is None:
        return f"-ERR {name} Command not found!\n"
    refused = exchange.faults.refusal(name)
    if refused is not None:
        return refused
    return function(exchange, argument.strip())


@command("uuid_exists")
def uuid_exists(exchange: Exchange, argument: str) -> str:
    """``true`` or ``false``, without a line end."""
    return "true" if exchange.locate(argument) is not None else "false"


@command("uuid_getvar")
def uuid_getvar(exchange: Exchange, argument: str) -> str:
    """A variable's value, ``_undef_`` when unset."""
    words = argument.split()
    if len(words) < 2:
        return "-USAGE: <uuid> <var>\n"
    channel = exchange.locate(words[0])
    if channel is None:
        return _NO_CHANNEL
    value = channel.value_of(words[1])
    return "_undef_" if value is None else value


@command("uuid_setvar")
def uuid_setvar(exchange: Exchange, argument: str) -> str:
    """Set or, without a value, remove a variable."""
    words = argument.split(" ", 2)
    if len(words) < 2:
        return "-USAGE: <uuid> <var> [value]\n"
    channel = exchange.locate(words[0])
    if channel is None:
        return _NO_CHANNEL
    channel.variables.set(words[1], words[2] if len(words) > 2 else None)
    return _OK


@command("uuid_setvar_multi")
def uuid_setvar_multi(exchange: Exchange, argument: str) -> str:
    """Several variables at once, ``name=value;name=value``."""
    identifier, _, pairs = argument.partition(" ")
    if not pairs:
        return ""
    channel = exchange.locate(identifier)
    if channel is None:
        return f"{_NO_CHANNEL}-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
    for pair in split_words(pairs, ";"):
        name, _, value = pair.partition("=")
        channel.variables.set(name, value)
    return _OK


@command("uuid_dump")
def uuid_dump(exchange: Exchange, argument: str) -> str:
    """Everything about a channel, as headers."""
    words = argument.split()
    channel = exchange.locate(words[0]) if words else None
    if channel is None:
        return _NO_CHANNEL if words else "-USAGE: <uuid> [format]\n"
    return f"{exchange.preamble('CHANNEL_DATA')}{channel.headers()}\n"


@command("uuid_bridge")
def uuid_bridge(exchange: Exchange, argument: str) -> str:
    """Begin to bridge two channels."""
    words = argument.split()
    if len(words) < 2:
        return "-USAGE: <uuid> <other_uuid>\n"
    a = exchange.locate(words[0])
    for identifier in words[1:3]:
        b = exchange.locate(identifier)
        if a is not None and b is not None and begin_uuid_bridge(a, b):
            return f"+OK {identifier}\n"
    return "-ERR Invalid uuid\n"


@command("uuid_kill")
def uuid_kill(exchange: Exchange, argument: str) -> str:
    """Hang a channel up, ringing or answered."""
    words = argument.split()
    if not words:
        return "-USAGE: <uuid> [cause]\n"
    channel = exchange.locate(words[0])
    if channel is None:
        return _NO_CHANNEL
    channel.hangup(known_cause(words[1] if len(words) > 1 else "NORMAL_CLEARING"))
    return _OK


@command("hupall")
def hupall(exchange: Exchange, argument: str) -> str:
    """Hang up every channel."""
    cause = known_cause(argument.split(maxsplit=1)[0] if argument else "MANAGER_REQUEST")
    for channel in list(exchange.channels.values()):
        channel.hangup(cause)
    return "+OK hangup all channels with cause " + cause + "\n"


@command("uuid_transfer")
def uuid_transfer(exchange: Exchange, argument: str) -> str:
    """Route a channel anew, in the XML dialplan or an ``inline`` one."""
    words = split_words(argument, " ")
    if not 2 <= len(words) <= 5:
        return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
    channel = exchange.locate(words[0])
    if channel is None:
        return _NO_CHANNEL
    legs = [channel]
    if words[1].startswith("-"):
        legs = _legs(channel, words.pop(1).lower())
    extension, dialplan, context = [*words[1:], "", "", ""][:3]
    if len(legs) > 1:
        for leg in legs:
            leg.flags.add(Flag.REDIRECT)
    done = [transfer(leg, extension, dialplan, context) for leg in legs]
    return _OK if done[-1] else "-ERR\n"


def _legs(channel: Channel, which: str) -> list[Channel]:
    partner = channel.exchange.locate(channel.variables.get("bridge_to") or "")
    if partner is None:
        return [channel]
    return [partner] if which == "-bleg" else [partner, channel]


@command("uuid_park")
def uuid_park(exchange: Exchange, argument: str) -> str:
    """Take a channel out of what it does and let it wait."""
    channel = exchange.locate(argument)
    if channel is None:
        return _NO_CHANNEL
    park_session(channel)
    return _OK


@command("uuid_break")
def uuid_break(exchange: Exchange, argument: str) -> str:
    """Stop what a channel plays; with ``all`` also what is queued."""
    words = argument.split()
    channel = exchange.locate(words[0]) if words else None
    if channel is None:
        return _NO_CHANNEL if words else "-USAGE: <uuid> [all]\n"
    if "all" in words[1:]:
        channel.private_events.clear()
    if Flag.BROADCAST in channel.flags:
        channel.stop_broadcast()
    else:
        channel.set_flag(Flag.BREAK)
    return _OK


@command("uuid_answer")
def uuid_answer(exchange: Exchange, argument: str) -> str:
    """Answer a channel."""
    channel = exchange.locate(argument)
    if channel is None:
        return _NO_CHANNEL
    channel.answer()
    return _OK


@command("uuid_record")
def uuid_record(exchange: Exchange, argument: str) -> str:
    """Taken, but nothing is recorded: there is no sound on the lab switch."""
    words = argument.split()
    if len(words) < 3:
        return "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>]\n"
    return "+OK Success\n" if exchange.locate(words[0]) else "-ERR Cannot locate session!\n"


@command("uuid_recv_dtmf")
def uuid_recv_dtmf(exchange: Exchange, argument: str) -> str:
    """The channel receives keys, as if its owner pressed them."""
    words = argument.split()
    if len(words) < 2:
        return "-USAGE: <uuid> <dtmf_data>\n"
    channel = exchange.locate(words[0])
    if channel is None:
        return _NO_CHANNEL
    for digit in words[1].partition("@")[0]:
        channel.press(digit)
    return _OK


@command("uuid_broadcast")
def uuid_broadcast(exchange: Exchange, argument: str) -> str:
    """Play something to a channel, or have it execute an application."""
    words = argument.split()
    channel = exchange.locate(words[0]) if words else None
    if channel is None or len(words) < 2:
        return "-ERR invalid uuid\n"
    name, marked, data = words[1].partition("::")
    if not marked:
        name, data = "playback", words[1]
    sent = {"call-command": "execute", "execute-app-name": name, "execute-app-arg": data}
    channel.queue_private_event(sent)
    return "+OK Message sent\n"


@command("echo")
def echo(_exchange: Exchange, argument: str) -> str:
    """What was given."""
    return argument


@command("hostname")
def hostname(_exchange: Exchange, _argument: str) -> str:
    """The switch's name."""
    return "lab"


@command("create_uuid")
def create_uuid(exchange: Exchange, _argument: str) -> str:
    """A new uuid."""
    return showing.new_uuid()


@command("global_getvar")
def global_getvar(exchange: Exchange, argument: str) -> str:
    """A global variable."""
    return exchange.settings.get(argument, "")


@command("global_setvar")
def global_setvar(exchange: Exchange, argument: str) -> str:
    """Set a global variable, ``name=value``."""
    name, _, value = argument.partition("=")
    exchange.settings[name] = value
    return _OK


@command("reloadxml")
def reloadxml(exchange: Exchange, _argument: str) -> str:
    """Read the dialplan's files again."""
    exchange.dialplan.reload()
    return "+OK [Success]\n"


COMMANDS["originate"] = originate_command
COMMANDS["show"] = showing.show
COMMANDS["status"] = showing.status
COMMANDS["version"] = showing.version
